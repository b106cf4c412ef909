//! What the engine does with the messages of the protocol, which `dstream-protocol` defines: it asks,
//! checks the lines of inputs, and reads what outputs say. Knows nothing of processes and transports.

mod checkpoint;
mod command;
mod control;
mod envelope;
mod greeting;

pub use dstream_protocol::{Command, ErrorClass, LifecycleResult, ResultError};

pub(crate) use checkpoint::CheckpointCheck;
pub use command::{Asked, AskedCheckpoints, command_line};
pub(crate) use control::{
    ControlMessage, RejectedLine, acks, acks_and_rejects, begins_as_reject, rejects,
};
pub use envelope::EnvelopeCheck;
pub use greeting::Greeting;
