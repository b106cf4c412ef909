//! What waits to be written to stderr, and the thread that writes it. Nobody may read stderr, as
//! after Ctrl-S on a terminal: then the queue fills up, log lines are dropped and counted, and the
//! run goes on.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Bytes that may wait; log lines beyond are dropped.
pub(super) const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bytes of one write: what a pipe takes whole, so that no other writer's bytes come between.
const WRITE_BYTES_MAX: usize = 4096;

/// A flush gives up after this time in which nothing at all was taken.
const STALLED: Duration = Duration::from_secs(2);

/// All that it has when everything is to end at once: a reader that reads has no need of more.
const URGENT: Duration = Duration::from_millis(250);

/// How often a flush asks whether it has become urgent.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// A queue in front of a writer, with a thread of its own.
pub(super) struct Queue {
    bytes_max: usize,
    state: Mutex<State>,
    /// There is something to write.
    filled: Condvar,
    /// Something has been written.
    taken: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<u8>,
    /// Bytes that were ever put into the queue, and of these those that have left it.
    added: u64,
    written: u64,
    /// Log lines dropped that were not reported yet. While there are any, more are dropped: what is reported
    /// stands where they would have.
    dropped: u64,
    /// The writer is to be flushed although there is nothing to write.
    refresh: bool,
    /// How many they were is about to be put into the queue.
    telling: bool,
    /// What `written` was when a flush gave up; none before.
    stalled_at: Option<u64>,
}

impl Queue {
    /// Starts the thread. `tell` puts a line into the queue that says how many were dropped.
    ///
    /// # Errors
    ///
    /// If there is no thread to be had.
    pub(super) fn start(
        writer: impl Write + Send + 'static,
        bytes_max: usize,
        tell: impl Fn(&Self, u64) + Send + 'static,
    ) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Self {
            bytes_max,
            state: Mutex::default(),
            filled: Condvar::new(),
            taken: Condvar::new(),
        });
        let served = Arc::clone(&queue);
        let serve = move || served.serve(writer, tell);
        thread::Builder::new().name("stderr".to_owned()).spawn(serve)?;
        Ok(queue)
    }

    /// Adds a log line, or drops it where there is no room. Never waits for the writer.
    pub(super) fn log(&self, line: &[u8]) {
        let mut state = self.lock();
        if state.dropped > 0 || state.waiting.len() + line.len() > self.bytes_max {
            state.dropped += 1;
        } else {
            self.add(state, line);
        }
    }

    /// Adds what must not be dropped: the few lines that say how a run ended.
    pub(super) fn keep(&self, text: &[u8]) {
        self.add(self.lock(), text);
    }

    /// Has the writer flushed once more: what it shows has changed.
    pub(super) fn refresh(&self) {
        self.lock().refresh = true;
        self.filled.notify_one();
    }

    /// Waits until all that is in the queue has been written, as long as anything of it is; not for
    /// long where nothing is, and less where it is urgent.
    pub(super) fn flush(&self, is_urgent: impl Fn() -> bool) {
        let mut state = self.lock();
        let mut target = state.added;
        let (mut seen, mut since) = (state.written, Instant::now());
        let mut urgent_since = None;
        let mut untold = true;
        while state.stalled_at != Some(seen) {
            // How many were dropped is to be written, too.
            if std::mem::replace(&mut untold, state.dropped > 0 || state.telling) {
                target = state.added;
            }
            if !untold && state.written >= target {
                return;
            }
            let urgent = urgent_since.or_else(|| is_urgent().then(Instant::now));
            urgent_since = urgent;
            if since.elapsed() >= STALLED || urgent.is_some_and(|urgent| urgent.elapsed() >= URGENT)
            {
                state.stalled_at = Some(seen);
                return;
            }
            let waited = self.taken.wait_timeout(state, ASK_EVERY);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.written != seen {
                (seen, since) = (state.written, Instant::now());
            }
        }
    }

    fn add(&self, mut state: MutexGuard<'_, State>, bytes: &[u8]) {
        state.waiting.extend(bytes);
        state.added += bytes.len() as u64;
        self.filled.notify_one();
    }

    fn serve(&self, mut writer: impl Write, tell: impl Fn(&Self, u64)) {
        loop {
            let mut state = self.lock();
            // Half empty: it goes on, and not only to drop the next line.
            if state.dropped > 0 && state.waiting.len() <= self.bytes_max / 2 {
                let dropped = std::mem::take(&mut state.dropped);
                state.telling = true;
                drop(state);
                tell(self, dropped);
                self.lock().telling = false;
                continue;
            }
            if state.waiting.is_empty() && std::mem::take(&mut state.refresh) {
                drop(state);
                let _ = writer.flush();
                continue;
            }
            if state.waiting.is_empty() {
                drop(self.filled.wait(state).unwrap_or_else(PoisonError::into_inner));
                continue;
            }
            let piece = next_piece(&mut state.waiting);
            drop(state);
            // A reader that has left is overlooked: there is nobody to tell.
            let _ = writer.write_all(&piece).and_then(|()| writer.flush());
            self.lock().written += piece.len() as u64;
            self.taken.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes as many whole lines as go into one write, or one that does not.
fn next_piece(waiting: &mut VecDeque<u8>) -> Vec<u8> {
    let is_newline = |&byte: &u8| byte == b'\n';
    let within = waiting.len().min(WRITE_BYTES_MAX);
    let end = if within == waiting.len() {
        within
    } else {
        let last = waiting.range(..within).rposition(is_newline);
        let line_end = || waiting.iter().position(is_newline);
        last.or_else(line_end).map_or(waiting.len(), |at| at + 1)
    };
    waiting.drain(..end).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    /// A reader that takes a piece only when asked to.
    struct Slow {
        may: Receiver<()>,
        pieces: SyncSender<String>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.may.recv();
            let _ = self.pieces.send(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow(bytes_max: usize) -> (Arc<Queue>, SyncSender<()>, Receiver<String>) {
        // More than any test writes.
        let (may, allowed) = sync_channel(100);
        let (pieces, written) = sync_channel(100);
        let tell = |queue: &Queue, lines| queue.log(format!("{lines} dropped\n").as_bytes());
        let queue = Queue::start(Slow { may: allowed, pieces }, bytes_max, tell).unwrap();
        (queue, may, written)
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted_where_it_would_have_stood() {
        let (queue, may, written) = slow(20);
        queue.keep(b"first\n");
        while !queue.lock().waiting.is_empty() {
            thread::yield_now(); // until it is on its way and the queue is empty
        }
        for line in [b"aaaaaaaaa\n", b"bbbbbbbbb\n", b"ccccccccc\n", b"ddddddddd\n"] {
            queue.log(line);
        }
        queue.keep(b"kept\n");
        drop(may);
        queue.flush(|| false);
        queue.log(b"eee\n");
        queue.flush(|| false);
        drop(queue);
        let all: String = std::iter::from_fn(|| written.try_recv().ok()).collect();
        assert_eq!(all, "first\naaaaaaaaa\nbbbbbbbbb\nkept\n2 dropped\neee\n");
    }

    #[test]
    fn a_flush_does_not_wait_for_ever_and_learns_from_it() {
        let (queue, _may, written) = slow(100);
        queue.log(b"never read\n");
        queue.flush(|| true);
        // This reader is known: nobody waits for it again.
        queue.flush(|| panic!("it waits"));
        assert!(written.try_recv().is_err());
    }

    #[test]
    fn pieces_are_whole_lines() {
        let long = "x".repeat(WRITE_BYTES_MAX);
        let mut waiting: VecDeque<u8> = format!("a\nb\n{long}\nc\n").into_bytes().into();
        let mut piece = || String::from_utf8(next_piece(&mut waiting)).unwrap();
        assert_eq!(piece(), "a\nb\n");
        assert_eq!(piece(), format!("{long}\n"));
        assert_eq!(piece(), "c\n");
    }
}
