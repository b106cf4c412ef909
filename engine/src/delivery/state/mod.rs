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
mod lock;

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use serde_json::value::RawValue;
use thiserror::Error;

use self::lock::NotLocked;
use crate::limits::STATE_BYTES_MAX;
use dstream_files::{Access, LockFile, open_plain, replace};

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
    lock: LockFile,
}

/// Why a state cannot be used.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum StateError {
    #[error("another run of task `{task}` is going on, process {holder}")]
    Held { task: String, holder: u32 },
    #[error("an earlier run of task `{task}` has died, and its providers have not ended yet")]
    Ending { task: String },
    #[error("the state of task `{task}` is no longer this run's: {} was removed or replaced", path.display())]
    LockGone { task: String, path: PathBuf },
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
            Self::Ending { .. } => "end them, or wait for their end".to_owned(),
            Self::LockGone { .. } => {
                "leave the folder alone while a task runs; the next run goes on from what is stored in it"
                    .to_owned()
            }
            Self::Damaged { task, .. } => {
                let task = shlex::try_quote(task).unwrap_or_default();
                format!(
                    "restore the file, set a known position (dstream state set {task} JSON), or begin anew (dstream state reset {task})"
                )
            }
            Self::Io { error, .. } if is_without_locks(error) => {
                "its file system has no locks; dstream { state = \"FOLDER\" } names a folder on another"
                    .to_owned()
            }
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

    /// Takes hold of a task's state. If an earlier run has died, waits for the end of its providers,
    /// some seconds at most; `waiting` is called once when that is not over in a moment.
    ///
    /// # Errors
    ///
    /// If another run holds it, or the folder cannot be written.
    pub fn claim(&self, task: &str, waiting: impl FnOnce()) -> Result<TaskState, StateError> {
        make_folder(&self.folder).map_err(at("creating the folder", &self.folder))?;
        let lock_path = self.path(task, "lock");
        let lock = lock::take(&lock_path, waiting).map_err(|error| match error {
            NotLocked::Held(holder) => StateError::Held { task: task.to_owned(), holder },
            NotLocked::Ending => StateError::Ending { task: task.to_owned() },
            NotLocked::Io(error) => at("locking", &lock_path)(error),
        })?;
        Ok(TaskState { task: task.to_owned(), path: self.path(task, "json"), lock })
    }

    /// What is kept of a task; `None` if nothing is.
    ///
    /// # Errors
    ///
    /// If it cannot be read or is damaged.
    pub fn read(&self, task: &str) -> Result<Option<Stored>, StateError> {
        read(task, &self.path(task, "json"))
    }

    /// Which living process runs a task, if one does.
    pub fn holder(&self, task: &str) -> Option<u32> {
        lock::holder(&self.path(task, "lock"))
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
        let names = entries.flatten().filter_map(|entry| {
            let name = entry.file_name();
            let name = name.to_str()?.strip_suffix(".json")?;
            file::task_of(name).or_else(|| self.task_in(&entry.path(), name))
        });
        let mut tasks: Vec<String> = names.collect();
        tasks.sort();
        Ok(tasks)
    }

    /// The task of a file whose name is not all of it.
    fn task_in(&self, path: &Path, name: &str) -> Option<String> {
        let file = open_plain(File::options().read(true), path).ok()?;
        let mut bytes = Vec::new();
        file.take(STATE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
        file::task_within(&bytes).filter(|task| file::name_of(task) == name)
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
    /// If that fails; the one before is still there then. If the lock is no longer what others would
    /// take.
    pub fn save(&self, checkpoint: &RawValue) -> Result<(), StateError> {
        if !self.lock.is_in_place() {
            let path = self.path.with_extension("lock");
            return Err(StateError::LockGone { task: self.task.clone(), path });
        }
        let text = file::encode(&self.task, jiff::Timestamp::now(), checkpoint);
        replace(&self.path, text.as_bytes(), Access::Private, |_| Ok(()))
            .map_err(at("storing a checkpoint in", &self.path))
    }

    /// The lock, for a process that may outlive this one: as long as it has the file open, nobody else
    /// takes hold of the state.
    ///
    /// # Errors
    ///
    /// If there are no more descriptors.
    pub fn share_lock(&self) -> io::Result<File> {
        self.lock.share()
    }

    /// Forgets the checkpoint: the task starts again. Gives whether there was one.
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
    let file = match open_plain(File::options().read(true), path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    file.take(STATE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    let damaged = |what| StateError::Damaged { task: task.to_owned(), path: path.to_owned(), what };
    file::decode(task, &bytes).map(Some).map_err(damaged)
}

fn is_without_locks(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(number, Some(Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS))
}

/// Makes a folder, for this user alone, and those above it; when it returns, they last.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    if !parent.is_dir() {
        fs::create_dir_all(parent)?;
        // However many were made: each is named in the one above it.
        for made in parent.ancestors().skip(1) {
            let made = if made.as_os_str().is_empty() { Path::new(".") } else { made };
            File::open(made)?.sync_all()?;
        }
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => {}
        made => made?,
    }
    File::open(parent)?.sync_all()
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
        replace(&self.path, text.as_bytes(), Access::Private, |_| before())
    }
}

#[cfg(test)]
mod tests {
    use dstream_files::Step;

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
        let long = "é".repeat(128);
        let like_it = format!("{}e", "é".repeat(127));
        for (task, text) in [
            (odd, r#"{"lsn":123456789012345678901, "a":1e400}"#),
            ("b", "null"),
            (&long, "1"),
            (&like_it, "2"),
        ] {
            let state = store.claim(task, || {}).unwrap();
            assert!(state.checkpoint().unwrap().is_none());
            state.save(&value("1")).unwrap();
            state.save(&value(text)).unwrap();
            assert_eq!(state.checkpoint().unwrap().unwrap().get(), text);
        }
        assert_eq!(store.tasks().unwrap(), ["b", odd, &like_it, &long]);
        assert_eq!(store.read(&long).unwrap().unwrap().checkpoint.get(), "1");
        assert_eq!(store.read("b").unwrap().unwrap().checkpoint.get(), "null");
        assert!(store.claim(odd, || {}).unwrap().reset().unwrap());
        assert!(!store.claim(odd, || {}).unwrap().reset().unwrap());
        assert_eq!(store.tasks().unwrap(), ["b", &like_it, &long]);
    }

    #[test]
    fn two_runs_of_a_task_exclude_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path());
        let first = store.claim("t", || {}).unwrap();
        let refused = store.claim("t", || {}).unwrap_err().to_string();
        assert!(refused.contains(&format!("process {}", std::process::id())), "{refused}");
        assert_eq!(store.holder("t"), Some(std::process::id()));
        store.claim("other", || {}).unwrap();
        drop(first);
        assert_eq!(store.holder("t"), None);
        store.claim("t", || {}).unwrap();
    }

    #[test]
    fn a_lock_that_was_shared_holds_until_its_last_owner_has_gone() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path());
        let first = store.claim("t", || {}).unwrap();
        let shared = first.share_lock().unwrap();
        drop(first);
        assert!(matches!(store.claim("t", || {}), Err(StateError::Held { .. })));
        // Its process has died, as far as anybody can tell: it is waited for, and said so.
        fs::write(folder.path().join("t.lock"), "2147483646\n").unwrap();
        let waits = std::thread::spawn({
            let store = store.clone();
            move || store.claim("t", move || drop(shared)).map(drop)
        });
        waits.join().unwrap().unwrap();
    }

    #[test]
    fn who_only_looks_does_not_keep_others_out() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path());
        drop(store.claim("t", || {}).unwrap());
        std::thread::scope(|scope| {
            let looks = scope.spawn(|| {
                (0..500).for_each(|_| {
                    store.holder("t");
                })
            });
            while !looks.is_finished() {
                drop(store.claim("t", || {}).unwrap());
            }
        });
    }

    #[test]
    fn without_its_lock_nothing_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path());
        let state = store.claim("t", || {}).unwrap();
        state.save(&value("1")).unwrap();
        fs::remove_file(folder.path().join("t.lock")).unwrap();
        let other = store.claim("t", || {}).unwrap();
        assert!(matches!(state.save(&value("2")), Err(StateError::LockGone { .. })));
        other.save(&value("3")).unwrap();
        assert_eq!(store.read("t").unwrap().unwrap().checkpoint.get(), "3");
    }

    #[test]
    fn what_stands_in_the_place_of_a_file_is_not_followed() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path().join("state"));
        let target = folder.path().join("target");
        fs::write(&target, "precious").unwrap();
        fs::create_dir(store.folder()).unwrap();
        for name in ["t.lock", "t.json"] {
            symlink(&target, store.folder().join(name)).unwrap();
        }
        let refused = store.claim("t", || {}).unwrap_err().to_string();
        assert!(refused.ends_with("it is a symbolic link"), "{refused}");
        assert!(store.read("t").is_err() && store.holder("t").is_none());
        fs::remove_file(store.folder().join("t.lock")).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        let pipe = store.folder().join("t.lock");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(store.holder("t").is_none(), "nor waited for");
        assert!(store.claim("t", || {}).is_err());
        fs::remove_file(pipe).unwrap();
        symlink(&target, store.folder().join("t.json.new")).unwrap();
        let state = store.claim("t", || {}).unwrap();
        state.save(&value("1")).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        let file = store.folder().join("t.json").symlink_metadata().unwrap();
        assert_eq!((file.is_file(), file.permissions().mode() & 0o777), (true, 0o600));
    }

    #[test]
    fn whatever_fails_and_whenever_one_of_the_two_is_there_whole() {
        let folder = tempfile::tempdir().unwrap();
        let store = StateStore::new(folder.path());
        let state = store.claim("t", || {}).unwrap();
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
            let failed = replace(&state.path, text.as_bytes(), Access::Private, |now| {
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
        let state = store.claim("t", || {}).unwrap();
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
