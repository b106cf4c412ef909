//! What becomes of lines beyond being written: how far a stream is complete, and what is left out.

mod checkpoints;
mod dead_letters;
mod progress;
mod rejected;
mod state;

pub use checkpoints::CheckpointReport;
pub(crate) use checkpoints::Checkpoints;
pub use dead_letters::{
    Claim, ClaimCounts, DeadLetterError, DeadLetters, Entry, Letter, Letters, Place, Wanted,
    can_be_sent, letter_line, read_letter,
};
pub(crate) use rejected::{RejectedLines, ReturnedLines};
pub use state::{StateError, StateStore, Stored, TaskState};
