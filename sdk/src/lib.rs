//! Write DStream providers in Rust: the provider's side of the protocol (`docs/protocol.md`).
//!
//! A provider is a type with a configuration and one job. An input writes envelopes until it has no
//! more or is asked to stop; an output takes envelopes until there are no more. Reading the
//! command, the handshake, errors, signals and logs are the SDK's.
//!
//! ```no_run
//! use dstream_sdk::{EnvelopeWriter, Input, ProviderError, Stop, input};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Config {
//!     greeting: String,
//! }
//!
//! struct Hello(Config);
//!
//! impl Input for Hello {
//!     type Config = Config;
//!
//!     fn start(config: Config) -> Result<Self, ProviderError> {
//!         Ok(Self(config))
//!     }
//!
//!     fn stream(self, out: &mut EnvelopeWriter, _stop: &Stop) -> Result<(), ProviderError> {
//!         out.write(&self.0.greeting, &serde_json::json!({ "provider": "hello" }))?;
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     input::run::<Hello>()
//! }
//! ```

mod command;
mod envelope;
mod error;
pub mod input;
mod lifecycle;
mod lines;
pub mod log;
pub mod output;
mod stop;

pub use command::Command;
pub use envelope::{Envelope, EnvelopeWriter};
pub use error::{ErrorClass, ProviderError};
pub use input::Input;
pub use lifecycle::LifecycleResult;
pub use lines::LINE_BYTES_MAX;
pub use output::Output;
pub use stop::Stop;
