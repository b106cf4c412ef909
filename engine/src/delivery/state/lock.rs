//! Who may run a task: the holder of a lock.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::limits::GUARD_GRACE;
use dstream_files::open_plain;

/// How long a lock may be held by somebody who only looks whether it is.
const LOOK_WAIT: Duration = Duration::from_millis(100);

/// How long the providers of a run that has died may take to end: its guard holds the lock as long.
const ENDING_WAIT: Duration = GUARD_GRACE.saturating_add(Duration::from_secs(3));

/// After how long somebody who waits for them is told so: most have gone by then.
const ENDING_TOLD_AFTER: Duration = Duration::from_millis(300);

/// How often a lock that is held is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// A lock that is held, by whoever has its descriptor or a copy of it.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    path: PathBuf,
}

/// Why it is not.
#[derive(Debug)]
pub(super) enum NotLocked {
    /// Another process has it.
    Held(u32),
    /// The process that took it has died, and what it started lives on.
    Ending,
    /// The system refuses it.
    Io(io::Error),
}

impl Lock {
    /// Takes it for this process. Waits for the providers of a run that has died, and calls `waiting`
    /// once if that takes a while.
    pub(super) fn take(path: &Path, waiting: impl FnOnce()) -> Result<Self, NotLocked> {
        let mut options = File::options();
        let options = options.create(true).truncate(false).read(true).write(true).mode(0o600);
        let mut file = open_plain(options, path).map_err(NotLocked::Io)?;
        let begun = Instant::now();
        let mut waiting = Some(waiting);
        while let Err(error) = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if error != Errno::WOULDBLOCK {
                return Err(NotLocked::Io(error.into()));
            }
            let holder = holder_in(&file);
            let patience = if holder.is_some() { LOOK_WAIT } else { ENDING_WAIT };
            if begun.elapsed() >= patience {
                return Err(holder.map_or(NotLocked::Ending, NotLocked::Held));
            }
            if holder.is_none() && begun.elapsed() >= ENDING_TOLD_AFTER {
                waiting.take().into_iter().for_each(|tell| tell());
            }
            thread::sleep(TRY_AGAIN);
        }
        // For whoever is refused; the lock alone decides.
        let id = format!("{}\n", std::process::id());
        let noted = file.set_len(0).and_then(|()| file.write_all(id.as_bytes()));
        noted.map_err(NotLocked::Io)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// The same lock once more, to be held by another process, too.
    pub(super) fn share(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Whether it still is what others would take: its file can have been removed.
    pub(super) fn is_in_place(&self) -> bool {
        let held = self.file.metadata();
        let there = self.path.symlink_metadata();
        matches!((held, there), (Ok(held), Ok(there))
            if (held.dev(), held.ino()) == (there.dev(), there.ino()))
    }
}

/// The living process that has taken the lock at `path`, if one has.
pub(super) fn holder(path: &Path) -> Option<u32> {
    let file = open_plain(File::options().read(true), path).ok()?;
    let free = rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared);
    free.is_err().then(|| holder_in(&file)).flatten()
}

/// Whom the file names, if that process lives.
fn holder_in(file: &File) -> Option<u32> {
    let mut text = String::new();
    // From its beginning, wherever the descriptor is.
    let mut bytes = [0; 32];
    let count = rustix::io::pread(file, &mut bytes, 0).ok()?;
    (&bytes[..count]).read_to_string(&mut text).ok()?;
    let id: u32 = text.trim().parse().ok()?;
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw)?;
    // Another user's process lives, too.
    matches!(test_kill_process(pid), Ok(()) | Err(Errno::PERM)).then_some(id)
}
