//! The first line on stdout and the exit status: how a provider greets and leaves.

use std::io::Write;
use std::process::ExitCode;

use crate::error::ProviderError;
use crate::log;
use crate::stdio::Stdout;

/// What a provider says before it streams.
pub(crate) fn ready(checkpoints: bool, rejects: bool) -> &'static [u8] {
    match (checkpoints, rejects) {
        (false, false) => b"{\"status\":\"ready\",\"protocol\":1}\n",
        (true, false) => {
            b"{\"status\":\"ready\",\"protocol\":1,\"capabilities\":[\"checkpoint\"]}\n"
        }
        (false, true) => b"{\"status\":\"ready\",\"protocol\":1,\"capabilities\":[\"reject\"]}\n",
        (true, true) => {
            b"{\"status\":\"ready\",\"protocol\":1,\"capabilities\":[\"checkpoint\",\"reject\"]}\n"
        }
    }
}

/// Writes one line to stdout. Who does not listen will see the exit status.
pub(crate) fn say(line: &str) {
    if let Ok(mut stdout) = Stdout::open() {
        let _ = stdout.write_all(line.as_bytes());
    }
}

/// Says instead of [`ready`] why the provider cannot start.
pub(crate) fn refuse(error: &ProviderError) -> ExitCode {
    say(&error.to_line());
    ExitCode::FAILURE
}

/// The exit status after the stream. An error is logged; a stdout that nobody reads is none.
pub(crate) fn exit_code(streamed: Result<(), ProviderError>) -> ExitCode {
    match streamed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_closed_stdout() => {
            log::debug!("{error}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
