//! `stall_timeout`: a provider that neither reads nor writes although there is something to do.
//!
//! It is looked at from time to time, a few times within the timeout. An output has something to do
//! while there are bytes in its pipe or checkpoints that it has not acknowledged; an input whenever its
//! pipe is empty, since only it knows whether there is more to come.

use super::TaskStates;
use super::event::{Action, Id, Moved};
use super::provider::{Movement, Watch};
use super::timers::Timer;
use crate::run::failure::FailureKind;
use crate::run::notice::Notice;

/// How often a provider is looked at within its timeout.
const LOOKS: u32 = 4;

impl TaskStates<'_> {
    /// Begins to watch a provider whose lines flow, if its block asks for that.
    pub(super) fn watch(&mut self, id: Id) {
        let (provider, fx) = self.with(id);
        let timeout = provider.rules.stall_timeout;
        if let (Some(timeout), Some(process)) = (timeout, provider.running_mut()) {
            process.watch = Some(Watch { moved: Moved::default(), movement: Movement::Moving });
            fx.timers.set(fx.now + timeout / LOOKS, Timer::Stall(id));
        }
    }

    pub(super) fn on_stall_due(&mut self, id: Id) {
        let is_watched = |process: &super::provider::Process| !process.is_restarting();
        // A provider that is to leave and does not is reported by others.
        if !self.is_stopping() && self.provider(id).running().is_some_and(is_watched) {
            self.fx.act(Action::Look(id));
        }
    }

    pub(super) fn on_looked(&mut self, id: Id, moved: Moved, has_work: bool) {
        let (provider, fx) = self.with(id);
        let timeout = provider.rules.stall_timeout;
        let Some(process) = provider.running_mut() else { return };
        let (Some(timeout), Some(watch)) = (timeout, &mut process.watch) else { return };
        // What is put into a pipe is counted later than it is there: it may look like going back.
        let moves = moved.bytes > watch.moved.bytes || moved.printed > watch.moved.printed;
        if moves || !has_work {
            *watch = Watch { moved, movement: Movement::Moving };
        }
        let since = match watch.movement {
            Movement::Moving => fx.now,
            Movement::StillSince(since) => since,
            Movement::Reported => fx.now,
        };
        let is_stalled = fx.now.saturating_duration_since(since) >= timeout;
        if has_work && watch.movement != Movement::Reported {
            watch.movement =
                if is_stalled { Movement::Reported } else { Movement::StillSince(since) };
        }
        fx.timers.set(fx.now + timeout / LOOKS, Timer::Stall(id));
        if is_stalled {
            self.on_stalled(id, timeout);
        }
    }

    fn on_stalled(&mut self, id: Id, timeout: std::time::Duration) {
        let is_replaced = self.rules.keeps_checkpoints || self.is_replaceable(id);
        let (provider, fx) = self.with(id);
        if provider.has_restarts() && is_replaced {
            self.fail(id, FailureKind::Stalled(timeout));
            let (provider, fx) = self.with(id);
            provider.terminate(fx);
        } else {
            let (side, provider) = (provider.rules.side, provider.rules.name);
            fx.notify(Notice::Stalled { side, provider, timeout });
        }
    }
}
