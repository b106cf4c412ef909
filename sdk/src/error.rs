//! What a provider says when it cannot go on.

use std::{fmt, io};

/// Whether trying again can help. DStream shows it, and decides by it about a restart where the task
/// has a `restart` policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// The configuration is wrong.
    Config,
    /// It may work when tried again.
    Transient,
    /// It will not work when tried again.
    Permanent,
}

impl ErrorClass {
    fn word(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Transient => "transient",
            Self::Permanent => "permanent",
        }
    }
}

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

    /// Whether nobody reads this process's stdout any more, which is an end and not a failure. A
    /// pipe or connection of the provider's own that breaks is a failure like any other.
    pub fn is_closed_stdout(&self) -> bool {
        self.is_closed_stdout
    }

    /// The handshake line that says it.
    pub(crate) fn to_line(&self) -> String {
        let (class, message) = (self.class.word(), &self.message);
        let line = serde_json::json!({ "status": "error", "class": class, "message": message });
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
        let is_closed_stdout = error.get_ref().is_some_and(|inner| inner.is::<ClosedStdout>());
        Self { is_closed_stdout, ..Self::transient(error.to_string()) }
    }
}

/// Marks the [`io::Error`] of this process's own stdout, so that it is told from the broken pipes
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

    #[test]
    fn a_message_with_quotes_and_newlines_is_one_line() {
        let line = ProviderError::permanent("no \"table\"\nhere").to_line();
        assert_eq!(
            line,
            "{\"status\":\"error\",\"class\":\"permanent\",\"message\":\"no \\\"table\\\"\\nhere\"}\n"
        );
    }
}
