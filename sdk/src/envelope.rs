//! Envelopes as an output sees them: `{"data":…,"metadata":{…}}`, one a line.

use memchr::memchr;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::value::RawValue;

use crate::error::ProviderError;
use crate::stop::Stop;

/// The whole lines that one read has brought.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    lines: &'a [u8],
    stop: &'a Stop,
}

impl<'a> Batch<'a> {
    /// Whole lines.
    pub(crate) fn new(lines: &'a [u8], stop: &'a Stop) -> Self {
        Self { lines, stop }
    }

    /// All lines, byte for byte, each with its newline.
    pub fn lines(&self) -> &'a [u8] {
        self.lines
    }

    /// One envelope a line. Ends early once the process has been asked to leave.
    pub fn envelopes(&self) -> impl Iterator<Item = Envelope<'a>> + use<'a> {
        let Self { mut lines, stop } = *self;
        std::iter::from_fn(move || {
            if lines.is_empty() || stop.is_requested() {
                return None;
            }
            let end = memchr(b'\n', lines).unwrap_or(lines.len());
            let (line, rest) = lines.split_at(end);
            lines = rest.get(1..).unwrap_or_default();
            Some(Envelope { line })
        })
    }
}

/// A view of one line. Nothing is parsed or copied until it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    line: &'a [u8],
}

/// The JSON of an envelope's fields as it stands in the line.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Parts<'a> {
    /// `data`.
    #[serde(borrow)]
    pub data: &'a RawValue,
    /// `metadata`, if there is any.
    #[serde(borrow, default, deserialize_with = "present")]
    pub metadata: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// A line without its newline.
    pub fn new(line: &'a [u8]) -> Self {
        Self { line }
    }

    /// The whole line, byte for byte.
    pub fn line(&self) -> &'a [u8] {
        self.line
    }

    /// `data` and `metadata` as JSON, byte for byte. None if the line is no envelope: no JSON, no
    /// object, without `data`, or with one of the two twice.
    pub fn parts(&self) -> Option<Parts<'a>> {
        self.read_parts().ok()
    }

    fn read_parts(&self) -> Result<Parts<'a>, serde_json::Error> {
        if self.line.trim_ascii_start().starts_with(b"[") {
            return Err(serde_json::Error::custom("a list")); // serde would take its items as fields
        }
        serde_json::from_slice(self.line)
    }

    /// `data` as a type of the provider's own, which may borrow from the line.
    ///
    /// # Errors
    ///
    /// If the line is no envelope, or its `data` of another shape. The message holds no data.
    pub fn data_as<T: Deserialize<'a>>(&self) -> Result<T, ProviderError> {
        let parts =
            self.read_parts().map_err(|error| wrong("a line is not an envelope", &error))?;
        serde_json::from_str(parts.data.get())
            .map_err(|error| wrong("`data` has another shape than expected", &error))
    }
}

/// serde's messages quote values, which may be sensitive.
fn wrong(what: &str, error: &serde_json::Error) -> ProviderError {
    ProviderError::permanent(format!("{what}, at byte {}", error.column()))
}

/// A field that may be missing; null is a value like any other.
fn present<'de, D: Deserializer<'de>>(field: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(field).map(Some)
}

#[cfg(test)]
mod tests {
    use serde::de::IgnoredAny;

    use super::*;

    #[test]
    fn the_parts_are_what_stands_in_the_line() {
        let envelope =
            Envelope::new(br#" {"x":[],"data": {"a" : 1.50},"metadata":{"t":"\u00e9"}} "#);
        let parts = envelope.parts().unwrap();
        assert_eq!(parts.data.get(), r#"{"a" : 1.50}"#);
        assert_eq!(parts.metadata.unwrap().get(), r#"{"t":"\u00e9"}"#);
        let bare = Envelope::new(br#"{"data":null}"#).parts().unwrap();
        assert_eq!((bare.data.get(), bare.metadata.is_none()), ("null", true));
        let null = Envelope::new(br#"{"data":1,"metadata":null}"#).parts().unwrap();
        assert_eq!(null.metadata.unwrap().get(), "null");
    }

    #[test]
    fn what_is_no_envelope_has_no_parts() {
        for line in [
            &b"plain text"[..],
            b"",
            b"5",
            br#"{"x":1}"#,
            br#"[1,{}]"#,
            br#"{"data":1} {}"#,
            br#"{"data":1,"data":2}"#,
            b"{\"data\":\"\xff\"}",
        ] {
            let envelope = Envelope::new(line);
            assert!(envelope.parts().is_none(), "{}", String::from_utf8_lossy(line));
            assert!(envelope.data_as::<IgnoredAny>().is_err());
        }
    }

    #[test]
    fn data_can_be_a_type_that_borrows() {
        #[derive(Debug, PartialEq, Deserialize)]
        struct Order<'a> {
            id: u64,
            name: &'a str,
        }
        let envelope = Envelope::new(br#"{"data":{"id":7,"name":"x"}}"#);
        assert_eq!(envelope.data_as::<Order<'_>>().unwrap(), Order { id: 7, name: "x" });
        let error = Envelope::new(br#"{"data":{"id":"secret"}}"#).data_as::<Order<'_>>();
        let message = error.unwrap_err().to_string();
        assert!(message.contains("another shape") && !message.contains("secret"), "{message}");
    }

    #[test]
    fn a_batch_is_its_lines_until_a_stop_is_asked_for() {
        let stop = Stop::new();
        let batch = Batch::new(b"one\n\nthree\n", &stop);
        let lines: Vec<&[u8]> = batch.envelopes().map(|envelope| envelope.line()).collect();
        assert_eq!(lines, [&b"one"[..], b"", b"three"]);
        let mut envelopes = batch.envelopes();
        assert!(envelopes.next().is_some());
        stop.request();
        assert!(envelopes.next().is_none());
    }
}
