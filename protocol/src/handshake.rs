//! A provider's first line on stdout (P-9 to P-14).

use std::fmt;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::capability::Capabilities;
use crate::{NO_MESSAGE, VERSION, line};

/// Whether it can help to try again after an error. DStream shows it, and a `restart` policy is guided
/// by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorClass {
    /// The configuration is wrong.
    Config,
    /// It may work when tried again.
    Transient,
    /// It will not work when tried again.
    Permanent,
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// The handshake: whether a provider can start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handshake {
    /// `{"status":"ready","protocol":1,"capabilities":[…]}`.
    Ready(Capabilities),
    /// `{"status":"error","class":…,"message":"…"}`.
    Error {
        /// `class`, if it is one of the known ones.
        class: Option<ErrorClass>,
        /// `message`; a fixed sentence where there is none.
        message: String,
    },
}

impl Handshake {
    /// The line.
    pub fn encode(&self) -> String {
        #[derive(Serialize)]
        #[serde(tag = "status", rename_all = "lowercase")]
        enum Line<'a> {
            Ready {
                protocol: u32,
                #[serde(skip_serializing_if = "Capabilities::is_empty")]
                capabilities: Capabilities,
            },
            Error {
                #[serde(skip_serializing_if = "Option::is_none")]
                class: Option<ErrorClass>,
                message: &'a str,
            },
        }
        line(&match self {
            Self::Ready(capabilities) => {
                Line::Ready { protocol: VERSION, capabilities: *capabilities }
            }
            Self::Error { class, message } => Line::Error { class: *class, message },
        })
    }

    /// Reads a first line; `None` if it is no handshake, but data of an input or text of an output. A
    /// line with `data` is an envelope, whatever else it has.
    pub fn decode(line: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Fields {
            status: String,
            message: Option<String>,
            class: Option<Value>,
            data: Option<IgnoredAny>,
            #[serde(default)]
            capabilities: Capabilities,
        }
        if !line.trim_ascii_start().starts_with(b"{") {
            return None; // a derived type would also take a list
        }
        let Fields { status, message, class, data: None, capabilities } =
            serde_json::from_slice(line).ok()?
        else {
            return None;
        };
        match status.as_str() {
            "ready" => Some(Self::Ready(capabilities)),
            "error" => Some(Self::Error {
                class: class.and_then(|class| serde_json::from_value(class).ok()),
                message: message.unwrap_or_else(|| NO_MESSAGE.to_owned()),
            }),
            _ => None,
        }
    }
}
