//! The provider protocol, version 1 (`docs/protocol.md`): every JSON message, and the only place
//! that knows their shape. Knows nothing of processes and transports.

mod checkpoint;
mod command;
mod envelope;
mod greeting;
mod lifecycle;
mod reject;

pub use checkpoint::AskedCheckpoints;
pub(crate) use checkpoint::{CheckpointCheck, ack};
pub use command::{Asked, Command, command_line};
pub use envelope::{EnvelopeCheck, EnvelopeView};
pub use greeting::{ErrorClass, Greeting};
pub use lifecycle::{Change, LifecycleResult, ResultError};
pub(crate) use reject::{RejectedLine, Word, acks, acks_and_rejects, begins_as_reject, rejects};
