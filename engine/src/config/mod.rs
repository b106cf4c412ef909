//! HCL text → validated [`Task`]s, with diagnostics that point at the source.
//!
//! Knows nothing of processes or bytes. Reads no environment by itself: everything from outside
//! comes in through [`Surroundings`].

mod diagnostic;
mod document;
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "the loader calls it"))]
mod functions;
mod secrets;
mod surroundings;
mod task;

pub use diagnostic::{Diagnostic, Diagnostics, Severity, SourceText};
pub use document::{Document, ProviderSummary, TaskError, TaskSummary};
pub use secrets::Secrets;
pub use surroundings::{BuiltinProvider, Surroundings};
pub use task::{
    ConfigFormat, Delivery, Handshake, OnInvalid, ProviderBlock, ProviderRef, Restart,
    RestartPolicy, Side, StreamOptions, Task, Validate,
};
