//! The checks of a task's lines: `validate`, then `filter`.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::full;
use dstream_filter::Filter;
use dstream_filter::json::{Scratch, utf8};
use dstream_relay::{LineCheck, Verdict};
use dstream_task::Validate;

/// Checks lines by a level of validation and a filter.
///
/// A blank line is blank; what the level refuses is invalid; then the filter decides. What a filter
/// looks at has to be a JSON object, whatever the level: a line of which nothing can be known is
/// neither delivered nor left out without a word.
pub struct EnvelopeCheck {
    level: Validate,
    filter: Option<Filter>,
    scratch: Scratch,
}

impl EnvelopeCheck {
    /// The check for one level, and a filter if the task has one.
    pub fn new(level: Validate, filter: Option<Filter>) -> Self {
        Self { level, filter, scratch: Scratch::default() }
    }

    fn verdict(&mut self, line: &[u8]) -> Result<Verdict, Cow<'static, str>> {
        match shape(line) {
            Shape::Blank => return Ok(Verdict::Blank),
            Shape::Other => return Err(Cow::Borrowed("not a JSON object")),
            Shape::Object => {}
        }
        if self.level == Validate::Full {
            full::check(line)?;
        }
        let Some(filter) = &self.filter else { return Ok(Verdict::Pass) };
        let matches = filter.matches(line, &mut self.scratch)?;
        Ok(if matches { Verdict::Pass } else { Verdict::Filtered })
    }
}

impl LineCheck for EnvelopeCheck {
    fn passes_all(&self) -> bool {
        self.level == Validate::Off && self.filter.is_none()
    }

    fn check(&mut self, line: &[u8]) -> Verdict {
        if self.passes_all() {
            return Verdict::Pass;
        }
        let verdict = self.verdict(line).unwrap_or_else(Verdict::Invalid);
        self.scratch.release_excess();
        verdict
    }

    fn is_whole(&self, line: &[u8]) -> bool {
        // A blank rest is as blank as a blank line; `check` will say what becomes of it.
        is_blank(line) || utf8(line).is_ok() && serde_json::from_slice::<IgnoredAny>(line).is_ok()
    }
}

enum Shape {
    Blank,
    Object,
    Other,
}

/// Looks at the first and the last byte. White space around the object (a CR among it) is allowed.
fn shape(line: &[u8]) -> Shape {
    if let [b'{', .., b'}'] = line {
        return Shape::Object; // nearly every line
    }
    match line.trim_ascii() {
        [] => Shape::Blank,
        [b'{', .., b'}'] => Shape::Object,
        _ => Shape::Other,
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dstream_filter::json::JSON_DEPTH_MAX;

    fn verdict(level: Validate, line: &[u8]) -> String {
        match EnvelopeCheck::new(level, None).check(line) {
            Verdict::Pass => "pass".to_owned(),
            Verdict::Blank => "blank".to_owned(),
            Verdict::Filtered => "filtered".to_owned(),
            Verdict::Invalid(reason) => reason.into_owned(),
            Verdict::Mark(_) | Verdict::BadMark(_) => "mark".to_owned(),
        }
    }

    #[test]
    fn each_level_looks_as_closely_as_it_says() {
        let deep = |n: usize| format!("{{\"data\":{}{}}}", "[".repeat(n), "]".repeat(n));
        let (deepest, too_deep) = (deep(JSON_DEPTH_MAX - 1), deep(JSON_DEPTH_MAX));
        let bottomless = deep(200_000);
        let object = "not a JSON object";
        let rows: &[(&[u8], &str, &str)] = &[
            (br#"{"data":1}"#, "pass", "pass"),
            (b"{\"data\":1,\"metadata\":{\"a\":[1,{}]}}\r", "pass", "pass"),
            (br#" {"metadata":{},"x":null,"data":"\ud83d\ude00"} "#, "pass", "pass"),
            (b"", "blank", "blank"),
            (b" \t\r", "blank", "blank"),
            (b"hello", object, object),
            (br#"[{"data":1}]"#, object, object),
            (b"{", object, object),
            (br#"{"x":1}"#, "pass", "not an envelope: `data` is missing, at byte 7"),
            (
                br#"{"data":1,"data":2}"#,
                "pass",
                "not an envelope: `data` is there twice, at byte 16",
            ),
            (
                br#"{"data":1,"metadata":[]}"#,
                "pass",
                "not an envelope: invalid type: sequence, expected `metadata` as a JSON object, at byte 21",
            ),
            (b"{\"data\":\"\xff\"}", "pass", "not valid UTF-8 at byte 10"),
            // The grammar bounds no number, and halves of surrogate pairs are in it.
            (br#"{"data":[1e400,-1E999,123456789012345678901234567890]}"#, "pass", "pass"),
            (br#"{"data":"\ud800","\udc00":{"\ud800":"\udc00\ud800"}}"#, "pass", "pass"),
            (br#"{"data":1,"metadata":{"\ud800":[{"a":"\ud800"}]}}"#, "pass", "pass"),
            (br#"{"data":1,"\u0001":2,"metadata":{"\u001f":3}}"#, "pass", "pass"),
            (
                b"{\"data\":1,\"\x01\":2}",
                "pass",
                "not an envelope: control character (\\u0000-\\u001F) found while parsing a string, at byte 11",
            ),
            (
                b"{\"data\":1,\"metadata\":{\"a\x1f\":2}}",
                "pass",
                "not an envelope: control character (\\u0000-\\u001F) found while parsing a string, at byte 24",
            ),
            (br#"{"data":"\u12"}"#, "pass", "not an envelope: invalid escape, at byte 15"),
            (b"{\"data\":\0}", "pass", "not an envelope: expected value, at byte 9"),
            (br#"{"data":01}"#, "pass", "not an envelope: invalid number, at byte 10"),
            (br#"{"data":1} {}"#, "pass", "not an envelope: trailing characters, at byte 12"),
            (deepest.as_bytes(), "pass", "pass"),
        ];
        for (line, shape, full) in rows {
            let shown = String::from_utf8_lossy(line);
            assert_eq!(verdict(Validate::Off, line), "pass", "off: {shown}");
            assert_eq!(verdict(Validate::Shape, line), *shape, "shape: {shown}");
            assert_eq!(verdict(Validate::Full, line), *full, "full: {shown}");
        }
        for deep in [too_deep, bottomless] {
            let reason = verdict(Validate::Full, deep.as_bytes());
            assert!(reason.contains("nested deeper than 127 levels"), "{reason}");
        }
    }

    #[test]
    fn every_recorded_change_is_an_envelope() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/changes/changes.jsonl");
        let changes = std::fs::read(file).unwrap();
        let lines: Vec<_> = changes.split_inclusive(|&byte| byte == b'\n').collect();
        assert!(lines.len() > 10_000);
        for (index, line) in lines.into_iter().enumerate() {
            let line = line.strip_suffix(b"\n").unwrap();
            assert_eq!(verdict(Validate::Full, line), "pass", "line {}", index + 1);
            // Cut anywhere before its end, it is not whole.
            assert!(!EnvelopeCheck::new(Validate::Full, None).is_whole(&line[..line.len() / 2]));
        }
    }

    #[test]
    fn a_cut_off_line_is_whole_if_it_is_complete_json() {
        for level in [Validate::Off, Validate::Shape, Validate::Full] {
            let check = EnvelopeCheck::new(level, None);
            for (line, whole) in [
                (&b"{\"data\":1}"[..], true),
                (b"{\"data\":1}\r", true),
                (b"{\"data\":1", false),
                (b"{\"data\":\"\xff\"}", false),
                (b"  ", true),
                (b"nonsense", false),
            ] {
                assert_eq!(check.is_whole(line), whole, "{}", String::from_utf8_lossy(line));
            }
        }
    }
}
