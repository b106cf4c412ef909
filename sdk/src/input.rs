//! Providers that write the stream.

use std::process::ExitCode;

use serde::de::DeserializeOwned;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::batches::Batches;
use crate::command::{Command, Invocation};
use crate::error::ProviderError;
use crate::handshake;
use crate::log;
use crate::stdio::Stdin;
use crate::stop::Stop;
use crate::writer::EnvelopeWriter;

/// A provider that writes the stream.
pub trait Input: Sized {
    /// Its `config` block. With `#[serde(deny_unknown_fields)]` a misspelt field is an error that
    /// names the nearest.
    type Config: DeserializeOwned;

    /// Checks the configuration and opens what is needed; DStream learns that the provider is ready
    /// when it returns. SIGTERM ends the process while it is at it.
    ///
    /// # Errors
    ///
    /// What the person who runs the pipeline should know: it becomes the handshake, and the
    /// provider ends with status 1.
    fn start(config: Self::Config) -> Result<Self, ProviderError>;

    /// Writes envelopes until there are no more or a stop is asked for. It then returns, and what it
    /// has written goes out; the provider ends with status 0.
    ///
    /// # Errors
    ///
    /// What cannot be got over: it is logged after what had been written has gone out, and the
    /// provider ends with status 1. A stdout that nobody reads any more is an end and no failure.
    fn stream(self, out: &mut EnvelopeWriter, stop: &Stop) -> Result<(), ProviderError>;
}

/// Is the provider: reads the command from stdin, does the handshake, streams, and returns the exit
/// status for `main` to return.
///
/// It takes over SIGTERM, SIGINT and the panic hook of the whole process.
pub fn run<I: Input>() -> ExitCode {
    log::panics();
    let (input, stop, mut out) = match prepare::<I>() {
        Ok(prepared) => prepared,
        Err(error) => return handshake::refuse(&error),
    };
    let streamed = out
        .write_lines(handshake::READY)
        .and_then(|()| out.flush())
        .map_err(ProviderError::from)
        .and_then(|()| input.stream(&mut out, &stop));
    let flushed = out.flush().map_err(ProviderError::from); // also what came before an error
    handshake::exit_code(streamed.and(flushed))
}

fn prepare<I: Input>() -> Result<(I, Stop, EnvelopeWriter), ProviderError> {
    let mut stdin = Batches::new(Stdin::open()?);
    let invocation = Invocation::parse(stdin.next_line()?.unwrap_or_default())?;
    if invocation.command != Command::Run {
        let message = format!("an input has no {}: it only runs", invocation.command);
        return Err(ProviderError::config(message));
    }
    let input = I::start(invocation.config()?)?;
    Ok((input, Stop::on_signals(&[SIGTERM, SIGINT])?, EnvelopeWriter::stdout()?))
}
