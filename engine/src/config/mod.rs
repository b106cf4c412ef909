//! HCL text → validated [`Task`]s, with diagnostics that point at the source.
//!
//! Knows nothing of processes or bytes. Reads no environment by itself: everything from outside
//! comes in through [`Surroundings`].

mod diagnostic;
mod secrets;
mod surroundings;
mod task;
#[cfg_attr(
    not(test),
    expect(dead_code, unused_imports, reason = "the loader uses it from the next commit on")
)]
mod template;

pub use diagnostic::{Diagnostic, Diagnostics, Severity, SourceText};
pub use secrets::Secrets;
pub use surroundings::{BuiltinProvider, Surroundings};
pub use task::{
    ConfigFormat, Delivery, Handshake, OnInvalid, ProviderBlock, ProviderRef, Restart,
    RestartPolicy, Side, StreamOptions, Task, Validate,
};
