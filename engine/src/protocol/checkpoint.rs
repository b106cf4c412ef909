//! Checkpoints on the wire: what an input says of how far it is, the barrier that an output gets in
//! its place, and what both are told.

use memchr::memchr;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::limits::CHECKPOINT_BYTES_MAX;
use dstream_relay::{LineCheck, Verdict};
use dstream_task::CheckpointInterval;

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

/// A line that begins as a checkpoint does.
#[derive(Debug)]
enum Found<'a> {
    /// `{"checkpoint":…}`: the value, byte for byte.
    Checkpoint(&'a RawValue),
    /// It has `data`, too.
    Envelope,
    /// Neither of the two, for this reason.
    Neither(String),
}

/// Whether the first field of a line is `checkpoint`, as far as its beginning tells.
fn begins_as_checkpoint(line: &[u8]) -> bool {
    let inner = line.trim_ascii_start().strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    inner.is_some_and(|inner| inner.starts_with(b"\"checkpoint\""))
}

/// What a line is that begins as a checkpoint; `None` for any other.
fn find(line: &[u8]) -> Option<Found<'_>> {
    /// Nothing else may stand in it.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Checkpoint<'a> {
        #[serde(borrow)]
        checkpoint: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Envelope {
        #[serde(rename = "data")]
        _data: IgnoredAny,
    }
    if !begins_as_checkpoint(line) {
        return None; // nearly every line
    }
    Some(match serde_json::from_slice::<Checkpoint<'_>>(line) {
        Ok(line) => Found::Checkpoint(line.checkpoint),
        Err(_) if serde_json::from_slice::<Envelope>(line).is_ok() => Found::Envelope,
        Err(error) => {
            let text = error.to_string();
            // It is about one line, whose place in the stream is told elsewhere.
            let what = text.split(" at line ").next().unwrap_or_default();
            Found::Neither(format!("{what} at its byte {}", error.column()))
        }
    })
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
    /// How many lines have passed.
    lines: u64,
    /// Told of each, and how many lines came before it; gives the id that the outputs will
    /// acknowledge.
    noted: T,
}

impl<C, T: FnMut(&RawValue, u64) -> u64> CheckpointCheck<C, T> {
    pub(crate) fn new(inner: C, noted: T) -> Self {
        Self { inner, lines: 0, noted }
    }
}

impl<C: LineCheck, T: FnMut(&RawValue, u64) -> u64 + Send + 'static> LineCheck
    for CheckpointCheck<C, T>
{
    fn passes_all(&self) -> bool {
        false
    }

    fn check(&mut self, line: &[u8]) -> Verdict {
        match find(line) {
            None | Some(Found::Envelope) => {
                let verdict = self.inner.check(line);
                self.lines += u64::from(verdict == Verdict::Pass);
                verdict
            }
            Some(_) if line.len() > CHECKPOINT_BYTES_MAX => {
                let reason =
                    format!("longer than a checkpoint may be ({CHECKPOINT_BYTES_MAX} bytes)");
                Verdict::BadMark(reason.into())
            }
            Some(Found::Checkpoint(value)) => {
                Verdict::Mark(barrier((self.noted)(value, self.lines)))
            }
            Some(Found::Neither(error)) => {
                Verdict::BadMark(format!("neither a checkpoint nor an envelope: {error}").into())
            }
        }
    }

    fn is_whole(&self, line: &[u8]) -> bool {
        self.inner.is_whole(line)
    }

    fn is_mark(&self, beginning: &[u8]) -> bool {
        begins_as_checkpoint(beginning)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_field_alone_is_a_checkpoint_and_what_has_data_an_envelope() {
        for (line, found) in [
            (r#"{"checkpoint":7}"#, "7"),
            (
                r#" { "checkpoint" : {"a":[1e400, 123456789012345678901]} } "#,
                r#"{"a":[1e400, 123456789012345678901]}"#,
            ),
            (r#"{"checkpoint":null}"#, "null"),
            (r#"{"checkpoint":7,"data":1}"#, "an envelope"),
            (r#"{"data":1,"checkpoint":7}"#, "none"),
            (r#"{"checkpoint":7,"checkpoint":8}"#, "neither"),
            (r#"{"checkpoint":NaN}"#, "neither"),
            (r#"{"checkpoint":7,"metadata":{}}"#, "neither"),
            (r#"{"checkpoint":"#, "neither"),
            (r#"{"checkpoint":7}}"#, "neither"),
            (r#"{"checkpoints":7}"#, "none"),
            (r#"["checkpoint"]"#, "none"),
            ("", "none"),
        ] {
            let is = match find(line.as_bytes()) {
                None => "none",
                Some(Found::Checkpoint(value)) => value.get(),
                Some(Found::Envelope) => "an envelope",
                Some(Found::Neither(_)) => "neither",
            };
            assert_eq!(is, found, "{line}");
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
