//! What the relay asks of whoever knows what a line is. The relay itself never learns it.

use std::borrow::Cow;
use std::io;

/// What becomes of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes to the outputs as it is.
    Pass,
    /// It is counted and left out.
    Blank,
    /// It is sound, but the task does not want it: it is counted and left out.
    Filtered,
    /// It goes to [`Rejects`], for this reason.
    Invalid(Cow<'static, str>),
    /// It is no line of the stream but a mark in it: the outputs get these bytes in its place, which
    /// end in a newline and are not counted.
    Mark(Box<[u8]>),
    /// It was to be a mark and cannot be one, for this reason: the stream ends before it.
    BadMark(Cow<'static, str>),
}

/// Looks at lines. Called once for each line, on the reader's thread: it must not block.
pub trait LineCheck: Send + 'static {
    /// Whether every line is [`Verdict::Pass`] whatever it is, so that none need be found.
    fn passes_all(&self) -> bool;

    /// Judges a line; `line` is without its newline.
    fn check(&mut self, line: &[u8]) -> Verdict;

    /// Whether `line`, which ended without a newline, is whole all the same.
    fn is_whole(&self, line: &[u8]) -> bool;

    /// Whether what begins like this is to be a mark, whatever else is wrong with it. Asked of lines
    /// that are too long or have been cut off, and so are never checked.
    fn is_mark(&self, _beginning: &[u8]) -> bool {
        false
    }
}

/// A line that does not go to the outputs.
#[derive(Debug)]
pub struct Rejected<'a> {
    /// Its bytes without the newline; of a line longer than `line_bytes_max`, only the first
    /// ones.
    pub line: &'a [u8],
    /// How many bytes it began at, counted from the first byte of the stream.
    pub offset_bytes: u64,
    /// Which line of the stream it is, from 1.
    pub line_number: u64,
    /// Why, as a fragment: "not valid UTF-8 at byte 7".
    pub reason: Cow<'static, str>,
    /// Whether that is only its beginning, since it is longer than `line_bytes_max`.
    pub truncated: bool,
    /// Whether the stream ended before its newline came.
    pub cut_off: bool,
}

/// Whether the stream goes on after a rejected line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// The line is left out.
    LeaveOut,
    /// Nothing after it is read; what came before it is written.
    Stop,
}

/// Takes the lines that do not go to the outputs. Called on the reader's thread; while it blocks,
/// nothing is read.
pub trait Rejects: Send + 'static {
    /// Takes one line.
    ///
    /// # Errors
    ///
    /// An error ends the stream before this line: a line that could not be kept where it should
    /// have been must not vanish.
    fn reject(&mut self, rejected: &Rejected<'_>) -> io::Result<Disposition>;

    /// Makes lasting what it has taken so far. Called before each [`Verdict::Mark`] is handed on:
    /// behind it nobody will send these lines again.
    ///
    /// # Errors
    ///
    /// An error ends the stream before the mark.
    fn settle(&mut self) -> io::Result<()> {
        Ok(())
    }
}
