//! Whole lines of a source that may grow, and where each of them begins.

use std::io::{self, ErrorKind, Read};

use dstream_sdk::LINE_BYTES_MAX;
use memchr::memchr;

/// Bytes of the buffer while lines are shorter than that.
const BUFFER_BYTES: usize = 64 << 10;

/// Cuts what a source gives into lines.
///
/// Invariant: `start ≤ searched ≤ filled ≤ buffer.len()`, and no newline in `start..searched`.
pub(crate) struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    searched: usize,
    filled: usize,
    /// Where in the source `start` is.
    offset: u64,
    line_bytes_max: usize,
}

/// A line, and where it begins in its source.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Without its newline.
    pub(crate) bytes: &'a [u8],
    pub(crate) offset: u64,
}

impl<R: Read> Lines<R> {
    /// `offset` is where the source is at the moment.
    pub(crate) fn new(source: R, offset: u64) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            start: 0,
            searched: 0,
            filled: 0,
            offset,
            line_bytes_max: LINE_BYTES_MAX,
        }
    }

    pub(crate) fn source(&self) -> &R {
        &self.source
    }

    /// Where the next line begins.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next whole line. None if no more is there at the moment: it may be asked for again.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        loop {
            if let Some(at) = memchr(b'\n', &self.buffer[self.searched..self.filled]) {
                let end = self.searched + at;
                return Ok(Some(self.take(end, end + 1)));
            }
            self.searched = self.filled;
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// What stands after the last newline, where the source has ended. It stays: the line it may
    /// become begins there.
    pub(crate) fn rest(&self) -> Option<Line<'_>> {
        let bytes = &self.buffer[self.start..self.filled];
        (!bytes.is_empty()).then_some(Line { bytes, offset: self.offset })
    }

    /// Gives memory back where nothing of a line is waiting.
    pub(crate) fn release(&mut self) {
        if self.start == self.filled {
            (self.start, self.searched, self.filled) = (0, 0, 0);
            self.buffer = Vec::new();
        }
    }

    fn take(&mut self, end: usize, next: usize) -> Line<'_> {
        let (start, offset) = (self.start, self.offset);
        self.offset += (next - start) as u64;
        (self.start, self.searched) = (next, next);
        Line { bytes: &self.buffer[start..end], offset }
    }

    /// One read. The unfinished line moves to the front first. Returns whether anything came.
    fn fill(&mut self) -> io::Result<bool> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.filled, 0);
            self.searched -= self.start;
            self.filled -= self.start;
            self.start = 0;
        }
        if self.filled == self.buffer.len() {
            if self.filled >= self.line_bytes_max {
                let message = format!(
                    "the line at offset {} is longer than {} bytes",
                    self.offset, self.line_bytes_max
                );
                return Err(io::Error::new(ErrorKind::InvalidData, message));
            }
            let size = (2 * self.filled).clamp(BUFFER_BYTES, self.line_bytes_max);
            self.buffer.resize(size, 0);
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

    /// Gives one piece a read; an empty one is an end for the moment.
    struct Pieces(std::vec::IntoIter<&'static [u8]>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.next().unwrap_or_default().read(buffer)
        }
    }

    #[test]
    fn a_line_comes_when_it_is_whole_with_its_place() {
        let pieces: Vec<&[u8]> = vec![b"one\n\ntw", b"", b"o\r", b"\nre", b"st"];
        let mut lines = Lines::new(Pieces(pieces.into_iter()), 100);
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
        assert_eq!(lines.rest(), Some(Line { bytes: b"rest", offset: 110 }));
        assert_eq!(lines.offset(), 110, "it may become a line yet");
    }

    #[test]
    fn a_line_has_a_longest_length_while_it_is_still_incomplete() {
        for (length, fits) in [(BUFFER_BYTES + 9, true), (BUFFER_BYTES + 10, false)] {
            let text = "x".repeat(length) + "\nnext\n";
            let mut lines = Lines::new(text.as_bytes(), 0);
            lines.line_bytes_max = BUFFER_BYTES + 10;
            let line = lines.next_line();
            assert_eq!(line.is_ok(), fits);
            if let Ok(line) = line {
                assert_eq!(line.unwrap().bytes.len(), length);
                assert_eq!(lines.next_line().unwrap().unwrap().offset, length as u64 + 1);
            }
        }
    }
}
