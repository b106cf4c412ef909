//! A provider's stderr: lines passed on as they come, the last ones kept.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

use memchr::memchr;

use crate::limits::{LOG_LINE_BYTES_MAX, LOG_TAIL_LINES};
use dstream_task::Secrets;

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
/// passed over and its length said. Blank lines are left out. `secrets` are masked in what is reported
/// and kept, also one of which the end was passed over.
pub(super) fn read_log(
    stderr: impl Read,
    secrets: &Secrets,
    tail: &LogTail,
    mut tell: impl FnMut(String),
) {
    let mut reader = BufReader::with_capacity(LOG_LINE_BYTES_MAX, stderr);
    let (mut line, mut cut_bytes) = (Vec::new(), 0_usize);
    let mut finish = |line: &mut Vec<u8>, cut_bytes: &mut usize| {
        let mut text;
        if *cut_bytes == 0 {
            text = secrets.mask(String::from_utf8_lossy(line).trim_end());
        } else {
            let whole = whole_characters(line);
            *cut_bytes += line.len() - whole;
            text = secrets.mask_cut(&String::from_utf8_lossy(&line[..whole]));
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

/// Bytes up to a character that is cut off at the end, if one is.
fn whole_characters(line: &[u8]) -> usize {
    let last = line.iter().rposition(|&byte| !(0x80..0xc0).contains(&byte)).unwrap_or(0);
    match std::str::from_utf8(&line[last..]) {
        Err(error) if error.error_len().is_none() => last,
        _ => line.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (Vec<String>, Vec<String>) {
        let (tail, mut reported) = (LogTail::default(), Vec::new());
        let mut secrets = Secrets::default();
        secrets.add("huntérs-of-2222");
        read_log(bytes, &secrets, &tail, |line| reported.push(line));
        (reported, tail.lines())
    }

    #[test]
    fn the_last_ten_lines_are_kept_and_all_are_told() {
        let text: String = (1..=12).map(|n| format!("line {n}\n\n")).collect();
        let (reported, tail) = read(text.as_bytes());
        assert_eq!(reported.len(), 12);
        assert_eq!(tail, reported[2..]);
    }

    #[test]
    fn a_long_line_is_cut_and_an_unfinished_one_is_told() {
        let mut text = vec![b'x'; LOG_LINE_BYTES_MAX + 7];
        text.extend_from_slice(b"\r\nlast \xff words");
        let (reported, _) = read(&text);
        assert!(
            reported[0].ends_with("x … (8 bytes more)"),
            "{}",
            &reported[0][LOG_LINE_BYTES_MAX..]
        );
        assert_eq!(reported[1], "last \u{fffd} words");
    }

    #[test]
    fn a_secret_that_is_cut_with_its_line_is_masked() {
        let secret = "huntérs-of-2222";
        for kept in 4..secret.len() {
            let line = "x".repeat(LOG_LINE_BYTES_MAX - kept) + secret + "\n";
            let (reported, tail) = read(line.as_bytes());
            assert!(reported[0].contains("xx(secret) … ("), "{kept}: {}", &reported[0][16_000..]);
            assert_eq!(reported, tail);
        }
        assert_eq!(read("a huntérs-of-2222 \n".as_bytes()).0, ["a (secret)"]);
    }
}
