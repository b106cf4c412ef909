//! HCL text → validated [`Task`]s, with diagnostics that point at the source.
//!
//! A file goes through `text` (template actions lifted out, HCL parsed) and `blocks` (its
//! structure) into a [`Document`]; a task of it through `values` (expressions evaluated, with
//! `functions` and `template`s) into a [`Task`].
//!
//! Knows nothing of processes or bytes. Reads no environment by itself: everything from outside
//! comes in through [`Surroundings`]; files only where the configuration or the command line names
//! one. Every bound is in `limits`.

mod blocks;
mod confinement;
mod diagnostic;
mod document;
mod functions;
mod limits;
mod nearest;
mod places;
mod secrets;
mod settings;
mod surroundings;
mod task;
mod template;
mod text;
mod values;

pub use crate::filter::Filter;
pub use confinement::{Confinement, ResourceLimits, Sandbox};
pub use diagnostic::{Diagnostic, Diagnostics, Severity, SourceText};
pub(crate) use document::on_large_stack;
pub use document::{Document, ProviderSummary, TaskError, TaskSummary};
pub(crate) use nearest::{did_you_mean, is_same_name, listed};
pub use places::{ConfigPlaces, Step};
pub use secrets::Secrets;
pub use settings::{Mirror, Settings, TrustPattern, TrustPolicy};
pub use surroundings::{BuiltinProvider, CheckBuiltin, ConfigRefusal, Surroundings};
pub use task::{
    CheckpointInterval, ConfigFormat, Delivery, Handshake, OnInvalid, ProviderBlock, Restart,
    RestartPolicy, Side, StreamOptions, Task, Validate,
};
