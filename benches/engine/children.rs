//! The processes at both ends of a relay. They are this program, started again, as `dstream` does
//! with its built-in providers: the output is the built-in `null` itself, the input is a writer of
//! one line again and again, since `generate` has none as short as 43 bytes.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitCode, Stdio};

use dstream_builtin::Side;
use rustix::pipe::fcntl_setpipe_size;

use crate::lines::{Size, envelopes};

const SOURCE: &str = "__source";
const PROVIDER: &str = "__provider";

const READY: &[u8] = b"{\"status\":\"ready\"}\n";

/// Pipes are as wide as the engine makes them.
const PIPE_BYTES: usize = 1 << 20;

/// What the source has ready in memory; few enough to stay in a processor's cache.
const SOURCE_BYTES: usize = 128 << 10;

/// How the source writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Writes {
    /// As many lines as there are in [`SOURCE_BYTES`] in one write.
    Bulk,
    /// Each line in a write of its own.
    Line,
}

impl Writes {
    pub(crate) const ALL: [Self; 2] = [Self::Bulk, Self::Line];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bulk => "bulk",
            Self::Line => "line",
        }
    }
}

/// Is one of those processes, if the arguments say so.
pub(crate) fn run(arguments: &[String]) -> Option<ExitCode> {
    match arguments {
        [word, name] if word == PROVIDER => dstream_builtin::run(Side::Output, name),
        [word, bytes, writes, lines] if word == SOURCE => {
            let writes = Writes::ALL.into_iter().find(|it| it.name() == writes).unwrap();
            source(bytes.parse().unwrap(), writes, lines.parse().unwrap());
            Some(ExitCode::SUCCESS)
        }
        _ => None,
    }
}

/// Says that it is ready, waits for the end of its stdin, writes `lines` lines.
fn source(bytes: usize, writes: Writes, lines: u64) {
    let (block, block_lines) = envelopes(Size { name: "", bytes }, SOURCE_BYTES);
    let (line_bytes, mut left) = (bytes + 1, lines);
    // The standard library's stdout would gather lines, and look for their ends.
    let mut stdout = File::from(rustix::stdio::stdout().try_clone_to_owned().unwrap());
    stdout.write_all(READY).unwrap();
    assert_eq!(std::io::stdin().read(&mut [0]).unwrap(), 0);
    while left > 0 {
        let count = left.min(block_lines);
        let block = &block[..count as usize * line_bytes];
        match writes {
            Writes::Bulk => stdout.write_all(block).unwrap(),
            Writes::Line => {
                block.chunks(line_bytes).for_each(|line| stdout.write_all(line).unwrap())
            }
        }
        left -= count;
    }
}

/// The input, ready to write.
pub(crate) struct Source {
    child: Child,
    go: Option<ChildStdin>,
}

impl Source {
    /// Returns with it the pipe to read.
    pub(crate) fn start(size: Size, writes: Writes, lines: u64) -> (Self, OwnedFd) {
        let arguments = [SOURCE, &size.bytes.to_string(), writes.name(), &lines.to_string()];
        let mut child = start(&arguments, Stdio::inherit());
        let mut stdout = child.stdout.take().unwrap();
        let _ = fcntl_setpipe_size(&stdout, PIPE_BYTES);
        read_ready(&mut stdout);
        let go = child.stdin.take();
        (Self { child, go }, stdout.into())
    }

    /// Has it write.
    pub(crate) fn go(&mut self) {
        self.go = None;
    }

    pub(crate) fn wait(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

/// The output, ready to read: the built-in `null`.
pub(crate) struct Sink {
    child: Child,
    stderr: ChildStderr,
}

impl Sink {
    /// Returns with it the pipe to write.
    pub(crate) fn start() -> (Self, OwnedFd) {
        let mut child = start(&[PROVIDER, "null"], Stdio::piped());
        let mut stdin = child.stdin.take().unwrap();
        let _ = fcntl_setpipe_size(&stdin, PIPE_BYTES);
        stdin.write_all(b"{\"command\":\"run\",\"config\":{}}\n").unwrap();
        read_ready(child.stdout.as_mut().unwrap());
        let stderr = child.stderr.take().unwrap();
        (Self { child, stderr }, stdin.into())
    }

    /// Waits until it has read everything, and compares that with what there was.
    pub(crate) fn wait(mut self, lines: u64, bytes: u64) {
        assert!(self.child.wait().unwrap().success());
        let mut log = String::new();
        self.stderr.read_to_string(&mut log).unwrap();
        let count = format!("{lines} envelopes, {bytes} bytes");
        assert!(log.contains(&count), "there were {count}, and the sink said {log}");
    }
}

fn start(arguments: &[&str], stderr: Stdio) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap()
}

/// Reads the first line, and not a byte of what follows it.
fn read_ready(stdout: &mut impl Read) {
    let mut line = Vec::new();
    while !line.ends_with(b"\n") {
        let mut byte = [0];
        stdout.read_exact(&mut byte).unwrap();
        line.extend(byte);
    }
    assert!(line.starts_with(br#"{"status":"ready""#), "it said {}", line.escape_ascii());
}
