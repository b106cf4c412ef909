//! Checkpoints among the lines of an input.

use dstream_protocol::{Barrier, Checkpoint, CheckpointLine};
use dstream_relay::{LineCheck, Verdict};
use serde_json::value::RawValue;

use crate::limits::CHECKPOINT_BYTES_MAX;

/// Finds an input's checkpoints among its lines, and leaves all else to another check.
pub(crate) struct CheckpointCheck<C, T> {
    inner: C,
    /// How many lines have passed.
    lines: u64,
    /// Notified of each, and how many lines came before it; gives the id that the outputs will
    /// acknowledge.
    noted: T,
}

impl<C, T: FnMut(&RawValue, u64) -> u64> CheckpointCheck<C, T> {
    pub(crate) fn new(inner: C, noted: T) -> Self {
        Self { inner, lines: 0, noted }
    }
}

impl<C: LineCheck, T: FnMut(&RawValue, u64) -> u64 + Send + 'static> LineCheck
    for CheckpointCheck<C, T>
{
    fn passes_all(&self) -> bool {
        false
    }

    fn check(&mut self, line: &[u8]) -> Verdict {
        match Checkpoint::decode(line) {
            None | Some(CheckpointLine::Envelope) => {
                let verdict = self.inner.check(line);
                self.lines += u64::from(verdict == Verdict::Pass);
                verdict
            }
            Some(_) if line.len() > CHECKPOINT_BYTES_MAX => {
                let reason =
                    format!("longer than a checkpoint may be ({CHECKPOINT_BYTES_MAX} bytes)");
                Verdict::BadMark(reason.into())
            }
            Some(CheckpointLine::Checkpoint(Checkpoint { position })) => {
                let barrier = Barrier { id: (self.noted)(position, self.lines) };
                Verdict::Mark(barrier.encode().into_bytes().into())
            }
            Some(CheckpointLine::Invalid(error)) => {
                Verdict::BadMark(format!("neither a checkpoint nor an envelope: {error}").into())
            }
        }
    }

    fn is_whole(&self, line: &[u8]) -> bool {
        self.inner.is_whole(line)
    }

    fn is_mark(&self, beginning: &[u8]) -> bool {
        Checkpoint::begins(beginning)
    }
}
