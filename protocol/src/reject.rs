//! A line that an output cannot write and returns (P-53 to P-57).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{after_first_field, line};

/// `{"reject":{"reason":"…","envelope":…}}`: an output has not written this line, and continues with
/// the next.
#[derive(Debug, Serialize)]
pub struct Reject<'a> {
    /// Why, in the output's words.
    pub reason: Cow<'a, str>,
    /// The line, byte for byte.
    #[serde(flatten)]
    pub line: RejectedLine<'a>,
}

/// A line of the stream inside a [`Reject`], without its newline.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectedLine<'a> {
    /// JSON, as it stood in the stream.
    Envelope(&'a RawValue),
    /// Any text.
    Line(Cow<'a, str>),
    /// Any bytes, in base64 (standard alphabet, padded).
    LineBase64(Cow<'a, str>),
}

impl<'a> RejectedLine<'a> {
    /// A text in the shortest form: as it is, unless it is no JSON, has white space around it or
    /// a newline in it, or is `null`, which would stand for no envelope.
    pub fn of_text(text: &'a str) -> Self {
        match serde_json::from_str::<&RawValue>(text) {
            Ok(json) if json.get() == text && text != "null" && !text.contains('\n') => {
                Self::Envelope(json)
            }
            _ => Self::Line(Cow::Borrowed(text)),
        }
    }
}

impl<'a> Reject<'a> {
    /// The line.
    pub fn encode(&self) -> String {
        #[derive(Serialize)]
        struct Line<'b, 'a> {
            reject: &'b Reject<'a>,
        }
        line(&Line { reject: self })
    }

    /// Whether a line begins as a reject does. It is nothing else then.
    pub fn begins(line: &[u8]) -> bool {
        let following = after_first_field(line, "reject").map(<[u8]>::trim_ascii_start);
        following.is_some_and(|following| following.starts_with(b":"))
    }

    /// Reads a line that [begins](Self::begins) as a reject.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn decode(line: &'a [u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Line<'a> {
            #[serde(borrow)]
            reject: Fields<'a>,
        }
        #[derive(Deserialize)]
        struct Fields<'a> {
            #[serde(borrow)]
            reason: Cow<'a, str>,
            #[serde(borrow)]
            envelope: Option<&'a RawValue>,
            #[serde(borrow)]
            line: Option<Cow<'a, str>>,
            #[serde(borrow)]
            line_base64: Option<Cow<'a, str>>,
        }
        let Line { reject } = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let line = match (reject.envelope, reject.line, reject.line_base64) {
            (Some(envelope), None, None) => RejectedLine::Envelope(envelope),
            (None, Some(text), None) => RejectedLine::Line(text),
            (None, None, Some(text)) => RejectedLine::LineBase64(text),
            _ => return Err("it needs one of `envelope`, `line` and `line_base64`".to_owned()),
        };
        Ok(Self { reason: reject.reason, line })
    }
}
