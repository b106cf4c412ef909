//! Write DStream providers in Rust: the provider's side of the protocol (`docs/protocol.md`).
//!
//! A provider is a type with a configuration and one job. An [`Input`] writes envelopes until it has
//! no more or is asked to stop; an [`Output`] reads envelopes until there are no more. Reading the
//! command line and the configuration, the handshake, buffering, signals, errors, logs and the exit
//! status are the SDK's.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use dstream_sdk::{EnvelopeWriter, Input, ProviderError, Stop, input, log};
//! use serde::Deserialize;
//! use serde_json::json;
//!
//! #[derive(Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Greeter {
//!     greeting: String,
//!     interval_ms: u64,
//! }
//!
//! impl Input for Greeter {
//!     type Config = Self;
//!
//!     fn start(config: Self) -> Result<Self, ProviderError> {
//!         log::info!("greeting every {} ms", config.interval_ms);
//!         Ok(config)
//!     }
//!
//!     fn stream(self, out: &mut EnvelopeWriter, stop: &Stop) -> Result<(), ProviderError> {
//!         while !out.pause(stop, Duration::from_millis(self.interval_ms))? {
//!             out.write(&self.greeting, &json!({ "provider": "greeter" }))?;
//!         }
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     input::run::<Greeter>()
//! }
//! ```
//!
//! It can be tried without DStream:
//! `echo '{"greeting":"hello","interval_ms":1000}' | cargo run`.
//!
//! # Exit statuses
//!
//! | status | means |
//! |---|---|
//! | 0 | the stream ended, the provider stopped when it was asked to, or its stdout was closed |
//! | 1 | it failed: the handshake, the answer or the last log line says why. Also an output that was stopped before the end of its stream, or whose last line was incomplete |
//! | 101 | it panicked, and said so in an error line |

mod checkpoint;
mod config;
mod envelope;
mod error;
mod handshake;
pub mod input;
mod lines;
pub mod log;
pub mod output;
mod reject;
mod stdio;
mod stop;
mod writer;

pub use dstream_protocol::{Change, Command, ErrorClass, LifecycleResult};

pub use config::{ConfigProblem, ConfigStep};
pub use envelope::{Batch, Envelope, Parts};
pub use error::ProviderError;
pub use input::Input;
pub use lines::{LINE_BYTES_MAX, Line, Lines};
pub use output::Output;
pub use reject::Rejecter;
pub use stop::Stop;
pub use writer::{EnvelopeWriter, Printer};
