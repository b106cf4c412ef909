//! Whether a line is an envelope, without changing or copying it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::config::Validate;
use crate::limits::JSON_DEPTH_MAX;
use crate::relay::{LineCheck, Verdict};

/// The checks of `validate = off | shape | full`.
#[derive(Debug, Clone, Copy)]
pub struct EnvelopeCheck(Validate);

impl EnvelopeCheck {
    /// The check for one level.
    pub fn new(level: Validate) -> Self {
        Self(level)
    }
}

impl LineCheck for EnvelopeCheck {
    fn passes_all(&self) -> bool {
        self.0 == Validate::Off
    }

    fn check(&mut self, line: &[u8]) -> Verdict {
        if self.0 == Validate::Off {
            return Verdict::Pass;
        }
        match shape(line) {
            Shape::Blank => Verdict::Blank,
            Shape::Other => Verdict::Invalid(Cow::Borrowed("not a JSON object")),
            Shape::Object if self.0 == Validate::Shape => Verdict::Pass,
            Shape::Object => match full(line) {
                Ok(()) => Verdict::Pass,
                Err(reason) => Verdict::Invalid(reason),
            },
        }
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

/// UTF-8, JSON, an object with one `data` and at most one `metadata`, that one an object.
fn full(line: &[u8]) -> Result<(), Cow<'static, str>> {
    utf8(line)?;
    parse(line, EnvelopeJson)
}

fn utf8(line: &[u8]) -> Result<(), Cow<'static, str>> {
    if simdutf8::basic::from_utf8(line).is_ok() {
        return Ok(());
    }
    let at = std::str::from_utf8(line).err().map_or(0, |error| error.valid_up_to());
    Err(Cow::Owned(format!("not valid UTF-8 at byte {}", at + 1)))
}

fn parse<'de>(
    line: &'de [u8],
    seed: impl DeserializeSeed<'de, Value = ()>,
) -> Result<(), Cow<'static, str>> {
    let mut json = serde_json::Deserializer::from_slice(line);
    seed.deserialize(&mut json).and_then(|()| json.end()).map_err(|error| {
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or(&text);
        if what == "recursion limit exceeded" {
            return Cow::Owned(format!("nested deeper than {JSON_DEPTH_MAX} levels"));
        }
        Cow::Owned(format!("not an envelope: {what}, at byte {}", error.column()))
    })
}

/// Any JSON value, kept nowhere. serde_json bounds the depth.
struct AnyJson;

impl<'de> DeserializeSeed<'de> for AnyJson {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyJson {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Self)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(Self)?;
        }
        Ok(())
    }
}

/// An object with `data` and, if there, an object `metadata`, no duplicate of either.
struct EnvelopeJson;

enum Key {
    Data,
    Metadata,
    Other,
}

impl<'de> de::Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }
            fn visit_str<E>(self, word: &str) -> Result<Key, E> {
                Ok(match word {
                    "data" => Key::Data,
                    "metadata" => Key::Metadata,
                    _ => Key::Other,
                })
            }
        }
        json.deserialize_str(Word)
    }
}

impl<'de> DeserializeSeed<'de> for EnvelopeJson {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EnvelopeJson {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        use de::Error as _;
        let (mut data, mut metadata) = (false, false);
        while let Some(key) = map.next_key()? {
            match key {
                Key::Data if std::mem::replace(&mut data, true) => {
                    return Err(A::Error::custom("`data` is there twice"));
                }
                Key::Metadata if std::mem::replace(&mut metadata, true) => {
                    return Err(A::Error::custom("`metadata` is there twice"));
                }
                Key::Metadata => map.next_value_seed(MetadataJson)?,
                Key::Data | Key::Other => map.next_value_seed(AnyJson)?,
            }
        }
        if data { Ok(()) } else { Err(A::Error::custom("`data` is missing")) }
    }
}

struct MetadataJson;

impl<'de> DeserializeSeed<'de> for MetadataJson {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MetadataJson {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`metadata` as a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        AnyJson.visit_map(map)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(level: Validate, line: &[u8]) -> String {
        match EnvelopeCheck::new(level).check(line) {
            Verdict::Pass => "pass".to_owned(),
            Verdict::Blank => "blank".to_owned(),
            Verdict::Filtered => "filtered".to_owned(),
            Verdict::Invalid(reason) => reason.into_owned(),
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
            assert!(!EnvelopeCheck::new(Validate::Full).is_whole(&line[..line.len() / 2]));
        }
    }

    #[test]
    fn a_cut_off_line_is_whole_if_it_is_complete_json() {
        for level in [Validate::Off, Validate::Shape, Validate::Full] {
            let check = EnvelopeCheck::new(level);
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
