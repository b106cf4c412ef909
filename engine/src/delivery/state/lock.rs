//! Who may run a task: the holder of a lock.

use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use dstream_files::{Access, LockFile};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::limits::GUARD_GRACE;

/// How long a lock may be held by somebody who only looks whether it is.
const LOOK_WAIT: Duration = Duration::from_millis(100);

/// How long the providers of a run that has died may take to end: its guard holds the lock as long.
const ENDING_WAIT: Duration = GUARD_GRACE.saturating_add(Duration::from_secs(3));

/// After how long somebody who waits for them is notified: most have gone by then.
const ENDING_TOLD_AFTER: Duration = Duration::from_millis(300);

/// How often a lock that is held is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// Why a task is not locked.
#[derive(Debug)]
pub(super) enum NotLocked {
    /// Another process has it.
    Held(u32),
    /// The process that took it has died, and what it started lives on.
    Ending,
    /// The system refuses it.
    Io(io::Error),
}

/// Locks a task for this process. Waits for the providers of a run that has died, and calls `waiting`
/// once if that takes a while.
pub(super) fn take(path: &Path, waiting: impl FnOnce()) -> Result<LockFile, NotLocked> {
    let mut lock = LockFile::open(path, Access::Private).map_err(NotLocked::Io)?;
    let begun = Instant::now();
    let mut waiting = Some(waiting);
    while !lock.try_lock().map_err(NotLocked::Io)? {
        let holder = living_holder(&lock);
        let patience = if holder.is_some() { LOOK_WAIT } else { ENDING_WAIT };
        if begun.elapsed() >= patience {
            return Err(holder.map_or(NotLocked::Ending, NotLocked::Held));
        }
        if holder.is_none() && begun.elapsed() >= ENDING_TOLD_AFTER {
            waiting.take().into_iter().for_each(|tell| tell());
        }
        thread::sleep(TRY_AGAIN);
    }
    lock.note_holder().map_err(NotLocked::Io)?;
    Ok(lock)
}

/// The living process that has taken the lock at `path`, if one has.
pub(super) fn holder(path: &Path) -> Option<u32> {
    let lock = LockFile::open_existing(path).ok()?;
    if lock.try_lock_shared().is_ok_and(|locked| locked) { None } else { living_holder(&lock) }
}

/// Whom the file names, if that process lives.
fn living_holder(lock: &LockFile) -> Option<u32> {
    let id = lock.holder()?;
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw)?;
    // Another user's process lives, too.
    let is_there = matches!(test_kill_process(pid), Ok(()) | Err(Errno::PERM));
    (is_there && !is_zombie(id)).then_some(id)
}

/// Whether a process has ended and its parent has not noticed yet (proc(5), `stat`).
fn is_zombie(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    // Its name, in parentheses, may hold anything.
    let state = stat.rsplit_once(')').map_or("", |(_, fields)| fields.trim_start());
    state.starts_with(['Z', 'X'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_has_ended_and_was_not_reaped_holds_nothing() {
        use std::process::{Command, Stdio};

        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        std::fs::write(&path, format!("{}\n", child.id())).unwrap();
        let lock = LockFile::open_existing(&path).unwrap();
        assert_eq!(living_holder(&lock), Some(child.id()));
        drop(child.stdin.take());
        // It ends now, and stays a zombie until it is waited for.
        while !is_zombie(child.id()) {
            thread::yield_now();
        }
        assert_eq!(living_holder(&lock), None);
        child.wait().unwrap();
    }
}
