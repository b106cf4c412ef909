//! The complete check: `validate = "full"`.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use dstream_filter::json::{JSON_DEPTH_MAX, is_envelope, utf8};

/// UTF-8, JSON, an object with one `data` and at most one `metadata`, that one an object, nested at
/// most [`JSON_DEPTH_MAX`] deep.
///
/// Everything that the grammar of RFC 8259 has is accepted: numbers of any size, and halves of
/// surrogate pairs in strings. Therefore no value is made of anything here.
pub(super) fn check(line: &[u8]) -> Result<(), Cow<'static, str>> {
    let text = utf8(line)?;
    if is_envelope(text) { Ok(()) } else { Err(why_not(text)) }
}

/// Why a text is no envelope, as serde_json says it.
fn why_not(text: &str) -> Cow<'static, str> {
    let mut json = serde_json::Deserializer::from_str(text);
    let outcome = json.deserialize_map(EnvelopeJson).and_then(|()| json.end());
    // It takes keys as bytes, in which serde_json lets control characters pass.
    match outcome.and_then(|()| serde_json::from_str::<IgnoredAny>(text)) {
        Err(error) => {
            let message = error.to_string();
            let what = message.split(" at line ").next().unwrap_or(&message);
            Cow::Owned(format!("not an envelope: {what}, at byte {}", error.column()))
        }
        Ok(_) => Cow::Owned(format!("nested deeper than {JSON_DEPTH_MAX} levels")),
    }
}

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
            fn visit_bytes<E>(self, word: &[u8]) -> Result<Key, E> {
                Ok(match word {
                    b"data" => Key::Data,
                    b"metadata" => Key::Metadata,
                    _ => Key::Other,
                })
            }
        }
        // Bytes may be halves of surrogate pairs.
        json.deserialize_bytes(Word)
    }
}

/// An object with `data` and, if there, an object `metadata`, no duplicate of either.
struct EnvelopeJson;

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
                Key::Data | Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
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

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<Key, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}
