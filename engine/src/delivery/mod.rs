//! What becomes of lines beyond being written: for now, of those that are not.

mod rejected;

pub use rejected::DeadLetterError;
pub(crate) use rejected::RejectedLines;
