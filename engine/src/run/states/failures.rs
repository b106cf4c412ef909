//! Failures: whether they end the task, or only have one provider started again.
//!
//! Without checkpoints only the provider that has failed is started again, and the others wait at their
//! pipes. What an output that died had not read is lost and counted; of what it had read, nobody knows
//! what it has done with it. With checkpoints all providers are started again instead
//! (`run::supervision`), and nothing is lost.

use std::time::Duration;

use super::event::{Action, Id};
use super::provider::{Fate, LinePipe, State, Stop, Work};
use super::timers::Timer;
use super::{Stream, TaskStates};
use crate::run::attempts::may_pass;
use crate::run::failure::FailureKind;
use crate::run::notice::Notice;
use dstream_task::Side;

impl TaskStates<'_> {
    /// Whether another process can take the place of this provider's.
    pub(super) fn is_replaceable(&self, id: Id) -> bool {
        let provider = self.provider(id);
        let has_all = match id {
            Id::Input => !matches!(self.stream, Stream::NotStarted | Stream::Flowing),
            Id::Output(_) => provider.process().is_some_and(|it| matches!(it.work, Work::Draining)),
        };
        !self.rules.keeps_checkpoints && !self.is_stopping() && provider.has_restarts() && !has_all
    }

    /// Reports a failure. It ends the task, unless the provider may be started again.
    pub(super) fn fail(&mut self, id: Id, kind: FailureKind) {
        let provider = self.provider(id);
        let is_first = provider.process().is_none_or(|process| process.is_blameless());
        // What follows from a provider's failure is not another; what the relay finds in its lines is.
        if !is_first && !is_of_stream(&kind) {
            return;
        }
        // What could be started once can be started again.
        let was_started = provider.restarts > 0;
        let passes =
            may_pass(&kind) || (was_started && matches!(kind, FailureKind::NotStarted { .. }));
        let pauses = is_first && passes && self.is_replaceable(id);
        self.fx.act(Action::Report(id, kind));
        let pause = pauses.then(|| {
            let (chance, fx) = (&mut self.chance, &mut self.fx);
            match id {
                Id::Input => self.input.next_pause(true, chance, fx),
                Id::Output(index) => self.outputs[index].next_pause(true, chance, fx),
            }
        });
        match pause.flatten() {
            Some(pause) => self.begin_restart(id, pause),
            None => {
                let (provider, fx) = self.with(id);
                match &mut provider.state {
                    State::Running(process) | State::Exited(process, _) => {
                        if process.is_blameless() {
                            process.fate = Fate::Failed;
                        }
                    }
                    // It could not be started.
                    State::NotStarted | State::AwaitingRestart => {
                        provider.state = State::Gone(Stop::NotAsked);
                    }
                    State::Gone(_) => {}
                }
                fx.act(Action::FailTask(id));
                self.wind_down();
            }
        }
    }

    /// The process leaves, or has left, and another one is to follow.
    fn begin_restart(&mut self, id: Id, pause: Duration) {
        let (provider, fx) = self.with(id);
        let Some(process) = provider.process_mut() else {
            // It could not be started.
            let restart = provider.restarts + 1;
            let (side, name) = (provider.rules.side, provider.rules.name);
            provider.state = State::AwaitingRestart;
            fx.timers.reset(fx.now + pause, Timer::Start(id));
            fx.notify(Notice::Restarting {
                side,
                provider: name,
                after: pause,
                restart,
                alone: true,
            });
            return;
        };
        process.fate = Fate::Restarting(pause);
        let is_unread = matches!(process.work, Work::Spawned);
        provider.terminate(fx);
        if provider.rules.side == Side::Output {
            self.release_lines(id);
        } else if is_unread {
            self.close_lines(id);
        }
        self.leave(id);
    }

    /// An output gets no more lines: it sees the end of its stdin, and what is not written yet waits
    /// for its next process.
    pub(super) fn release_lines(&mut self, id: Id) {
        let Id::Output(index) = id else { return };
        match self.provider(id).process().map(|process| process.lines) {
            Some(LinePipe::Relay) => self.fx.act(Action::Detach(index)),
            Some(LinePipe::Waiting) => self.close_lines(id),
            _ => {}
        }
    }
}

/// Failures that are found in what a provider has sent, or in what is done with it, not in the provider
/// itself.
fn is_of_stream(kind: &FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::InvalidLine { .. }
            | FailureKind::BadCheckpoint { .. }
            | FailureKind::NoDeadLetter { .. }
            | FailureKind::NotRead(_)
            | FailureKind::NotStored(_)
    )
}
