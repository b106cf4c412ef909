//! A run as states: what every provider is at, what the task is at, and what follows from an event.
//!
//! Nothing here waits, reads a clock, or touches a process. [`TaskStates::step`] takes one [`Event`] and
//! the time, changes the states, and lists the [`Action`]s to perform; `run::runner` performs them and
//! brings the next event. So a run can be tested without processes (`tests::model`).
//!
//! A provider ([`State`](provider::State), and [`Work`](provider::Work) while its process runs):
//!
//! ```mermaid
//! stateDiagram-v2
//!     [*] --> NotStarted
//!     NotStarted --> Running: its process is started
//!     state Running {
//!         [*] --> Spawned: the input waits until every output is ready
//!         [*] --> Handshaking: an output gets its command at once
//!         Spawned --> Handshaking: every output is ready, the command is sent
//!         Handshaking --> Ready: it has its command and says that it is ready, or sends data, or stays silent
//!         Ready --> Streaming: its pipe is given to the relay
//!         Streaming --> Draining: an input has closed its stdout, an output has got every line
//!     }
//!     Running --> Exited: its process ends
//!     Exited --> AwaitingRestart: all its pipes are closed, and its policy gives it another process
//!     AwaitingRestart --> Running: the pause is over
//!     Exited --> Gone: all its pipes are closed, or what holds them is left behind
//!     AwaitingRestart --> Gone: the task ends
//!     NotStarted --> Gone: the task ends
//!     Gone --> [*]
//! ```
//!
//! A running process can be asked to leave at any point of its work: [`Stop`] says how far that has
//! come (not asked, SIGTERM, one more moment, SIGKILL). After its exit it goes through the steps of
//! [`ExitStep`](provider::ExitStep): its last log lines are read, its exit is evaluated, its pipes are to end. A pipe that
//! does not end is held by something that the process has left behind: its process group is killed;
//! what has left the group is left behind.
//!
//! The task ([`Phase`]):
//!
//! ```mermaid
//! stateDiagram-v2
//!     [*] --> Running
//!     Running --> Ending: the stream has ended, a provider has failed, or somebody asks
//!     Ending --> Done: every provider is gone
//!     Done --> [*]
//! ```

mod command;
mod ending;
mod event;
mod exits;
mod failures;
mod provider;
mod stalling;
mod starting;
mod stream;
mod timers;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use self::event::Effects;
use super::failure::FailureKind;
use super::stop::StopSignal;
use crate::limits::SLOW_END_REPORT_EVERY;
use crate::run::notice::Notice;

pub(super) use self::command::{CommandStates, CutShort};
pub(super) use self::event::{
    Action, Event, FirstLine, Id, InputEnd, Moved, ProviderEvent, RelayEvent,
};
pub(super) use self::provider::{Provider, Rules, Stop};
pub(super) use self::timers::Timer;

/// What a run is besides its providers.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunRules {
    /// Checkpoints are kept: a provider that fails is not started again alone, but all of them are.
    pub(super) keeps_checkpoints: bool,
    /// How often the stream's numbers are shown.
    pub(super) stats_every: Option<Duration>,
}

/// What the task is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Providers start, or lines flow.
    Running,
    /// Everything comes to its end.
    Ending(Why),
    /// Nothing more happens.
    Done,
}

/// Why a task ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The input has said everything. The outputs take the time they need.
    StreamEnded,
    /// Somebody has asked, or a provider has failed: each provider has its grace.
    Stopped,
    /// Somebody has asked twice: nothing is waited for.
    AtOnce,
}

/// What the relay does with the input's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stream {
    /// It does not run yet.
    NotStarted,
    /// It reads.
    Flowing,
    /// It has read everything there was, and writes what it has.
    Ended,
    /// The same, but it has closed the input's pipe before its end.
    Cut,
    /// There will be none.
    Never,
}

/// Whether checkpoints are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Checkpoints {
    /// The task keeps none, or nothing is stored any more.
    Off,
    Kept,
}

/// The states of a task and its providers.
#[derive(Debug)]
pub(super) struct TaskStates<'a> {
    rules: RunRules,
    input: Provider<'a>,
    outputs: Vec<Provider<'a>>,
    phase: Phase,
    stream: Stream,
    checkpoints: Checkpoints,
    stopped_by: Option<StopSignal>,
    /// For pauses that differ a little.
    chance: fastrand::Rng,
    fx: Effects<'a>,
}

impl<'a> TaskStates<'a> {
    pub(super) fn new(
        rules: RunRules,
        input: Rules<'a>,
        outputs: impl IntoIterator<Item = Rules<'a>>,
        seed: u64,
        now: Instant,
    ) -> Self {
        let outputs = outputs.into_iter().enumerate();
        Self {
            rules,
            input: Provider::new(Id::Input, input),
            outputs: outputs.map(|(index, it)| Provider::new(Id::Output(index), it)).collect(),
            phase: Phase::Running,
            stream: Stream::NotStarted,
            checkpoints: if rules.keeps_checkpoints { Checkpoints::Kept } else { Checkpoints::Off },
            stopped_by: None,
            chance: fastrand::Rng::with_seed(seed),
            fx: Effects::new(now),
        }
    }

    /// What follows from an event.
    pub(super) fn step(&mut self, event: Event, now: Instant) -> Vec<Action<'a>> {
        self.fx.now = now;
        match event {
            Event::Begin => self.spawn_next(),
            Event::Provider { id, process, event } => {
                if self.provider(id).restarts == process {
                    self.on_provider(id, event);
                }
            }
            Event::Relay(event) => self.on_relay(event),
            Event::Stop(signal) => self.on_stop(signal),
            Event::CheckpointsEnded(end) => self.on_checkpoints_ended(end),
            Event::Tick => self.on_tick(),
        }
        self.finish();
        std::mem::take(&mut self.fx.actions)
    }

    pub(super) fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// When [`Event::Tick`] is due.
    pub(super) fn next_tick(&self) -> Option<Instant> {
        self.fx.timers.next()
    }

    pub(super) fn stopped_by(&self) -> Option<StopSignal> {
        self.stopped_by
    }

    pub(super) fn provider(&self, id: Id) -> &Provider<'a> {
        match id {
            Id::Input => &self.input,
            Id::Output(index) => &self.outputs[index],
        }
    }

    pub(super) fn providers(&self) -> impl Iterator<Item = &Provider<'a>> {
        std::iter::once(&self.input).chain(&self.outputs)
    }

    /// How many restarts of single providers there were.
    pub(super) fn restarts(&self) -> u32 {
        self.providers().map(|provider| provider.restarts).sum()
    }

    /// A provider, and what to do about it.
    fn with(&mut self, id: Id) -> (&mut Provider<'a>, &mut Effects<'a>) {
        match id {
            Id::Input => (&mut self.input, &mut self.fx),
            Id::Output(index) => (&mut self.outputs[index], &mut self.fx),
        }
    }

    fn output_ids(&self) -> impl Iterator<Item = Id> + use<> {
        (0..self.outputs.len()).map(Id::Output)
    }

    fn ids(&self) -> impl Iterator<Item = Id> + use<> {
        std::iter::once(Id::Input).chain(self.output_ids())
    }

    fn on_provider(&mut self, id: Id, event: ProviderEvent) {
        match event {
            ProviderEvent::Spawned => self.on_spawned(id),
            ProviderEvent::NotSpawned(kind) => self.on_not_spawned(id, kind),
            ProviderEvent::NoHandshakeThread(error) => self.on_no_handshake(id, error),
            ProviderEvent::CommandTaken => self.on_command_taken(id),
            ProviderEvent::FirstLine(line) => self.on_first_line(id, line),
            ProviderEvent::Printed => self.on_printed(id),
            ProviderEvent::LogEnded => self.on_log_ended(id),
            ProviderEvent::Exited { exit, complete } => self.on_exited(id, exit, complete),
            ProviderEvent::Misspoke(kind) => {
                self.fail(id, kind);
                let (provider, fx) = self.with(id);
                provider.limit(fx);
            }
            ProviderEvent::PipeChecked { held } => self.on_pipe_checked(id, held),
            ProviderEvent::Settled { lines, bytes } => self.on_settled(id, (lines, bytes)),
            ProviderEvent::Looked { moved, has_work } => self.on_looked(id, moved, has_work),
        }
    }

    fn on_tick(&mut self) {
        while let Some(timer) = self.fx.timers.take_due(self.fx.now) {
            match timer {
                Timer::Start(id) => self.on_start_due(id),
                Timer::Grace(id) => {
                    let (provider, fx) = self.with(id);
                    provider.on_grace_over(fx);
                }
                Timer::Pipes(id) => self.on_pipes_due(id),
                Timer::Stall(id) => self.on_stall_due(id),
                Timer::Report => self.report_running(),
                Timer::Stats => self.on_stats_due(),
            }
        }
    }

    /// No more is started, and each provider that has nothing left to do must leave in its grace.
    fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Ending(Why::Stopped | Why::AtOnce) | Phase::Done)
    }

    /// The run is over when every provider is gone and what the outputs have acknowledged last is
    /// stored. A disk that does not answer is waited for until somebody asks a second time.
    fn finish(&mut self) {
        if self.phase == Phase::Done || !self.providers().all(Provider::is_gone) {
            return;
        }
        self.fx.act(Action::EndAcknowledgements);
        if self.checkpoints == Checkpoints::Off || self.phase == Phase::Ending(Why::AtOnce) {
            self.phase = Phase::Done;
        }
    }

    /// Says who is still running although its work is over.
    fn report_running(&mut self) {
        let is_read = matches!(self.stream, Stream::Ended | Stream::Cut | Stream::Never);
        for provider in std::iter::once(&self.input).chain(&self.outputs) {
            let Some(process) = provider.running() else { continue };
            let is_input = provider.id == Id::Input;
            let has_left =
                process.stop != Stop::NotAsked || matches!(process.work, provider::Work::Draining);
            if (is_read || (is_input && has_left)) && process.stop != Stop::Killed {
                let due = self.fx.timers.due(Timer::Grace(provider.id));
                self.fx.actions.push(Action::Notify(Notice::StillRunning {
                    side: provider.rules.side,
                    provider: provider.rules.name,
                    left: due.map(|due| due.saturating_duration_since(self.fx.now)),
                }));
            }
        }
        if self.checkpoints == Checkpoints::Kept && self.providers().all(Provider::is_gone) {
            self.fx.notify(Notice::StillStoring);
        }
        self.fx.timers.set(self.fx.now + SLOW_END_REPORT_EVERY, Timer::Report);
    }

    fn on_checkpoints_ended(&mut self, end: Result<(), FailureKind>) {
        self.checkpoints = Checkpoints::Off;
        // Its stdin is closed: from now on it has no reason to stay.
        self.limit_idle_input();
        if let Err(kind) = end {
            self.fail(Id::Input, kind);
        }
    }
}
