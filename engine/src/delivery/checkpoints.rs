//! Checkpoints of a run: noted as they pass, stored when every output has them, told to the input.
//!
//! Three parties meet here, each in a thread of its own: whoever reads the input notes a checkpoint,
//! whoever reads what an output prints acknowledges it, and the keeper stores and tells. Between the
//! last two only the newest counts: a slow disk makes checkpoints rarer, nothing else.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use serde_json::value::RawValue;

use super::progress::{NeverSent, Progress};
use super::state::{StateError, TaskState};
use crate::protocol::ack;

/// How long the rest of a line waits for an input that does not read.
const UNREAD_WAIT: Duration = Duration::from_millis(200);

/// The checkpoints of a run.
pub(crate) struct Checkpoints {
    progress: Mutex<Progress>,
    desk: Mutex<Desk>,
    changed: Condvar,
}

/// What the keeper has to do, and has done.
#[derive(Default)]
struct Desk {
    /// Complete, and not stored yet.
    newest: Option<Box<RawValue>>,
    /// Where the input reads what is stored.
    input: Option<File>,
    /// There will be no more.
    is_closed: bool,
    stored: u64,
}

/// What became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointReport {
    /// How many were stored.
    pub stored: u64,
    /// Whether the last that the input had said is stored: nothing comes twice then.
    pub is_complete: bool,
}

/// The thread that stores.
pub(crate) struct Keeper {
    thread: JoinHandle<bool>,
}

impl Checkpoints {
    pub(crate) fn new(outputs_count: usize) -> Arc<Self> {
        Arc::new(Self {
            progress: Mutex::new(Progress::new(outputs_count)),
            desk: Mutex::default(),
            changed: Condvar::new(),
        })
    }

    /// Notes one of the input; gives the id that outputs acknowledge.
    pub(crate) fn note(&self, value: &RawValue) -> u64 {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).note(value.to_owned())
    }

    /// Notes what an output says.
    pub(crate) fn acknowledge(&self, output: usize, id: u64) -> Result<(), NeverSent> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = progress.acknowledge(output, id)?;
        if newest.is_some() {
            // Still under the first lock: what is handed over later is newer.
            self.desk().newest = newest;
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Where the input is told. Its pipe must not block: an input that does not read is told less.
    pub(crate) fn tell_input(&self, stdin: OwnedFd) {
        let set =
            fcntl_getfl(&stdin).and_then(|flags| fcntl_setfl(&stdin, flags | OFlags::NONBLOCK));
        if set.is_ok() {
            self.desk().input = Some(stdin.into());
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, desk: MutexGuard<'a, Desk>, unread: bool) -> MutexGuard<'a, Desk> {
        if unread {
            let waited = self.changed.wait_timeout(desk, UNREAD_WAIT);
            return waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        self.changed.wait(desk).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper {
    /// Stores what becomes complete, until [`finish`](Self::finish); `failed` is told of the first
    /// that cannot be stored, after which none is.
    pub(crate) fn start(
        checkpoints: &Arc<Checkpoints>,
        state: TaskState,
        failed: impl FnOnce(StateError) + Send + 'static,
    ) -> std::io::Result<Self> {
        let checkpoints = Arc::clone(checkpoints);
        let keep = move || match keep(&checkpoints, &state) {
            Ok(()) => true,
            Err(error) => {
                failed(error);
                false
            }
        };
        let thread = thread::Builder::new().name("checkpoints".to_owned()).spawn(keep)?;
        Ok(Self { thread })
    }

    /// Stores what is complete by now, and ends.
    pub(crate) fn finish(self, checkpoints: &Checkpoints) -> CheckpointReport {
        checkpoints.desk().is_closed = true;
        checkpoints.changed.notify_one();
        let all_stored = self.thread.join().unwrap_or(false);
        let progress = checkpoints.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let is_complete = all_stored && progress.is_complete();
        CheckpointReport { stored: checkpoints.desk().stored, is_complete }
    }
}

fn keep(checkpoints: &Checkpoints, state: &TaskState) -> Result<(), StateError> {
    let mut unread: Vec<u8> = Vec::new();
    loop {
        let mut desk = checkpoints.desk();
        while desk.newest.is_none() && !desk.is_closed && unread.is_empty() {
            desk = checkpoints.wait(desk, false);
        }
        if desk.newest.is_none() && !desk.is_closed {
            desk = checkpoints.wait(desk, true);
        }
        let (newest, is_closed) = (desk.newest.take(), desk.is_closed);
        drop(desk);
        let Some(newest) = newest else {
            if is_closed {
                return Ok(());
            }
            tell(checkpoints, &mut unread);
            continue;
        };
        state.save(&newest)?;
        checkpoints.desk().stored += 1;
        tell(checkpoints, &mut unread);
        // A line that has begun has to end; one that has not is made needless by the next.
        if unread.is_empty() {
            unread = ack(&newest);
            tell(checkpoints, &mut unread);
        }
    }
}

/// Writes as much as the input's pipe takes.
fn tell(checkpoints: &Checkpoints, unread: &mut Vec<u8>) {
    let mut desk = checkpoints.desk();
    let Some(input) = &mut desk.input else { return unread.clear() };
    while !unread.is_empty() {
        match input.write(unread) {
            Ok(count) => drop(unread.drain(..count)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            // It has closed its stdin, which it may.
            Err(_) => {
                desk.input = None;
                return unread.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;
    use crate::delivery::StateStore;

    fn value(number: u64) -> Box<RawValue> {
        RawValue::from_string(number.to_string()).unwrap()
    }

    #[test]
    fn what_all_outputs_have_is_stored_and_then_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path());
        let checkpoints = Checkpoints::new(2);
        let never = |error: StateError| panic!("{error}");
        let keeper = Keeper::start(&checkpoints, store.claim("t").unwrap(), never).unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        checkpoints.tell_input(writer.into());
        let (first, second) = (checkpoints.note(&value(10)), checkpoints.note(&value(20)));
        checkpoints.acknowledge(0, second).unwrap();
        checkpoints.acknowledge(1, first).unwrap();
        let mut told = BufReader::new(reader).lines();
        assert_eq!(told.next().unwrap().unwrap(), r#"{"ack":10}"#);
        // It is told only what is stored.
        assert_eq!(store.read("t").unwrap().unwrap().checkpoint.get(), "10");
        assert_eq!(checkpoints.acknowledge(1, 3), Err(NeverSent));
        checkpoints.acknowledge(1, second).unwrap();
        let report = keeper.finish(&checkpoints);
        assert_eq!(report, CheckpointReport { stored: 2, is_complete: true });
        assert_eq!(store.read("t").unwrap().unwrap().checkpoint.get(), "20");
    }

    #[test]
    fn an_input_that_does_not_read_holds_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path());
        let checkpoints = Checkpoints::new(1);
        let keeper = Keeper::start(&checkpoints, store.claim("t").unwrap(), |_| {}).unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        checkpoints.tell_input(writer.into());
        // More than its pipe takes.
        let large = format!("\"{}\"", "x".repeat(100_000));
        let large = RawValue::from_string(large).unwrap();
        for _ in 0..20 {
            let id = checkpoints.note(&large);
            checkpoints.acknowledge(0, id).unwrap();
        }
        let id = checkpoints.note(&value(7));
        checkpoints.acknowledge(0, id).unwrap();
        assert!(keeper.finish(&checkpoints).is_complete);
        assert_eq!(store.read("t").unwrap().unwrap().checkpoint.get(), "7");
        drop(reader);
    }

    #[test]
    fn a_checkpoint_that_cannot_be_stored_is_told_and_nothing_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path().join("state"));
        let state = store.claim("t").unwrap();
        std::fs::remove_dir_all(store.folder()).unwrap();
        let checkpoints = Checkpoints::new(1);
        let (tell, told) = crossbeam_channel::bounded(2);
        let failed = move |error: StateError| tell.send(error.to_string()).unwrap();
        let keeper = Keeper::start(&checkpoints, state, failed).unwrap();
        let id = checkpoints.note(&value(7));
        checkpoints.acknowledge(0, id).unwrap();
        assert!(told.recv().unwrap().contains("storing a checkpoint in"));
        let report = keeper.finish(&checkpoints);
        assert_eq!(report, CheckpointReport { stored: 0, is_complete: false });
    }
}
