//! The lines of a load: envelopes of one exact size, that come again after as many as fit into one bulk write.

use std::ops::Range;

/// What a bulk write has at most: the size of a pipe that nobody has enlarged.
pub const WRITE_BYTES: usize = 64 * 1024;

/// The shortest line without a stamp, its newline counted.
pub const LINE_BYTES_MIN: usize = OPENING.len() + NUMBER_DIGITS + METADATA.len() + CLOSING.len();

const OPENING: &str = "{\"data\":{\"n\":";
const METADATA: &str = "},\"metadata\":{";
const STAMP_OPENING: &str = "\"ns\":\"";
const CLOSING: &str = "}}\n";
const NUMBER_DIGITS: usize = 10;
const STAMP_DIGITS: usize = 19;
/// `,"f0001":"…"`, the form of a field that fills a long line.
const FIELD_BYTES: usize = 40;
/// `,"p":""`, the shortest text that can fill a line up.
const PADDING_BYTES_MIN: usize = 7;

/// Lines that repeat: `{"data":{"n":1000000000,"f0000":"…",…,"p":"…"},"metadata":{}}`.
///
/// Invariant: `bytes` holds a whole number of lines of `line_bytes` each, newline included.
#[derive(Debug, Clone)]
pub struct Pattern {
    bytes: Vec<u8>,
    line_bytes: usize,
    stamp: Option<Range<usize>>,
}

impl Pattern {
    /// Lines of `line_bytes` with their newline. `stamped` ones have room for a time in their metadata.
    ///
    /// # Errors
    ///
    /// When a line cannot be so short.
    pub fn new(line_bytes: usize, stamped: bool) -> Result<Self, String> {
        let stamp_bytes = if stamped { STAMP_OPENING.len() + STAMP_DIGITS + 1 } else { 0 };
        let least = LINE_BYTES_MIN + stamp_bytes;
        if line_bytes < least {
            return Err(format!(
                "a line needs {least} bytes at least, {line_bytes} were asked for"
            ));
        }
        let lines = (WRITE_BYTES / line_bytes).max(1);
        let mut text = String::with_capacity(lines * line_bytes);
        for index in 0..lines {
            push_line(&mut text, index, line_bytes - least, stamped);
        }
        debug_assert_eq!(text.len(), lines * line_bytes);
        let stamp = stamped.then(|| {
            let end = line_bytes - CLOSING.len() - 1;
            end - STAMP_DIGITS..end
        });
        Ok(Self { bytes: text.into_bytes(), line_bytes, stamp })
    }

    /// All lines, one after the other: what a bulk write writes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Length of each line, newline included.
    #[must_use]
    pub fn line_bytes(&self) -> usize {
        self.line_bytes
    }

    /// How many lines there are before they come again.
    #[must_use]
    pub fn lines(&self) -> usize {
        self.bytes.len() / self.line_bytes
    }

    /// The line that comes as number `index` of the stream, counted from 0.
    #[must_use]
    pub fn line(&self, index: u64) -> &[u8] {
        let place = usize::try_from(index % self.lines() as u64).unwrap_or_default();
        &self.bytes[place * self.line_bytes..][..self.line_bytes]
    }

    /// Where in a line its time is written.
    #[must_use]
    pub fn stamp(&self) -> Option<Range<usize>> {
        self.stamp.clone()
    }
}

fn push_line(text: &mut String, index: usize, spare: usize, stamped: bool) {
    // Too few bytes for a text become digits of the number.
    let (digits, mut spare) =
        if spare < PADDING_BYTES_MIN { (NUMBER_DIGITS + spare, 0) } else { (NUMBER_DIGITS, spare) };
    text.push_str(OPENING);
    // The first digit is a 1: JSON knows no leading zeros.
    text.push('1');
    text.push_str(&format!("{index:0width$}", width = digits - 1));
    let mut words = Words::new(index);
    let mut field = 0;
    while spare >= FIELD_BYTES + PADDING_BYTES_MIN {
        text.push_str(&format!(",\"f{field:04}\":\""));
        words.push(text, FIELD_BYTES - 11);
        text.push('"');
        spare -= FIELD_BYTES;
        field += 1;
    }
    if spare > 0 {
        text.push_str(",\"p\":\"");
        words.push(text, spare - PADDING_BYTES_MIN);
        text.push('"');
    }
    text.push_str(METADATA);
    if stamped {
        text.push_str(STAMP_OPENING);
        text.push_str(&"0".repeat(STAMP_DIGITS));
        text.push('"');
    }
    text.push_str(CLOSING);
}

/// Letters and spaces that look like text and are always the same.
struct Words {
    state: u64,
}

impl Words {
    fn new(seed: usize) -> Self {
        Self { state: 0x9E37_79B9_7F4A_7C15 ^ (seed as u64).wrapping_mul(0xD134_2543_DE82_EF95) }
    }

    fn push(&mut self, text: &mut String, count: usize) {
        const LETTERS: &[u8; 32] = b"etaoinshrdlucmfwypvbgkjqxz 1270 ";
        for _ in 0..count {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            text.push(char::from(LETTERS[usize::from((self.state >> 40) as u8 & 31)]));
        }
    }
}

/// Writes a time over the digits of a stamp.
pub fn write_stamp(digits: &mut [u8], mut ns: u64) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (ns % 10) as u8;
        ns /= 10;
    }
}

/// The time in a stamp; `None` if something else stands there.
#[must_use]
pub fn read_stamp(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn lines_have_the_exact_size_and_are_envelopes() {
        let sizes = (LINE_BYTES_MIN..200).chain([515, 3_500, 65_535, 65_536, 200_000]);
        for line_bytes in sizes {
            let pattern = Pattern::new(line_bytes, false).unwrap();
            assert_eq!(pattern.bytes().len(), pattern.lines() * line_bytes);
            for index in [0, pattern.lines() as u64 - 1] {
                let line = pattern.line(index);
                assert_eq!(line.len(), line_bytes);
                assert_eq!(memchr::memchr(b'\n', line), Some(line_bytes - 1));
                let envelope: Value = serde_json::from_slice(line).unwrap();
                assert!(envelope["data"]["n"].is_u64(), "{line_bytes}");
                assert!(envelope["metadata"].is_object());
            }
        }
    }

    #[test]
    fn the_sizes_of_the_comparison_are_possible_and_shorter_ones_are_refused() {
        assert!(Pattern::new(43, false).is_ok());
        assert!(Pattern::new(LINE_BYTES_MIN - 1, false).is_err());
        assert!(Pattern::new(LINE_BYTES_MIN, true).is_err());
    }

    #[test]
    fn a_bulk_write_has_whole_lines_and_fits_a_pipe() {
        assert_eq!(Pattern::new(515, false).unwrap().lines(), 127);
        assert_eq!(Pattern::new(65_536, false).unwrap().bytes().len(), WRITE_BYTES);
    }

    #[test]
    fn lines_of_a_pattern_differ() {
        let pattern = Pattern::new(43, false).unwrap();
        assert_ne!(pattern.line(0), pattern.line(1));
        assert_eq!(pattern.line(1), pattern.line(1 + pattern.lines() as u64));
    }

    #[test]
    fn a_stamp_is_read_as_it_was_written_and_leaves_an_envelope() {
        let pattern = Pattern::new(515, true).unwrap();
        let mut line = pattern.line(3).to_vec();
        let place = pattern.stamp().unwrap();
        write_stamp(&mut line[place.clone()], 12_345_678_901_234);
        assert_eq!(read_stamp(&line[place]), Some(12_345_678_901_234));
        let envelope: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(envelope["metadata"]["ns"], "0000012345678901234");
    }
}
