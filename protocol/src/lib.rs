//! The messages of the provider protocol, version 1 (`docs/protocol.md`), each defined once: DStream
//! and the SDK encode and decode the same types.
//!
//! | message | sent by | read by | type |
//! |---|---|---|---|
//! | command line | DStream | every provider, first line of stdin | [`CommandLine`] |
//! | ready or error line | every provider, first line of stdout | DStream | [`Handshake`] |
//! | checkpoint | an input, on stdout | DStream | [`Checkpoint`] |
//! | barrier | DStream | an output, on stdin | [`Barrier`] |
//! | acknowledgement | an output, on stdout | DStream | [`BarrierAck`] |
//! | acknowledgement | DStream | an input, on stdin | [`CheckpointAck`] |
//! | rejected line | an output, on stdout | DStream | [`Reject`] |
//! | lifecycle result | a provider, on stdout | DStream | [`LifecycleResult`] |
//! | dead letter | DStream, to a file | `dstream dlq` | [`DeadLetter`] |
//!
//! `encode` gives one line of JSON with its newline; `decode` takes a line with or without it, and
//! never panics. The crate does no I/O and knows no processes. An envelope is checked and read where
//! it is used, because most tasks never parse it.

#![forbid(unsafe_code)]

mod capability;
mod checkpoint;
mod command;
mod dead_letter;
pub mod environment;
mod handshake;
mod lifecycle;
mod reject;
mod side;

pub use capability::{Capabilities, Capability};
pub use checkpoint::{
    Barrier, BarrierAck, Checkpoint, CheckpointAck, CheckpointInterval, CheckpointLine,
};
pub use command::{Command, CommandError, CommandLine, ConfigFormat, ProtocolRequest};
pub use dead_letter::{DeadLetter, LetterLine};
pub use handshake::{ErrorClass, Handshake};
pub use lifecycle::{Change, LifecycleResult, ResultError};
pub use reject::{Reject, RejectedLine};
pub use side::Side;

/// The version of the protocol that this crate speaks.
pub const VERSION: u32 = 1;

/// What a provider's error or result says where it has no message.
const NO_MESSAGE: &str = "it gave no message";

/// What follows the name of an object's first field, if that is `name`, judging by the beginning of the
/// line alone: a cheap test before a line is parsed.
fn after_first_field<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let object = line.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
    object.strip_prefix(b"\"")?.strip_prefix(name.as_bytes())?.strip_prefix(b"\"")
}

/// A message as one line. The types of this crate have text keys and no failing parts, so that they
/// can always be written.
fn line(message: &impl serde::Serialize) -> String {
    let mut line = serde_json::to_string(message).unwrap_or_default();
    line.push('\n');
    line
}
