//! Providers that read the stream.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::de::DeserializeOwned;

use crate::command::{Command, Invocation};
use crate::envelope::Envelope;
use crate::error::ProviderError;
use crate::input::{fail, unbuffered_stdout};
use crate::lifecycle::LifecycleResult;
use crate::lines::Lines;
use crate::log;

/// A provider that reads the stream. It leaves at the end of its input; SIGTERM, which comes only
/// when it overruns its grace, ends it as it ends any process.
pub trait Output: Sized {
    /// Its `config` block. `#[serde(deny_unknown_fields)]` lets misspelt fields be found.
    type Config: DeserializeOwned;

    /// Checks the configuration and opens what is needed. Ready is said when it returns.
    ///
    /// # Errors
    ///
    /// The error becomes the handshake, and the provider ends.
    fn start(config: Self::Config) -> Result<Self, ProviderError>;

    /// Takes one envelope.
    ///
    /// # Errors
    ///
    /// The error is logged and the provider ends with status 1.
    fn write(&mut self, envelope: Envelope<'_>) -> Result<(), ProviderError>;

    /// No other envelope is there at the moment: whatever has been gathered should go out.
    ///
    /// # Errors
    ///
    /// As [`Output::write`].
    fn flush(&mut self) -> Result<(), ProviderError> {
        Ok(())
    }

    /// There will be no more.
    ///
    /// # Errors
    ///
    /// As [`Output::write`].
    fn finish(mut self) -> Result<(), ProviderError> {
        self.flush()
    }

    /// Carries out init, plan, status or destroy.
    fn lifecycle(command: Command, config: Self::Config) -> LifecycleResult {
        let _ = config;
        LifecycleResult::error(format!("this provider does not know {command:?}").to_lowercase())
    }
}

/// Is the provider: reads the command from stdin, does what it says, and returns the exit status.
pub fn run<O: Output>() -> ExitCode {
    let mut lines = Lines::new(io::stdin().lock());
    let invocation = match lines.next() {
        Ok(line) => Invocation::parse(line.unwrap_or_default()),
        Err(error) => Err(error.into()),
    };
    let (command, config) = match invocation.map(|it| (it.command, it.config::<O::Config>())) {
        Ok((command, Ok(config))) => (command, config),
        Ok((_, Err(error))) | Err(error) => return fail(&error),
    };
    if command != Command::Run {
        let result = O::lifecycle(command, config);
        let _ = unbuffered_stdout().write_all(result.to_line().as_bytes());
        return if result.is_error() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let mut output = match O::start(config) {
        Ok(output) => output,
        Err(error) => return fail(&error),
    };
    let ready = unbuffered_stdout().write_all(b"{\"status\":\"ready\",\"protocol\":1}\n");
    let taken = ready.map_err(ProviderError::from).and_then(|()| {
        while let Some(line) = lines.next()? {
            output.write(Envelope::new(line))?;
            if !lines.has_next() {
                output.flush()?;
            }
        }
        output.finish()
    });
    match taken {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error(format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}
