//! A provider as a child process.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// The first line of nearly every provider that starts.
pub(crate) const READY: &str =
    "{\"status\":\"ready\",\"protocol\":1,\"capabilities\":[\"checkpoint\"]}\n";

/// That of an output that can give lines back.
pub(crate) const READY_REJECTS: &str =
    "{\"status\":\"ready\",\"protocol\":1,\"capabilities\":[\"checkpoint\",\"reject\"]}\n";

/// The first line of this one (`input counter`).
pub(crate) fn ready(provider: &str) -> &'static str {
    if provider == "output file" { READY_REJECTS } else { READY }
}

/// What a provider left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// None if a signal ended it.
    pub(crate) code: Option<i32>,
}

impl Ended {
    /// Everything after the handshake.
    pub(crate) fn stream(&self) -> &str {
        let ready = [READY, READY_REJECTS];
        let stream = ready.iter().find_map(|ready| self.stdout.strip_prefix(ready));
        stream.unwrap_or_else(|| panic!("not ready: {self:?}"))
    }

    /// The only line of stdout.
    pub(crate) fn answer(&self) -> Value {
        assert_eq!(self.stdout.matches('\n').count(), 1, "{self:?}");
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// Has a provider (`input counter`) read `stdin` to its end.
pub(crate) fn run(provider: &str, stdin: impl AsRef<[u8]>) -> Ended {
    let mut running = Running::start(provider, "");
    let mut pipe = running.stdin.take().unwrap();
    let stdin = stdin.as_ref().to_vec();
    // Beside the reader: neither pipe can fill up. A provider may leave before it has read all.
    let writing = std::thread::spawn(move || drop(pipe.write_all(&stdin)));
    let ended = running.end();
    writing.join().unwrap();
    ended
}

/// A provider that is still there. It is ended with the test.
pub(crate) struct Running {
    child: Child,
    /// None once it is closed.
    pub(crate) stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Running {
    /// Starts a provider, named with its side, and writes `stdin`, which stays open.
    pub(crate) fn start(provider: &str, stdin: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_dstream-provider"))
            .args(provider.split(' '))
            .env_remove("DSTREAM_LOG_LEVEL")
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (pipe, stdout) = (child.stdin.take(), child.stdout.take().map(BufReader::new));
        let mut running = Self { child, stdin: pipe, stdout };
        running.write(stdin);
        running
    }

    pub(crate) fn write(&mut self, text: &str) {
        self.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// Waits for the next line of stdout.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.as_mut().unwrap().read_line(&mut line).unwrap();
        line
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub(crate) fn id(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    pub(crate) fn close_stdout(&mut self) {
        self.stdout = None;
    }

    /// Waits for its end. What it has left open stays open until then.
    pub(crate) fn end(mut self) -> Ended {
        let mut stderr = self.child.stderr.take().unwrap();
        let words = std::thread::spawn(move || {
            let mut words = String::new();
            stderr.read_to_string(&mut words).unwrap();
            words
        });
        let mut stdout = Vec::new();
        if let Some(mut pipe) = self.stdout.take() {
            pipe.read_to_end(&mut stdout).unwrap();
        }
        let code = self.child.wait().unwrap().code();
        let stderr = words.join().unwrap();
        Ended { stdout: String::from_utf8_lossy(&stdout).into_owned(), stderr, code }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have left already
        let _ = self.child.wait();
    }
}
