//! From nothing to a stream: processes, handshakes, and who waits for whom.

use std::io;

use super::event::{Action, FirstLine, Id};
use super::provider::{Command, Fate, Line, LinePipe, Reading, State, Work};
use super::timers::Timer;
use super::{Phase, TaskStates, Why};
use crate::limits::{BROKEN_PIPE_WAIT, SILENT_OUTPUT_GRACE};
use crate::protocol::Greeting;
use crate::run::failure::FailureKind;
use crate::run::notice::Notice;
use dstream_task::Handshake;

impl TaskStates<'_> {
    /// Starts the next process of a run that begins: the outputs, then the input.
    pub(super) fn spawn_next(&mut self) {
        if self.is_stopping() {
            return;
        }
        let mut order = self.output_ids().collect::<Vec<_>>().into_iter().rev().chain([Id::Input]);
        let next = order.find(|&id| matches!(self.provider(id).state, State::NotStarted));
        if let Some(id) = next {
            self.fx.act(Action::Spawn(id));
        }
    }

    pub(super) fn on_spawned(&mut self, id: Id) {
        let is_stopping = self.is_stopping();
        let (provider, fx) = self.with(id);
        provider.begin(fx);
        if is_stopping {
            return self.send_home(id);
        }
        if id != Id::Input {
            provider.handshake(fx);
        }
        self.spawn_next();
        self.open_stream();
    }

    /// It was started when the task was just about to end.
    fn send_home(&mut self, id: Id) {
        self.close_lines(id);
        let is_hurried = self.phase == Phase::Ending(Why::AtOnce);
        let (provider, fx) = self.with(id);
        if let Some(process) = provider.process_mut() {
            process.printing = Reading::Ended;
        }
        provider.terminate(fx);
        if is_hurried {
            provider.kill(None, fx);
        }
    }

    pub(super) fn on_not_spawned(&mut self, id: Id, kind: FailureKind) {
        self.fail(id, kind);
    }

    /// Its pipes have been closed: nothing will come of it.
    pub(super) fn on_no_handshake(&mut self, id: Id, error: io::Error) {
        if let Some(process) = self.with(id).0.process_mut() {
            (process.lines, process.printing) = (LinePipe::Closed, Reading::Ended);
            if let Work::Handshaking(handshaking) = &mut process.work {
                handshaking.first_line = Line::Over;
            }
        }
        self.fail(id, FailureKind::NoThread(error));
        let (provider, fx) = self.with(id);
        provider.terminate(fx);
        if id == Id::Input {
            self.end_without_stream();
        }
    }

    /// An output has its command, and its stdin is free for lines.
    pub(super) fn on_command_taken(&mut self, id: Id) {
        let (provider, fx) = self.with(id);
        let has_exited = provider.running().is_none();
        let needs_handshake = provider.rules.needs_handshake();
        let Some(process) = provider.process_mut() else { return };
        let is_unwanted = has_exited || process.is_restarting();
        if let Work::Handshaking(handshaking) = &mut process.work {
            handshaking.command = Command::Taken;
            if id != Id::Input && !is_unwanted && !needs_handshake {
                let silence = fx.now + SILENT_OUTPUT_GRACE;
                handshaking.silence = Some(silence);
                fx.timers.set(silence, Timer::Start(id));
            }
        }
        if id == Id::Input {
            return; // its stdout is what counts
        }
        if is_unwanted || matches!(process.work, Work::Draining) {
            process.lines = LinePipe::Closed;
            fx.act(Action::Close(id));
            self.on_pipe_closed(id);
        } else {
            process.lines = LinePipe::Waiting;
            self.become_ready(id);
        }
    }

    /// An output that has its command is ready as soon as its first line is there.
    fn become_ready(&mut self, id: Id) {
        let Some(process) = self.with(id).0.process_mut() else { return };
        if let Work::Handshaking(handshaking) = &process.work
            && (handshaking.command, handshaking.first_line) == (Command::Taken, Line::Ready)
        {
            process.work = Work::Ready;
            self.open_stream();
        }
    }

    fn notify_ready(&mut self, id: Id, said: bool) {
        let (provider, fx) = self.with(id);
        let started = provider.process().map_or(fx.now, |process| process.started);
        fx.notify(Notice::Ready {
            side: provider.rules.side,
            provider: provider.rules.name,
            after: fx.now.saturating_duration_since(started),
            said,
        });
    }

    pub(super) fn on_first_line(&mut self, id: Id, line: FirstLine) {
        let has_checkpoints = self.rules.keeps_checkpoints;
        let provider = self.provider(id);
        let is_required = provider.rules.needs_handshake();
        let failure =
            match line {
                FirstLine::Line { greeting: Greeting::Error { class, message }, .. } => {
                    Err(FailureKind::ReportedError { class, message })
                }
                FirstLine::Line {
                    greeting: Greeting::Ready { checkpoints: false, .. }, ..
                } if has_checkpoints => Err(FailureKind::NoCheckpoints),
                FirstLine::Line { greeting: Greeting::Ready { .. }, .. } => Ok(Some(true)),
                FirstLine::Line { line, .. } if is_required => Err(FailureKind::NoHandshake(line)),
                FirstLine::Long(line) if is_required && id == Id::Input => {
                    Err(FailureKind::NoHandshake(line))
                }
                FirstLine::Line { .. } => Ok(Some(false)),
                FirstLine::Long(_) if id == Id::Input => Ok(Some(false)),
                // An output need not print anything; an input has an empty stream, or its exit explains it.
                FirstLine::Long(_) | FirstLine::Nothing => Ok(None),
            };
        let means = if matches!(failure, Ok(Some(_))) { Line::Ready } else { Line::Over };
        if let Some(process) = self.with(id).0.process_mut()
            && let Work::Handshaking(handshaking) = &mut process.work
        {
            handshaking.first_line = means;
            match failure {
                Ok(Some(said)) => self.notify_ready(id, said),
                // Its exit, if that is why it has closed its stdout, says more.
                Ok(None) if is_required => {
                    self.fx.timers.set(self.fx.now + BROKEN_PIPE_WAIT, Timer::Pipes(id));
                }
                _ => {}
            }
        }
        match (id, failure) {
            (_, Err(kind)) => self.on_refused_start(id, kind),
            (Id::Output(_), Ok(_)) => self.become_ready(id),
            (Id::Input, Ok(first)) => {
                if first.is_some()
                    && let Some(process) = self.input.process_mut()
                {
                    process.work = Work::Ready;
                }
                self.start_stream();
            }
        }
        self.check_last_words(id);
    }

    /// A first line that ends the provider: it leaves by itself, or is made to.
    fn on_refused_start(&mut self, id: Id, kind: FailureKind) {
        self.fail(id, kind);
        if id == Id::Input {
            self.close_lines(id);
            self.end_without_stream();
        } else {
            let (provider, fx) = self.with(id);
            provider.limit(fx);
        }
    }

    /// Gives the input its command as soon as every output can take lines, and an output its lines
    /// where they flow already.
    pub(super) fn open_stream(&mut self) {
        if self.has_relay() {
            for index in 0..self.outputs.len() {
                let Some(process) = self.outputs[index].running_mut() else { continue };
                if matches!(process.work, Work::Ready) && process.lines == LinePipe::Waiting {
                    (process.work, process.lines) = (Work::Streaming, LinePipe::Relay);
                    self.fx.act(Action::GiveSink(index));
                    self.watch(Id::Output(index));
                }
            }
        }
        if self.is_stopping() || !self.outputs.iter().all(|output| output.takes_lines()) {
            return;
        }
        let Some(process) = self.input.process() else { return };
        match (&process.work, process.lines) {
            (Work::Spawned, LinePipe::Waiting) => self.input.handshake(&mut self.fx),
            (Work::Ready, LinePipe::Waiting) => self.start_stream(),
            _ => {}
        }
    }

    /// The next step of a start is due.
    pub(super) fn on_start_due(&mut self, id: Id) {
        if matches!(self.provider(id).state, State::AwaitingRestart) {
            return self.restart(id);
        }
        let (now, is_stopping) = (self.fx.now, self.is_stopping());
        let provider = self.provider(id);
        let (is_required, timeout) =
            (provider.rules.handshake == Handshake::Required, provider.rules.startup_timeout);
        let Some(process) = provider.running() else { return };
        let Work::Handshaking(handshaking) = &process.work else { return };
        let is_late = now >= handshaking.deadline && process.fate == Fate::Open && !is_stopping;
        if handshaking.silence.is_some_and(|silence| now >= silence) {
            if handshaking.first_line != Line::Ready {
                self.notify_ready(id, false);
            }
            if let Some(process) = self.with(id).0.running_mut() {
                process.work = Work::Ready;
            }
            return self.open_stream();
        }
        let late = match (handshaking.command, handshaking.first_line) {
            (Command::Sending, _) if is_late => FailureKind::NotCommanded(timeout),
            (_, Line::Awaited) if is_late && is_required => FailureKind::NotReady(timeout),
            _ => {
                let later = [Some(handshaking.deadline), handshaking.silence];
                if let Some(due) = later.into_iter().flatten().filter(|&due| due > now).min() {
                    self.fx.timers.set(due, Timer::Start(id));
                }
                return;
            }
        };
        self.fail(id, late);
        let (provider, fx) = self.with(id);
        provider.terminate(fx);
    }

    /// Starts the next process of a provider.
    fn restart(&mut self, id: Id) {
        if !self.is_stopping() && self.phase != Phase::Done {
            let (provider, fx) = self.with(id);
            provider.restarts += 1;
            fx.timers.forget(id);
            fx.act(Action::Spawn(id));
        }
    }
}
