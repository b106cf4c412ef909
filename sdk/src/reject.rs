//! Lines that an output cannot write, returned one by one.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dstream_protocol::{Reject, RejectedLine};

use crate::error::ProviderError;
use crate::handshake;

/// Returns single lines to DStream, which handles them as the task's `on_invalid` says: it keeps them
/// as dead letters, drops them, or fails. An output gets it in
/// [`Output::reject_to`](crate::Output::reject_to). Clones are the same.
#[derive(Debug, Clone)]
pub struct Rejecter {
    is_asked: bool,
}

impl Rejecter {
    pub(crate) fn new(is_asked: bool) -> Self {
        Self { is_asked }
    }

    /// Whether DStream accepts lines back. If not, [`reject`](Self::reject) is an error.
    pub fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// Returns a line, byte for byte as it came, without its newline; the output continues with the
    /// next. Whatever it prints for people has to end in a newline by then and be flushed.
    ///
    /// # Errors
    ///
    /// If DStream does not accept it: an output cannot continue without the line then, and passes the
    /// error on with `?`. Also if stdout is closed.
    pub fn reject(&self, line: &[u8], reason: &str) -> Result<(), ProviderError> {
        if !self.is_asked {
            return Err(ProviderError::permanent(format!("a line cannot be written: {reason}")));
        }
        let line = match std::str::from_utf8(line) {
            Ok(text) => RejectedLine::of_text(text),
            Err(_) => RejectedLine::LineBase64(STANDARD.encode(line).into()),
        };
        Ok(handshake::write(&Reject { reason: Cow::Borrowed(reason), line }.encode())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_that_was_not_asked_fails_with_the_reason() {
        let error = Rejecter::new(false).reject(b"{}", "no such table").unwrap_err();
        assert_eq!(error.to_string(), "a line cannot be written: no such table");
    }
}
