//! What a dead letter says (`docs/protocol.md`, P-26).

use std::borrow::Cow;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize, Serializer};

/// How a line begins that an input with checkpoints cannot say (P-45).
const CHECKPOINT: &[u8] = b"{\"checkpoint\"";

/// A letter as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Letter<'a> {
    /// When it was written.
    pub time: jiff::Timestamp,
    /// The task.
    #[serde(borrow)]
    pub task: Cow<'a, str>,
    /// Whose line it is.
    #[serde(borrow)]
    pub provider: Cow<'a, str>,
    /// Why no output got the line.
    #[serde(borrow)]
    pub reason: Cow<'a, str>,
    /// Which line of the stream it was, from 1.
    pub line_number: Option<u64>,
    /// Where it began, in bytes from the start of the stream.
    pub offset_bytes: Option<u64>,
    /// It holds only the beginning of a line that was too long.
    #[serde(default)]
    pub truncated: bool,
    /// It holds what there was of a line when the stream ended.
    #[serde(default)]
    pub cut_off: bool,
    line: Option<String>,
    line_base64: Option<String>,
}

impl<'a> Letter<'a> {
    /// Reads a line of a file; `None` if it is no letter.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        // A derived type would also take a list.
        let letter: Self = serde_json::from_slice(text).ok().filter(|_| text.starts_with(b"{"))?;
        letter.line()?;
        Some(letter)
    }

    /// What there is of the line, unchanged.
    pub fn line(&self) -> Option<Cow<'_, [u8]>> {
        match (&self.line, &self.line_base64) {
            (Some(text), None) => Some(Cow::Borrowed(text.as_bytes())),
            (None, Some(text)) => Some(Cow::Owned(STANDARD.decode(text).ok()?)),
            _ => None,
        }
    }

    /// Whether it can be sent: it is one line, all of it, and will not be taken for a checkpoint.
    pub fn is_whole(&self) -> bool {
        let is_one = |line: Cow<'_, [u8]>| !line.contains(&b'\n') && !line.starts_with(CHECKPOINT);
        !self.truncated && !self.cut_off && self.line().is_some_and(is_one)
    }
}

/// A letter that is to be written. The line is kept unchanged: as text, or in base64 where it is not
/// UTF-8.
#[derive(Serialize)]
pub(crate) struct NewLetter<'a> {
    #[serde(serialize_with = "as_text")]
    pub(crate) time: jiff::Timestamp,
    pub(crate) task: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) reason: &'a str,
    /// An output does not know where a line came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line_number: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset_bytes: Option<u64>,
    /// `line` is the beginning of one that is longer than lines may be.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) truncated: bool,
    /// `line` is the end of a stream that ended within it.
    #[serde(skip_serializing_if = "is_false")]
    pub(crate) cut_off: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_base64")]
    pub(crate) line_base64: Option<&'a [u8]>,
}

impl<'a> NewLetter<'a> {
    /// One that is written now, of a whole line.
    pub(crate) fn of(task: &'a str, provider: &'a str, reason: &'a str, line: &'a [u8]) -> Self {
        let text = std::str::from_utf8(line);
        Self {
            time: jiff::Timestamp::now(),
            task,
            provider,
            reason,
            line_number: None,
            offset_bytes: None,
            truncated: false,
            cut_off: false,
            line: text.ok(),
            line_base64: text.is_err().then_some(line),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

fn as_text<S: Serializer>(time: &jiff::Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn as_base64<S: Serializer>(line: &Option<&[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Base64Display::new(line.unwrap_or_default(), &STANDARD))
}
