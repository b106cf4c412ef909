//! The guard: a process that outlives DStream by a moment, so that no provider does.
//!
//! It reads the ids of process groups from a pipe that only DStream holds: `+123` for a group that
//! lives, `-123` for one that has ended. When the pipe ends, DStream has ended, however that came
//! about; groups that are still on the list are asked to leave and then killed.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, test_kill_process_group};

use super::process::ProcessGroup;
use crate::limits::GUARD_GRACE;
use crate::resolve::ResolvedProvider;

/// The guard's name in lists of processes: whoever kills all that is named like DStream must not
/// kill what cleans up behind it.
const GUARD_NAME: &str = "ds-guard";

/// Gives this process a name of its own in lists of processes, cut to what the system keeps (15
/// bytes on Linux). To be called from the main thread.
pub fn name_process(name: &str) {
    #[cfg(target_os = "linux")]
    if let Ok(name) = std::ffi::CString::new(name) {
        let _ = rustix::thread::set_name(&name);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = name;
}

/// The pipe to a running guard.
pub struct Guard {
    list: Option<ChildStdin>,
    /// Waits for the guard's end.
    waiting: Option<JoinHandle<()>>,
}

impl Guard {
    /// Starts `program`, which must do nothing but call [`guard_main`], and has `held` open as long
    /// as it lives: a lock whose holder has ended when all providers have. `ended` is called, from a
    /// thread of its own, when it has ended.
    ///
    /// # Errors
    ///
    /// If it cannot be started.
    pub fn start(
        program: &ResolvedProvider,
        held: Option<File>,
        ended: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let mut child = Command::new(&program.program)
            .arg0(GUARD_NAME)
            .args(&program.args)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(held.map_or_else(Stdio::null, Stdio::from)) // it prints nothing
            .stderr(Stdio::null())
            .spawn()?;
        let list = child.stdin.take();
        let wait = move || {
            let _ = child.wait();
            ended();
        };
        let waiting = thread::Builder::new().name("guard".to_owned()).spawn(wait)?;
        Ok(Self { list, waiting: Some(waiting) })
    }

    /// Puts a group on the list.
    pub(crate) fn watch(&mut self, group: Pid) {
        self.write('+', group);
    }

    /// Takes a group off the list; to be called before its id can be used again.
    pub(crate) fn forget(&mut self, group: Pid) {
        self.write('-', group);
    }

    fn write(&mut self, sign: char, group: Pid) {
        if let Some(list) = &mut self.list {
            // One that was killed is replaced.
            let _ = writeln!(list, "{sign}{}", group.as_raw_nonzero());
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.list = None;
        let _ = self.waiting.take().map(JoinHandle::join);
    }
}

/// Reads the list from `list` until it ends, then ends what is on it. The caller has seen to it
/// that signals from a terminal or a service manager do not end this process.
#[expect(clippy::disallowed_methods, reason = "the list is DStream's own: a few digits a line")]
pub fn guard_main(list: impl Read) {
    name_process(GUARD_NAME);
    let mut groups = BTreeSet::new();
    for line in BufReader::new(list).lines().map_while(Result::ok) {
        let id = line.get(1..).and_then(|id| id.parse::<i32>().ok());
        match (line.as_bytes().first(), id) {
            (Some(b'+'), Some(id)) if id > 1 => {
                groups.insert(id);
            }
            (Some(b'-'), Some(id)) => {
                groups.remove(&id);
            }
            _ => {}
        }
    }
    let mut groups: Vec<Pid> = groups.into_iter().filter_map(Pid::from_raw).collect();
    let signal_all = |groups: &[Pid], signal| {
        groups.iter().for_each(|&group| ProcessGroup(group).signal(signal));
    };
    signal_all(&groups, Signal::TERM);
    await_end(&mut groups, GUARD_GRACE);
    signal_all(&groups, Signal::KILL);
    await_end(&mut groups, GUARD_GRACE);
}

/// Waits until all groups have ended, but no longer than that.
fn await_end(groups: &mut Vec<Pid>, most: Duration) {
    let deadline = Instant::now() + most;
    loop {
        groups.retain(|&group| test_kill_process_group(group).is_ok());
        if groups.is_empty() || Instant::now() >= deadline {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
}
