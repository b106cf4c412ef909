//! The harness with a server that does as it should, and with some that do not.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use dstream_test_support::{Program, Server, Setup, StartError, try_start};

const EXAMPLE: &str = env!("CARGO_BIN_EXE_example-server");

/// A server made of a shell script, which gets the address as `$1`.
struct Script<'a> {
    script: &'a str,
    patience: Duration,
    /// Ports that are taken before the server gets to them, and who holds them.
    taken: Mutex<(usize, Vec<TcpListener>)>,
}

impl<'a> Script<'a> {
    fn new(script: &'a str) -> Self {
        Self { script, patience: Duration::from_secs(60), taken: Mutex::default() }
    }
}

impl Server for Script<'_> {
    fn program(&self) -> Program {
        Program { name: "sh", package: "dash" }
    }

    fn command(&self, setup: &Setup<'_>) -> std::io::Result<Command> {
        let mut command = Command::new(setup.program);
        command.args(["-c", self.script, "sh"]).arg(setup.address.to_string());
        command.env("EXAMPLE", EXAMPLE);
        let (to_take, taken) = &mut *self.taken.lock().unwrap();
        if taken.len() < *to_take {
            taken.push(TcpListener::bind(setup.address)?);
        }
        Ok(command)
    }

    fn is_ready(&self, address: SocketAddr) -> bool {
        // A port that is taken is open, and silent.
        let Ok(stream) = TcpStream::connect(address) else { return false };
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).is_ok() && answer == "hello\n"
    }

    fn patience(&self) -> Duration {
        self.patience
    }
}

const SERVE: &str = "exec \"$EXAMPLE\" \"$1\"";

fn closes(address: SocketAddr) -> bool {
    let deadline = Instant::now() + Duration::from_secs(60);
    while TcpStream::connect(address).is_ok() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::yield_now();
    }
    true
}

#[test]
fn a_server_is_ready_when_it_is_given_and_gone_when_it_is_dropped() {
    let server = try_start(&Script::new(SERVE)).unwrap();
    let (address, folder) = (server.address(), server.folder().to_owned());
    assert!(address.ip().is_loopback());
    let mut answer = String::new();
    TcpStream::connect(address).unwrap().read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "hello\n");
    assert!(std::fs::read_to_string(server.output()).unwrap().starts_with("serving, process "));
    drop(server);
    // At once: it was waited for.
    assert!(TcpStream::connect(address).is_err());
    assert!(!folder.exists());
}

#[test]
fn what_a_server_has_started_ends_with_it() {
    let server = try_start(&Script::new("\"$EXAMPLE\" \"$1\" & wait")).unwrap();
    let address = server.address();
    drop(server);
    assert!(closes(address));
}

#[test]
fn a_missing_program_is_named_with_its_package() {
    struct Missing;
    impl Server for Missing {
        fn program(&self) -> Program {
            Program { name: "no-such-server", package: "no-such-package" }
        }
        fn command(&self, _setup: &Setup<'_>) -> std::io::Result<Command> {
            unreachable!("it cannot be set up")
        }
        fn is_ready(&self, _address: SocketAddr) -> bool {
            false
        }
    }
    let error = try_start(&Missing).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no-such-server is not installed (Debian: apt-get install no-such-package)"
    );
}

#[test]
fn a_server_that_dies_at_once_shows_its_output() {
    let script = Script::new("echo on stdout; echo no such setting >&2; exit 3");
    let error = try_start(&script).unwrap_err();
    let StartError::Ended { status, output, .. } = &error else { panic!("{error}") };
    assert_eq!((status.code(), output.as_str()), (Some(3), "on stdout\nno such setting\n"));
}

#[test]
fn a_server_that_does_not_answer_is_given_up_and_killed() {
    let mut script = Script::new("echo waiting; sleep 600");
    script.patience = Duration::from_millis(50);
    let error = try_start(&script).unwrap_err();
    assert!(matches!(&error, StartError::NotReady { program: "sh", .. }), "{error}");
}

#[test]
fn a_port_that_is_taken_is_left_for_another() {
    let script = Script::new(SERVE);
    script.taken.lock().unwrap().0 = 2;
    let server = try_start(&script).unwrap();
    let (_, taken) = &*script.taken.lock().unwrap();
    assert_eq!(taken.len(), 2);
    assert!(taken.iter().all(|listener| listener.local_addr().unwrap() != server.address()));
}

#[test]
fn a_server_ends_with_the_process_that_has_started_it() {
    let mut test = Command::new(EXAMPLE).arg("--start").stdout(Stdio::piped()).spawn().unwrap();
    let mut address = String::new();
    BufReader::new(test.stdout.take().unwrap()).read_line(&mut address).unwrap();
    let address: SocketAddr = address.trim().parse().unwrap();
    assert!(TcpStream::connect(address).is_ok());
    test.kill().unwrap();
    test.wait().unwrap();
    assert!(closes(address));
}
