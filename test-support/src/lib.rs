//! Real servers for tests: each is found, started on a private port with a private folder, waited for until it
//! is ready, and stopped, also when the test that started it is killed.
//!
//! A new server needs two things: an entry in [`SERVERS`], from which `cargo xtask test` installs it, and an
//! implementation of [`Server`] where its tests are. [`start`] does the rest:
//!
//! ```no_run
//! use std::net::{SocketAddr, TcpStream};
//! use std::path::Path;
//! use std::process::Command;
//!
//! use dstream_test_support::{Program, Server, Setup};
//!
//! struct Echo;
//!
//! impl Server for Echo {
//!     fn program(&self) -> Program {
//!         Program { name: "echo-server", package: "echo-server" }
//!     }
//!
//!     fn command(&self, setup: &Setup<'_>) -> std::io::Result<Command> {
//!         let mut command = Command::new(setup.program);
//!         command.arg(setup.address.to_string()).current_dir(setup.folder);
//!         Ok(command)
//!     }
//!
//!     fn is_ready(&self, address: SocketAddr) -> bool {
//!         TcpStream::connect(address).is_ok()
//!     }
//! }
//!
//! let Some(server) = dstream_test_support::start(&Echo) else { return };
//! TcpStream::connect(server.address()).unwrap();
//! ```

mod program;
mod server;

pub use self::program::{CLIENTS, DOCKER_REGISTRY, Program, SERVERS, SKOPEO};
pub use self::server::{Running, Server, Setup, StartError, start, try_start};
