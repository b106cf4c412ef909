//! From a stream to nothing: ends of pipes and processes, graces, failures.

use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::{Duration, Instant};

use super::{Dispatcher, INPUT, Timer};
use crate::delivery::DeadLetterError;
use crate::limits::{
    BROKEN_PIPE_WAIT, HELD_PIPE_WAIT, LAST_CALL, LAST_WORDS_WAIT, SLOW_END_REPORT_EVERY,
};
use crate::provider::ProviderExit;
use crate::run::failure::FailureKind;
use crate::run::member::Member;
use crate::run::notice::Notice;
use dstream_relay::limits::KILLED_PIPE_WAIT;
use dstream_relay::pipe;
use dstream_relay::{InputEnd, OutputEnd, Refusal, RelayEvent};
use dstream_task::Handshake;

impl Dispatcher<'_> {
    pub(super) fn on_relay_event(&mut self, event: RelayEvent) {
        match event {
            RelayEvent::InputEnd(end) => {
                self.count_relay_end();
                self.on_input_end(end);
            }
            RelayEvent::OutputEnd(index, end) => {
                self.count_relay_end();
                self.on_output_end(index + 1, end);
            }
            RelayEvent::SourceEnded => self.on_source_ended(),
            RelayEvent::SinkBroken(index, error) => self.on_sink_broken(index + 1, error),
        }
    }

    fn count_relay_end(&mut self) {
        self.relay_ends_open = self.relay_ends_open.saturating_sub(1);
        if self.relay_ends_open == 0 {
            self.final_stats(); // how long the outputs then take to leave is not the stream's time
        }
    }

    fn on_input_end(&mut self, end: InputEnd) {
        self.input_ended = true;
        self.input_cut = !matches!(end, InputEnd::Ended);
        match end {
            InputEnd::Ended | InputEnd::OutputGone | InputEnd::Cancelled => {}
            InputEnd::Refused(Refusal::Line { line_number, offset_bytes, reason }) => {
                let kind = FailureKind::InvalidLine { line_number, offset_bytes, reason };
                self.fail(INPUT, kind);
            }
            InputEnd::Refused(Refusal::Mark { line_number, offset_bytes, reason }) => {
                let kind = FailureKind::BadCheckpoint { line_number, offset_bytes, reason };
                self.fail(INPUT, kind);
            }
            InputEnd::Refused(Refusal::NotKept(source)) => {
                let path = self.task.stream.dead_letter.clone().unwrap_or_default();
                let source = DeadLetterError::from_io(source);
                self.fail(INPUT, FailureKind::NoDeadLetter { path, source });
            }
            InputEnd::Failed(error) => self.fail(INPUT, FailureKind::NotRead(error)),
        }
        if let Some(delivery) = &self.delivery {
            delivery.checkpoints.end_notes();
        }
        self.linger();
        self.timers.set(Instant::now() + SLOW_END_REPORT_EVERY, Timer::Report);
        self.reap(INPUT);
        if self.members[INPUT].is_restarting() {
            self.wind_down(); // its pipe was given up: nothing can follow
        }
    }

    /// An input whose stream is over must leave within its grace, unless it still waits to be told
    /// that its lines have arrived.
    pub(super) fn linger(&mut self) {
        let member = &self.members[INPUT];
        if (self.input_ended || self.source_ended) && member.is_running() && !self.is_keeping() {
            let grace = member.block.shutdown_timeout;
            self.timers.set(Instant::now() + grace, Timer::Linger);
        }
    }

    fn on_output_end(&mut self, id: usize, end: OutputEnd) {
        match end {
            OutputEnd::Complete => {
                let member = &mut self.members[id];
                // One that was to be started again has read to the end after all: there is nothing for
                // another process.
                (member.fed, member.restarting) = (true, None);
            }
            // The pipe was that of the process before.
            OutputEnd::Broken(_) if !self.members[id].streams => {}
            // Its exit, if that is what broke the pipe, says more.
            OutputEnd::Broken(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                self.timers.set(Instant::now() + BROKEN_PIPE_WAIT, Timer::BrokenPipe(id));
            }
            OutputEnd::Broken(error) => {
                self.fail(id, FailureKind::NotWritten(error));
                self.terminate(id);
            }
        }
        self.conclude(id);
    }

    pub(super) fn on_exited(&mut self, id: usize, exit: ProviderExit) {
        let now = Instant::now();
        self.members[id].exit = Some(exit);
        self.timers.set(now + LAST_WORDS_WAIT, Timer::LastWords(id));
        if id == INPUT {
            self.timers.set(now + HELD_PIPE_WAIT, Timer::HeldPipe);
            if self.winding_down {
                self.limit_outputs();
            }
        }
        self.conclude(id);
    }

    /// Judges a provider's end, once everything that it had to say has been heard or waited for.
    pub(super) fn conclude(&mut self, id: usize) {
        let member = &self.members[id];
        let Some(exit) = member.exit else { return };
        let heard = member.log_ended && (member.greeted || !member.commanded);
        // What it has left unread is known in a moment, when the relay has closed its pipe.
        let closing = id != INPUT && !member.fed && self.is_complete(id);
        if member.concluded || closing || !(heard || member.waited) {
            return;
        }
        self.members[id].concluded = true;
        let failure =
            if id == INPUT { self.input_failure(exit) } else { self.output_failure(id, exit) };
        match failure {
            Some(kind) => self.fail(id, kind),
            None => {
                let block = self.members[id].block;
                self.tell(&Notice::Ended { side: block.side, provider: &block.name });
            }
        }
        if id == INPUT {
            self.on_input_left();
        }
        self.reap(id);
        self.restart_when_gone(id);
        if id != INPUT {
            self.timers.set(Instant::now() + KILLED_PIPE_WAIT, Timer::HeldStdin(id));
        }
    }

    pub(super) fn input_failure(&self, exit: ProviderExit) -> Option<FailureKind> {
        let member = &self.members[INPUT];
        let after = member.started().elapsed();
        let required = member.block.handshake == Handshake::Required;
        let never_asked = member.told && !member.commanded;
        let excused =
            member.was_forced() || self.input_cut || never_asked || (member.told && exit.is_stop());
        if excused || member.failed {
            None
        } else if !member.ready && (required || !exit.is_success()) {
            Some(FailureKind::EndedBeforeReady { exit, after })
        } else {
            (!exit.is_success()).then_some(FailureKind::Exited(exit))
        }
    }

    /// Whether all that an output should get has been written to it.
    fn is_complete(&self, id: usize) -> bool {
        let relay = self.relay.as_ref();
        relay.is_some_and(|relay| relay.counters().outputs[id - 1].complete.load(Acquire))
    }

    /// Whether an output has got all that it will get.
    pub(super) fn has_everything(&self, id: usize) -> bool {
        self.members[id].fed || self.is_complete(id)
    }

    pub(super) fn output_failure(&self, id: usize, exit: ProviderExit) -> Option<FailureKind> {
        let member = &self.members[id];
        let complete = self.has_everything(id);
        let bytes = self.relay.as_ref().map_or(0, |relay| relay.settle_output(id - 1));
        if member.failed || member.was_forced() || (member.told && exit.is_stop()) {
            None
        } else if complete && exit.is_success() {
            (bytes > 0).then_some(FailureKind::LeftUnread { exit, bytes })
        } else if complete {
            Some(FailureKind::Exited(exit))
        } else if !member.ready {
            let after = member.started().elapsed();
            Some(FailureKind::EndedBeforeReady { exit, after })
        } else {
            Some(FailureKind::EndedEarly(exit))
        }
    }

    /// Frees a process that has been judged; an input only when nothing of it can write any more.
    pub(super) fn reap(&mut self, id: usize) {
        let member = &mut self.members[id];
        let source_ended = self.input_ended || self.source_ended;
        if !member.concluded || (id == INPUT && member.commanded && !source_ended) {
            return;
        }
        if let (Some(guard), Some(group)) = (&mut self.guard, member.id()) {
            guard.forget(group);
        }
        if let Some(process) = member.process.take() {
            process.reap();
        }
        self.expect_killed_pipes();
    }

    pub(super) fn expect_killed_pipes(&mut self) {
        if self.is_deserted() {
            self.timers.set(Instant::now() + KILLED_PIPE_WAIT, Timer::KilledPipe);
        }
    }

    /// All processes are gone, but threads are still at their pipes. They may be busy: a person
    /// reads slowly. They may also wait for a process that has escaped from its group and holds a
    /// pipe; for that nobody waits, and for nothing after a second signal.
    pub(super) fn on_killed_pipes(&mut self) {
        self.relay_ends_open = 0;
        for member in &mut self.members {
            let held = member.stdout.upgrade().is_some_and(|stdout| pipe::has_writers(&stdout));
            // Without its command it had nothing to print.
            member.printed |= held || self.at_once || !member.taken;
        }
        self.timers.set(Instant::now() + KILLED_PIPE_WAIT, Timer::KilledPipe);
    }

    pub(super) fn fail(&mut self, id: usize, kind: FailureKind) {
        self.members[id].failed = true;
        let mut failure = self.members[id].failure(kind, &self.task.secrets);
        if let (Some(relay), true) = (&self.relay, id != INPUT) {
            let output = &relay.counters().outputs[id - 1];
            let lines = output.lines_written.load(Relaxed);
            failure.written = Some((lines, output.bytes_written.load(Relaxed)));
        }
        self.tell(&Notice::Failed { failure: &failure });
        if let Some(failure) = self.restart_after(id, failure) {
            self.failure.get_or_insert(failure);
            self.wind_down();
        }
    }

    /// From here on everything ends: the input is told to leave, the outputs get what it had
    /// written.
    pub(super) fn wind_down(&mut self) {
        if std::mem::replace(&mut self.winding_down, true) {
            return;
        }
        self.timers.set(Instant::now() + SLOW_END_REPORT_EVERY, Timer::Report);
        self.terminate(INPUT);
        self.end_restarts();
        if !self.members[INPUT].commanded {
            self.members[INPUT].pipes = None;
            self.input_ended = true;
            self.close_outputs();
        }
        if !self.members[INPUT].is_running() {
            self.limit_outputs();
        }
    }

    /// Ends the outputs' stdin where no relay will.
    pub(super) fn close_outputs(&mut self) {
        for member in &mut self.members[1..] {
            member.stdin = None;
            member.fed = true;
        }
        self.limit_outputs();
    }

    /// From now on the outputs' grace runs.
    pub(super) fn limit_outputs(&mut self) {
        for id in 1..self.members.len() {
            self.terminate_later(id);
        }
    }

    pub(super) fn terminate_later(&mut self, id: usize) {
        if self.members[id].is_running() {
            let grace = self.members[id].block.shutdown_timeout;
            self.timers.set(Instant::now() + grace, Timer::Kill(id));
        }
    }

    pub(super) fn terminate(&mut self, id: usize) {
        if self.members[id].is_running() && !self.members[id].told {
            self.members[id].told = true;
            if let Some(process) = &self.members[id].process {
                process.terminate();
            }
            self.terminate_later(id);
        }
    }

    /// A grace is over. Whoever was not told to leave before is told now, and has a last moment.
    pub(super) fn on_overrun(&mut self, id: usize) {
        let member = &mut self.members[id];
        let grace = member.block.shutdown_timeout;
        if !member.is_running() {
            return;
        }
        member.overran = true;
        if std::mem::replace(&mut member.told, true) {
            return self.kill(id, Some(grace));
        }
        if let Some(process) = &member.process {
            process.terminate();
        }
        let (side, provider) = (member.block.side, &member.block.name);
        self.tell(&Notice::Overran { side, provider, grace });
        self.timers.set(Instant::now() + LAST_CALL, Timer::Kill(id));
    }

    pub(super) fn kill(&mut self, id: usize, grace: Option<Duration>) {
        if self.members[id].is_running() && !self.members[id].killed {
            self.members[id].killed = true;
            if let Some(process) = &self.members[id].process {
                process.kill();
            }
            let block = self.members[id].block;
            self.tell(&Notice::Killed { side: block.side, provider: &block.name, grace });
        }
    }

    /// The input has left, but its pipe has not ended. Often a slow output is all there is to it;
    /// if a process that the input left behind holds the pipe, it must go.
    pub(super) fn on_held_pipe(&mut self) {
        if self.input_ended || self.source_ended {
            return;
        }
        let again = Instant::now() + HELD_PIPE_WAIT;
        match &self.relay {
            // It is there to be read as soon as every output is.
            None if self.source.is_some() => self.timers.set(again, Timer::HeldPipe),
            Some(relay) if !relay.is_source_held() => self.timers.set(again, Timer::HeldPipe),
            Some(relay) if self.held_pipe_killed => {
                let provider = &self.task.input.name;
                self.tell(&Notice::PipeHeld { provider, escaped: true });
                relay.cancel(); // nothing more can be done, however long an output then takes
            }
            None if self.held_pipe_killed => {
                self.input_ended = true;
                let restarting = self.members[INPUT].restarting.take();
                let failure = restarting.and_then(|restarting| restarting.failure);
                self.failure = self.failure.take().or(failure);
                self.close_outputs();
                self.reap(INPUT);
            }
            _ => {
                self.held_pipe_killed = true;
                let provider = &self.task.input.name;
                self.tell(&Notice::PipeHeld { provider, escaped: false });
                if let Some(process) = &self.members[INPUT].process {
                    process.kill();
                }
                self.timers.set(again, Timer::HeldPipe);
            }
        }
    }

    /// Says who is still running although its work is over.
    pub(super) fn report_running(&mut self) {
        let now = Instant::now();
        for (id, member) in self.members.iter().enumerate() {
            let left = member.told || self.source_ended;
            let over = self.input_ended || (id == INPUT && left);
            if over && member.is_running() && !member.killed {
                let due = self.timers.due(&Timer::Kill(id));
                self.tell(&Notice::StillRunning {
                    side: member.block.side,
                    provider: &member.block.name,
                    left: due.map(|due| due.saturating_duration_since(now)),
                });
            }
        }
        if self.is_keeping() && self.members.iter().all(Member::is_gone) {
            self.tell(&Notice::StillStoring);
        }
        self.timers.set(now + SLOW_END_REPORT_EVERY, Timer::Report);
    }
}
