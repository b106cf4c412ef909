//! What a dead letter says (`docs/protocol.md`, P-26).

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

/// A letter that is to be written. The line is kept unchanged: as text, or in base64 where it is not
/// UTF-8.
#[derive(Serialize)]
pub(crate) struct NewLetter<'a> {
    #[serde(serialize_with = "as_text")]
    pub(crate) time: jiff::Timestamp,
    pub(crate) task: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) reason: &'a str,
    pub(crate) line_number: u64,
    pub(crate) offset_bytes: u64,
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
