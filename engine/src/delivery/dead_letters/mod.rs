//! Dead letters: lines that went to no output, kept unchanged in files until somebody wants them.
//!
//! ```text
//! orders.jsonl       the newest letters; locked while one is written
//! orders.jsonl.1     full; the next ones
//! orders.jsonl.2     older still
//! ```
//!
//! Several tasks and processes may write to one path. Names are changed only under the lock of the
//! file that has the first one, and the last of them to be changed is that first one: whoever locks
//! a file and finds it still under this name has all names for himself. A letter is never removed to
//! make room: when all files are full, it is an error.

mod claim;
mod letter;
mod names;
mod reader;
mod writer;

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use claim::{Claim, ClaimCounts, Wanted};
pub use letter::{Letter, can_be_sent, letter_line, read_letter};
pub(crate) use letter::{NewLetter, new_letter};
pub use reader::{Entry, Letters, Place};
pub(crate) use writer::DeadLetterFile;

use dstream_task::StreamOptions;

/// The dead-letter file of a task, and how large it may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetters {
    path: PathBuf,
    file_bytes_max: u64,
    files_max: u32,
    /// Bytes of the longest letter that the task writes: each byte of a line can take six.
    letter_bytes_max: u64,
}

/// Bytes of a letter besides its line.
const ENVELOPE_BYTES_MAX: u64 = 1 << 20;

/// Why dead letters cannot be kept in a file.
#[derive(Debug, Error)]
pub enum DeadLetterError {
    /// It is there and of another kind, which is named.
    #[error("it is {0}, not a file")]
    NotAFile(&'static str),
    /// There is no room for another letter.
    #[error("{}", full(*.files, *.bytes))]
    Full {
        /// How many files there may be.
        files: u32,
        /// How many bytes each may have.
        bytes: u64,
    },
    /// Somebody sends or removes letters of these files.
    #[error(
        "somebody else is sending or removing its letters{}",
        holder.map(|pid| format!(", process {pid}")).unwrap_or_default()
    )]
    Claimed {
        /// The process, if it is known.
        holder: Option<u32>,
    },
    /// The system refuses it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

fn has_no_room(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), FileTooLarge | QuotaExceeded | StorageFull)
}

fn full(files: u32, bytes: u64) -> String {
    match files {
        1 => format!("it has its {bytes} bytes"),
        _ => format!("all {files} files have their {bytes} bytes"),
    }
}

impl DeadLetterError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Full { .. } => {
                "send them again (dstream dlq replay TASK), move the files away, or allow more: dead_letter_size and dead_letter_files in the stream block"
            }
            Self::Claimed { .. } => "wait for its end, or stop it",
            Self::Io(error) if has_no_room(error) => {
                "make room there, or name another place in dead_letter"
            }
            Self::NotAFile(_) | Self::Io(_) => "check the path in dead_letter and its permissions",
        }
    }

    /// For a place that knows only errors of the system.
    pub(crate) fn into_io(self) -> io::Error {
        match self {
            Self::Io(error) => error,
            other => io::Error::other(other),
        }
    }

    /// What it was before it went through a place that knows only errors of the system.
    pub(crate) fn from_io(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(Self::Io)
    }
}

impl DeadLetters {
    /// Those of a task; `None` where it names no file.
    pub fn of(stream: &StreamOptions) -> Option<Self> {
        Some(Self {
            path: stream.dead_letter.clone()?,
            file_bytes_max: stream.dead_letter_bytes_max,
            files_max: stream.dead_letter_files_max,
            letter_bytes_max: 6 * stream.line_bytes_max as u64 + ENVELOPE_BYTES_MAX,
        })
    }

    /// The file that letters are written to.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
