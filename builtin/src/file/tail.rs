//! The end of a file of lines.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;

use memchr::memrchr;

/// Bytes of one look for the last newline.
const BACKWARD_BYTES: usize = 64 << 10;

/// Where the unfinished last line of a file begins, or its end.
pub(crate) fn after_last_newline(file: &File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut piece = vec![0; BACKWARD_BYTES];
    while end > 0 {
        let start = end.saturating_sub(BACKWARD_BYTES as u64);
        let piece = &mut piece[..(end - start) as usize];
        file.read_exact_at(piece, start)?;
        if let Some(at) = memrchr(b'\n', piece) {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// The same for what can only be read through: it is written here.
#[derive(Debug, Default)]
pub(crate) struct LastNewline {
    written: u64,
    after: u64,
}

impl LastNewline {
    /// Where the unfinished last line begins, or the end.
    pub(crate) fn after(&self) -> u64 {
        self.after
    }
}

impl Write for LastNewline {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(at) = memrchr(b'\n', bytes) {
            self.after = self.written + at as u64 + 1;
        }
        self.written += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_end_of_the_last_whole_line_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let long = "x".repeat(2 * BACKWARD_BYTES + 7);
        for (text, offset) in [
            (String::new(), 0),
            ("cut".to_owned(), 0),
            ("one\n".to_owned(), 4),
            (format!("one\n{long}"), 4),
            (long.clone(), 0),
            (format!("{long}\ncut"), long.len() as u64 + 1),
        ] {
            fs::write(&path, &text).unwrap();
            assert_eq!(after_last_newline(&File::open(&path).unwrap()).unwrap(), offset);
            let mut last = LastNewline::default();
            text.as_bytes().chunks(3).for_each(|piece| last.write_all(piece).unwrap());
            assert_eq!(last.after(), offset);
        }
    }
}
