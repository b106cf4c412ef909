//! The life of one task, told top-down: start its providers, let the lines through, end them all.

mod dispatcher;
mod failure;
mod lifecycle;
mod member;
mod notice;
mod replay;
mod report;
mod supervision;
mod timers;

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, never};

use crate::delivery::{StateStore, TaskState};
use crate::provider::Terminal;
use crate::resolve::{ProviderSources, ResolvedProvider};
use crate::stats::Totals;
use dstream_task::Task;

pub use crate::delivery::{CheckpointReport, DeadLetterError, StateError};
pub use failure::{Failure, FailureKind};
pub use lifecycle::{LifecycleOutcome, run_lifecycle};
pub use notice::{Notice, Observer};
pub use replay::{Replay, ReplayReport};
pub use report::{OutputReport, RunReport};
pub use supervision::run_supervised;

/// Why a run should stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT: someone pressed Ctrl-C.
    Interrupt,
    /// SIGTERM: a service manager asks.
    Terminate,
    /// SIGHUP: the terminal has been closed.
    Hangup,
    /// Whoever read what outputs print has left.
    TerminalClosed,
    /// Another task of the same process has failed, and none is to go on without it.
    SiblingFailed,
}

impl StopSignal {
    /// Whether somebody has asked, rather than circumstances: after that the next one who asks is
    /// asking a second time.
    fn is_asked(self) -> bool {
        matches!(self, Self::Interrupt | Self::Terminate | Self::Hangup)
    }

    /// The word for it in a notice.
    fn reason(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "the terminal was closed",
            Self::TerminalClosed => "nobody reads the output any more",
            Self::SiblingFailed => "another task failed",
        }
    }
}

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
    /// Told of everything that happens.
    pub observer: Arc<dyn Observer>,
}

/// Runs a task to its end, with its state where it keeps one. Providers die with the calling
/// thread: it must not be one that ends early for other reasons.
fn run_task(
    task: &Task,
    context: &RunContext,
    state: Result<Option<Arc<TaskState>>, StateError>,
    earlier: Option<Totals>,
) -> RunReport {
    let (events, inbox) = dispatcher::inbox(task);
    let mut dispatcher = dispatcher::Dispatcher::new(task, context, state, earlier, events);
    dispatcher.start();
    let mut stop = context.stop.clone();
    while dispatcher.goes_on() {
        crossbeam_channel::select! {
            recv(inbox) -> event => if let Ok(event) = event { dispatcher.on_event(event) },
            recv(stop) -> signal => match signal {
                Ok(signal) => dispatcher.on_stop(signal),
                Err(_) => stop = never(), // nobody can ask any more
            },
            recv(dispatcher.next_timer()) -> _ => dispatcher.on_timers(),
        }
    }
    dispatcher.report()
}
