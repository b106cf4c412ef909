//! The wish to end a reading that something else keeps open.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// A wish that is uttered once.
#[derive(Debug, Default)]
pub(super) struct Cancel {
    requested: AtomicBool,
    /// A byte has been put into the pipe to wake its reader; held while that is done.
    woken: Mutex<bool>,
}

impl Cancel {
    /// Utters it; `wake` wakes the reader and says whether it has put a byte into the pipe.
    pub(super) fn request(&self, wake: impl FnOnce() -> bool) {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.requested.swap(true, Ordering::AcqRel) {
            *woken = wake();
        }
    }

    /// Whether it has been uttered, and if so, whether a byte was put into the pipe: by now it is
    /// there, or has been read.
    pub(super) fn requested(&self) -> Option<bool> {
        let requested = self.requested.load(Ordering::Acquire);
        requested.then(|| *self.woken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
