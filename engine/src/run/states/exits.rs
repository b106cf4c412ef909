//! After a process has ended: its last words, what its exit means, and pipes that are still open.

use std::time::Duration;

use super::event::{Action, Id};
use super::provider::{ExitStep, Fate, LinePipe, Process, Reading, State, Stop, Work};
use super::timers::Timer;
use super::{Phase, Provider, Stream, TaskStates, Why};
use crate::limits::{DRAIN_EVERY, HELD_PIPE_WAIT, KILLED_PIPE_WAIT};
use crate::provider::ProviderExit;
use crate::run::failure::FailureKind;
use crate::run::notice::Notice;
use dstream_task::RestartPolicy;

impl TaskStates<'_> {
    pub(super) fn on_log_ended(&mut self, id: Id) {
        if let Some(process) = self.with(id).0.process_mut() {
            process.log = Reading::Ended;
        }
        self.check_last_words(id);
    }

    /// `complete` if the relay had written everything to it: that this is so may not be known yet.
    pub(super) fn on_exited(&mut self, id: Id, exit: ProviderExit, complete: bool) {
        let (provider, fx) = self.with(id);
        provider.on_exited(exit, fx);
        match id {
            Id::Input if self.is_stopping() => self.limit_outputs(),
            Id::Input => {}
            Id::Output(_) if complete => {
                if let Some(process) = self.with(id).0.process_mut() {
                    process.work = Work::Draining;
                }
            }
            Id::Output(_) => self.release_lines(id),
        }
        self.check_last_words(id);
    }

    /// Evaluates a provider's exit, once everything that it had to say has been heard.
    pub(super) fn check_last_words(&mut self, id: Id) {
        let State::Exited(process, exited) = &self.provider(id).state else { return };
        let is_heard = process.log == Reading::Ended && process.has_spoken();
        // What it has left unread is known in a moment, when the relay has closed its pipe.
        let is_closing = id != Id::Input
            && matches!(process.work, Work::Draining)
            && process.lines == LinePipe::Relay;
        if exited.step == ExitStep::LastWords && is_heard && !is_closing {
            self.count_unread(id);
        }
    }

    fn count_unread(&mut self, id: Id) {
        match id {
            Id::Output(index) if self.has_relay() => {
                self.with(id).0.set_exit_step(ExitStep::Counting);
                self.fx.act(Action::Settle(index));
            }
            _ => self.evaluate(id),
        }
    }

    pub(super) fn on_settled(&mut self, id: Id, unread: (u64, u64)) {
        if let State::Exited(_, exited) = &mut self.with(id).0.state {
            exited.unread = (exited.unread.0 + unread.0, exited.unread.1 + unread.1);
            match exited.step {
                ExitStep::Counting => self.evaluate(id),
                ExitStep::CountingAgain => {
                    exited.step = ExitStep::Closing;
                    self.leave(id);
                }
                _ => {}
            }
        }
    }

    /// Says what an exit means. What the process has left behind has a moment to close its pipes.
    fn evaluate(&mut self, id: Id) {
        let (started, input_cut) = (self.fx.now, self.stream == Stream::Cut);
        let provider = self.provider(id);
        let State::Exited(process, exited) = &provider.state else { return };
        let after = exited.at.saturating_duration_since(process.started.min(started));
        let failure = match id {
            Id::Input => input_failure(provider, process, exited.exit, input_cut, after),
            Id::Output(_) => output_failure(process, exited.exit, exited.unread.1, after),
        };
        let (provider, fx) = self.with(id);
        provider.set_exit_step(ExitStep::Closing);
        fx.timers.reset(fx.now + pipe_wait(id), Timer::Pipes(id));
        match failure {
            Some(kind) => self.fail(id, kind),
            None => {
                let (side, provider) = (provider.rules.side, provider.rules.name);
                fx.notify(Notice::Ended { side, provider });
            }
        }
        match id {
            Id::Input => self.on_input_left(),
            Id::Output(_) => self.fx.act(Action::Reap(id)),
        }
        self.leave(id);
    }

    /// The input has left as it should: its lines are all there are, unless its policy has it begin
    /// again.
    fn on_input_left(&mut self) {
        let is_repeated = self.input.rules.restart.policy == RestartPolicy::Always;
        let is_open = self.input.process().is_some_and(Process::is_blameless);
        if is_repeated && is_open && self.is_replaceable(Id::Input) {
            let pause = self.input.next_pause(false, &mut self.chance, &mut self.fx);
            if let (Some(pause), Some(process)) = (pause, self.input.process_mut()) {
                process.fate = Fate::Restarting(pause);
            }
        }
        if !self.input.is_restarting() {
            self.end_source();
        }
    }

    pub(super) fn end_source(&mut self) {
        if self.stream == Stream::Flowing {
            self.fx.act(Action::EndSource);
        }
    }

    /// A pipe of a provider has been closed.
    pub(super) fn on_pipe_closed(&mut self, id: Id) {
        self.check_last_words(id);
        self.leave(id);
    }

    /// The relay has left the pipe of an output. If its exit has been evaluated before, what it has
    /// left unread is more than was known then.
    pub(super) fn on_sink_closed(&mut self, index: usize) {
        let id = Id::Output(index);
        match self.provider(id).exit_step() {
            None | Some(ExitStep::LastWords | ExitStep::Counting) => self.on_pipe_closed(id),
            Some(_) => {
                self.with(id).0.set_exit_step(ExitStep::CountingAgain);
                self.fx.act(Action::Settle(index));
            }
        }
    }

    /// A process that has been evaluated and whose pipes are closed is gone, or replaced.
    pub(super) fn leave(&mut self, id: Id) {
        let (provider, fx) = self.with(id);
        let State::Exited(process, exited) = &provider.state else { return };
        let is_evaluated = !matches!(
            exited.step,
            ExitStep::LastWords | ExitStep::Counting | ExitStep::CountingAgain
        );
        if !is_evaluated || !process.is_closed() {
            return;
        }
        let (fate, stop, (lines, bytes)) = (process.fate, process.stop, exited.unread);
        if id == Id::Input {
            fx.act(Action::Reap(id)); // an output is reaped before
        }
        fx.timers.forget(id);
        let Fate::Restarting(pause) = fate else {
            provider.state = State::Gone(stop);
            return;
        };
        provider.state = State::AwaitingRestart;
        let (side, name, restart) =
            (provider.rules.side, provider.rules.name, provider.restarts + 1);
        if lines > 0 {
            fx.notify(Notice::LinesLost { provider: name, lines, bytes });
        }
        fx.timers.set(fx.now + pause, Timer::Start(id));
        fx.notify(Notice::Restarting { side, provider: name, after: pause, restart, alone: true });
    }

    /// A process has closed a pipe and not left, or left and its pipes are still open.
    pub(super) fn on_pipes_due(&mut self, id: Id) {
        match &self.provider(id).state {
            State::Running(process) => {
                let kind = match process.work {
                    Work::Handshaking(_) => FailureKind::ClosedBeforeReady,
                    Work::Streaming => FailureKind::ClosedStdin,
                    Work::Spawned | Work::Ready | Work::Draining => return,
                };
                if process.stop == Stop::NotAsked && process.is_blameless() {
                    self.fail(id, kind);
                    let (provider, fx) = self.with(id);
                    provider.terminate(fx);
                }
            }
            State::Exited(_, exited) => match exited.step {
                ExitStep::LastWords => self.count_unread(id),
                ExitStep::Counting | ExitStep::CountingAgain => {}
                _ if self.phase == Phase::Ending(Why::AtOnce) => self.give_up_pipes(id),
                _ => self.on_held_pipes(id),
            },
            State::NotStarted | State::AwaitingRestart | State::Gone(_) => {}
        }
    }

    /// Its pipes have not ended in time. Often another provider is only slow; if a process that this
    /// one has left behind holds a pipe, it is not waited for.
    fn on_held_pipes(&mut self, id: Id) {
        let State::Exited(process, exited) = &self.provider(id).state else { return };
        let (now, step, lines) = (self.fx.now, exited.step, process.lines);
        let again = now + pipe_wait(id);
        match id {
            // The stream ends when the outputs have taken it; without outputs nobody waits for it.
            Id::Input if self.outputs.iter().all(Provider::is_gone) => self.give_up_pipes(id),
            Id::Input if lines == LinePipe::Waiting || step == ExitStep::LeftBehind => {
                self.fx.timers.set(again, Timer::Pipes(id));
            }
            Id::Output(_) if lines == LinePipe::Handshake => self.give_up_pipes(id),
            Id::Output(index) if lines == LinePipe::Relay => match step {
                ExitStep::Draining { until } if now >= until => self.give_up_pipes(id),
                _ => {
                    if !matches!(step, ExitStep::Draining { .. }) {
                        self.with(id).0.set_exit_step(ExitStep::Draining { until: again });
                    }
                    self.fx.act(Action::Drain(index));
                    self.fx.timers.set(now + DRAIN_EVERY, Timer::Pipes(id));
                }
            },
            Id::Input | Id::Output(_) => {
                self.fx.timers.set(again, Timer::Pipes(id));
                self.fx.act(Action::CheckPipe(id));
            }
        }
    }

    pub(super) fn on_pipe_checked(&mut self, id: Id, held: bool) {
        let is_stopping = self.is_stopping();
        let (provider, fx) = self.with(id);
        let (name, grace) = (provider.rules.name, provider.rules.shutdown_timeout);
        let State::Exited(process, exited) = &mut provider.state else { return };
        match (id, exited.step) {
            (Id::Output(_), _) => {
                // What it has printed is still being shown, as to a person who reads slowly. When the
                // task is to end, that has its time, too.
                let waited = fx.now.saturating_duration_since(exited.at);
                let is_late = process.stop.is_forced() || waited >= grace;
                if held {
                    self.give_up_pipes(id);
                } else if is_stopping && is_late {
                    process.stop = Stop::Killed;
                    self.give_up_pipes(id);
                }
            }
            (Id::Input, _) if !held => {}
            (Id::Input, ExitStep::Closing) => {
                exited.step = ExitStep::GroupKilled;
                fx.act(Action::Kill(id));
                fx.notify(Notice::PipeHeld { provider: name, escaped: false });
            }
            (Id::Input, _) => {
                exited.step = ExitStep::LeftBehind;
                let is_read = process.lines == LinePipe::Relay;
                fx.notify(Notice::PipeHeld { provider: name, escaped: true });
                if is_read {
                    fx.act(Action::CancelSource);
                } else {
                    self.give_up_pipes(id);
                }
            }
        }
    }

    /// Nobody waits for the pipes of a process that has ended any longer.
    fn give_up_pipes(&mut self, id: Id) {
        let (provider, fx) = self.with(id);
        let Some(process) = provider.process_mut() else { return };
        let is_unused = process.lines == LinePipe::Waiting;
        (process.lines, process.printing) = (LinePipe::Closed, Reading::Ended);
        if is_unused {
            fx.act(Action::Close(id));
        }
        self.leave(id);
        if id == Id::Input {
            self.end_without_stream();
        }
    }
}

fn pipe_wait(id: Id) -> Duration {
    match id {
        Id::Input => HELD_PIPE_WAIT,
        Id::Output(_) => KILLED_PIPE_WAIT,
    }
}

/// What an input's exit says about it.
fn input_failure(
    provider: &Provider<'_>,
    process: &Process,
    exit: ProviderExit,
    is_cut: bool,
    after: Duration,
) -> Option<FailureKind> {
    let is_asked = process.stop != Stop::NotAsked;
    let was_needless = is_asked && matches!(process.work, Work::Spawned);
    let is_excused = process.stop.is_forced()
        || is_cut // how it takes that its pipe was closed is not its fault
        || was_needless
        || (is_asked && exit.is_stop());
    if is_excused || !process.is_blameless() {
        None
    } else if !process.is_ready() && (provider.rules.needs_handshake() || !exit.is_success()) {
        Some(FailureKind::EndedBeforeReady { exit, after })
    } else {
        (!exit.is_success()).then_some(FailureKind::Exited(exit))
    }
}

/// What an output's exit says about it.
fn output_failure(
    process: &Process,
    exit: ProviderExit,
    unread_bytes: u64,
    after: Duration,
) -> Option<FailureKind> {
    let is_asked = process.stop != Stop::NotAsked;
    let has_everything = matches!(process.work, Work::Draining);
    if !process.is_blameless() || process.stop.is_forced() || (is_asked && exit.is_stop()) {
        None
    } else if has_everything && exit.is_success() {
        (unread_bytes > 0).then_some(FailureKind::LeftUnread { exit, bytes: unread_bytes })
    } else if has_everything {
        Some(FailureKind::Exited(exit))
    } else if !process.is_ready() {
        Some(FailureKind::EndedBeforeReady { exit, after })
    } else {
        Some(FailureKind::EndedEarly(exit))
    }
}
