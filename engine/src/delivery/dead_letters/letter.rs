//! A dead letter (`docs/protocol.md`, P-26), read and made.

use std::borrow::Cow;

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use dstream_protocol::{DeadLetter, LetterLine};
use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// A letter as it is in a file.
pub type Letter<'a> = DeadLetter<'a, Timestamp>;

/// Reads a line of a file; `None` if it is no letter.
pub fn read_letter(text: &[u8]) -> Option<Letter<'_>> {
    Letter::decode(text).filter(|letter| letter_line(letter).is_some())
}

/// What there is of a letter's line, unchanged.
pub fn letter_line<'a>(letter: &'a Letter<'_>) -> Option<Cow<'a, [u8]>> {
    match &letter.line {
        LetterLine::Line(text) => Some(Cow::Borrowed(text.as_bytes())),
        LetterLine::LineBase64(text) => STANDARD.decode(&**text).ok().map(Cow::Owned),
    }
}

/// Whether a letter's line can be sent again: it is one line, all of it, and will not be taken for a
/// checkpoint.
pub fn can_be_sent(letter: &Letter<'_>) -> bool {
    letter_line(letter).is_some_and(|line| letter.can_be_sent(&line))
}

/// A letter to be written.
pub(crate) type NewLetter<'a> = DeadLetter<'a, Timestamp, NewLine<'a>>;

/// The line of a [`NewLetter`], as [`LetterLine`] writes it, without a copy of it in memory.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NewLine<'a> {
    Line(&'a str),
    LineBase64(#[serde(serialize_with = "as_base64")] &'a [u8]),
}

/// A letter that is written now, of a whole line that is not known to be at any place.
pub(crate) fn new_letter<'a>(
    task: &'a str,
    provider: &'a str,
    reason: &'a str,
    line: &'a [u8],
) -> NewLetter<'a> {
    DeadLetter {
        time: Timestamp::now(),
        task: task.into(),
        provider: provider.into(),
        reason: reason.into(),
        line_number: None,
        offset_bytes: None,
        truncated: false,
        cut_off: false,
        line: std::str::from_utf8(line).map_or(NewLine::LineBase64(line), NewLine::Line),
    }
}

fn as_base64<S: Serializer>(line: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Base64Display::new(line, &STANDARD))
}
