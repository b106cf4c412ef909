//! Whole lines from a pipe or file.

use std::io::{self, ErrorKind, Read};

use memchr::{memchr, memrchr};

/// Bytes of the longest line that is read, its newline included; a longer one is an error. DStream's
/// own `max_line` is far below unless someone raises it.
pub const LINE_BYTES_MAX: usize = 256 << 20;

/// Cuts the bytes of a source into whole lines: one at a time, or as many as one read has brought.
///
/// A source that has ended may grow, as a file does: asking again reads on.
///
/// Invariant: `start ≤ searched ≤ filled ≤ buffer.len()`, and no newline in `start..searched`.
#[derive(Debug)]
pub struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    searched: usize,
    filled: usize,
    /// Where in the source `start` is.
    offset: u64,
    buffer_bytes: usize,
    line_bytes_max: usize,
}

/// A line, and where it begins in its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// The line without its newline.
    pub bytes: &'a [u8],
    /// How many bytes of the source come before it.
    pub offset: u64,
}

impl<R: Read> Lines<R> {
    /// Lines of `source`, which is at `offset`. The buffer has `buffer_bytes` until a line is longer.
    pub fn new(source: R, offset: u64, buffer_bytes: usize) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            filled: 0,
            offset,
            buffer_bytes,
            line_bytes_max: LINE_BYTES_MAX,
        }
    }

    /// The source.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// Where the next line begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next line. Waits until it is whole; `None` if the source ends before.
    ///
    /// # Errors
    ///
    /// If the source cannot be read, or the line is longer than [`LINE_BYTES_MAX`].
    pub fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        let Some(end) = self.find(memchr)? else { return Ok(None) };
        let offset = self.offset;
        Ok(self.take(end).strip_suffix(b"\n").map(|bytes| Line { bytes, offset }))
    }

    /// All whole lines that are there already, each with its newline. Waits for one if there is none;
    /// `None` if the source ends before.
    ///
    /// # Errors
    ///
    /// As [`next_line`](Self::next_line).
    pub fn next_batch(&mut self) -> io::Result<Option<&[u8]>> {
        Ok(self.find(memrchr)?.map(|end| self.take(end)))
    }

    /// What has come after the last newline. It stays: the line that it may become begins there.
    pub fn unfinished(&self) -> Option<Line<'_>> {
        let bytes = &self.buffer[self.start..self.filled];
        (!bytes.is_empty()).then_some(Line { bytes, offset: self.offset })
    }

    /// Frees the buffer if nothing of a line waits in it.
    pub fn release(&mut self) {
        if self.start == self.filled {
            (self.start, self.searched, self.filled) = (0, 0, 0);
            self.buffer = Vec::new();
        }
    }

    /// The next line with its newline, or what there is at the end of the source, which may be nothing.
    pub(crate) fn next_line_or_rest(&mut self) -> io::Result<&[u8]> {
        let end = self.find(memchr)?.unwrap_or(self.filled);
        Ok(self.take(end))
    }

    /// The same bytes from another reader: those in the buffer stay.
    pub(crate) fn map_source<S>(self, map: impl FnOnce(R) -> S) -> Lines<S> {
        let Self { source, buffer, start, searched, filled, offset, buffer_bytes, line_bytes_max } =
            self;
        let source = map(source);
        Lines { source, buffer, start, searched, filled, offset, buffer_bytes, line_bytes_max }
    }

    /// Where the line of a newline ends that `find` picks among those in the buffer.
    fn find(&mut self, find: fn(u8, &[u8]) -> Option<usize>) -> io::Result<Option<usize>> {
        loop {
            if let Some(at) = find(b'\n', &self.buffer[self.searched..self.filled]) {
                return Ok(Some(self.searched + at + 1));
            }
            self.searched = self.filled;
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    fn take(&mut self, end: usize) -> &[u8] {
        let bytes = &self.buffer[self.start..end];
        self.offset += bytes.len() as u64;
        (self.start, self.searched) = (end, end);
        bytes
    }

    /// One read. The unfinished line moves to the front first: the only copy there is. Returns whether
    /// anything came.
    fn fill(&mut self) -> io::Result<bool> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.searched -= self.start;
            self.filled -= self.start;
            self.start = 0;
        }
        if self.filled == self.buffer.len() {
            let (offset, most) = (self.offset, self.line_bytes_max);
            if self.filled >= most {
                let message = format!("the line at offset {offset} is longer than {most} bytes");
                return Err(io::Error::new(ErrorKind::InvalidData, message));
            }
            self.buffer.resize((2 * self.filled).max(self.buffer_bytes).min(most), 0);
        }
        loop {
            match self.source.read(&mut self.buffer[self.filled..]) {
                Ok(count) => {
                    self.filled += count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUFFER_BYTES: usize = 64 << 10;

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

    fn pieces<'a>(bytes: &'a [u8], sizes: &'a [usize]) -> Lines<Pieces<'a>> {
        Lines::new(Pieces { bytes, sizes: sizes.iter().cycle() }, 0, BUFFER_BYTES)
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
                let mut lines = pieces(text.as_bytes(), sizes);
                let mut seen = Vec::new();
                while let Some(batch) = lines.next_batch().unwrap() {
                    assert!(batch.ends_with(b"\n"));
                    seen.extend_from_slice(batch);
                }
                let whole = text.rfind('\n').map_or(0, |at| at + 1);
                assert_eq!(seen, &text.as_bytes()[..whole], "{sizes:?}");
                assert_eq!(lines.offset(), whole as u64);
                assert_eq!(lines.unfinished().is_some(), whole < text.len());
                assert!(lines.next_batch().unwrap().is_none());
            }
        }
    }

    #[test]
    fn one_read_is_one_batch_and_the_unfinished_line_waits() {
        let mut lines = pieces(b"one\ntwo\nthree\n", &[10, 100]);
        assert_eq!(lines.next_batch().unwrap(), Some(&b"one\ntwo\n"[..]));
        assert_eq!(lines.next_batch().unwrap(), Some(&b"three\n"[..]));
        assert_eq!(lines.next_batch().unwrap(), None);
    }

    #[test]
    fn the_first_line_leaves_the_others() {
        let mut lines = pieces(b"command\none\ntwo\n", &[100]);
        assert_eq!(lines.next_line().unwrap().unwrap().bytes, b"command");
        let mut lines = lines.map_source(|source| source);
        assert_eq!(lines.next_batch().unwrap(), Some(&b"one\ntwo\n"[..]));
        let mut alone = pieces(b"alone", &[2]);
        assert_eq!(alone.next_line().unwrap(), None);
        assert_eq!(alone.unfinished().unwrap().bytes, b"alone");
        assert_eq!(alone.next_line_or_rest().unwrap(), b"alone");
        assert_eq!(alone.unfinished(), None);
        assert_eq!(pieces(b"one\ntwo", &[9]).next_line_or_rest().unwrap(), b"one\n");
    }

    /// Gives one piece a read; an empty one is an end for the moment.
    struct Growing(std::vec::IntoIter<&'static [u8]>);

    impl Read for Growing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.next().unwrap_or_default().read(buffer)
        }
    }

    #[test]
    fn a_line_comes_when_it_is_whole_with_its_offset() {
        let pieces: Vec<&[u8]> = vec![b"one\n\ntw", b"", b"o\r", b"\nre", b"st"];
        let mut lines = Lines::new(Growing(pieces.into_iter()), 100, BUFFER_BYTES);
        let mut seen = Vec::new();
        for _ in 0..5 {
            let line = lines.next_line().unwrap();
            seen.push(line.map(|line| (line.bytes.to_vec(), line.offset)));
            lines.release();
        }
        let expected = [
            Some((b"one".to_vec(), 100)),
            Some((b"".to_vec(), 104)),
            None,
            Some((b"two\r".to_vec(), 105)),
            None,
        ];
        assert_eq!(seen, expected);
        assert_eq!(lines.offset(), 110);
        assert_eq!(lines.unfinished(), Some(Line { bytes: b"rest", offset: 110 }));
        assert_eq!(lines.offset(), 110, "it may become a line yet");
    }

    #[test]
    fn a_line_has_a_longest_length_while_it_is_still_incomplete() {
        let most = BUFFER_BYTES + 10;
        for (length, fits) in [(most - 1, true), (most, false)] {
            let text = "x".repeat(length) + "\nnext\n";
            let mut lines = pieces(text.as_bytes(), &[usize::MAX]);
            lines.line_bytes_max = most;
            let line = lines.next_line();
            assert_eq!(line.is_ok(), fits, "{length}");
            if let Ok(line) = line {
                assert_eq!(line.unwrap().bytes.len(), length);
                assert_eq!(lines.next_line().unwrap().unwrap().offset, length as u64 + 1);
            }
        }
    }
}
