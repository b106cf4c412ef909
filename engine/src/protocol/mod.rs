//! The provider protocol, version 1 (`docs/protocol.md`): every JSON message, and the only place
//! that knows their shape. Knows nothing of processes and transports.

mod checkpoint;
mod command;
mod envelope;
mod greeting;
mod lifecycle;

pub use checkpoint::AskedCheckpoints;
pub(crate) use checkpoint::{CheckpointCheck, ack, ack_of};
pub use command::{Command, command_line};
pub use envelope::{EnvelopeCheck, EnvelopeView};
pub use greeting::{ErrorClass, Greeting};
pub use lifecycle::{Change, LifecycleResult, ResultError};
