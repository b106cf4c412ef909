//! Starting a process in a group of its own, and ending it.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::confines::Confines;
use super::exit::ProviderExit;
use super::log::{LogTail, read_log};
use crate::resolve::ResolvedProvider;
use dstream_relay::pipe;
use dstream_task::Secrets;

/// What to start.
pub(crate) struct Launch<'a> {
    pub(crate) name: &'a str,
    pub(crate) provider: &'a ResolvedProvider,
    /// What it is confined to, and all that it starts.
    pub(crate) confines: Arc<Confines>,
    /// Added to the inherited environment; later entries win.
    pub(crate) env: Vec<(OsString, OsString)>,
    /// Masked in its log.
    pub(crate) secrets: Secrets,
}

/// Our ends of a provider's pipes.
pub(crate) struct Pipes {
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
}

/// A live child, or a dead one that has not been reaped yet: until [`ProviderProcess::reap`] its
/// group cannot be taken for another.
pub(crate) struct ProviderProcess {
    child: Child,
    group: ProcessGroup,
    log: LogTail,
    started: Instant,
    /// Some of what confines it holds only as long as this is there.
    _confines: Arc<Confines>,
}

/// The kill target: a process group, never to be confused with a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProcessGroup(pub(super) Pid);

impl ProcessGroup {
    /// Signals every process of the group. A group without a process left is fine.
    pub(super) fn signal(self, signal: Signal) {
        let _ = kill_process_group(self.0, signal);
    }
}

/// What a process does by itself, reported from threads of its own.
pub(crate) enum ProcessEvent {
    /// A line on stderr, clear of secrets.
    Log(String),
    /// Nothing holds its stderr any more.
    LogEnded,
    /// The process itself has ended; others of its group may live on.
    Exited(ProviderExit),
}

impl ProviderProcess {
    /// Starts it. Must be called from a thread that outlives the process: the kernel ends the
    /// process when that thread ends, which is how none survives DStream's SIGKILL.
    pub(crate) fn spawn(
        launch: Launch<'_>,
        tell: impl Fn(ProcessEvent) + Send + Clone + 'static,
    ) -> io::Result<(Self, Pipes)> {
        let mut command = Command::new(&launch.provider.program);
        command
            .args(&launch.provider.args)
            .envs(launch.env)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        before_exec(&mut command, Arc::clone(&launch.confines));
        let started = Instant::now();
        let mut newborn = Newborn::new(command.spawn()?)?;
        let pid = newborn.group.0;
        let (Some(stdin), Some(stdout), Some(stderr)) = newborn.take_pipes() else {
            return Err(io::Error::other("a piped stream has no pipe"));
        };
        let pipes = Pipes { stdin: stdin.into(), stdout: stdout.into() };
        pipe::widen(&pipes.stdin);
        pipe::widen(&pipes.stdout);
        let log = LogTail::default();
        let (secrets, tail, tell_log) = (launch.secrets, log.clone(), tell.clone());
        thread::Builder::new().name(format!("log-{}", launch.name)).spawn(move || {
            read_log(stderr, &secrets, &tail, |line| tell_log(ProcessEvent::Log(line)));
            tell_log(ProcessEvent::LogEnded);
        })?;
        thread::Builder::new().name(format!("wait-{}", launch.name)).spawn(move || {
            tell(ProcessEvent::Exited(wait_without_reaping(pid)));
        })?;
        let (child, group) = newborn.grown()?;
        Ok((Self { child, group, log, started, _confines: launch.confines }, pipes))
    }

    /// The process id, which is also that of its group.
    pub(crate) fn id(&self) -> Pid {
        self.group.0
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// The last lines of its log.
    pub(crate) fn last_words(&self) -> Vec<String> {
        self.log.lines()
    }

    /// Asks the whole group to leave.
    pub(crate) fn terminate(&self) {
        self.group.signal(Signal::TERM);
    }

    /// Ends the whole group.
    pub(crate) fn kill(&self) {
        self.group.signal(Signal::KILL);
    }

    /// Frees its process id. Only after [`ProcessEvent::Exited`]; what is left of its group is
    /// ended first.
    pub(crate) fn reap(mut self) {
        self.kill();
        let _ = self.child.wait();
    }
}

/// A child for which not everything is in place yet: dropped, it is killed and reaped.
struct Newborn {
    child: Option<Child>,
    group: ProcessGroup,
}

impl Newborn {
    fn new(child: Child) -> io::Result<Self> {
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("a process without an id"))?;
        Ok(Self { child: Some(child), group: ProcessGroup(pid) })
    }

    fn take_pipes(&mut self) -> (Option<ChildStdin>, Option<ChildStdout>, Option<ChildStderr>) {
        self.child.as_mut().map_or((None, None, None), |child| {
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        })
    }

    fn grown(mut self) -> io::Result<(Child, ProcessGroup)> {
        let child = self.child.take();
        child.map(|child| (child, self.group)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Drop for Newborn {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            self.group.signal(Signal::KILL);
            let _ = child.wait();
        }
    }
}

/// Waits for the process to end and leaves it a zombie, so that its id stays its own.
fn wait_without_reaping(pid: Pid) -> ProviderExit {
    loop {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(pid), options) {
            Ok(Some(status)) => {
                if let Some(signal) = status.terminating_signal() {
                    return ProviderExit::Signal(signal);
                }
                return ProviderExit::Code(status.exit_status().unwrap_or(-1));
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            // It is our child and nobody else reaps it, so there is nothing else to expect.
            Err(_) => return ProviderExit::Code(-1),
        }
    }
}

/// Has the kernel send SIGTERM to the process when DStream dies, SIGKILL included, and confines it.
/// The guard ends the whole group too, and insists; the signal covers the moment before the guard
/// knows of it.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "code between fork and exec cannot be run otherwise")]
fn before_exec(command: &mut Command, confines: Arc<Confines>) {
    let parent = rustix::process::getpid();
    let after_fork = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::TERM))?;
        if rustix::process::getppid() != Some(parent) {
            return Err(io::ErrorKind::NotFound.into()); // it has died already
        }
        confines.enter()
    };
    // SAFETY: between fork and exec only async-signal-safe functions may be called. The closure
    // makes system calls, as `Confines::enter` promises to do too; it allocates nothing and takes no
    // lock.
    unsafe {
        command.pre_exec(after_fork);
    }
}

#[cfg(not(target_os = "linux"))]
fn before_exec(_command: &mut Command, _confines: Arc<Confines>) {}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;
    use rustix::process::test_kill_process;

    use super::*;

    #[test]
    fn a_child_that_is_not_taken_over_is_ended_and_reaped() {
        let start = || {
            let mut command = Command::new("sleep");
            Newborn::new(command.arg("100000").process_group(0).spawn().unwrap()).unwrap()
        };
        let newborn = start();
        let pid = newborn.group.0;
        test_kill_process(pid).unwrap();
        drop(newborn);
        assert_eq!(test_kill_process(pid), Err(Errno::SRCH));

        let (mut child, group) = start().grown().unwrap();
        test_kill_process(group.0).unwrap();
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
