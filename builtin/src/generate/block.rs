//! Lines of one size, made ahead: only their numbers are written again each time.

use super::random::Random;

/// Bytes of the lines that are made ahead: few enough to stay in a processor's cache, and each
/// write takes up to all of them.
const BLOCK_BYTES: usize = 128 << 10;

/// Digits of the largest number.
const DIGITS_MAX: usize = 20;

/// What stands before the number.
const HEAD: &str = r#"{"data":{"seq":"#;
const PAYLOAD: &str = r#","payload":""#;
const TAIL: &str = r#""},"metadata":{"provider":"generate"}}"#;
/// For lines too short for metadata.
const SHORT_TAIL: &str = r#""}}"#;

/// Bytes of the shortest line: any number and an empty payload.
pub(super) const LINE_BYTES_MIN: usize = HEAD.len() + DIGITS_MAX + PAYLOAD.len() + SHORT_TAIL.len();
/// Bytes of the longest line. A block holds at least one.
pub(super) const LINE_BYTES_MAX: usize = 64 << 20;

const _: () = assert!(LINE_BYTES_MIN == 50, "the documentation says 50");

const WORDS: [&str; 32] = [
    "account",
    "after",
    "agreed",
    "back",
    "because",
    "box",
    "call",
    "customer",
    "delivered",
    "door",
    "early",
    "express",
    "for",
    "gift",
    "in",
    "late",
    "left",
    "neighbour",
    "new",
    "of",
    "on",
    "order",
    "parcel",
    "please",
    "returned",
    "shipment",
    "the",
    "to",
    "until",
    "warehouse",
    "with",
    "without",
];
const NAMES: [&str; 16] = [
    "Ada", "Amina", "Boris", "Chen", "Dora", "Elif", "Fatou", "Greta", "Hugo", "Ines", "Jonas",
    "Kofi", "Lena", "Mateo", "Noor", "Olga",
];
const STATES: [&str; 4] = ["new", "paid", "shipped", "returned"];

/// As many lines as fit, in the order of their numbers. The lines repeat after as many; the numbers
/// do not.
#[derive(Debug)]
pub(super) struct Block {
    /// `lines` lines of `line_bytes` and a newline each.
    bytes: Vec<u8>,
    lines: usize,
    line_bytes: usize,
    seed: u64,
    /// Digits of the numbers that the lines have room for now: a shorter number leaves more to the
    /// payload.
    digits: usize,
}

impl Block {
    /// `line_bytes` is from [`LINE_BYTES_MIN`] to [`LINE_BYTES_MAX`].
    pub(super) fn new(line_bytes: usize, seed: u64) -> Self {
        let lines = (BLOCK_BYTES / (line_bytes + 1)).max(1);
        Self { bytes: Vec::new(), lines, line_bytes, seed, digits: 0 }
    }

    /// Lines from number `seq` on, from 1 to `most` of them.
    pub(super) fn lines(&mut self, seq: u64, most: u64) -> (&[u8], u64) {
        let mut number = seq.to_string().into_bytes();
        if number.len() != self.digits {
            self.make(number.len());
        }
        let first = ((seq - 1) % self.lines as u64) as usize;
        let wider = 10_u64.checked_pow(self.digits as u32).map_or(u64::MAX, |wider| wider - seq);
        let count = most.min((self.lines - first) as u64).min(wider).max(1);
        let stride = self.line_bytes + 1;
        let bytes = &mut self.bytes[first * stride..(first + count as usize) * stride];
        for line in bytes.chunks_exact_mut(stride) {
            line[HEAD.len()..HEAD.len() + number.len()].copy_from_slice(&number);
            increment(&mut number);
        }
        (bytes, count)
    }

    fn make(&mut self, digits: usize) {
        self.digits = digits;
        self.bytes.clear();
        let mut random = Random::new(self.seed);
        for _ in 0..self.lines {
            let seed = random.next(); // of this line: how much another takes does not matter
            let end = self.bytes.len() + self.line_bytes;
            write_line(&mut self.bytes, end, digits, Random::new(seed));
            self.bytes.push(b'\n');
        }
    }
}

/// Writes a line up to `end`, with room for `digits` digits.
fn write_line(bytes: &mut Vec<u8>, end: usize, digits: usize, mut random: Random) {
    let fixed = HEAD.len() + DIGITS_MAX + PAYLOAD.len();
    let room = (end - bytes.len()).saturating_sub(fixed + TAIL.len());
    let tail = if end - bytes.len() < fixed + TAIL.len() { SHORT_TAIL } else { TAIL };
    bytes.extend_from_slice(HEAD.as_bytes());
    bytes.resize(bytes.len() + digits, b'0');
    let mut fields = fields(&mut random);
    let mut used = 0;
    fields.retain(|field| {
        used += field.len();
        used <= room
    });
    bytes.extend_from_slice(fields.concat().as_bytes());
    bytes.extend_from_slice(PAYLOAD.as_bytes());
    let payload_end = end - tail.len();
    while bytes.len() < payload_end {
        bytes.extend_from_slice(random.pick(&WORDS).as_bytes());
        bytes.push(b' ');
    }
    bytes.truncate(payload_end);
    bytes.extend_from_slice(tail.as_bytes());
}

/// What an order could hold; a short line has the first of them.
fn fields(random: &mut Random) -> Vec<String> {
    let (first, last) = (random.pick(&NAMES), random.pick(&NAMES));
    let mail = format!("{first}.{last}@example.com").to_lowercase();
    let (cents, day, second) = (random.below(1_000_000), random.below(28) + 1, random.below(60));
    vec![
        format!(r#","id":"{}""#, random.uuid()),
        format!(r#","customer":"{first} {last}","email":"{mail}""#),
        format!(r#","quantity":{},"amount":{}.{:02}"#, random.below(20), cents / 100, cents % 100),
        format!(r#","gift":{},"discount":null"#, random.below(2) == 0),
        format!(
            r#","state":"{}","at":"2025-09-{day:02}T17:30:{second:02}Z""#,
            random.pick(&STATES)
        ),
        format!(r#","tags":["{}","{}"]"#, random.pick(&WORDS), random.pick(&WORDS)),
    ]
}

/// Adds one to a number in decimal digits. The number after 99 is 00.
fn increment(digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// `count` lines from `seq` on, however many come at a time.
    fn lines(block: &mut Block, mut seq: u64, count: u64, most: u64) -> Vec<String> {
        let mut lines = Vec::new();
        while (lines.len() as u64) < count {
            let (bytes, got) = block.lines(seq, most.min(count - lines.len() as u64));
            let text = std::str::from_utf8(bytes).unwrap();
            assert_eq!(text.lines().count() as u64, got);
            lines.extend(text.lines().map(str::to_owned));
            seq = seq.saturating_add(got);
        }
        lines
    }

    #[test]
    fn lines_have_the_size_asked_for_and_their_number() {
        for size in [LINE_BYTES_MIN, 60, 84, 85, 86, 100, 200, 515, 3500, BLOCK_BYTES + 1] {
            for seq in [1, 95, 9_995, u64::MAX - 11] {
                let mut block = Block::new(size, 7);
                for (number, line) in (seq..).zip(lines(&mut block, seq, 10, u64::MAX)) {
                    assert_eq!(line.len(), size, "{line}");
                    let envelope: Value = serde_json::from_str(&line).unwrap();
                    assert_eq!(envelope["data"]["seq"], number);
                    assert_eq!(envelope.get("metadata").is_some(), size >= 85, "{line}");
                }
            }
        }
    }

    #[test]
    fn how_many_come_at_a_time_does_not_matter() {
        let expected = lines(&mut Block::new(515, 3), 1, 1200, u64::MAX);
        assert_eq!(lines(&mut Block::new(515, 3), 1, 1200, 1), expected);
        assert_eq!(lines(&mut Block::new(515, 3), 1, 1200, 7), expected);
    }

    #[test]
    fn the_seed_is_all_that_makes_a_difference() {
        let first = |seed| lines(&mut Block::new(515, seed), 1, 1, 1);
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
        let two = lines(&mut Block::new(515, 1), 1, 2, 2);
        assert_ne!(two[0][30..], two[1][30..]);
    }

    #[test]
    fn the_digits_count() {
        for (before, after) in [("1", "2"), ("19", "20"), ("0999", "1000"), ("99", "00")] {
            let mut digits = before.as_bytes().to_vec();
            increment(&mut digits);
            assert_eq!(digits, after.as_bytes());
        }
    }
}
