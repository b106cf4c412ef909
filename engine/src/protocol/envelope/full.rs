//! The complete check: `validate = "full"`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use dstream_filter::json::{JSON_DEPTH_MAX, utf8};

/// UTF-8, JSON, an object with one `data` and at most one `metadata`, that one an object, nested at
/// most [`JSON_DEPTH_MAX`] deep.
///
/// Everything that the grammar of RFC 8259 has is accepted: numbers of any size, and halves of
/// surrogate pairs in strings. Therefore no value is made of anything here.
pub(super) fn check(line: &[u8]) -> Result<(), Cow<'static, str>> {
    let text = utf8(line)?;
    let mut json = serde_json::Deserializer::from_str(text);
    let keys = EnvelopeJson.deserialize(&mut json).and_then(|keys| json.end().map(|()| keys));
    let keys = keys.map_err(|error| reason(&error))?;
    if keys == Keys::Doubtful {
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| reason(&error))?;
    }
    if is_too_deep(line) {
        return Err(Cow::Owned(format!("nested deeper than {JSON_DEPTH_MAX} levels")));
    }
    Ok(())
}

fn reason(error: &serde_json::Error) -> Cow<'static, str> {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or(&text);
    Cow::Owned(format!("not an envelope: {what}, at byte {}", error.column()))
}

/// Whether a line, which is JSON, is nested too deep.
fn is_too_deep(line: &[u8]) -> bool {
    // Nearly no line has as many brackets at all.
    let opening = line.iter().filter(|&&byte| byte == b'[' || byte == b'{').count();
    if opening <= JSON_DEPTH_MAX {
        return false;
    }
    let (mut depth, mut deepest, mut in_string) = (0_usize, 0, false);
    let mut bytes = line.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                bytes.next();
            }
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest > JSON_DEPTH_MAX
}

/// What is known of the keys that were taken as bytes. Bytes may be halves of surrogate pairs, but
/// serde_json lets control characters pass in them as well, which are not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    Sound,
    /// There is a control character in one, written as such or with an escape.
    Doubtful,
}

impl Keys {
    fn and(&mut self, other: Self) {
        if other == Self::Doubtful {
            *self = other;
        }
    }
}

enum Key {
    Data,
    Metadata,
    Other(Keys),
}

impl<'de> de::Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Word;
        impl Visitor<'_> for Word {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }
            fn visit_bytes<E>(self, word: &[u8]) -> Result<Key, E> {
                Ok(match word {
                    b"data" => Key::Data,
                    b"metadata" => Key::Metadata,
                    _ if word.iter().any(|&byte| byte < b' ') => Key::Other(Keys::Doubtful),
                    _ => Key::Other(Keys::Sound),
                })
            }
        }
        json.deserialize_bytes(Word)
    }
}

/// An object with `data` and, if there, an object `metadata`, no duplicate of either.
struct EnvelopeJson;

impl<'de> DeserializeSeed<'de> for EnvelopeJson {
    type Value = Keys;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Keys, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EnvelopeJson {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        use de::Error as _;
        let (mut data, mut metadata) = (false, false);
        let mut keys = Keys::Sound;
        while let Some(key) = map.next_key()? {
            match key {
                Key::Data if std::mem::replace(&mut data, true) => {
                    return Err(A::Error::custom("`data` is there twice"));
                }
                Key::Metadata if std::mem::replace(&mut metadata, true) => {
                    return Err(A::Error::custom("`metadata` is there twice"));
                }
                Key::Metadata => keys.and(map.next_value_seed(MetadataJson)?),
                Key::Data => {
                    map.next_value::<IgnoredAny>()?;
                }
                Key::Other(found) => {
                    keys.and(found);
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if data { Ok(keys) } else { Err(A::Error::custom("`data` is missing")) }
    }
}

struct MetadataJson;

impl<'de> DeserializeSeed<'de> for MetadataJson {
    type Value = Keys;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Keys, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MetadataJson {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`metadata` as a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Keys::Sound;
        while let Some(key) = map.next_key()? {
            if let Key::Other(found) = key {
                keys.and(found);
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(keys)
    }
}
