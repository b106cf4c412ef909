//! Exit statuses: part of the stable surface, listed in `docs/cli.md`.

use dstream_engine::run::{Failure, FailureKind, StopSignal};

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
pub(crate) fn of_lifecycle(failure: &Failure) -> u8 {
    match failure.kind {
        FailureKind::Stopped(StopSignal::Interrupt) => INTERRUPTED,
        _ => FAILED,
    }
}

/// The worst of several runs' statuses: a failure before an interruption before a success.
pub(crate) fn worst(statuses: impl IntoIterator<Item = u8>) -> u8 {
    let badness = |status: &u8| match *status {
        SUCCESS => 0,
        INTERRUPTED => 1,
        _ => 2,
    };
    statuses.into_iter().max_by_key(badness).unwrap_or(SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_worse_than_an_interruption() {
        assert_eq!(worst([SUCCESS, FAILED, INTERRUPTED]), FAILED);
        assert_eq!(worst([SUCCESS, INTERRUPTED, SUCCESS]), INTERRUPTED);
        assert_eq!(worst([SUCCESS, SUCCESS]), SUCCESS);
    }
}
