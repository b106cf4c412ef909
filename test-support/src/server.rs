//! Starting and stopping a server.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;

use crate::Program;

/// Between two looks at a server that is not ready yet.
const POLL: Duration = Duration::from_millis(10);
/// Ports that are tried: another process can take one between our looking for it and the server's binding it.
const PORTS_MAX: u32 = 8;
/// How long a server that was killed is waited for. Another process can have got its port.
const GONE_MAX: Duration = Duration::from_secs(10);
/// Of a server's output, what an error shows.
const OUTPUT_BYTES_MAX: usize = 4 << 10;
/// Runs a server, `"$@"`, until it ends or until stdin does: when the process that holds the other end is gone,
/// so are the server and everything it has started.
const GUARDED: &str = r#"
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
{ read -r _ <&3; kill -KILL 0; } &
exec 3<&-
wait "$server"
status=$?
kill -KILL "$!"
exit "$status"
"#;

/// A kind of server.
pub trait Server {
    /// What has to be installed.
    fn program(&self) -> Program;

    /// Writes what it needs into its folder. Returns the command that serves on the address, in the foreground.
    fn command(&self, setup: &Setup<'_>) -> io::Result<Command>;

    /// Whether it answers as it does when it is ready: not only that its port is open, if it can be asked more.
    fn is_ready(&self, address: SocketAddr) -> bool;

    /// How long it may take to be ready: far more than a loaded machine needs.
    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }
}

/// What a server is started with.
#[derive(Debug)]
pub struct Setup<'a> {
    /// The program that was found.
    pub program: &'a Path,
    /// Its own, empty at first, and removed at the end.
    pub folder: &'a Path,
    /// Where it has to listen, and nowhere else.
    pub address: SocketAddr,
}

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It is not installed.
    #[error("{} is not installed (Debian: apt-get install {})", .0.name, .0.package)]
    Missing(Program),
    /// It could not be set up.
    #[error("cannot start {program}")]
    Setup {
        /// Its name.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("{program} ended before it was ready ({status}); its output:\n{output}")]
    Ended {
        /// Its name.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote.
        output: String,
    },
    /// It runs and does not answer.
    #[error("{program} was not ready after {waited:?}; its output:\n{output}")]
    NotReady {
        /// Its name.
        program: &'static str,
        /// How long it was waited for.
        waited: Duration,
        /// The end of what it wrote.
        output: String,
    },
}

/// A server that runs. It is killed, and its folder removed, when this is dropped; if the test has failed, its
/// output is shown.
#[derive(Debug)]
pub struct Running {
    program: &'static str,
    child: Option<Child>,
    folder: TempDir,
    address: SocketAddr,
}

/// Starts a server. `None`, with a note, where its program is missing and need not be there: `cargo xtask test`
/// demands it by `DSTREAM_TEST_SERVERS=required`.
///
/// # Panics
///
/// If the server does not start.
#[track_caller]
pub fn start(server: &impl Server) -> Option<Running> {
    let is_demanded =
        std::env::var_os("DSTREAM_TEST_SERVERS").is_some_and(|value| value == "required");
    match try_start(server) {
        Ok(running) => Some(running),
        Err(missing @ StartError::Missing(_)) if !is_demanded => {
            use io::Write;
            // Not `eprintln!`: that is shown of failed tests only.
            let _ = writeln!(io::stderr(), "test left out: {missing}");
            None
        }
        Err(error) => panic!("{}", in_full(&error)),
    }
}

/// An error with its causes.
fn in_full(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Starts a server.
///
/// # Errors
///
/// If it is not installed, cannot be started, ends or does not become ready in time.
pub fn try_start(server: &impl Server) -> Result<Running, StartError> {
    let program = server.program();
    let path = program.find().ok_or(StartError::Missing(program))?;
    let mut ports = 1;
    loop {
        let setup_error = |source| StartError::Setup { program: program.name, source };
        let mut running = launch(server, program.name, &path).map_err(setup_error)?;
        match running.wait_until_ready(server) {
            Ok(()) => return Ok(running),
            // Somebody else listens there: it was not the server's fault.
            Err(StartError::Ended { .. })
                if ports < PORTS_MAX && TcpListener::bind(running.address).is_err() =>
            {
                ports += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

fn launch(server: &impl Server, program: &'static str, path: &Path) -> io::Result<Running> {
    let folder = tempfile::tempdir()?;
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let command = server.command(&Setup { program: path, folder: folder.path(), address })?;
    let output = File::create(folder.path().join(OUTPUT))?;
    let mut guarded = Command::new("sh");
    guarded.args(["-c", GUARDED, "sh"]).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        guarded.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => guarded.env(name, value),
            None => guarded.env_remove(name),
        };
    }
    // A pipe that nobody writes to: its end is the end of this process.
    guarded.stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output).process_group(0);
    Ok(Running { program, child: Some(guarded.spawn()?), folder, address })
}

/// The file with all that a server writes to stdout and stderr.
const OUTPUT: &str = "output.log";

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file with all that it has written to stdout and stderr.
    pub fn output(&self) -> PathBuf {
        self.folder.path().join(OUTPUT)
    }

    /// Kills it and all that it has started. Its folder stays.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        // Not waited for yet, so that the group is still its own.
        if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = child.wait();
        // That was the shell; the server itself is gone a moment later.
        let started = Instant::now();
        while is_open(self.address) && started.elapsed() < GONE_MAX {
            thread::sleep(POLL);
        }
    }

    fn wait_until_ready(&mut self, server: &impl Server) -> Result<(), StartError> {
        let (program, patience) = (self.program, server.patience());
        let started = Instant::now();
        loop {
            let is_ready = server.is_ready(self.address);
            // Only then: what has answered could be somebody else, and the server have ended.
            let status = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if let Some(status) = status {
                return Err(StartError::Ended { program, status, output: self.last_output() });
            }
            if is_ready {
                return Ok(());
            }
            if started.elapsed() > patience {
                let output = self.last_output();
                return Err(StartError::NotReady { program, waited: patience, output });
            }
            thread::sleep(POLL);
        }
    }

    fn last_output(&self) -> String {
        let output = fs::read(self.output()).unwrap_or_default();
        let last = &output[output.len().saturating_sub(OUTPUT_BYTES_MAX)..];
        String::from_utf8_lossy(last).into_owned()
    }
}

/// Whether somebody listens.
fn is_open(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, GONE_MAX).is_ok()
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
        if thread::panicking() {
            #[expect(clippy::print_stderr, reason = "shown with the test that has failed")]
            {
                eprintln!("the end of the output of {}:\n{}", self.program, self.last_output());
            }
        }
    }
}
