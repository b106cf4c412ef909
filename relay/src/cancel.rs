//! The wish to end a reading that something else keeps open.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::pipe::{Mark, new_mark};

/// A wish that is uttered once.
#[derive(Debug, Default)]
pub(super) struct Cancel {
    requested: AtomicBool,
    /// What was put into the pipe to wake its reader; held while that is done.
    woken_by: Mutex<Option<Mark>>,
}

/// That the wish was uttered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cancelled {
    /// What was put into the pipe to wake its reader: by now it is there, or has been read.
    pub(super) woken_by: Option<Mark>,
}

impl Cancel {
    /// Utters it; `wake` wakes the reader and says whether it has put the mark into the pipe.
    pub(super) fn request(&self, wake: impl FnOnce(&Mark) -> bool) {
        let mut woken_by = self.woken_by.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.requested.swap(true, Ordering::AcqRel) {
            let mark = new_mark();
            *woken_by = wake(&mark).then_some(mark);
        }
    }

    /// Whether it has been uttered.
    pub(super) fn requested(&self) -> Option<Cancelled> {
        let requested = self.requested.load(Ordering::Acquire);
        requested.then(|| Cancelled {
            woken_by: *self.woken_by.lock().unwrap_or_else(PoisonError::into_inner),
        })
    }
}
