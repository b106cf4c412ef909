//! What a provider says when it cannot go on.

use std::{fmt, io};

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The configuration is wrong.
    Config,
    /// It may work when tried again.
    Transient,
    /// It will not work when tried again.
    Permanent,
}

/// An error for the person who runs the pipeline: a class and a sentence.
#[derive(Debug)]
pub struct ProviderError {
    pub(crate) class: ErrorClass,
    pub(crate) message: String,
    /// The other end of a pipe has left: an end, not an error.
    pub(crate) pipe_closed: bool,
}

impl ProviderError {
    /// The configuration is wrong.
    pub fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Config, message)
    }

    /// Something failed that may work when tried again.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Transient, message)
    }

    /// Something failed that will not work when tried again.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self::new(ErrorClass::Permanent, message)
    }

    fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), pipe_closed: false }
    }

    /// The handshake line that says it.
    pub(crate) fn to_line(&self) -> String {
        let class = match self.class {
            ErrorClass::Config => "config",
            ErrorClass::Transient => "transient",
            ErrorClass::Permanent => "permanent",
        };
        let line =
            serde_json::json!({ "status": "error", "class": class, "message": self.message });
        format!("{line}\n")
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ProviderError {}

impl From<io::Error> for ProviderError {
    fn from(error: io::Error) -> Self {
        let pipe_closed = error.kind() == io::ErrorKind::BrokenPipe;
        Self { pipe_closed, ..Self::transient(error.to_string()) }
    }
}
