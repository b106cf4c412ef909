//! What is due when.

use std::time::Instant;

use crossbeam_channel::{Receiver, at, never};

/// A short list of deadlines; each is looked at again when it is due, and means nothing if what it
/// waited for has happened meanwhile.
pub(super) struct Timers<T>(Vec<(Instant, T)>);

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: PartialEq> Timers<T> {
    /// Sets a timer; one that means the same is kept at the earlier time.
    pub(super) fn set(&mut self, due: Instant, what: T) {
        match self.0.iter_mut().find(|(_, set)| *set == what) {
            Some((at, _)) => *at = due.min(*at),
            None => self.0.push((due, what)),
        }
    }

    /// Forgets those that mean this.
    pub(super) fn forget(&mut self, is_meant: impl Fn(&T) -> bool) {
        self.0.retain(|(_, set)| !is_meant(set));
    }

    /// When a timer is due, if it is set.
    pub(super) fn due(&self, what: &T) -> Option<Instant> {
        self.0.iter().find(|(_, set)| set == what).map(|&(due, _)| due)
    }

    /// Fires when the next one is due; never if none is set.
    pub(super) fn next(&self) -> Receiver<Instant> {
        self.0.iter().map(|&(due, _)| due).min().map_or_else(never, at)
    }

    /// Takes out one that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<T> {
        let index = self.0.iter().position(|&(due, _)| due <= now)?;
        Some(self.0.swap_remove(index).1)
    }
}
