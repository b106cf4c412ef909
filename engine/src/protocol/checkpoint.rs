//! Checkpoints on the wire: what an input says of how far it is, the barrier that an output gets in
//! its place, and what both are told.

use memchr::memchr;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::config::CheckpointInterval;
use crate::limits::CHECKPOINT_BYTES_MAX;
use crate::relay::{LineCheck, Verdict};

/// The word among features, capabilities and fields.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// What a run asks of its providers.
#[derive(Debug, Clone, Default)]
pub struct AskedCheckpoints {
    /// How often an input should say how far it is.
    pub interval: CheckpointInterval,
    /// Where an input goes on; `None` for a first run, and for outputs.
    pub resume: Option<Box<RawValue>>,
}

/// The value of `{"checkpoint":…}`, byte for byte; `None` for any other line. What has more fields is
/// an envelope.
pub(crate) fn checkpoint_of(line: &[u8]) -> Option<&RawValue> {
    /// Nothing else may stand in it.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line<'a> {
        #[serde(borrow)]
        checkpoint: &'a RawValue,
    }
    let inner = line.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
    if !inner.starts_with(b"\"checkpoint\"") {
        return None; // nearly every line
    }
    serde_json::from_slice(line).ok().map(|line: Line<'_>| line.checkpoint)
}

/// What an output gets in the place of a checkpoint.
pub(crate) fn barrier(id: u64) -> Box<[u8]> {
    format!("{{\"checkpoint\":{{\"id\":{id}}}}}\n").into_bytes().into()
}

/// The id of `{"ack":{"id":…}}`, with or without its newline; `None` for any other line.
pub(crate) fn ack_of(line: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        ack: Ack,
    }
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Ack {
        id: u64,
    }
    if !line.trim_ascii_start().starts_with(b"{") || memchr(b'k', line.get(..16)?).is_none() {
        return None; // what an output prints for people
    }
    serde_json::from_slice(line).ok().map(|line: Line| line.ack.id)
}

/// What an input is told once its checkpoint is stored.
pub(crate) fn ack(value: &RawValue) -> Vec<u8> {
    format!("{{\"ack\":{}}}\n", value.get()).into_bytes()
}

/// Finds an input's checkpoints among its lines, and leaves all else to another check.
pub(crate) struct CheckpointCheck<C, T> {
    inner: C,
    /// Told of each; gives the id that the outputs will acknowledge.
    noted: T,
}

impl<C, T: FnMut(&RawValue) -> u64> CheckpointCheck<C, T> {
    pub(crate) fn new(inner: C, noted: T) -> Self {
        Self { inner, noted }
    }
}

impl<C: LineCheck, T: FnMut(&RawValue) -> u64 + Send + 'static> LineCheck
    for CheckpointCheck<C, T>
{
    fn passes_all(&self) -> bool {
        false
    }

    fn check(&mut self, line: &[u8]) -> Verdict {
        match checkpoint_of(line) {
            None => self.inner.check(line),
            Some(_) if line.len() > CHECKPOINT_BYTES_MAX => {
                let reason = format!("a checkpoint of more than {CHECKPOINT_BYTES_MAX} bytes");
                Verdict::Invalid(reason.into())
            }
            Some(value) => Verdict::Mark(barrier((self.noted)(value))),
        }
    }

    fn is_whole(&self, line: &[u8]) -> bool {
        self.inner.is_whole(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_field_alone_is_a_checkpoint() {
        for (line, value) in [
            (r#"{"checkpoint":7}"#, Some("7")),
            (
                r#" { "checkpoint" : {"a":[1e400, 123456789012345678901]} } "#,
                Some(r#"{"a":[1e400, 123456789012345678901]}"#),
            ),
            (r#"{"checkpoint":null}"#, Some("null")),
            (r#"{"checkpoint":7,"data":1}"#, None),
            (r#"{"data":1,"checkpoint":7}"#, None),
            (r#"{"checkpoint":7,"checkpoint":8}"#, None),
            (r#"{"checkpoint":"#, None),
            (r#"{"checkpoints":7}"#, None),
            (r#"["checkpoint"]"#, None),
            ("", None),
        ] {
            assert_eq!(checkpoint_of(line.as_bytes()).map(RawValue::get), value, "{line}");
        }
    }

    #[test]
    fn only_an_id_alone_is_an_acknowledgement() {
        for (line, id) in [
            ("{\"ack\":{\"id\":7}}\n", Some(7)),
            (" { \"ack\" : { \"id\" : 0 } }\r\n", Some(0)),
            ("{\"ack\":{\"id\":-1}}", None),
            ("{\"ack\":{\"id\":7,\"x\":1}}", None),
            ("{\"ack\":{\"id\":7},\"data\":1}", None),
            ("{\"ack\":7}", None),
            ("Message #1: {\"ack\":{\"id\":7}}", None),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(ack_of(line.as_bytes()), id, "{line}");
        }
        assert_eq!(&*barrier(7), b"{\"checkpoint\":{\"id\":7}}\n");
        let value = RawValue::from_string("{\"at\":7}".to_owned()).unwrap();
        assert_eq!(ack(&value), b"{\"ack\":{\"at\":7}}\n");
    }
}
