//! Being asked to stop.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Whether SIGTERM or SIGINT has come; can be waited on.
#[derive(Clone, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Takes over SIGTERM and SIGINT.
    pub(crate) fn on_signals() -> std::io::Result<Self> {
        let stop = Self::default();
        let told = stop.clone();
        let mut signals = Signals::new([SIGTERM, SIGINT])?;
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for _ in signals.forever() {
                told.request();
            }
        })?;
        Ok(stop)
    }

    /// Asks for the stop.
    pub fn request(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Whether it has been asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps for `time`, or until a stop is asked for. Returns whether it has been.
    pub fn wait(&self, time: Duration) -> bool {
        let deadline = Instant::now().checked_add(time);
        let mut requested = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*requested {
            let left = deadline.map_or(Duration::MAX, |at| at.duration_since(Instant::now()));
            if left.is_zero() {
                break;
            }
            let waited = self.0.1.wait_timeout(requested, left.min(Duration::from_secs(3600)));
            requested = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        *requested
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_when_a_stop_is_asked_for() {
        let stop = Stop::default();
        assert!(!stop.wait(Duration::from_millis(1)));
        let asking = stop.clone();
        let asked = thread::spawn(move || asking.request());
        assert!(stop.wait(Duration::MAX));
        asked.join().unwrap();
        assert!(stop.is_requested());
    }
}
