//! HCL text → validated [`Task`](dstream_task::Task)s, with diagnostics that point at the source.
//!
//! A file goes through `text` (template actions lifted out, HCL parsed) and `blocks` (its
//! structure) into a [`Document`]; a task of it through `values` (expressions evaluated, with
//! `functions` and `template`s) into a [`Task`](dstream_task::Task).
//!
//! Knows nothing of processes or bytes. Reads no environment by itself: everything from outside
//! comes in through [`Surroundings`]; files only where the configuration or the command line names
//! one. Every bound is in `limits`.

mod blocks;
mod document;
mod functions;
mod limits;
mod settings;
mod surroundings;
mod text;
mod values;

pub use document::{Document, ProviderSummary, TaskError, TaskSummary};
pub use settings::Settings;
pub use surroundings::{BuiltinProvider, CheckBuiltin, ConfigRefusal, Surroundings};
