//! The processes of one run: started together, watched until all have ended, and ended by force if need be.

use std::fs::{self, File};
use std::io::{self, PipeReader, PipeWriter};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use dstream_load::Usage;
use rustix::process::{Pid, Signal, kill_process};

use super::measure;

/// How often a run is looked at. What is looked at costs some 20 µs.
const WATCH_INTERVAL: Duration = Duration::from_millis(10);
/// Between SIGTERM and SIGKILL for what does not end.
const GRACE: Duration = Duration::from_secs(3);
/// Lines of a process's stderr that an error shows.
const LAST_WORDS_LINES: usize = 3;

/// The two ends of a pipe, to be read from and to be written to.
pub(super) fn pipe(bytes: Option<usize>) -> Result<(PipeReader, PipeWriter), String> {
    let (reader, writer) = io::pipe().map_err(|error| format!("pipe: {error}"))?;
    if let Some(bytes) = bytes {
        resize(&writer, bytes)
            .map_err(|error| format!("cannot make a pipe of {bytes} bytes: {error}"))?;
    }
    Ok((reader, writer))
}

#[cfg(target_os = "linux")]
fn resize(writer: &PipeWriter, bytes: usize) -> io::Result<()> {
    rustix::pipe::fcntl_setpipe_size(writer, bytes)?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn resize(_writer: &PipeWriter, _bytes: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What to start.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) stdin: Stdio,
    pub(super) stdout: Stdio,
}

/// How a relay ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End<'a> {
    /// With its input.
    ByItself,
    /// By a signal, once this file is there.
    SignalAfter(&'a Path),
}

/// What was seen of the relay while it ran.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// By `wait4`, with the children that it has waited for.
    pub(super) usage: Usage,
    pub(super) peak_memory_kib: Option<u64>,
    /// Its own alone, in ticks of 10 ms, when it was last looked at.
    pub(super) cpu_seconds_sampled: Option<f64>,
    /// Its own alone, right before the signal that ended it.
    pub(super) usage_before_signal: Option<Usage>,
}

/// Processes that run. They are killed when this is dropped.
#[derive(Debug)]
pub(super) struct Processes {
    members: Vec<Member>,
    folder: PathBuf,
}

#[derive(Debug)]
struct Member {
    name: &'static str,
    child: Child,
    status: Option<ExitStatus>,
    seen: Seen,
    signalled: bool,
}

impl Processes {
    /// None yet. What they say on stderr goes to files in `folder`.
    pub(super) fn new(folder: &Path) -> Self {
        Self { members: Vec::new(), folder: folder.to_path_buf() }
    }

    /// Starts one more, in the repository's root.
    pub(super) fn start(&mut self, start: Start) -> Result<(), String> {
        let log = self.log(start.name);
        let log = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        // The command goes out of scope with our copies of the pipes' ends: a reader would wait for them forever.
        let child = Command::new(&start.program)
            .args(&start.arguments)
            .current_dir(crate::root())
            .stdin(start.stdin)
            .stdout(start.stdout)
            .stderr(log)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", start.name))?;
        let seen = Seen::default();
        self.members.push(Member { name: start.name, child, status: None, seen, signalled: false });
        Ok(())
    }

    /// Waits until all have ended. Returns what was seen of the one called `relay`, if there is one.
    pub(super) fn finish(
        mut self,
        relay: &str,
        end: End<'_>,
        timeout: Duration,
    ) -> Result<Option<Seen>, String> {
        let deadline = Instant::now() + timeout;
        while self.members.iter().any(|member| member.status.is_none()) {
            if Instant::now() > deadline {
                return Err(self.overdue(timeout));
            }
            for member in &mut self.members {
                member.watch(member.name == relay, end);
            }
            thread::sleep(WATCH_INTERVAL);
        }
        self.failures()?;
        let mut members = std::mem::take(&mut self.members).into_iter();
        Ok(members.find(|member| member.name == relay).map(|member| member.seen))
    }

    fn overdue(&mut self, timeout: Duration) -> String {
        let running: Vec<&str> = self.running().map(|member| member.name).collect();
        let mut what = format!("not done after {} s: {}", timeout.as_secs(), running.join(", "));
        for name in running {
            what += &self.last_words(name);
        }
        what
    }

    fn running(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.status.is_none())
    }

    fn failures(&self) -> Result<(), String> {
        let failed = self.members.iter().filter_map(|member| {
            let status = member.status.filter(|status| !status.success() && !member.signalled)?;
            Some(format!("{}: {status}{}", member.name, self.last_words(member.name)))
        });
        let failed: Vec<String> = failed.collect();
        if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
    }

    fn last_words(&self, name: &str) -> String {
        let said = fs::read(self.log(name)).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(LAST_WORDS_LINES)..];
        if last.is_empty() { String::new() } else { format!(" ({})", last.join(" / ")) }
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        // SIGTERM first: DStream and syslog-ng then end what they have started.
        for member in self.members.iter().filter(|member| member.status.is_none()) {
            member.signal(Signal::TERM);
        }
        let deadline = Instant::now() + GRACE;
        for member in self.members.iter_mut().filter(|member| member.status.is_none()) {
            while Instant::now() < deadline && matches!(member.child.try_wait(), Ok(None)) {
                thread::sleep(WATCH_INTERVAL);
            }
            let _ = member.child.kill();
            let _ = member.child.wait();
        }
    }
}

impl Member {
    fn watch(&mut self, is_relay: bool, end: End<'_>) {
        if self.status.is_some() {
            return;
        }
        let pid = self.child.id();
        if is_relay {
            self.seen.peak_memory_kib = measure::peak_memory_kib(pid).or(self.seen.peak_memory_kib);
            self.seen.cpu_seconds_sampled =
                measure::cpu_seconds(pid).or(self.seen.cpu_seconds_sampled);
        }
        if let End::SignalAfter(report) = end
            && is_relay
            && !self.signalled
            && report.exists()
        {
            let cpu_seconds = measure::cpu_seconds(pid).unwrap_or_default();
            let context_switches = measure::context_switches(pid).unwrap_or_default();
            self.seen.usage_before_signal = Some(Usage { cpu_seconds, context_switches });
            self.signal(Signal::TERM);
            self.signalled = true;
        }
        let before = Usage::children();
        if let Ok(Some(status)) = self.child.try_wait() {
            self.seen.usage = Usage::children() - before;
            self.status = Some(status);
        }
    }

    fn signal(&self, signal: Signal) {
        // Not waited for yet, so that the id is still its own.
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(name: &'static str, script: &str) -> Start {
        Start {
            name,
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            stdin: Stdio::null(),
            stdout: Stdio::null(),
        }
    }

    #[test]
    fn a_failure_has_its_status_and_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let mut processes = Processes::new(folder.path());
        processes.start(start("relay", "echo no such thing >&2; exit 3")).unwrap();
        let error = processes.finish("relay", End::ByItself, Duration::from_secs(60)).unwrap_err();
        assert_eq!(error, "relay: exit status: 3 (no such thing)");
    }

    #[test]
    fn a_relay_that_does_not_end_is_ended_after_the_report() {
        let folder = tempfile::tempdir().unwrap();
        let report = folder.path().join("report");
        let mut processes = Processes::new(folder.path());
        processes.start(start("relay", "exec sleep 600")).unwrap();
        fs::write(&report, "").unwrap();
        let end = End::SignalAfter(&report);
        let seen = processes.finish("relay", end, Duration::from_secs(60)).unwrap().unwrap();
        assert!(seen.usage_before_signal.is_some());
    }

    #[test]
    fn what_does_not_end_is_named_and_killed() {
        let folder = tempfile::tempdir().unwrap();
        let mut processes = Processes::new(folder.path());
        processes.start(start("relay", "exec sleep 600")).unwrap();
        let pid = processes.members[0].child.id();
        let error = processes.finish("relay", End::ByItself, Duration::ZERO).unwrap_err();
        assert_eq!(error, "not done after 0 s: relay");
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_pipe_has_the_size_that_was_asked_for() {
        let (_reader, writer) = pipe(Some(1 << 18)).unwrap();
        assert_eq!(rustix::pipe::fcntl_getpipe_size(&writer).unwrap(), 1 << 18);
    }
}
