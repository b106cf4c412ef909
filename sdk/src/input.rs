//! Providers that write the stream.

use std::process::ExitCode;

use dstream_protocol::{Capability, Command};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::checkpoint::Stored;
use crate::config::{self, ConfigProblem};
use crate::error::ProviderError;
use crate::handshake;
use crate::log;
use crate::stdio::{self, Stdin};
use crate::stop::{self, Stop};
use crate::writer::EnvelopeWriter;

/// A provider that writes the stream.
pub trait Input: Sized {
    /// Its `config` block. With `#[serde(deny_unknown_fields)]` a misspelt field is an error that
    /// names the nearest.
    type Config: DeserializeOwned;

    /// Checks what the types of the fields cannot say, such as two fields that exclude each other. Called
    /// before [`start`](Self::start), and by [`input::check`](crate::input::check),
    /// at any time. It must not open, change or log anything.
    ///
    /// # Errors
    ///
    /// What the person who wrote the configuration should know.
    fn check(config: &Self::Config) -> Result<(), ProviderError> {
        let _ = config;
        Ok(())
    }

    /// Opens what is needed; DStream learns that the provider is ready
    /// when it returns. Until then SIGTERM ends the process at once.
    ///
    /// # Errors
    ///
    /// What the person who runs the pipeline should know: it becomes the handshake, and the
    /// provider ends with status 1.
    fn start(config: Self::Config) -> Result<Self, ProviderError>;

    /// Whether it can resume where an earlier run stopped. If so, it implements
    /// [`resume`](Self::resume), and calls [`EnvelopeWriter::checkpoint`] while it streams, whenever
    /// [`EnvelopeWriter::is_checkpoint_due`] says so, and at the end.
    const RESUMES: bool = false;

    /// Resumes after one of its own checkpoints; `None` is a first run. Called once
    /// before [`stream`](Self::stream), and only where DStream keeps checkpoints.
    ///
    /// # Errors
    ///
    /// If it cannot, such as for a checkpoint that it never made: the error becomes the handshake.
    fn resume(&mut self, checkpoint: Option<Value>) -> Result<(), ProviderError> {
        let _ = checkpoint;
        Ok(())
    }

    /// Writes envelopes until there are no more or a stop is asked for. It then returns, and what it
    /// has written goes out; the provider ends with status 0.
    ///
    /// # Errors
    ///
    /// A failure that the input cannot recover from: it is logged after everything written has gone out,
    /// and the provider ends with status 1. A closed stdout is a normal end, not a failure.
    fn stream(self, out: &mut EnvelopeWriter, stop: &Stop) -> Result<(), ProviderError>;
}

/// Whether a `config` is one that the provider would start with, as far as it can tell without looking
/// at anything else. For programs that have providers built in, and for tests.
///
/// # Errors
///
/// The first thing that is wrong, and where.
pub fn check<I: Input>(config: &Map<String, Value>) -> Result<(), ConfigProblem> {
    config::check(config, I::check)
}

/// Runs the provider: reads the command from stdin, does the handshake, streams, and returns the exit
/// status for `main` to return.
///
/// It takes over SIGTERM, SIGINT, SIGXFSZ (a file that gets larger than `ulimit -f` allows is an error
/// of its write) and the panic hook of the whole process.
pub fn run<I: Input>() -> ExitCode {
    log::panics();
    stop::outlive_file_limit();
    let (input, stop, mut out) = match prepare::<I>() {
        Ok(prepared) => prepared,
        Err(error) => return handshake::refuse(error),
    };
    let streamed = out
        .write_lines(handshake::ready(I::RESUMES, false).as_bytes())
        .and_then(|()| out.flush())
        .map_err(ProviderError::from)
        .and_then(|()| input.stream(&mut out, &stop));
    let flushed = out.flush().map_err(ProviderError::from); // also what came before an error
    handshake::exit_code(streamed.and(flushed))
}

fn prepare<I: Input>() -> Result<(I, Stop, EnvelopeWriter), ProviderError> {
    let mut stdin = Stdin::lines()?;
    let line = stdio::command_line(&mut stdin)?;
    if line.command != Command::Run {
        let message = format!("an input has no {}: it only runs", line.command);
        return Err(ProviderError::config(message));
    }
    let config = config::read(&line.config)?;
    I::check(&config)?;
    let mut input = I::start(config)?;
    let mut out = EnvelopeWriter::stdout()?;
    if I::RESUMES && line.protocol.features.has(Capability::Checkpoint) {
        let interval = line.protocol.checkpoint_interval.unwrap_or_default();
        let position = line.checkpoint.map(|position| serde_json::from_str(position.get()));
        let position = position.transpose().map_err(|error| {
            ProviderError::config(format!("the checkpoint cannot be read: {error}"))
        })?;
        input.resume(position)?;
        let stored = Stored::default();
        stored.read_from(stdin)?;
        out.keep_checkpoints(interval, stored);
    }
    Ok((input, Stop::on_signals(&[SIGTERM, SIGINT])?, out))
}
