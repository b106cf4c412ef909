//! Exit statuses: part of the stable surface, listed in `docs/cli.md`.

use std::process::ExitCode;

use dstream_engine::run::{Failure, FailureKind, RunReport, StopSignal};

/// The task succeeded, or was stopped by a service manager and drained.
pub(crate) const SUCCESS: u8 = 0;
/// The task failed, or a stop had to be forced and lines were left.
pub(crate) const FAILED: u8 = 1;
/// The command line or the configuration is wrong; nothing was started.
pub(crate) const USAGE: u8 = 2;
/// Stopped by SIGINT: 128 + 2, as a shell has it.
pub(crate) const INTERRUPTED: u8 = 130;

/// What a lifecycle command exits with that did not succeed. One that was stopped has not done its
/// work, whoever asked for it.
pub(crate) fn of_lifecycle(failure: &Failure) -> ExitCode {
    ExitCode::from(match failure.kind {
        FailureKind::Stopped(StopSignal::Interrupt) => INTERRUPTED,
        _ => FAILED,
    })
}

/// What a finished run exits with.
pub(crate) fn of_run(report: &RunReport) -> ExitCode {
    let status = match report.stopped_by {
        _ if report.failure.is_some() || report.lines_left => FAILED,
        Some(StopSignal::Interrupt) => INTERRUPTED,
        Some(StopSignal::Terminate | StopSignal::Hangup | StopSignal::TerminalClosed) | None => {
            SUCCESS
        }
    };
    ExitCode::from(status)
}
