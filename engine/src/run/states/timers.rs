//! What is due when.

use std::time::Instant;

use super::Id;

/// What a deadline is for. Each is looked at again when it is due, and means nothing if what it waited
/// for has happened meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum Timer {
    /// The next step of a provider's start: its next process, readiness by silence, the handshake's
    /// end.
    Start(Id),
    /// A provider had so long to leave.
    Grace(Id),
    /// A provider has closed a pipe and not left, or has left and a pipe of it is still open.
    Pipes(Id),
    /// See whether a provider moves.
    Stall(Id),
    /// Say who is still running.
    Report,
    /// Say how the stream is doing.
    Stats,
}

impl Timer {
    fn provider(self) -> Option<Id> {
        match self {
            Self::Start(id) | Self::Grace(id) | Self::Pipes(id) | Self::Stall(id) => Some(id),
            Self::Report | Self::Stats => None,
        }
    }
}

/// A short list of deadlines.
#[derive(Debug, Default)]
pub(in crate::run) struct Timers(Vec<(Instant, Timer)>);

impl Timers {
    /// Sets a timer; one that is set already keeps the earlier time.
    pub(super) fn set(&mut self, due: Instant, timer: Timer) {
        match self.0.iter_mut().find(|(_, set)| *set == timer) {
            Some((earlier, _)) => *earlier = due.min(*earlier),
            None => self.0.push((due, timer)),
        }
    }

    /// Sets a timer anew, whatever it was set to.
    pub(super) fn reset(&mut self, due: Instant, timer: Timer) {
        self.0.retain(|(_, set)| *set != timer);
        self.0.push((due, timer));
    }

    /// Forgets all timers of a provider.
    pub(super) fn forget(&mut self, id: Id) {
        self.0.retain(|(_, set)| set.provider() != Some(id));
    }

    /// When a timer is due, if it is set.
    pub(super) fn due(&self, timer: Timer) -> Option<Instant> {
        self.0.iter().find(|(_, set)| *set == timer).map(|&(due, _)| due)
    }

    /// When the next one is due.
    pub(in crate::run) fn next(&self) -> Option<Instant> {
        self.0.iter().map(|&(due, _)| due).min()
    }

    /// Takes out one that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let index = self.0.iter().position(|&(due, _)| due <= now)?;
        Some(self.0.swap_remove(index).1)
    }
}
