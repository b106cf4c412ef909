//! Checkpoints (P-44 to P-52): the input's, the barrier that outputs get in its place, and the
//! acknowledgements of both.

use std::fmt;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{after_first_field, line};

/// How often an input should write a checkpoint: as soon as the first of these is reached. Without any
/// of them it need not write one before its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckpointInterval {
    /// Lines since the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<u64>,
    /// Bytes since the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Milliseconds since the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
}

/// `{"checkpoint":V}`, which an input writes between two envelopes: everything before it is complete up
/// to V (P-47).
#[derive(Debug, Clone, Copy)]
pub struct Checkpoint<'a> {
    /// V, byte for byte. Only the input knows what it means.
    pub position: &'a RawValue,
}

/// What a line is that begins as a checkpoint does.
#[derive(Debug)]
pub enum CheckpointLine<'a> {
    /// A checkpoint.
    Checkpoint(Checkpoint<'a>),
    /// An envelope, because it has `data` too.
    Envelope,
    /// Neither of the two, for this reason.
    Invalid(String),
}

impl<'a> Checkpoint<'a> {
    /// The line.
    pub fn encode(self) -> String {
        line(&CheckpointFields { checkpoint: self.position })
    }

    /// Whether a line begins as a checkpoint does. Only then it can be one.
    pub fn begins(line: &[u8]) -> bool {
        after_first_field(line, "checkpoint").is_some()
    }

    /// Reads a line; `None` if it does not even [begin](Self::begins) as a checkpoint, as nearly all.
    pub fn decode(line: &'a [u8]) -> Option<CheckpointLine<'a>> {
        #[derive(Deserialize)]
        struct Envelope {
            #[serde(rename = "data")]
            _data: IgnoredAny,
        }
        if !Self::begins(line) {
            return None;
        }
        Some(match serde_json::from_slice(line) {
            Ok(CheckpointFields { checkpoint }) => {
                CheckpointLine::Checkpoint(Self { position: checkpoint })
            }
            Err(_) if serde_json::from_slice::<Envelope>(line).is_ok() => CheckpointLine::Envelope,
            Err(error) => {
                let text = error.to_string();
                // serde counts the lines of its text, which is only one.
                let what = text.split(" at line ").next().unwrap_or_default();
                CheckpointLine::Invalid(format!("{what} at its byte {}", error.column()))
            }
        })
    }
}

/// Nothing else may stand in the line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointFields<'a> {
    #[serde(borrow)]
    checkpoint: &'a RawValue,
}

/// `{"checkpoint":{"id":7}}`, which every output gets in the place of a checkpoint (P-48), in exactly
/// this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Barrier {
    /// Its number in this run, from 1.
    pub id: u64,
}

impl Barrier {
    /// How the line begins.
    pub const START: &str = "{\"checkpoint\":{\"id\":";

    /// The line.
    pub fn encode(self) -> String {
        format!("{self}\n")
    }

    /// The barrier that these lines begin with, newline included, and what follows it.
    pub fn split_from(lines: &[u8]) -> Option<(Self, &[u8])> {
        let digits = lines.strip_prefix(Self::START.as_bytes())?;
        let (digits, rest) =
            digits.split_at(digits.iter().position(|byte| !byte.is_ascii_digit())?);
        let id = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some((Self { id }, rest.strip_prefix(b"}}\n")?))
    }
}

impl fmt::Display for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}}}}}", Self::START, self.id)
    }
}

/// `{"ack":{"id":7}}`, which an output writes once everything before that barrier is durable (P-49).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BarrierAck {
    /// The barrier's number. It stands for all smaller ones.
    pub id: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AckLine {
    ack: BarrierAck,
}

impl BarrierAck {
    /// The line.
    pub fn encode(self) -> String {
        line(&AckLine { ack: self })
    }

    /// Whether a line begins as an acknowledgement does. Only then it can be one.
    pub fn begins(line: &[u8]) -> bool {
        after_first_field(line, "ack").is_some()
    }

    /// Reads a line; `None` for one that is no acknowledgement, or has another field beside it.
    pub fn decode(line: &[u8]) -> Option<Self> {
        if !Self::begins(line) {
            return None; // what an output prints for people
        }
        serde_json::from_slice(line).ok().map(|AckLine { ack }| ack)
    }
}

/// `{"ack":V}`, which an input gets on its stdin once its checkpoint V is stored (P-51).
#[derive(Debug, Clone, Copy)]
pub struct CheckpointAck<'a> {
    /// The checkpoint's position, byte for byte.
    pub position: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
struct CheckpointAckLine<'a> {
    #[serde(borrow)]
    ack: &'a RawValue,
}

impl<'a> CheckpointAck<'a> {
    /// The line.
    pub fn encode(self) -> String {
        line(&CheckpointAckLine { ack: self.position })
    }

    /// Reads a line; `None` for any other message. Fields beside `ack` are ignored.
    pub fn decode(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok().map(|CheckpointAckLine { ack }| Self { position: ack })
    }
}
