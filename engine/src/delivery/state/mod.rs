//! Where checkpoints are kept: a folder with a file for each task, and a lock beside it.
//!
//! ```text
//! orders.json        the checkpoint, with a checksum
//! orders.json.new    the next one, until it takes the other's place
//! orders.lock        locked while a run of the task lives; holds its process id
//! ```
//!
//! A file is written beside the other, synced, and renamed: whatever happens, one of the two
//! checkpoints is there whole. A damaged one is an error, never a reason to begin anew.

mod file;
mod replace;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::limits::STATE_BYTES_MAX;

/// The folder.
#[derive(Debug, Clone)]
pub struct StateStore {
    folder: PathBuf,
}

/// What is kept of a task.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The task.
    pub task: String,
    /// When it was stored, in UTC.
    pub saved_at: jiff::Timestamp,
    /// Where its input goes on, as the input wrote it.
    pub checkpoint: Box<RawValue>,
}

/// A task's state, held for one run: nobody else has it until this is dropped.
#[derive(Debug)]
pub struct TaskState {
    task: String,
    path: PathBuf,
    /// Held, not used.
    _lock: File,
}

/// Why a state cannot be used.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum StateError {
    #[error("another run of task `{task}` is going on{}", holder.map(|pid| format!(", process {pid}")).unwrap_or_default())]
    Held { task: String, holder: Option<u32> },
    #[error("the state of task `{task}` in {} is damaged: {what}", path.display())]
    Damaged { task: String, path: PathBuf, what: String },
    #[error("{doing} {} failed: {error}", path.display())]
    Io { doing: &'static str, path: PathBuf, error: io::Error },
}

impl StateError {
    /// What the person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Held { .. } => "wait for its end, or stop it".to_owned(),
            Self::Damaged { task, .. } => format!(
                "restore the file, set a known position (dstream state set {task} JSON), or begin anew (dstream state reset {task})"
            ),
            Self::Io { error, .. } if error.kind() == ErrorKind::StorageFull => {
                "make room; the next run goes on from the last checkpoint".to_owned()
            }
            Self::Io { .. } => {
                "check the folder and its permissions; dstream { state = \"FOLDER\" } names another"
                    .to_owned()
            }
        }
    }
}

fn at(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> StateError + use<> {
    let path = path.to_owned();
    move |error| StateError::Io { doing, path: path.clone(), error }
}

impl StateStore {
    /// The states in a folder, which need not exist.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes hold of a task's state.
    ///
    /// # Errors
    ///
    /// If another run holds it, or the folder cannot be written.
    pub fn claim(&self, task: &str) -> Result<TaskState, StateError> {
        fs::create_dir_all(&self.folder).map_err(at("creating the folder", &self.folder))?;
        let lock_path = self.path(task, "lock");
        let failed = at("locking", &lock_path);
        let mut lock = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&lock_path)
            .map_err(&failed)?;
        if let Err(error) = rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            if error != rustix::io::Errno::WOULDBLOCK {
                return Err(failed(error.into()));
            }
            return Err(StateError::Held { task: task.to_owned(), holder: process_in(&mut lock) });
        }
        // For whoever is refused; the lock alone decides.
        let noted = lock
            .set_len(0)
            .and_then(|()| lock.write_all(format!("{}\n", std::process::id()).as_bytes()));
        noted.map_err(&failed)?;
        Ok(TaskState { task: task.to_owned(), path: self.path(task, "json"), _lock: lock })
    }

    /// What is kept of a task; `None` if nothing is.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is damaged.
    pub fn read(&self, task: &str) -> Result<Option<Stored>, StateError> {
        read(task, &self.path(task, "json"))
    }

    /// Which process runs a task, if one does.
    pub fn holder(&self, task: &str) -> Option<u32> {
        let mut lock = File::open(self.path(task, "lock")).ok()?;
        let free = rustix::fs::flock(&lock, FlockOperation::NonBlockingLockShared);
        free.is_err().then(|| process_in(&mut lock)).flatten()
    }

    /// The tasks that something is kept of, in order, damaged or not.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read. One that is not there has no tasks.
    pub fn tasks(&self) -> Result<Vec<String>, StateError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at("reading the folder", &self.folder)(error)),
        };
        let names = entries
            .flatten()
            .filter_map(|entry| file::task_of(entry.file_name().to_str()?.strip_suffix(".json")?));
        let mut tasks: Vec<String> = names.collect();
        tasks.sort();
        Ok(tasks)
    }

    fn path(&self, task: &str, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", file::name_of(task)))
    }
}

impl TaskState {
    /// Where the task goes on; `None` if it has never run.
    ///
    /// # Errors
    ///
    /// If that cannot be read or is damaged.
    pub fn checkpoint(&self) -> Result<Option<Box<RawValue>>, StateError> {
        Ok(read(&self.task, &self.path)?.map(|stored| stored.checkpoint))
    }

    /// Stores a checkpoint in the place of the one before. When it returns, it is on the disk.
    ///
    /// # Errors
    ///
    /// If that fails; the one before is still there then.
    pub fn save(&self, checkpoint: &RawValue) -> Result<(), StateError> {
        let text = file::encode(&self.task, jiff::Timestamp::now(), checkpoint);
        replace::replace(&self.path, text.as_bytes(), |_| Ok(()))
            .map_err(at("storing a checkpoint in", &self.path))
    }

    /// Forgets the checkpoint: the task begins anew. Gives whether there was one.
    ///
    /// # Errors
    ///
    /// If it cannot be removed.
    pub fn reset(&self) -> Result<bool, StateError> {
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(at("removing", &self.path)(error)),
        }
    }
}

fn read(task: &str, path: &Path) -> Result<Option<Stored>, StateError> {
    let failed = at("reading", path);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(STATE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    let damaged = |what| StateError::Damaged { task: task.to_owned(), path: path.to_owned(), what };
    file::decode(task, &bytes).map(Some).map_err(damaged)
}

fn process_in(lock: &mut File) -> Option<u32> {
    let mut text = String::new();
    lock.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
impl TaskState {
    /// As [`save`](Self::save); `before` is asked before each step and can make it fail.
    pub(super) fn save_asking(
        &self,
        checkpoint: &RawValue,
        mut before: impl FnMut() -> io::Result<()>,
    ) -> io::Result<()> {
        let text = file::encode(&self.task, jiff::Timestamp::now(), checkpoint);
        replace::replace(&self.path, text.as_bytes(), |_| before())
    }
}

#[cfg(test)]
mod tests {
    use super::replace::Step;
    use super::*;

    fn value(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn a_checkpoint_is_found_again_byte_for_byte() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path().join("deep/state"));
        assert!(store.tasks().unwrap().is_empty());
        let odd = "orders/é .. \u{1f980}";
        for (task, text) in [(odd, r#"{"lsn":123456789012345678901, "a":1e400}"#), ("b", "null")] {
            let state = store.claim(task).unwrap();
            assert!(state.checkpoint().unwrap().is_none());
            state.save(&value("1")).unwrap();
            state.save(&value(text)).unwrap();
            assert_eq!(state.checkpoint().unwrap().unwrap().get(), text);
        }
        assert_eq!(store.tasks().unwrap(), ["b", odd]);
        assert_eq!(store.read("b").unwrap().unwrap().checkpoint.get(), "null");
        assert!(store.claim(odd).unwrap().reset().unwrap());
        assert!(!store.claim(odd).unwrap().reset().unwrap());
        assert_eq!(store.tasks().unwrap(), ["b"]);
    }

    #[test]
    fn two_runs_of_a_task_exclude_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path());
        let first = store.claim("t").unwrap();
        let refused = store.claim("t").unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        assert_eq!(store.holder("t"), Some(std::process::id()));
        store.claim("other").unwrap();
        drop(first);
        assert_eq!(store.holder("t"), None);
        store.claim("t").unwrap();
    }

    #[test]
    fn whatever_fails_and_whenever_one_of_the_two_is_there_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path());
        let state = store.claim("t").unwrap();
        state.save(&value("1")).unwrap();
        for (step, after) in [
            (Step::Create, "1"),
            (Step::Write, "1"),
            (Step::Sync, "1"),
            (Step::Rename, "1"),
            // It has its name already, and may lose it again only if the machine stops now.
            (Step::SyncFolder, "2"),
        ] {
            let text = file::encode("t", jiff::Timestamp::now(), &value("2"));
            let failed = replace::replace(&state.path, text.as_bytes(), |now| {
                if now == step { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
            });
            assert!(failed.is_err());
            assert_eq!(state.checkpoint().unwrap().unwrap().get(), after, "{step:?}");
            state.save(&value("1")).unwrap();
        }
    }

    #[test]
    fn any_damage_is_an_error_and_never_a_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path());
        let state = store.claim("t").unwrap();
        state.save(&value(r#"{"at":7}"#)).unwrap();
        let whole = fs::read(&state.path).unwrap();
        for length in 0..whole.len() {
            fs::write(&state.path, &whole[..length]).unwrap();
            let error = state.checkpoint().unwrap_err();
            assert!(matches!(error, StateError::Damaged { .. }), "{length} bytes: {error}");
            assert!(error.hint().contains("dstream state reset t"));
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&state.path, &changed).unwrap();
            assert!(state.checkpoint().is_err(), "byte {at}");
        }
        fs::write(&state.path, whole.repeat(2)).unwrap();
        assert!(state.checkpoint().is_err());
        // That of another task, under this one's name.
        let other = file::encode("other", jiff::Timestamp::now(), &value("7"));
        fs::write(&state.path, other).unwrap();
        assert!(state.checkpoint().is_err());
    }
}
