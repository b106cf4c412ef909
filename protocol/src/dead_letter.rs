//! Dead letters (P-26): lines that no output could write, one a line of a file.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::line;

/// A dead letter. `Time` is the reader's type for a moment, which JSON has as a text, and `Line` one
/// that is written as [`LetterLine`] is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter<'a, Time, Line = LetterLine<'a>> {
    /// When it was written.
    pub time: Time,
    /// The task.
    #[serde(borrow)]
    pub task: Cow<'a, str>,
    /// The input that wrote the line, or the output that returned it.
    #[serde(borrow)]
    pub provider: Cow<'a, str>,
    /// Why the line was not delivered.
    #[serde(borrow)]
    pub reason: Cow<'a, str>,
    /// Which line of the stream it was, from 1. An output that returns a line does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line_number: Option<u64>,
    /// Where it began, in bytes from the start of the stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset_bytes: Option<u64>,
    /// It holds only the beginning of a line that was too long.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
    /// It holds what there was of a line when the stream ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut_off: bool,
    /// The line.
    #[serde(flatten)]
    pub line: Line,
}

/// A line of the stream inside a [`DeadLetter`], without its newline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterLine<'a> {
    /// UTF-8.
    #[serde(borrow)]
    Line(Cow<'a, str>),
    /// Any bytes, in base64 (standard alphabet, padded).
    #[serde(borrow)]
    LineBase64(Cow<'a, str>),
}

impl<Time: Serialize, Line: Serialize> DeadLetter<'_, Time, Line> {
    /// The line of the file.
    pub fn encode(&self) -> String {
        line(self)
    }
}

impl<'a, Time: Deserialize<'a>> DeadLetter<'a, Time> {
    /// Reads a line of a file; `None` if it is no dead letter.
    pub fn decode(text: &'a [u8]) -> Option<Self> {
        // A derived type would also take a list.
        serde_json::from_slice(text).ok().filter(|_| text.starts_with(b"{"))
    }
}

impl<Time> DeadLetter<'_, Time> {
    /// Whether the letter's line, decoded, can be sent again: it is one line, all of it, and no output
    /// or input would take it for a checkpoint.
    pub fn can_be_sent(&self, line: &[u8]) -> bool {
        let is_whole = !self.truncated && !self.cut_off && !line.contains(&b'\n');
        is_whole && !line.starts_with(b"{\"checkpoint\"")
    }
}
