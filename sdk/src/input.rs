//! Providers that write the stream.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;

use serde::de::DeserializeOwned;

use crate::command::{Command, Invocation};
use crate::envelope::EnvelopeWriter;
use crate::error::ProviderError;
use crate::log;
use crate::stop::Stop;

/// A provider that writes the stream.
pub trait Input: Sized {
    /// Its `config` block. `#[serde(deny_unknown_fields)]` lets misspelt fields be found.
    type Config: DeserializeOwned;

    /// Checks the configuration and opens what is needed. Ready is said when it returns.
    ///
    /// # Errors
    ///
    /// The error becomes the handshake, and the provider ends.
    fn start(config: Self::Config) -> Result<Self, ProviderError>;

    /// Writes envelopes until there are no more or a stop is asked for.
    ///
    /// # Errors
    ///
    /// The error is logged and the provider ends with status 1. A closed pipe is no error.
    fn stream(self, out: &mut EnvelopeWriter, stop: &Stop) -> Result<(), ProviderError>;
}

/// Is the provider: reads the command from stdin, does the handshake, streams, and returns the exit
/// status.
pub fn run<I: Input>() -> ExitCode {
    let stop = match Stop::on_signals() {
        Ok(stop) => stop,
        Err(error) => return fail(&error.into()),
    };
    let input = match start::<I>() {
        Ok(input) => input,
        Err(error) => return fail(&error),
    };
    let mut out = EnvelopeWriter::new(unbuffered_stdout());
    let streamed = out
        .write_lines(b"{\"status\":\"ready\",\"protocol\":1}\n")
        .and_then(|()| out.flush())
        .map_err(ProviderError::from)
        .and_then(|()| input.stream(&mut out, &stop))
        .and_then(|()| out.flush().map_err(ProviderError::from));
    match streamed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.pipe_closed => {
            log::debug(format_args!("nobody reads the stream any more"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = out.flush(); // what was whole before the error
            log::error(format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}

fn start<I: Input>() -> Result<I, ProviderError> {
    let mut line = Vec::new();
    io::stdin().lock().read_until(b'\n', &mut line)?;
    let invocation = Invocation::parse(&line)?;
    if invocation.command != Command::Run {
        return Err(ProviderError::config("an input only runs"));
    }
    I::start(invocation.config()?)
}

/// Says the error as the handshake.
pub(crate) fn fail(error: &ProviderError) -> ExitCode {
    let mut stdout = io::stdout();
    let _ = stdout.write_all(error.to_line().as_bytes()).and_then(|()| stdout.flush());
    ExitCode::FAILURE
}

/// Stdout without the line buffering of the standard library, which would write every line by
/// itself.
pub(crate) fn unbuffered_stdout() -> impl Write + 'static {
    use std::os::fd::AsFd;
    let duplicate = io::stdout().as_fd().try_clone_to_owned();
    let file: Box<dyn Write> = match duplicate {
        Ok(stdout) => Box::new(std::fs::File::from(stdout)),
        Err(_) => Box::new(io::stdout()),
    };
    file
}
