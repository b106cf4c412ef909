//! Whole lines from a pipe, as many in one read as are there.

use std::io::{self, ErrorKind, Read};

use memchr::memchr;

/// Bytes of the longest line that is read; a longer one is an error. DStream's own `max_line` is
/// usually far below.
pub const LINE_BYTES_MAX: usize = 256 << 20;

/// Bytes of one read.
const READ_BYTES: usize = 256 << 10;

/// A buffered reader of lines that can tell whether another one is there already.
pub(crate) struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    start: usize,
    /// Bytes after `start` that are known to hold no newline.
    searched: usize,
    filled: usize,
    ended: bool,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, buffer: vec![0; READ_BYTES], start: 0, searched: 0, filled: 0, ended: false }
    }

    /// The next line without its newline; the last one may have come without. None at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        loop {
            if let Some(end) = self.find() {
                let line = self.start..end;
                self.start = end + 1;
                self.searched = 0;
                return Ok(Some(&self.buffer[line]));
            }
            if self.ended {
                let line = self.start..self.filled;
                self.start = self.filled;
                self.searched = 0;
                return Ok((!line.is_empty()).then(|| &self.buffer[line]));
            }
            self.fill()?;
        }
    }

    /// Whether [`Self::next`] would return a line without waiting for one.
    pub(crate) fn has_next(&mut self) -> bool {
        self.find().is_some()
    }

    fn find(&mut self) -> Option<usize> {
        let from = self.start + self.searched;
        match memchr(b'\n', &self.buffer[from..self.filled]) {
            Some(at) => Some(from + at),
            None => {
                self.searched = self.filled - self.start;
                None
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.filled, 0);
        self.filled -= self.start;
        self.start = 0;
        if self.filled == self.buffer.len() {
            if self.filled > LINE_BYTES_MAX {
                let message = format!("a line is longer than {LINE_BYTES_MAX} bytes");
                return Err(io::Error::new(ErrorKind::InvalidData, message));
            }
            self.buffer.resize(2 * self.filled, 0);
        }
        let free = &mut self.buffer[self.filled..];
        match self.source.read(free) {
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

    #[test]
    fn lines_come_whole_and_the_last_may_lack_its_newline() {
        let long = "x".repeat(3 * READ_BYTES);
        let text = format!("one\n\n{long}\nlast");
        let mut lines = Lines::new(text.as_bytes());
        let mut seen = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            seen.push(String::from_utf8(line.to_vec()).unwrap());
        }
        assert_eq!(seen, ["one", "", &long, "last"]);
        assert!(lines.next().unwrap().is_none());
    }

    #[test]
    fn whether_another_line_is_there_is_known_without_reading() {
        let mut lines = Lines::new(&b"one\ntwo\nthr"[..]);
        assert!(!lines.has_next());
        assert_eq!(lines.next().unwrap(), Some(&b"one"[..]));
        assert!(lines.has_next());
        assert_eq!(lines.next().unwrap(), Some(&b"two"[..]));
        assert!(!lines.has_next());
    }
}
