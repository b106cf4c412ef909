//! SIGINT, SIGTERM and SIGHUP, handed to every task of this process.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, after, bounded, select};
use dstream_engine::run::StopSignal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

/// Signals that can be waiting at once: more change nothing.
const SIGNALS_MAX: usize = 8;

/// The same signal within this time is the same wish: `timeout` and shells send it to a process and
/// then to its whole group, and that must not end the run at once.
const ECHO: Duration = Duration::from_millis(250);

/// How long what is left to say is waited for once a signal has come.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Never has a message; is disconnected once something has happened.
type Latch = Receiver<Infallible>;

/// What signals have asked for.
#[derive(Clone)]
pub(crate) struct Stops {
    tasks: Arc<[Sender<StopSignal>]>,
    /// Open until the first signal.
    first: Latch,
    /// Open until the second.
    second: Latch,
    /// A failure has stopped the tasks.
    failed: Arc<AtomicBool>,
}

impl Stops {
    /// Catches signals from now on; each goes to every one of so many tasks.
    ///
    /// # Errors
    ///
    /// If signals cannot be caught.
    pub(crate) fn listen(tasks: usize) -> io::Result<(Self, Vec<Receiver<StopSignal>>)> {
        let (senders, receivers): (Vec<_>, Vec<_>) =
            (0..tasks).map(|_| bounded(SIGNALS_MAX)).unzip();
        let (first_seen, first) = bounded(0);
        let (second_seen, second) = bounded(0);
        let stops = Self { tasks: senders.into(), first, second, failed: Arc::default() };
        let reported = stops.clone();
        let mut signals = Signals::new(caught())?;
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            let mut latches = vec![second_seen, first_seen];
            let mut last: Option<(i32, Instant)> = None;
            for signal in signals.forever() {
                if last.is_some_and(|(known, at)| known == signal && at.elapsed() < ECHO) {
                    continue; // what it echoes stays the one before: who repeats it means it
                }
                last = Some((signal, Instant::now()));
                latches.pop();
                let signal = match signal {
                    SIGINT => StopSignal::Interrupt,
                    SIGHUP => StopSignal::Hangup,
                    _ => StopSignal::Terminate,
                };
                for task in &*reported.tasks {
                    let _ = task.try_send(signal);
                }
            }
        })?;
        Ok((stops, receivers))
    }

    /// Stops all tasks but one, since that has failed. Later failures change nothing: everything
    /// is ending then.
    pub(crate) fn sibling_failed(&self, failed: usize) {
        if self.failed.swap(true, Relaxed) {
            return;
        }
        for (_, task) in self.tasks.iter().enumerate().filter(|&(index, _)| index != failed) {
            let _ = task.try_send(StopSignal::SiblingFailed);
        }
    }

    /// Whether everything is to end at once.
    pub(crate) fn is_urgent(&self) -> bool {
        self.second.try_recv() == Err(TryRecvError::Disconnected)
    }

    /// Waits until `done` receives or is dropped; after a signal for a moment, after a second one not
    /// at all.
    pub(crate) fn wait_for(&self, done: &Receiver<()>) {
        select! {
            recv(done) -> _ => return,
            recv(self.first) -> _ => {}
        }
        select! {
            recv(done) -> _ => {}
            recv(self.second) -> _ => {}
            recv(after(LAST_WORDS)) -> _ => {}
        }
    }
}

/// Has a file that would get larger than `ulimit -f` allows be an error of its write, with a name and
/// a cause, and not the end of this process without a word. Caught, not ignored: what is started from
/// here has the signal as it was.
pub(crate) fn outlive_file_limit() {
    // If it cannot be caught, it is as it was.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
}

/// The signals that mean something here: not those that whoever started this program has had it
/// ignore, as `nohup` does with SIGHUP and a shell without job control with SIGINT for `command &`.
fn caught() -> Vec<i32> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored(&status);
    let is_caught = |&signal: &i32| ignored & (1_u64 << (signal - 1)) == 0;
    [SIGINT, SIGTERM, SIGHUP].into_iter().filter(is_caught).collect()
}

/// The ignored signals of Linux's `/proc/self/status`, a bit each; none where there is no such file.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_process_status() {
        assert_eq!(
            ignored("Name:\tx\nSigBlk:\tff\nSigIgn:\t0000000000001001\nSigCgt:\t2\n"),
            0x1001
        );
        assert_eq!(ignored(""), 0);
        assert_eq!(ignored("SigIgn:\tno"), 0);
    }
}
