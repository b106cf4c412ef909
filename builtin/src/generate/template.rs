//! Lines that are put together from a template.

use std::io::Write;

use serde_json::Value;

use super::random::Random;

/// Bytes of lines that are put together at a time.
const BATCH_BYTES: usize = 64 << 10;

/// Random numbers are below this, so that every JSON reader keeps them exact: 2⁵³.
const RANDOM_LIMIT: u64 = 1 << 53;

/// A template cut at its marks, and the lines it last made.
#[derive(Debug)]
pub(super) struct Template {
    pieces: Vec<Piece>,
    lines: Vec<u8>,
    random: Random,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Filled(Mark),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Seq,
    Random,
    Time,
    Uuid,
}

impl Mark {
    const ALL: [Self; 4] = [Self::Seq, Self::Random, Self::Time, Self::Uuid];

    fn word(self) -> &'static str {
        match self {
            Self::Seq => "{seq}",
            Self::Random => "{random}",
            Self::Time => "{time}",
            Self::Uuid => "{uuid}",
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Seq | Self::Random)
    }
}

impl Template {
    pub(super) fn new(template: &Value, seed: u64) -> Self {
        let line = format!("{{\"data\":{template},\"metadata\":{{\"provider\":\"generate\"}}}}\n");
        Self { pieces: cut(&line), lines: Vec::new(), random: Random::new(seed) }
    }

    /// Lines from number `seq` on, from 1 to `most` of them.
    pub(super) fn lines(&mut self, seq: u64, most: u64) -> (&[u8], u64) {
        self.lines.clear();
        let mut count = 0;
        while count == 0 || (count < most && self.lines.len() < BATCH_BYTES) {
            self.fill(seq.saturating_add(count));
            count += 1;
        }
        (&self.lines, count)
    }

    fn fill(&mut self, seq: u64) {
        let (lines, random) = (&mut self.lines, &mut self.random);
        for piece in &self.pieces {
            // Writing to memory does not fail.
            let _ = match piece {
                Piece::Text(text) => lines.write_all(text.as_bytes()),
                Piece::Filled(Mark::Seq) => write!(lines, "{seq}"),
                Piece::Filled(Mark::Random) => write!(lines, "{}", random.below(RANDOM_LIMIT)),
                Piece::Filled(Mark::Uuid) => lines.write_all(random.uuid().as_bytes()),
                Piece::Filled(Mark::Time) => write!(lines, "{:.6}", jiff::Timestamp::now()),
            };
        }
    }
}

/// Cuts the JSON of a line. A text that is nothing but a number's mark loses its quotes, unless it
/// is the name of a field.
fn cut(line: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = line;
    while let Some((at, mark)) = Mark::ALL
        .iter()
        .filter_map(|&mark| Some((rest.find(mark.word())?, mark)))
        .min_by_key(|it| it.0)
    {
        let after = &rest[at + mark.word().len()..];
        text.push_str(&rest[..at]);
        // A quote within a text has a backslash before it.
        let opens = text.ends_with('"') && !text.ends_with("\\\"");
        let bare = mark.is_number() && opens && after.starts_with('"') && !after.starts_with("\":");
        if bare {
            text.pop();
        }
        pieces.push(Piece::Text(std::mem::take(&mut text)));
        pieces.push(Piece::Filled(mark));
        rest = if bare { &after[1..] } else { after };
    }
    pieces.push(Piece::Text(rest.to_owned()));
    pieces
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn made(template: Value, seq: u64) -> Value {
        let mut template = Template::new(&template, 3);
        let (line, count) = template.lines(seq, 1);
        assert_eq!(count, 1);
        serde_json::from_slice::<Value>(line).unwrap()["data"].take()
    }

    #[test]
    fn marks_are_filled_in_and_numbers_that_stand_alone_are_numbers() {
        let data = made(
            json!({
                "id": "{seq}", "key": "k-{seq}-{seq}", "n": ["{random}"], "{seq}": 1,
                "quoted": "\"{seq}\"", "uuid": "{uuid}", "time": "{time}", "other": "{x} {{}}",
            }),
            12,
        );
        assert_eq!(data["id"], 12);
        assert_eq!(data["key"], "k-12-12");
        assert!(data["n"][0].as_u64().unwrap() < RANDOM_LIMIT);
        assert_eq!(data["12"], 1);
        assert_eq!(data["quoted"], "\"12\"");
        assert_eq!(data["uuid"].as_str().unwrap().len(), 36);
        let time = data["time"].as_str().unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok() && time.len() == 27, "{time}");
        assert_eq!(data["other"], "{x} {{}}");
        assert_eq!(made(json!("{seq}"), 5), 5);
        assert_eq!(made(json!("no marks"), 5), "no marks");
    }

    #[test]
    fn how_many_come_at_a_time_does_not_matter() {
        let template = json!({ "id": "{seq}", "r": "{random}", "u": "{uuid}" });
        let mut at_once = Template::new(&template, 1);
        let (all, count) = at_once.lines(1, 100);
        assert_eq!(count, 100);
        let mut singly = Template::new(&template, 1);
        let lines: Vec<u8> = (1..=100).flat_map(|seq| singly.lines(seq, 1).0.to_vec()).collect();
        assert_eq!(all, lines);
        let mut other = Template::new(&template, 2);
        assert_ne!(other.lines(1, 100).0, lines);
    }
}
