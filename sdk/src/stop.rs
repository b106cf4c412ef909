//! Being asked to stop.

use std::io::{self, PipeReader, PipeWriter};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

/// The longest single wait on a condition variable; longer ones are made of several.
const WAIT_MAX: Duration = Duration::from_secs(3600);

/// Whether this process has been asked to stop. Clones are the same token.
///
/// An input is asked by SIGTERM and SIGINT. An output is asked by SIGTERM alone: it lives as long
/// as its input, which a Ctrl-C at the terminal has already reached. Either is ended at once by a
/// second SIGINT.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    requested: AtomicBool,
    /// Dropped with the request, which hangs up every [`Stop::bell`].
    bells: Mutex<Vec<PipeWriter>>,
    changed: Condvar,
}

/// Makes a file that would get larger than `ulimit -f` allows an error of its write, instead of a
/// signal that ends the provider without a message.
pub(crate) fn outlive_file_limit() {
    // If the signal cannot be caught, it ends the process, as it would have.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
}

impl Stop {
    /// A token without a request; for tests of a provider's own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the stop.
    pub fn request(&self) {
        let mut bells = self.bells();
        self.0.requested.store(true, Ordering::Release);
        bells.clear();
        self.0.changed.notify_all();
    }

    /// Whether it has been asked for. Cheap enough for every line.
    pub fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::Acquire)
    }

    /// Sleeps for `time`, or until a stop is asked for. Returns whether it has been.
    pub fn wait(&self, time: Duration) -> bool {
        self.wait_for(Instant::now().checked_add(time))
    }

    /// Sleeps until `time` has come, or until a stop is asked for. Returns whether it has been.
    pub fn wait_until(&self, time: Instant) -> bool {
        self.wait_for(Some(time))
    }

    /// No deadline is for ever.
    fn wait_for(&self, deadline: Option<Instant>) -> bool {
        let mut bells = self.bells();
        while !self.is_requested() {
            let left = deadline.map_or(WAIT_MAX, |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            let waited = self.0.changed.wait_timeout(bells, left.min(WAIT_MAX));
            bells = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// A pipe that hangs up when a stop is asked for, to be polled beside another.
    pub(crate) fn bell(&self) -> io::Result<PipeReader> {
        let (reader, writer) = io::pipe()?;
        let mut bells = self.bells();
        if !self.is_requested() {
            bells.push(writer);
        }
        Ok(reader)
    }

    fn bells(&self) -> MutexGuard<'_, Vec<PipeWriter>> {
        self.0.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has `signals` ask for the stop, from now to the end of the process. SIGINT is taken over
    /// whether it is among them or not: its second one ends the process.
    pub(crate) fn on_signals(signals: &'static [i32]) -> io::Result<Self> {
        let stop = Self::new();
        let reported = stop.clone();
        let mut arriving = Signals::new([SIGTERM, SIGINT])?;
        let listen = move || {
            let mut interrupted = false;
            for signal in arriving.forever() {
                if signal == SIGINT && std::mem::replace(&mut interrupted, true) {
                    let _ = signal_hook::low_level::emulate_default_handler(signal);
                }
                if signals.contains(&signal) {
                    reported.request();
                }
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(listen)?;
        Ok(stop)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_wait_ends_when_its_time_has_come_or_a_stop_is_asked_for() {
        let stop = Stop::new();
        assert!(!stop.wait(Duration::from_millis(1)));
        assert!(!stop.wait_until(Instant::now()));
        let asking = stop.clone();
        let asked = thread::spawn(move || asking.request());
        assert!(stop.wait(Duration::MAX));
        asked.join().unwrap();
        assert!(stop.is_requested());
    }

    #[test]
    fn bells_hang_up_whether_they_came_before_the_request_or_after() {
        let stop = Stop::new();
        let mut before = stop.bell().unwrap();
        stop.request();
        let mut after = stop.bell().unwrap();
        assert_eq!(before.read(&mut [0]).unwrap(), 0);
        assert_eq!(after.read(&mut [0]).unwrap(), 0);
    }
}
