//! Errors of a provider.

use std::{fmt, io};

use dstream_protocol::{ErrorClass, Handshake};

/// An error for the person who runs the pipeline: a class and a sentence.
///
/// `?` turns an [`io::Error`] into a transient one.
#[derive(Debug)]
pub struct ProviderError {
    class: ErrorClass,
    message: String,
    is_closed_stdout: bool,
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
        Self { class, message: message.into(), is_closed_stdout: false }
    }

    /// Whether trying again can help.
    pub fn class(&self) -> ErrorClass {
        self.class
    }

    /// Whether this process's stdout was closed, which is a normal end and not a failure. A broken pipe
    /// or connection of the provider's own is a failure like any other.
    pub fn is_closed_stdout(&self) -> bool {
        self.is_closed_stdout
    }

    /// The handshake that says it.
    pub(crate) fn handshake(self) -> Handshake {
        Handshake::Error { class: Some(self.class), message: self.message }
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
        let is_closed_stdout = error.get_ref().is_some_and(|inner| inner.is::<ClosedStdout>());
        Self { is_closed_stdout, ..Self::transient(error.to_string()) }
    }
}

/// Marks the [`io::Error`] of this process's own stdout, so that it is distinguished from the broken pipes
/// of a provider's connections.
#[derive(Debug)]
pub(crate) struct ClosedStdout;

impl ClosedStdout {
    pub(crate) fn error() -> io::Error {
        io::Error::new(io::ErrorKind::BrokenPipe, Self)
    }
}

impl fmt::Display for ClosedStdout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads stdout any more")
    }
}

impl std::error::Error for ClosedStdout {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_stdout_is_an_end() {
        let own = ProviderError::from(ClosedStdout::error());
        assert!(own.is_closed_stdout());
        let connection = ProviderError::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert!(!connection.is_closed_stdout());
        assert_eq!(connection.class(), ErrorClass::Transient);
    }
}
