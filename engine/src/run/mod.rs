//! The life of one task: start its providers, let the lines through, end them all.
//!
//! What happens when is decided in `states`, without I/O; `runner` brings events and performs what
//! follows from them; `supervision` runs a task again after a failure, from its last checkpoint.

mod attempts;
mod failure;
mod lifecycle;
mod notice;
mod prepare;
mod replay;
mod report;
mod runner;
mod states;
mod stop;
mod supervision;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use crate::delivery::StateStore;
use crate::provider::Terminal;
use crate::resolve::{ProviderSources, ResolvedProvider};

pub use crate::delivery::{CheckpointReport, DeadLetterError, StateError};
pub use failure::{Failure, FailureKind};
pub use lifecycle::{LifecycleOutcome, run_lifecycle};
pub use notice::{Notice, Observer};
pub use replay::{Replay, ReplayReport};
pub use report::{OutputReport, RunReport};
pub use stop::StopSignal;
pub use supervision::run_supervised;

/// What a run needs from outside.
pub struct RunContext {
    /// Where providers are looked for.
    pub sources: ProviderSources,
    /// The program that ends providers when this one has died; none where there is none.
    pub guard: Option<ResolvedProvider>,
    /// Added to every provider's environment; a block's own `env` wins.
    pub env: Vec<(OsString, OsString)>,
    /// Where outputs print.
    pub terminal: Terminal,
    /// Signals: the first asks for an orderly end, the second ends at once.
    pub stop: Receiver<StopSignal>,
    /// Where checkpoints are kept; used by tasks with `delivery = "at_least_once"`.
    pub state: StateStore,
    /// How often [`Notice::Stats`] comes; without it nothing is measured.
    pub stats_every: Option<Duration>,
    /// Notified of everything that happens.
    pub observer: Arc<dyn Observer>,
}
