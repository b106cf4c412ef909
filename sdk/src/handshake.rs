//! The first line on stdout, and the exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use dstream_protocol::{Capabilities, Capability, Handshake};

use crate::error::ProviderError;
use crate::log;
use crate::stdio::Stdout;

/// The line of a provider that is ready.
pub(crate) fn ready(checkpoints: bool, rejects: bool) -> String {
    let capabilities = Capabilities::NONE
        .with_if(checkpoints, Capability::Checkpoint)
        .with_if(rejects, Capability::Reject);
    Handshake::Ready(capabilities).encode()
}

/// Writes one line to stdout.
pub(crate) fn write(line: &str) -> io::Result<()> {
    Stdout::open()?.write_all(line.as_bytes())
}

/// Says, instead of [`ready`], why the provider cannot start. If stdout is closed, the exit status
/// says it alone.
pub(crate) fn refuse(error: ProviderError) -> ExitCode {
    let _ = write(&error.handshake().encode());
    ExitCode::FAILURE
}

/// The exit status after the stream. An error is logged. A closed stdout is a normal end.
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
