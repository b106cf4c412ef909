//! Whole lines from a pipe, as many at a time as one read brings.

use std::io::{self, ErrorKind, Read};

use memchr::{memchr, memrchr};

/// Bytes of the longest line that is read, its newline included; a longer one is an error. DStream's
/// own `max_line` is far below unless someone raises it.
pub const LINE_BYTES_MAX: usize = 256 << 20;

/// Bytes of the buffer while lines are shorter than that.
const BUFFER_BYTES: usize = 256 << 10;

/// Cuts what a source gives into runs of whole lines.
///
/// Invariant: `start ≤ searched ≤ filled ≤ buffer.len()`, and no newline in `start..searched`.
#[derive(Debug)]
pub(crate) struct Batches<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    searched: usize,
    filled: usize,
    ended: bool,
    line_bytes_max: usize,
}

impl<R: Read> Batches<R> {
    pub(crate) fn new(source: R) -> Self {
        Self {
            source,
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            searched: 0,
            filled: 0,
            ended: false,
            line_bytes_max: LINE_BYTES_MAX,
        }
    }

    /// What is left of the source, for another way of reading: the bytes that are buffered stay.
    pub(crate) fn map_source<S>(self, map: impl FnOnce(R) -> S) -> Batches<S> {
        let Self { source, buffer, start, searched, filled, ended, line_bytes_max } = self;
        Batches { source: map(source), buffer, start, searched, filled, ended, line_bytes_max }
    }

    pub(crate) fn source(&self) -> &R {
        &self.source
    }

    /// The next line alone, without its newline. Waits until it is whole or the source ends.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            if let Some(at) = memchr(b'\n', &self.buffer[self.searched..self.filled]) {
                let line = self.start..self.searched + at;
                self.start = line.end + 1;
                self.searched = self.start;
                return Ok(Some(&self.buffer[line]));
            }
            self.searched = self.filled;
            if self.ended {
                return Ok(self.rest());
            }
            self.fill()?;
        }
    }

    /// All lines that are there already, each with its newline. Waits for one if there is none. None
    /// at the end: what comes after the last newline is no line.
    pub(crate) fn next_batch(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            if let Some(at) = memrchr(b'\n', &self.buffer[self.searched..self.filled]) {
                let batch = self.start..self.searched + at + 1;
                self.start = batch.end;
                self.searched = self.filled;
                return Ok(Some(&self.buffer[batch]));
            }
            self.searched = self.filled;
            if self.ended {
                return Ok(None);
            }
            self.fill()?;
        }
    }

    /// Whether the source has ended in the middle of a line.
    pub(crate) fn is_torn(&self) -> bool {
        self.ended && self.start < self.filled
    }

    /// What came after the last newline; once.
    fn rest(&mut self) -> Option<&[u8]> {
        let rest = self.start..self.filled;
        self.start = self.filled;
        (!rest.is_empty()).then(|| &self.buffer[rest])
    }

    /// One read. The unfinished line moves to the front first: the only copy there is.
    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.searched -= self.start;
            self.filled -= self.start;
            self.start = 0;
        }
        if self.filled == self.buffer.len() {
            if self.filled >= self.line_bytes_max {
                let message = format!("a line is longer than {} bytes", self.line_bytes_max);
                return Err(io::Error::new(ErrorKind::InvalidData, message));
            }
            self.buffer.resize((2 * self.filled).min(self.line_bytes_max), 0);
        }
        match self.source.read(&mut self.buffer[self.filled..]) {
            Ok(0) => self.ended = true,
            Ok(count) => self.filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in pieces of the given sizes, in turn; a size of 0 is an interruption.
    struct Pieces<'a> {
        bytes: &'a [u8],
        sizes: std::iter::Cycle<std::slice::Iter<'a, usize>>,
    }

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.sizes.next().copied().unwrap_or(1) {
                0 => Err(ErrorKind::Interrupted.into()),
                size => {
                    let room = buffer.len().min(size);
                    self.bytes.read(&mut buffer[..room])
                }
            }
        }
    }

    fn pieces<'a>(bytes: &'a [u8], sizes: &'a [usize]) -> Batches<Pieces<'a>> {
        Batches::new(Pieces { bytes, sizes: sizes.iter().cycle() })
    }

    #[test]
    fn however_it_comes_the_batches_are_the_same_bytes_in_whole_lines() {
        let long = "x".repeat(3 * BUFFER_BYTES);
        for text in
            ["one\n\ntwo\r\nlast", "a\n", "\n", "", "no newline", &format!("a\n{long}\nb\n")]
        {
            for sizes in [&[1][..], &[3, 0, 7], &[BUFFER_BYTES - 1, 1, 2], &[usize::MAX]] {
                if text.len() > BUFFER_BYTES && sizes[0] < 100 {
                    continue; // slow
                }
                let mut batches = pieces(text.as_bytes(), sizes);
                let mut seen = Vec::new();
                while let Some(batch) = batches.next_batch().unwrap() {
                    assert!(batch.ends_with(b"\n"));
                    seen.extend_from_slice(batch);
                }
                let whole = text.rfind('\n').map_or(0, |at| at + 1);
                assert_eq!(seen, &text.as_bytes()[..whole], "{sizes:?}");
                assert_eq!(batches.is_torn(), whole < text.len());
                assert!(batches.next_batch().unwrap().is_none());
            }
        }
    }

    #[test]
    fn one_read_is_one_batch_and_the_unfinished_line_waits() {
        let mut batches = pieces(b"one\ntwo\nthree\n", &[10, 100]);
        assert_eq!(batches.next_batch().unwrap(), Some(&b"one\ntwo\n"[..]));
        assert_eq!(batches.next_batch().unwrap(), Some(&b"three\n"[..]));
        assert_eq!(batches.next_batch().unwrap(), None);
    }

    #[test]
    fn the_first_line_leaves_the_others() {
        let mut batches = pieces(b"command\none\ntwo\n", &[100]);
        assert_eq!(batches.next_line().unwrap(), Some(&b"command"[..]));
        let mut batches = batches.map_source(|source| source);
        assert_eq!(batches.next_batch().unwrap(), Some(&b"one\ntwo\n"[..]));
        assert_eq!(pieces(b"alone", &[2]).next_line().unwrap(), Some(&b"alone"[..]));
        assert_eq!(pieces(b"", &[2]).next_line().unwrap(), None);
    }

    #[test]
    fn a_line_has_a_longest_length_while_it_is_still_incomplete() {
        let most = BUFFER_BYTES + 10;
        for (length, fits) in [(most - 1, true), (most, false)] {
            let text = "x".repeat(length) + "\n";
            let mut batches = pieces(text.as_bytes(), &[usize::MAX]);
            batches.line_bytes_max = most;
            assert_eq!(batches.next_batch().is_ok(), fits, "{length}");
        }
    }
}
