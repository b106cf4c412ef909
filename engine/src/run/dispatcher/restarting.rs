//! `restart` without checkpoints: one provider is started again while the others go on.
//!
//! ```text
//! failure ─▶ its process leaves, the relay lets go of its pipe ─▶ pause ─▶ another process ─▶
//!   handshake ─▶ the relay goes on: with the first line that was not written whole to an output,
//!   with whatever an input says anew
//! ```
//!
//! Meanwhile the other providers wait at their pipes. What an output that died had not read is lost
//! and counted; of what it had read, nobody knows what it has done with it. With checkpoints all
//! providers are started again instead (`run::supervision`), and nothing is lost.

use std::io;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::{Dispatcher, INPUT, Timer};
use crate::limits::BROKEN_PIPE_WAIT;
use crate::run::failure::{Failure, FailureKind};
use crate::run::member::{Member, Restarting};
use crate::run::notice::Notice;
use crate::run::supervision::may_pass;
use dstream_relay::limits::KILLED_PIPE_WAIT;
use dstream_relay::pipe;
use dstream_task::{Delivery, RestartPolicy};

impl Dispatcher<'_> {
    /// Whether some member can be started again alone.
    pub(super) fn restarts_members(&self) -> bool {
        self.task.stream.delivery != Delivery::AtLeastOnce && self.task.is_restarted()
    }

    /// Whether another process can take the place of this member's.
    pub(super) fn is_replaceable(&self, id: usize) -> bool {
        let has_all = || if id == INPUT { self.input_ended } else { self.has_everything(id) };
        self.restarts_members()
            && !self.winding_down
            && self.members[id].block.restart.policy != RestartPolicy::Never
            && !has_all()
    }

    /// Has a member that has failed started again, if its policy says so; else gives the failure back.
    pub(super) fn restart_after(&mut self, id: usize, failure: Failure) -> Option<Failure> {
        if self.members[id].is_restarting() {
            return None; // what follows from a failure is not another
        }
        if !(self.is_replaceable(id) && may_pass(&failure.kind)) {
            return Some(failure);
        }
        let Some(pause) = self.next_pause(id, true) else { return Some(failure) };
        self.members[id].restarting =
            Some(Restarting { pause, failure: Some(failure), is_due: false });
        self.members[id].stdin = None; // lines are not for this process any more
        self.terminate(id);
        self.restart_when_gone(id);
        None
    }

    fn next_pause(&mut self, id: usize, failed: bool) -> Option<Duration> {
        let block = self.members[id].block;
        let pause = self.attempts[id].next(&block.restart, Instant::now());
        if pause.is_none() {
            let restarts = self.members[id].restarts;
            self.tell(&Notice::GaveUp {
                side: block.side,
                provider: &block.name,
                restarts,
                failed,
            });
        }
        pause
    }

    /// The input has left as it should: its lines are all there are, unless its policy has it begin
    /// again.
    pub(super) fn on_input_left(&mut self) {
        let again = self.members[INPUT].block.restart.policy == RestartPolicy::Always
            && self.is_replaceable(INPUT)
            && !self.members[INPUT].is_restarting();
        if let Some(pause) = again.then(|| self.next_pause(INPUT, false)).flatten() {
            self.members[INPUT].restarting =
                Some(Restarting { pause, failure: None, is_due: false });
        }
        if !self.members[INPUT].is_restarting() {
            self.end_source();
        }
    }

    /// The input's process says nothing more.
    pub(super) fn on_source_ended(&mut self) {
        self.source_ended = true;
        let input = &self.members[INPUT];
        if !self.is_replaceable(INPUT) || (input.concluded && !input.is_restarting()) {
            self.end_source();
        }
        self.linger();
        self.reap(INPUT);
        self.restart_when_gone(INPUT);
    }

    /// No other source will come.
    pub(super) fn end_source(&mut self) {
        if let Some(relay) = &mut self.relay {
            relay.end_source();
        }
    }

    /// The pipe of an output broke, or the relay was told to let go of it.
    pub(super) fn on_sink_broken(&mut self, id: usize, error: io::Error) {
        self.members[id].let_go = true;
        if !self.is_replaceable(id) {
            return self.end_let_go();
        }
        if error.kind() == io::ErrorKind::BrokenPipe {
            // Its exit, if that is what broke the pipe, says more.
            self.timers.set(Instant::now() + BROKEN_PIPE_WAIT, Timer::BrokenPipe(id));
        } else {
            self.fail(id, FailureKind::NotWritten(error));
        }
        self.restart_when_gone(id);
    }

    /// No other process will take the place of those whose pipes were let go; one that is about to
    /// has nothing to do.
    fn end_let_go(&mut self) {
        let Some(relay) = &mut self.relay else { return };
        for (index, output) in self.members[1..].iter_mut().enumerate() {
            if output.let_go || !output.streams {
                relay.end_sink(index);
            }
            if !output.streams {
                (output.stdin, output.fed) = (None, true);
            }
        }
    }

    /// Announces the next process of a member as soon as nothing is left of the one before.
    pub(super) fn restart_when_gone(&mut self, id: usize) {
        let source_ended = self.source_ended;
        let member = &mut self.members[id];
        let heard = member.greeted || !member.commanded;
        let is_gone = member.is_gone() && heard;
        let Some(restarting) = member.restarting.as_mut().filter(|restarting| {
            is_gone && !restarting.is_due && (id != INPUT || !member.streams || source_ended)
        }) else {
            return;
        };
        if let (true, true, Some(relay)) = (id != INPUT, member.streams, &self.relay) {
            if !member.let_go {
                return relay.let_go(id - 1);
            }
            let output = &relay.counters().outputs[id - 1];
            let unread = (output.lines_unread.load(Relaxed), output.bytes_unread.load(Relaxed));
            if unread.0 > 0 {
                let (provider, (lines, bytes)) = (&member.block.name, unread);
                self.context.observer.notice(&Notice::LinesLost { provider, lines, bytes });
            }
        }
        restarting.is_due = true;
        self.timers.set(Instant::now() + restarting.pause, Timer::Restart(id));
        self.context.observer.notice(&Notice::Restarting {
            side: member.block.side,
            provider: &member.block.name,
            after: restarting.pause,
            restart: member.restarts + 1,
            alone: true,
        });
    }

    /// An output that is to be started again has gone, and what it prints is still read: a terminal
    /// may be slow, or a process that has escaped from its group holds the pipe, which is left to it.
    pub(super) fn on_held_stdout(&mut self, id: usize) {
        let member = &mut self.members[id];
        if !member.is_restarting() || member.printed {
            return;
        }
        member.printed = member.stdout.upgrade().is_some_and(|stdout| pipe::has_writers(&stdout));
        member.greeted |= member.printed; // nor will it say a first line
        self.timers.set(Instant::now() + KILLED_PIPE_WAIT, Timer::HeldStdin(id));
        self.restart_when_gone(id);
    }

    /// Starts another process of a member.
    pub(super) fn restart(&mut self, id: usize) {
        if self.winding_down {
            return;
        }
        self.timers.forget(|timer| timer.member() == Some(id));
        self.members[id] = self.members[id].renewed();
        if id == INPUT {
            (self.source_ended, self.input_cut, self.held_pipe_killed) = (false, false, false);
        }
        if let Err(kind) = self.spawn(id) {
            return self.fail(id, kind);
        }
        self.open_stream();
    }

    /// Nobody is started again any more: the failures that were to pass have not.
    pub(super) fn end_restarts(&mut self) {
        for member in &mut self.members {
            let failure = member.restarting.take().and_then(|restarting| restarting.failure);
            self.failure = self.failure.take().or(failure);
        }
        self.end_source();
        self.end_let_go();
        if self.source.take().is_some() {
            // It has begun to speak, and nobody was there to hear it.
            self.give_up_source();
        }
        self.expect_killed_pipes();
    }

    /// Nothing will come of what the input's process has begun to say.
    pub(super) fn give_up_source(&mut self) {
        self.source_ended = true;
        if self.relay.is_none() && !self.members[INPUT].is_restarting() {
            self.input_ended = true;
            self.close_outputs();
        }
    }

    /// Whether all processes are gone, and none will come.
    pub(super) fn is_deserted(&self) -> bool {
        let is_deserted = |member: &Member<'_>| member.process.is_none() && !member.is_restarting();
        self.members.iter().all(is_deserted)
    }
}
