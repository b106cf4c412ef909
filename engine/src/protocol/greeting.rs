//! A provider's first line: ready, an error, or something else, which is then kept.

use std::fmt;

use serde::Deserialize;

use super::checkpoint::CHECKPOINT;
use super::reject::REJECT;

/// What kind of error a provider says it has met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorClass {
    /// Its configuration is wrong.
    Config,
    /// It may work when tried again.
    Transient,
    /// It will not work when tried again.
    Permanent,
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config => "config",
            Self::Transient => "transient",
            Self::Permanent => "permanent",
        })
    }
}

/// What a first line means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Greeting {
    /// `{"status":"ready"}`, with whatever else it announces.
    Ready {
        /// Whether `checkpoint` is among its `capabilities`.
        checkpoints: bool,
        /// Whether `reject` is.
        rejects: bool,
    },
    /// `{"status":"error","message":"…"}`.
    Error {
        /// `class`, if it is one of the known ones.
        class: Option<ErrorClass>,
        /// `message`; a fixed sentence where there is none.
        message: String,
    },
    /// No handshake: data of an input, output for the terminal.
    Other,
}

#[derive(Deserialize)]
struct Line {
    status: String,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    class: Option<serde_json::Value>,
    #[serde(default)]
    data: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    capabilities: Option<serde_json::Value>,
}

impl Greeting {
    /// Reads a first line, with or without its newline. A line with `data` is an envelope
    /// whatever else it has.
    pub fn parse(line: &[u8]) -> Self {
        if !line.trim_ascii_start().starts_with(b"{") {
            return Self::Other; // a derived type would also take a list
        }
        let Ok(Line { status, message, class, data: None, capabilities }) =
            serde_json::from_slice(line)
        else {
            return Self::Other;
        };
        match status.as_str() {
            "ready" => {
                let capabilities = capabilities.as_ref().and_then(serde_json::Value::as_array);
                let has = |name| {
                    capabilities.is_some_and(|all| all.iter().any(|capability| capability == name))
                };
                Self::Ready { checkpoints: has(CHECKPOINT), rejects: has(REJECT) }
            }
            "error" => Self::Error {
                class: class.and_then(|class| serde_json::from_value(class).ok()),
                message: message.unwrap_or_else(|| "it gave no message".to_owned()),
            },
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_handshake_is_a_handshake() {
        let error = |class, message: &str| Greeting::Error { class, message: message.into() };
        let ready = |checkpoints| Greeting::Ready { checkpoints, rejects: false };
        for (line, expected) in [
            (r#"{"status":"ready"}"#, ready(false)),
            (r#" {"status":"ready","protocol":1,"capabilities":["x","checkpoint"]}"#, ready(true)),
            (r#"{"status":"ready","capabilities":"checkpoint"}"#, ready(false)),
            (
                r#"{"status":"ready","capabilities":["reject"]}"#,
                Greeting::Ready { checkpoints: false, rejects: true },
            ),
            ("{\"status\":\"ready\"}\r\n", ready(false)),
            (r#"{"status":"error","message":"no such table"}"#, error(None, "no such table")),
            (
                r#"{"status":"error","class":"transient","message":"x"}"#,
                error(Some(ErrorClass::Transient), "x"),
            ),
            (r#"{"status":"error","class":7}"#, error(None, "it gave no message")),
            (r#"{"status":"ready","data":1}"#, Greeting::Other),
            (r#"{"status":"READY"}"#, Greeting::Other),
            (r#"{"status":1}"#, Greeting::Other),
            (r#"{"data":{"status":"ready"}}"#, Greeting::Other),
            (r#"["ready"]"#, Greeting::Other),
            ("", Greeting::Other),
            ("hello", Greeting::Other),
            (r#"{"status":"ready"} x"#, Greeting::Other),
        ] {
            assert_eq!(Greeting::parse(line.as_bytes()), expected, "{line}");
        }
    }
}
