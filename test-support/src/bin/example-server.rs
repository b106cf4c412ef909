//! The server of the harness's own tests: `example-server ADDRESS` answers each connection with a line.
//! `example-server --start` is a test that has started one, shows its process ids, and waits to be killed.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "its output is its answer")]

use std::io::Write;
use std::net::TcpListener;
use std::process::Command;

use dstream_test_support::{Program, Server, Setup, try_start};

struct Example;

impl Server for Example {
    fn program(&self) -> Program {
        Program { name: "sh", package: "dash" }
    }

    fn command(&self, setup: &Setup<'_>) -> std::io::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(setup.address.to_string());
        Ok(command)
    }

    fn is_ready(&self, address: std::net::SocketAddr) -> bool {
        std::net::TcpStream::connect(address).is_ok()
    }
}

fn main() {
    let argument = std::env::args().nth(1).unwrap();
    if argument == "--start" {
        let server = try_start(&Example).unwrap();
        println!("{}", server.address());
        loop {
            std::thread::park();
        }
    }
    println!("serving, process {}", std::process::id());
    let listener = TcpListener::bind(&argument).unwrap();
    for stream in listener.incoming() {
        let _ = writeln!(stream.unwrap(), "hello");
    }
}
