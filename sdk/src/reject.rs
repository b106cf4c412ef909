//! Lines that an output cannot take, given back one by one.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use serde_json::value::RawValue;

use crate::error::ProviderError;
use crate::stdio::Stdout;

/// The word for it among the protocol's features and a provider's capabilities.
pub(crate) const REJECT: &str = "reject";

/// Gives single lines back to DStream, which does with them what the task's `on_invalid` says: it
/// keeps them as dead letters, leaves them out, or fails. Handed to an output by
/// [`Output::reject_to`](crate::Output::reject_to). Clones are the same.
#[derive(Debug, Clone)]
pub struct Rejecter {
    is_asked: bool,
}

impl Rejecter {
    pub(crate) fn new(is_asked: bool) -> Self {
        Self { is_asked }
    }

    /// Whether DStream wants lines back. If not, [`reject`](Self::reject) is an error.
    pub fn is_asked(&self) -> bool {
        self.is_asked
    }

    /// Gives a line back, byte for byte as it came, without its newline; the output goes on with the
    /// next. Whatever it prints for people has to end in a newline by then and be flushed.
    ///
    /// # Errors
    ///
    /// If DStream does not want it: an output cannot go on without it then, and passes the error on
    /// with `?`. Also if stdout refuses it.
    pub fn reject(&self, line: &[u8], reason: &str) -> Result<(), ProviderError> {
        if !self.is_asked {
            return Err(ProviderError::permanent(format!("a line cannot be taken: {reason}")));
        }
        Ok(Stdout::open()?.write_all(said(line, reason).as_bytes())?)
    }
}

/// What is said. An envelope stands in it as it is; what is no JSON, or has white space around it that
/// JSON would lose, as a text.
fn said(line: &[u8], reason: &str) -> String {
    let reason = json!(reason);
    let value = serde_json::from_slice::<&RawValue>(line).ok().map(RawValue::get);
    let (field, line) = match (value, std::str::from_utf8(line)) {
        (Some(value), _) if value.len() == line.len() && !value.contains('\n') => {
            ("envelope", value.to_owned())
        }
        (_, Ok(text)) => ("line", json!(text).to_string()),
        (_, Err(_)) => ("line_base64", json!(STANDARD.encode(line)).to_string()),
    };
    format!("{{\"reject\":{{\"reason\":{reason},\"{field}\":{line}}}}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_given_back_byte_for_byte() {
        for (line, field) in [
            (
                &br#"{"data": 1e400 ,"x":"\u00e9"}"#[..],
                r#""envelope":{"data": 1e400 ,"x":"\u00e9"}"#,
            ),
            (b"{\"data\":1}\r", r#""line":"{\"data\":1}\r""#),
            (b"no json", r#""line":"no json""#),
            (b"\xff\0", r#""line_base64":"/wA=""#),
        ] {
            let expected = format!("{{\"reject\":{{\"reason\":\"say \\\"no\\\"\",{field}}}}}\n");
            assert_eq!(said(line, "say \"no\""), expected);
        }
    }

    #[test]
    fn who_was_not_asked_fails_with_the_reason() {
        let error = Rejecter::new(false).reject(b"{}", "no such table").unwrap_err();
        assert_eq!(error.to_string(), "a line cannot be taken: no such table");
    }
}
