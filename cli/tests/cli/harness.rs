//! Runs the binary in a folder of its own, under a watchdog, and keeps all that it said.
//!
//! Nothing here proves something by having slept: tests wait for a condition with [`eventually`],
//! and the limits only end a test that would hang.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long anything may take before a test gives up: far more than a loaded machine needs.
const WATCHDOG: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

pub(crate) const DSTREAM: &str = env!("CARGO_BIN_EXE_dstream");

/// Waits until the condition holds.
#[track_caller]
pub(crate) fn eventually(what: &str, holds: impl FnMut() -> bool) {
    assert!(holds_in_time(holds), "gave up waiting for: {what}");
}

/// The same, for tests that have to clean up.
pub(crate) fn holds_in_time(mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + WATCHDOG;
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(POLL);
    }
    true
}

/// A process is there and runs: not gone, and no zombie that only waits to be collected.
pub(crate) fn alive(id: u32) -> bool {
    // `12 (name) S …`; the name may hold anything, also parentheses.
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

/// The root of the repository.
pub(crate) fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// A provider of `fixtures/providers`, `bash/hang.sh` say.
/// Whether Python is there: DStream needs none, so a test that does is left out without it, and says
/// so.
pub(crate) fn has_python() -> bool {
    static THERE: OnceLock<bool> = OnceLock::new();
    let there = *THERE.get_or_init(|| {
        let version = Command::new("python3").arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    });
    if !there {
        let _ = writeln!(std::io::stderr(), "left out: there is no python3");
    }
    there
}

fn fixture(name: &str) -> PathBuf {
    repository().join("fixtures/providers").join(name)
}

/// `fixture-provider`, beside the binary under test. `cargo test --workspace` has built it; for a
/// run of this package alone it is built here if it is missing or older than its source.
fn fixture_provider() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let folder = Path::new(DSTREAM).parent().unwrap();
        let program = folder.join("fixture-provider");
        let modified = |path: &Path| fs::metadata(path).and_then(|of| of.modified()).ok();
        let sources = fs::read_dir(fixture("rust/src")).unwrap();
        let newest = sources.filter_map(|entry| modified(&entry.unwrap().path())).max();
        if modified(&program) < newest {
            let mut cargo = Command::new(env!("CARGO"));
            cargo.args(["build", "--quiet", "--offline", "--package", "dstream-fixtures"]);
            cargo.arg("--target-dir").arg(folder.parent().unwrap());
            if folder.ends_with("release") {
                cargo.arg("--release");
            }
            assert!(cargo.current_dir(repository()).status().unwrap().success());
        }
        program
    })
}

/// The program that runs another one without something of the kernel: `io-uring`, `landlock` …
pub(crate) fn deny_syscalls() -> PathBuf {
    fixture_provider().with_file_name("deny-syscalls")
}

/// An `input` or `output` block of a task.
#[derive(Clone)]
pub(crate) struct Block {
    label: Option<String>,
    lines: Vec<String>,
    config: Vec<String>,
}

impl Block {
    fn new(provider: String) -> Self {
        Self { label: None, lines: vec![provider], config: Vec::new() }
    }

    /// A built-in provider.
    pub(crate) fn builtin(name: &str) -> Self {
        Self::new(format!("provider = {}", quoted(name)))
    }

    /// An executable by its path.
    pub(crate) fn path(path: &str) -> Self {
        Self::new(format!("provider_path = {}", quoted(path)))
    }

    /// A file of `fixtures/providers`.
    pub(crate) fn fixture(name: &str) -> Self {
        Self::path(fixture(name).to_str().unwrap())
    }

    /// `fixture-provider` with its script.
    pub(crate) fn script(steps: &[&str]) -> Self {
        let steps: Vec<_> = steps.iter().map(|step| quoted(step)).collect();
        Self::path(fixture_provider().to_str().unwrap())
            .config(&format!("steps = [{}]", steps.join(", ")))
    }

    /// An attribute of the block: `shutdown_timeout = "1s"`.
    pub(crate) fn with(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// An attribute of its `config`.
    pub(crate) fn config(mut self, line: &str) -> Self {
        self.config.push(line.to_owned());
        self
    }

    /// The name it has in messages; without, it is `source`, or `sink`.
    pub(crate) fn named(mut self, label: &str) -> Self {
        self.label = Some(label.to_owned());
        self
    }

    fn hcl(&self, side: &str, default_label: &str) -> String {
        let label = self.label.as_deref().unwrap_or(default_label);
        let mut text = format!("  {side} {} {{\n", quoted(label));
        for line in &self.lines {
            writeln!(text, "    {line}").unwrap();
        }
        text.push_str("    config {\n");
        for line in &self.config {
            writeln!(text, "      {line}").unwrap();
        }
        text.push_str("    }\n  }\n");
        text
    }
}

/// A `task` block.
pub(crate) fn task(name: &str, input: &Block, outputs: &[Block], stream: &str) -> String {
    let mut text = format!("task {} {{\n  type = \"providers\"\n", quoted(name));
    text.push_str(&input.hcl("input", "source"));
    for output in outputs {
        text.push_str(&output.hcl("output", "sink"));
    }
    if !stream.is_empty() {
        writeln!(text, "  stream {{\n{stream}\n  }}").unwrap();
    }
    text.push_str("}\n");
    text
}

/// Starts what comes as arguments with no signal ignored from the start, as SIGINT is for whatever a
/// script starts with `&`, tests included: DStream leaves such signals alone.
fn fresh() -> Command {
    static NONE_IGNORED: OnceLock<bool> = OnceLock::new();
    let none = NONE_IGNORED.get_or_init(|| {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap_or("0");
        let ignored = u64::from_str_radix(mask.trim(), 16).unwrap();
        let stops = [Signal::INT, Signal::TERM, Signal::HUP];
        stops.iter().all(|signal| ignored & (1 << (signal.as_raw() - 1)) == 0)
    });
    let mut command = Command::new("env");
    if !none {
        command.arg("--default-signal=INT,TERM,HUP");
    }
    command
}

/// A string of HCL that means exactly these characters.
pub(crate) fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json.replace("${", "$${").replace("%{", "%%{")
}

/// A folder with a configuration.
pub(crate) struct Sandbox {
    folder: TempDir,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With this as `dstream.hcl`.
    pub(crate) fn hcl(text: &str) -> Self {
        let sandbox = Self::new();
        sandbox.write("dstream.hcl", text);
        sandbox
    }

    /// With a task `t` of these.
    pub(crate) fn task(input: &Block, outputs: &[Block]) -> Self {
        Self::stream(input, outputs, "")
    }

    /// With a task `t` of these, and the lines of its `stream` block.
    pub(crate) fn stream(input: &Block, outputs: &[Block], stream: &str) -> Self {
        let sandbox = Self::new();
        sandbox.write_task(input, outputs, stream);
        sandbox
    }

    /// The same, for blocks that name files of the folder.
    pub(crate) fn write_task(&self, input: &Block, outputs: &[Block], stream: &str) {
        self.write("dstream.hcl", task("t", input, outputs, stream));
    }

    /// With several tasks by their names.
    pub(crate) fn write_tasks(&self, tasks: &[(&str, Block, Block)]) {
        let text = |(name, input, output): &(&str, Block, Block)| {
            task(name, input, std::slice::from_ref(output), "")
        };
        self.write("dstream.hcl", tasks.iter().map(text).collect::<String>());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same as text, for scripts.
    pub(crate) fn at(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn write_executable(&self, name: &str, bytes: impl AsRef<[u8]>) {
        self.write(name, bytes);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn read_or_empty(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_default()
    }

    /// The process ids that providers have noted in a file, once there are so many.
    pub(crate) fn process_ids(&self, name: &str, count: usize) -> Vec<u32> {
        let mut ids = Vec::new();
        eventually(&format!("{count} process ids in {name}"), || {
            let text = String::from_utf8(self.read_or_empty(name)).unwrap();
            let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
            ids = whole.lines().map(|line| line.parse().unwrap()).collect();
            ids.len() >= count
        });
        ids
    }

    /// The command, in the folder, with no input and nothing of the surrounding settings.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.wrapped(&[], args)
    }

    /// The same, started by another program, which gets it and its arguments as the last of its
    /// own.
    pub(crate) fn wrapped(&self, wrapper: &[&str], args: &[&str]) -> Command {
        let mut command = fresh();
        command
            .args(wrapper)
            .arg(DSTREAM)
            .args(args)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DSTREAM_") {
                command.env_remove(name);
            }
        }
        command
    }

    pub(crate) fn start(&self, args: &[&str]) -> Running<'_> {
        self.start_command(self.command(args))
    }

    pub(crate) fn start_command(&self, mut command: Command) -> Running<'_> {
        command.stdout(File::create(self.path("stdout")).unwrap());
        command.stderr(File::create(self.path("stderr")).unwrap());
        Running { child: command.spawn().unwrap(), sandbox: self }
    }

    /// Runs to the end.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        self.start(args).outcome()
    }

    /// `dstream run t`.
    #[track_caller]
    pub(crate) fn run_task(&self) -> Outcome {
        self.run(&["run", "t"])
    }

    /// What differs from run to run, replaced.
    fn filtered(&self, bytes: &[u8]) -> String {
        static FILTERS: OnceLock<Vec<(Regex, &str)>> = OnceLock::new();
        let filters = FILTERS.get_or_init(|| {
            [
                (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", "[TIMESTAMP]"),
                (r"\bin \d+\.\d s", "in [TIME]"),
                (r"after \d+ ms", "after [TIME]"),
                (r"process \d+", "process [ID]"),
            ]
            .map(|(pattern, to)| (Regex::new(pattern).unwrap(), to))
            .into()
        });
        let mut text = String::from_utf8_lossy(bytes).into_owned();
        for (path, name) in [
            (fixture_provider().to_path_buf(), "[FIXTURE-PROVIDER]"),
            (self.folder.path().to_path_buf(), "[DIR]"),
            (repository().join("fixtures/providers"), "[FIXTURES]"),
        ] {
            text = text.replace(path.to_str().unwrap(), name);
        }
        for (pattern, to) in filters {
            text = pattern.replace_all(&text, *to).into_owned();
        }
        text
    }
}

/// A started command. Dropped, it is ended.
pub(crate) struct Running<'a> {
    pub(crate) child: Child,
    sandbox: &'a Sandbox,
}

impl Running<'_> {
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until stderr holds this.
    #[track_caller]
    pub(crate) fn says(&self, what: &str) {
        eventually(&format!("{what:?} on stderr"), || {
            let stderr = self.sandbox.read_or_empty("stderr");
            String::from_utf8_lossy(&stderr).contains(what)
        });
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn outcome(mut self) -> Outcome {
        let deadline = Instant::now() + WATCHDOG;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if Instant::now() > deadline {
                let stderr = self.sandbox.read_or_empty("stderr");
                panic!("it does not end; on stderr:\n{}", self.sandbox.filtered(&stderr));
            }
            thread::sleep(POLL);
        };
        let (stdout, stderr) = (self.sandbox.read("stdout"), self.sandbox.read("stderr"));
        Outcome {
            status: shown(status),
            stdout: self.sandbox.filtered(&stdout),
            stderr: self.sandbox.filtered(&stderr),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn shown(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => code.to_string(),
        (None, signal) => format!("signal {}", signal.unwrap_or_default()),
    }
}

/// How a command ended and all that it said, with what differs from run to run replaced.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: String,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// This status, and each of these parts in what it said.
    #[track_caller]
    pub(crate) fn said(&self, status: i32, parts: &[&str]) -> &Self {
        assert_eq!(self.status, status.to_string(), "{self:?}");
        for part in parts {
            let there = self.stdout.contains(part) || self.stderr.contains(part);
            assert!(there, "{part:?} is missing in {self:?}");
        }
        self
    }

    /// All three, exactly.
    #[track_caller]
    pub(crate) fn is(&self, status: i32, stdout: &str, stderr: &str) {
        let expected = together(&status.to_string(), stdout, stderr);
        let observed = together(&self.status, &self.stdout, &self.stderr);
        if expected != observed {
            panic!("--- expected\n{expected}\n--- observed\n{observed}");
        }
    }

    /// Status and stdout exactly, and these parts of stderr in this order: for runs in which two
    /// processes log at a time.
    #[track_caller]
    pub(crate) fn has(&self, status: i32, stdout: &str, stderr: &[&str]) {
        let mut rest = self.stderr.as_str();
        let mut missing = None;
        for part in stderr {
            match rest.find(part) {
                Some(at) => rest = &rest[at + part.len()..],
                None => missing = missing.or(Some(part)),
            }
        }
        if self.status != status.to_string() || self.stdout != stdout || missing.is_some() {
            let observed = together(&self.status, &self.stdout, &self.stderr);
            let missing = missing.map(|part| format!("\n--- stderr lacks\n{part}"));
            let missing = missing.unwrap_or_default();
            panic!(
                "--- expected status {status} and stdout\n{stdout}{missing}\n--- observed\n{observed}"
            );
        }
    }
}

fn together(status: &str, stdout: &str, stderr: &str) -> String {
    format!("status: {status}\nstdout:\n{stdout}stderr:\n{stderr}")
}

/// Two streams of bytes are the same; says where they part without printing them whole.
#[track_caller]
pub(crate) fn same_bytes(observed: &[u8], expected: &[u8]) {
    if observed == expected {
        return;
    }
    let at = observed.iter().zip(expected).take_while(|(one, other)| one == other).count();
    let around = |bytes: &[u8]| {
        let end = bytes.len().min(at + 80);
        String::from_utf8_lossy(&bytes[at.saturating_sub(40).min(end)..end]).into_owned()
    };
    panic!(
        "{} bytes instead of {}, which differ from byte {at} on:\n  {}\ninstead of\n  {}",
        observed.len(),
        expected.len(),
        around(observed),
        around(expected)
    );
}

/// What `fixture-provider` writes for `emit COUNT SIZE`, from line `first` on.
pub(crate) fn emitted(first: u64, count: u64, size: usize) -> Vec<u8> {
    let mut all = Vec::with_capacity(count as usize * size);
    for seq in first..first + count {
        let line = format!("{{\"data\":{{\"seq\":{seq},\"pad\":\"");
        let pad = size.saturating_sub(line.len() + 4);
        all.extend_from_slice(format!("{line}{}\"}}}}\n", "x".repeat(pad)).as_bytes());
    }
    all
}
