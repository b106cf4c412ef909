//! A provider's first line: ready, an error, or something else, which is then kept.

use dstream_protocol::{Capability, ErrorClass, Handshake};

/// What a first line means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Greeting {
    /// It is ready.
    Ready {
        /// Whether `checkpoint` is among its `capabilities`.
        checkpoints: bool,
        /// Whether `reject` is.
        rejects: bool,
    },
    /// It cannot start.
    Error {
        /// `class`, if it is one of the known ones.
        class: Option<ErrorClass>,
        /// `message`; a fixed sentence where there is none.
        message: String,
    },
    /// No handshake: data of an input, output for the terminal.
    Other,
}

impl Greeting {
    /// Reads a first line, with or without its newline.
    pub fn parse(line: &[u8]) -> Self {
        match Handshake::decode(line) {
            Some(Handshake::Ready(capabilities)) => Self::Ready {
                checkpoints: capabilities.has(Capability::Checkpoint),
                rejects: capabilities.has(Capability::Reject),
            },
            Some(Handshake::Error { class, message }) => Self::Error { class, message },
            None => Self::Other,
        }
    }
}
