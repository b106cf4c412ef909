//! HCL text → validated [`Task`]s, with diagnostics that point at the source.
//!
//! Knows nothing of processes or bytes. Reads no environment by itself: everything from outside
//! comes in through [`Surroundings`].

mod action;
mod config_block;
mod declared;
mod diagnostic;
mod document;
mod evaluate;
mod fields;
mod functions;
mod limits;
mod log;
mod names;
mod nearest;
mod operators;
mod outline;
mod schema;
mod script;
mod secrets;
mod settings;
mod strings;
mod surroundings;
mod syntax;
mod task;
mod task_block;
mod template;
mod traversal;
mod types;
mod units;
mod values;
mod variables;

pub use diagnostic::{Diagnostic, Diagnostics, Severity, SourceText};
pub use document::{Document, ProviderSummary, TaskError, TaskSummary};
pub use secrets::Secrets;
pub use surroundings::{BuiltinProvider, Surroundings};
pub use task::{
    ConfigFormat, Delivery, Handshake, OnInvalid, ProviderBlock, ProviderRef, Restart,
    RestartPolicy, Side, StreamOptions, Task, Validate,
};
