//! `stall_timeout`: who neither reads nor writes although there is something to do.
//!
//! It is looked at from time to time, a few times within the timeout. An output has something to do
//! while there are bytes in its pipe or checkpoints that it has not acknowledged; an input whenever its
//! pipe is empty, since only it knows whether there is more to come.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::{Dispatcher, INPUT, Timer};
use crate::run::failure::FailureKind;
use crate::run::notice::Notice;
use dstream_task::RestartPolicy;

/// How often a member is looked at within its timeout.
const LOOKS: u32 = 4;

/// What was seen of a member.
#[derive(Debug, Clone, Copy)]
pub(in crate::run) struct Watch {
    moved: Moved,
    /// Since when it has not moved although it should have; none if it need not.
    still_since: Option<Instant>,
    is_told: bool,
}

/// How far a member is. Each only grows when it moves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Moved {
    /// Bytes it has taken from its pipe, or an input has written.
    bytes: u64,
    /// Bytes an output has printed, acknowledgements included.
    printed: u64,
}

impl Dispatcher<'_> {
    /// Begins to watch a member that streams, if its block asks for that.
    pub(super) fn watch(&mut self, id: usize) {
        if let Some(timeout) = self.members[id].block.stall_timeout {
            let watch = Watch { moved: Moved::default(), still_since: None, is_told: false };
            self.members[id].watch = Some(watch);
            self.look_again(id, timeout);
        }
    }

    fn look_again(&mut self, id: usize, timeout: Duration) {
        self.timers.set(Instant::now() + timeout / LOOKS, Timer::Stall(id));
    }

    pub(super) fn on_look(&mut self, id: usize) {
        let member = &self.members[id];
        let (Some(mut watch), Some(timeout)) = (member.watch, member.block.stall_timeout) else {
            return;
        };
        if !member.is_running() || self.winding_down || member.is_restarting() {
            return; // who is to leave and does not is told of by others
        }
        let (now, (moved, has_work)) = (Instant::now(), self.look(id));
        // What is put into a pipe is counted later than it is there: it may look like going back.
        let moves = moved.bytes > watch.moved.bytes || moved.printed > watch.moved.printed;
        if moves || !has_work {
            watch = Watch { moved, still_since: None, is_told: false };
        }
        let mut stalled = false;
        if has_work {
            let since = *watch.still_since.get_or_insert(now);
            stalled = now.duration_since(since) >= timeout && !watch.is_told;
            watch.is_told |= stalled;
        }
        self.members[id].watch = Some(watch);
        self.look_again(id, timeout);
        if stalled {
            self.on_stall(id, timeout);
        }
    }

    fn on_stall(&mut self, id: usize, timeout: Duration) {
        let block = self.members[id].block;
        let is_restarted = self.delivery.is_some() || self.is_replaceable(id);
        if block.restart.policy == RestartPolicy::Never || !is_restarted {
            let (side, provider) = (block.side, &block.name);
            return self.tell(&Notice::Stalled { side, provider, timeout });
        }
        self.fail(id, FailureKind::Stalled(timeout));
        self.terminate(id);
    }

    /// How far a member is, and whether it has something to do.
    fn look(&self, id: usize) -> (Moved, bool) {
        let Some(relay) = &self.relay else { return (Moved::default(), false) };
        if id == INPUT {
            let unread = relay.source_unread_bytes();
            let bytes = relay.counters().bytes_read.load(Relaxed) + unread.unwrap_or(0);
            (Moved { bytes, printed: 0 }, unread == Some(0))
        } else {
            let unread = relay.sink_unread_bytes(id - 1);
            let written = relay.counters().outputs[id - 1].bytes_written.load(Relaxed);
            let bytes = written.saturating_sub(unread);
            let printed = self.members[id].printed_bytes.load(Relaxed);
            let owes = self
                .delivery
                .as_ref()
                .is_some_and(|delivery| delivery.checkpoints.is_acknowledgement_due(id - 1));
            (Moved { bytes, printed }, unread > 0 || owes)
        }
    }
}
