//! A provider's stderr: lines passed on as they come, the last ones kept.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use memchr::memchr;

use crate::limits::{LOG_LINE_BYTES_MAX, LOG_TAIL_LINES};

/// The last lines of a log, shared between its reader and whoever reports a failure.
#[derive(Clone, Default)]
pub(crate) struct LogTail(Arc<Mutex<VecDeque<String>>>);

impl LogTail {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LOG_TAIL_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}

/// Reads lines until the end, each at most [`LOG_LINE_BYTES_MAX`] long; of a longer one the rest is
/// passed over and its length said. Blank lines are left out.
pub(super) fn read_log(stderr: impl Read, tail: &LogTail, mut tell: impl FnMut(String)) {
    let mut reader = BufReader::with_capacity(LOG_LINE_BYTES_MAX, stderr);
    let (mut line, mut cut_bytes) = (Vec::new(), 0_usize);
    let mut finish = |line: &mut Vec<u8>, cut_bytes: &mut usize| {
        let mut text = String::from_utf8_lossy(line).trim_end().to_owned();
        if *cut_bytes > 0 {
            text.push_str(&format!(" … ({cut_bytes} bytes more)"));
        }
        line.clear();
        *cut_bytes = 0;
        if !text.is_empty() {
            tail.push(text.clone());
            tell(text);
        }
    };
    loop {
        let bytes = match reader.fill_buf() {
            Ok([]) => break,
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        let newline = memchr(b'\n', bytes);
        let part = &bytes[..newline.unwrap_or(bytes.len())];
        let kept = part.len().min(LOG_LINE_BYTES_MAX - line.len());
        line.extend_from_slice(&part[..kept]);
        cut_bytes += part.len() - kept;
        let used = part.len() + usize::from(newline.is_some());
        reader.consume(used);
        if newline.is_some() {
            finish(&mut line, &mut cut_bytes);
        }
    }
    finish(&mut line, &mut cut_bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Vec<String>, Vec<String>) {
        let (tail, mut told) = (LogTail::default(), Vec::new());
        read_log(bytes, &tail, |line| told.push(line));
        (told, tail.lines())
    }

    #[test]
    fn the_last_ten_lines_are_kept_and_all_are_told() {
        let text: String = (1..=12).map(|n| format!("line {n}\n\n")).collect();
        let (told, tail) = read(text.as_bytes());
        assert_eq!(told.len(), 12);
        assert_eq!(tail, told[2..]);
    }

    #[test]
    fn a_long_line_is_cut_and_an_unfinished_one_is_told() {
        let mut text = vec![b'x'; LOG_LINE_BYTES_MAX + 7];
        text.extend_from_slice(b"\r\nlast \xff words");
        let (told, _) = read(&text);
        assert!(told[0].ends_with("x … (8 bytes more)"), "{}", &told[0][LOG_LINE_BYTES_MAX..]);
        assert_eq!(told[1], "last \u{fffd} words");
    }
}
