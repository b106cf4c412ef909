//! The end of a task: who asks for it, and what it asks of the providers.

use super::event::{Action, Id};
use super::provider::{Fate, LinePipe, State, Stop, Work};
use super::timers::Timer;
use super::{Phase, TaskStates, Why};
use crate::limits::{KILLED_PIPE_WAIT, SLOW_END_REPORT_EVERY};
use crate::run::notice::Notice;
use crate::run::stop::StopSignal;

impl TaskStates<'_> {
    /// The first signal asks for an orderly end, any later one ends at once.
    pub(super) fn on_stop(&mut self, signal: StopSignal) {
        let is_over = self.phase == Phase::Done;
        let has_failed = signal == StopSignal::SiblingFailed && self.is_stopping();
        if is_over || has_failed || (!signal.is_sent() && self.stopped_by.is_some()) {
            return; // it is ending already, and nobody has asked a second time
        }
        let earlier = self.stopped_by;
        self.stopped_by.get_or_insert(signal);
        match earlier {
            None => {
                self.fx.notify(Notice::Stopping { reason: signal.reason() });
                self.wind_down();
            }
            // That nobody reads stdout any more was no signal: this is the first one.
            Some(earlier) if !earlier.is_sent() => self.stopped_by = Some(signal),
            Some(_) => self.end_at_once(),
        }
    }

    fn end_at_once(&mut self) {
        self.phase = Phase::Ending(Why::AtOnce);
        self.fx.notify(Notice::Stopping { reason: "asked a second time: ending at once" });
        for id in self.ids() {
            let (provider, fx) = self.with(id);
            provider.kill(None, fx);
            if provider.exit_step().is_some() {
                fx.timers.set(fx.now + KILLED_PIPE_WAIT, Timer::Pipes(id));
            }
        }
    }

    /// From here on everything ends: the input is asked to leave, the outputs get what it had
    /// written.
    pub(super) fn wind_down(&mut self) {
        if self.is_stopping() {
            return;
        }
        self.phase = Phase::Ending(Why::Stopped);
        self.fx.timers.set(self.fx.now + SLOW_END_REPORT_EVERY, Timer::Report);
        self.input.terminate(&mut self.fx);
        self.end_source();
        self.ids().for_each(|id| self.end_restarts(id));
        self.output_ids().for_each(|id| self.end_away(id));
        let is_unread = |process: &super::provider::Process| process.lines == LinePipe::Waiting;
        if self.input.process().is_none_or(is_unread) {
            self.close_lines(Id::Input);
            self.end_without_stream();
        }
        if self.input.running().is_none() {
            self.limit_outputs();
        }
    }

    /// Nobody is started any more: the failures that were to pass have not.
    fn end_restarts(&mut self, id: Id) {
        let (provider, fx) = self.with(id);
        match &mut provider.state {
            State::Running(process) | State::Exited(process, _) if process.is_restarting() => {
                process.fate = Fate::Failed;
                fx.act(Action::FailTask(id));
            }
            State::AwaitingRestart => {
                provider.state = State::Gone(Stop::NotAsked);
                fx.timers.forget(id);
                fx.act(Action::FailTask(id));
            }
            State::NotStarted => provider.state = State::Gone(Stop::NotAsked),
            _ => {}
        }
    }

    /// No process takes the place of an output that the relay has left, or has not been given yet: one
    /// that is just starting has nothing to do.
    fn end_away(&mut self, id: Id) {
        let Id::Output(index) = id else { return };
        if !self.has_relay() {
            return;
        }
        let lines = self.provider(id).process().map(|process| process.lines);
        if lines != Some(LinePipe::Relay) {
            self.fx.act(Action::EndSink(index));
        }
        if let Some(process) = self.with(id).0.process_mut()
            && matches!(lines, Some(LinePipe::Waiting | LinePipe::Handshake))
        {
            process.work = Work::Draining;
            if lines == Some(LinePipe::Waiting) {
                self.close_lines(id);
            }
        }
    }

    /// From now on the outputs' grace runs.
    pub(super) fn limit_outputs(&mut self) {
        for output in &mut self.outputs {
            output.limit(&mut self.fx);
        }
    }
}
