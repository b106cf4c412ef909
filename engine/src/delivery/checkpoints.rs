//! Checkpoints of a run: noted as they pass, stored when every output has them, acknowledged to the
//! input.
//!
//! Three threads meet here: the one that reads the input notes a checkpoint, those that read what
//! outputs print acknowledge it, and the checkpoint thread stores it and tells the input. Only the
//! newest complete one waits for that thread: a slow disk makes checkpoints rarer, nothing else.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use serde_json::value::RawValue;

use super::progress::{Checkpoint, NeverSent, Progress};
use super::state::{StateError, TaskState};
use dstream_protocol::CheckpointAck;

/// How long the rest of a line waits for an input that does not read.
const UNREAD_WAIT: Duration = Duration::from_millis(200);

/// The checkpoints of a run.
pub(crate) struct Checkpoints {
    pending: Mutex<Pending>,
    changed: Condvar,
}

/// What the checkpoint thread has to do, and has done.
struct Pending {
    progress: Progress,
    /// Complete, and not stored yet.
    newest: Option<Checkpoint>,
    /// Where the input reads what is stored.
    input: Option<File>,
    /// The input notes no more.
    is_noted: bool,
    /// The outputs acknowledge no more.
    is_closed: bool,
    stored: u64,
    /// Lines of this run before the last that was stored.
    stored_lines: u64,
}

/// What became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointReport {
    /// How many were stored.
    pub stored: u64,
    /// Lines of this run that the next one gets once more: those after the last that was stored.
    pub lines_again: u64,
}

impl Checkpoints {
    pub(crate) fn new(outputs_count: usize) -> Arc<Self> {
        Arc::new(Self {
            pending: Mutex::new(Pending {
                progress: Progress::new(outputs_count),
                newest: None,
                input: None,
                is_noted: false,
                is_closed: false,
                stored: 0,
                stored_lines: 0,
            }),
            changed: Condvar::new(),
        })
    }

    /// Stores what becomes complete and tells the input, in a thread of its own, until nothing more
    /// can or one cannot be stored. Then the input's stdin is closed, and `ended` is called.
    pub(crate) fn keep(
        self: &Arc<Self>,
        state: Arc<TaskState>,
        ended: impl FnOnce(Result<(), StateError>) + Send + 'static,
    ) -> std::io::Result<()> {
        let checkpoints = Arc::clone(self);
        let keep = move || {
            let end = checkpoints.store_and_acknowledge(&state);
            checkpoints.pending().input = None;
            ended(end);
        };
        thread::Builder::new().name("checkpoints".to_owned()).spawn(keep).map(drop)
    }

    /// Notes one of the input, of which `lines` came before it; gives the id that outputs
    /// acknowledge.
    pub(crate) fn note(&self, value: &RawValue, lines: u64) -> u64 {
        self.pending().progress.note(Checkpoint { value: value.to_owned(), lines })
    }

    /// The input will note no more.
    pub(crate) fn end_notes(&self) {
        self.pending().is_noted = true;
        self.changed.notify_one();
    }

    /// Notes what an output says.
    pub(crate) fn acknowledge(&self, output: usize, id: u64) -> Result<(), NeverSent> {
        let mut pending = self.pending();
        let newest = pending.progress.acknowledge(output, id)?;
        if newest.is_some() {
            pending.newest = newest;
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Whether an output has not acknowledged all that were noted.
    pub(crate) fn is_acknowledgement_due(&self, output: usize) -> bool {
        self.pending().progress.is_due(output)
    }

    /// The outputs will acknowledge no more: what is complete by now is stored, nothing else.
    pub(crate) fn close(&self) {
        self.pending().is_closed = true;
        self.changed.notify_one();
    }

    /// Where acknowledgements go to the input. Its pipe must not block: an input that does not read misses some.
    pub(crate) fn tell_input(&self, stdin: OwnedFd) {
        let set =
            fcntl_getfl(&stdin).and_then(|flags| fcntl_setfl(&stdin, flags | OFlags::NONBLOCK));
        if set.is_ok() {
            self.pending().input = Some(stdin.into());
        }
    }

    /// What became of them, of a run of so many lines.
    pub(crate) fn report(&self, lines: u64) -> CheckpointReport {
        let pending = self.pending();
        let lines_again = lines.saturating_sub(pending.stored_lines);
        CheckpointReport { stored: pending.stored, lines_again }
    }

    fn store_and_acknowledge(&self, state: &TaskState) -> Result<(), StateError> {
        let mut acks = Acks::default();
        loop {
            match self.next(acks.are_waiting()) {
                Next::Store(newest) => {
                    state.save(&newest.value)?;
                    let mut pending = self.pending();
                    pending.stored += 1;
                    pending.stored_lines = newest.lines;
                    acks.stored = Some(newest.value);
                }
                Next::Acknowledge => {}
                Next::End => return Ok(()),
            }
            acks.write(&mut self.pending().input);
        }
    }

    /// Waits for something to do. While acknowledgements wait for room in the input's pipe, that is
    /// tried again after a while.
    fn next(&self, acks_wait: bool) -> Next {
        let mut has_waited = false;
        let mut pending = self.pending();
        loop {
            if let Some(newest) = pending.newest.take() {
                return Next::Store(newest);
            }
            let is_over = pending.is_noted && !acks_wait && pending.progress.is_complete();
            if pending.is_closed || is_over {
                return Next::End;
            }
            if acks_wait && has_waited {
                return Next::Acknowledge;
            }
            pending = if acks_wait {
                let waited = self.changed.wait_timeout(pending, UNREAD_WAIT);
                waited.unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.changed.wait(pending).unwrap_or_else(PoisonError::into_inner)
            };
            has_waited = true;
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the checkpoint thread does next.
enum Next {
    Store(Checkpoint),
    /// Tries once more to write to the input.
    Acknowledge,
    End,
}

/// Acknowledgements to the input of what is stored.
#[derive(Default)]
struct Acks {
    /// The part of a line that its pipe has not taken: a line that has begun has to end.
    unread: Vec<u8>,
    /// The newest that is stored, which makes older ones needless; `None` if a line with it has begun.
    stored: Option<Box<RawValue>>,
}

impl Acks {
    /// Whether there are some for which the pipe had no room.
    fn are_waiting(&self) -> bool {
        !self.unread.is_empty() || self.stored.is_some()
    }

    /// Writes as much as the input's pipe takes.
    fn write(&mut self, input: &mut Option<File>) {
        while let Some(pipe) = input {
            if self.unread.is_empty() {
                let Some(stored) = self.stored.take() else { return };
                self.unread = CheckpointAck { position: &stored }.encode().into_bytes();
            }
            match pipe.write(&self.unread) {
                Ok(count) => drop(self.unread.drain(..count)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // It has closed its stdin, which it may.
                Err(_) => *input = None,
            }
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod model_test;

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};

    use crossbeam_channel::{Receiver, bounded};

    use super::*;
    use crate::delivery::StateStore;

    fn value(number: u64) -> Box<RawValue> {
        RawValue::from_string(number.to_string()).unwrap()
    }

    /// With a store of their own, and how the checkpoint thread ended.
    fn kept(outputs: usize, store: &StateStore) -> (Arc<Checkpoints>, Receiver<Option<String>>) {
        let checkpoints = Checkpoints::new(outputs);
        let (tell, ended) = bounded(1);
        let state = store.claim("t", || {}).unwrap();
        let end = move |end: Result<(), StateError>| {
            tell.send(end.err().map(|error| error.to_string())).unwrap();
        };
        checkpoints.keep(Arc::new(state), end).unwrap();
        (checkpoints, ended)
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "lines of our own")]
    fn what_all_outputs_have_is_stored_and_then_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path());
        let (checkpoints, ended) = kept(2, &store);
        let (reader, writer) = std::io::pipe().unwrap();
        checkpoints.tell_input(writer.into());
        let (first, second) = (checkpoints.note(&value(10), 5), checkpoints.note(&value(20), 7));
        checkpoints.acknowledge(0, second).unwrap();
        checkpoints.acknowledge(1, first).unwrap();
        let mut reported = BufReader::new(reader).lines();
        assert_eq!(reported.next().unwrap().unwrap(), r#"{"ack":10}"#);
        // It gets acknowledgements only of what is stored.
        assert_eq!(store.read("t").unwrap().unwrap().checkpoint.get(), "10");
        assert_eq!(checkpoints.report(9), CheckpointReport { stored: 1, lines_again: 4 });
        assert_eq!(checkpoints.acknowledge(1, 3), Err(NeverSent));
        checkpoints.end_notes();
        checkpoints.acknowledge(1, second).unwrap();
        // That was the last there can be: its stdin ends.
        assert_eq!(reported.next().unwrap().unwrap(), r#"{"ack":20}"#);
        assert!(reported.next().is_none());
        assert_eq!(ended.recv().unwrap(), None);
        assert_eq!(checkpoints.report(9), CheckpointReport { stored: 2, lines_again: 2 });
        assert_eq!(store.read("t").unwrap().unwrap().checkpoint.get(), "20");
    }

    #[test]
    fn a_stream_without_checkpoints_ends_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (checkpoints, ended) = kept(1, &StateStore::new(folder.path()));
        checkpoints.end_notes();
        assert_eq!(ended.recv().unwrap(), None);
        assert_eq!(checkpoints.report(3), CheckpointReport { stored: 0, lines_again: 3 });
    }

    #[test]
    fn an_input_that_does_not_read_holds_nothing_up_and_learns_the_newest_when_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path());
        let (checkpoints, ended) = kept(1, &store);
        let (mut reader, writer) = std::io::pipe().unwrap();
        checkpoints.tell_input(writer.into());
        // More than its pipe takes.
        let large = RawValue::from_string(format!("\"{}\"", "x".repeat(100_000))).unwrap();
        let id = checkpoints.note(&large, 3);
        checkpoints.acknowledge(0, id).unwrap();
        while checkpoints.report(7).lines_again > 4 {
            thread::yield_now();
        }
        let id = checkpoints.note(&value(7), 7);
        checkpoints.acknowledge(0, id).unwrap();
        while checkpoints.report(7).lines_again > 0 {
            thread::yield_now();
        }
        assert_eq!(store.read("t").unwrap().unwrap().checkpoint.get(), "7");
        checkpoints.end_notes();
        let mut reported = String::new();
        reader.read_to_string(&mut reported).unwrap();
        assert!(reported.ends_with("x\"}\n{\"ack\":7}\n"), "{} bytes", reported.len());
        assert_eq!(ended.recv().unwrap(), None);
    }

    #[test]
    fn an_input_that_never_reads_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (checkpoints, ended) = kept(1, &StateStore::new(folder.path()));
        let (reader, writer) = std::io::pipe().unwrap();
        checkpoints.tell_input(writer.into());
        let large = RawValue::from_string(format!("\"{}\"", "x".repeat(100_000))).unwrap();
        let id = checkpoints.note(&large, 1);
        checkpoints.acknowledge(0, id).unwrap();
        checkpoints.note(&value(7), 2);
        checkpoints.end_notes();
        checkpoints.close();
        assert_eq!(ended.recv().unwrap(), None);
        assert_eq!(checkpoints.report(2), CheckpointReport { stored: 1, lines_again: 1 });
        drop(reader);
    }

    #[test]
    fn a_checkpoint_that_cannot_be_stored_is_told_and_nothing_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path().join("state"));
        let (checkpoints, ended) = kept(1, &store);
        std::fs::remove_dir_all(store.folder()).unwrap();
        let id = checkpoints.note(&value(7), 1);
        checkpoints.acknowledge(0, id).unwrap();
        assert!(ended.recv().unwrap().unwrap().contains("is no longer this run's"));
        assert_eq!(checkpoints.report(1), CheckpointReport { stored: 0, lines_again: 1 });
    }
}
