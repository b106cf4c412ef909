//! What to say of a run at its end.

use std::time::Duration;

use super::failure::Failure;
use super::stop::StopSignal;
use crate::delivery::CheckpointReport;
use crate::stats::{StreamStats, Totals};

/// A finished run.
#[derive(Debug)]
pub struct RunReport {
    /// The first failure, if there was one.
    pub failure: Option<Failure>,
    /// Who asked for an end, if anybody did.
    pub stopped_by: Option<StopSignal>,
    /// Providers that overran their grace or had to be killed, by name.
    pub forced: Vec<String>,
    /// Whether lines that were taken from the input may not have reached an output: they were
    /// not written, or the output was made to end before it had ended by itself.
    pub lines_left: bool,
    /// Lines handed to the outputs.
    pub lines: u64,
    /// Bytes of those lines.
    pub bytes: u64,
    /// Blank lines, left out.
    pub lines_blank: u64,
    /// Lines left out because the task's filter does not match them.
    pub lines_filtered: u64,
    /// Lines left out because they were invalid, too long or cut off.
    pub lines_rejected: u64,
    /// What each output got.
    pub outputs: Vec<OutputReport>,
    /// What the stream did, if that was asked for and there was one.
    pub stats: Option<StreamStats>,
    /// The same, for the next attempt to go on from.
    pub(super) totals: Option<Totals>,
    /// How often the task, or a provider within it, was started again.
    pub restarts: u32,
    /// What became of its checkpoints, where they are kept.
    pub checkpoints: Option<CheckpointReport>,
    /// From the start of the first provider to the end of the last.
    pub elapsed: Duration,
}

impl RunReport {
    /// Adds what an earlier run of the same task did. What it left undone has been done again since.
    pub(super) fn add_earlier(&mut self, earlier: &Self) {
        for (sum, more) in [
            (&mut self.lines, earlier.lines),
            (&mut self.bytes, earlier.bytes),
            (&mut self.lines_blank, earlier.lines_blank),
            (&mut self.lines_filtered, earlier.lines_filtered),
            (&mut self.lines_rejected, earlier.lines_rejected),
        ] {
            *sum += more;
        }
        for (output, earlier) in self.outputs.iter_mut().zip(&earlier.outputs) {
            output.lines_written += earlier.lines_written;
            output.bytes_written += earlier.bytes_written;
            output.lines_rejected += earlier.lines_rejected;
        }
        if let (Some(checkpoints), Some(earlier)) = (&mut self.checkpoints, earlier.checkpoints) {
            checkpoints.stored += earlier.stored;
            if checkpoints.stored == earlier.stored {
                // Nothing was stored since: both began at the same place, and got so far.
                checkpoints.lines_again = checkpoints.lines_again.max(earlier.lines_again);
            }
        }
        if self.stats.is_none() {
            self.stats.clone_from(&earlier.stats);
        }
        self.elapsed += earlier.elapsed;
    }
}

/// What one output got.
#[derive(Debug)]
pub struct OutputReport {
    /// The output's name.
    pub name: String,
    /// Whole lines written to its pipe.
    pub lines_written: u64,
    /// Bytes written to its pipe.
    pub bytes_written: u64,
    /// Of these lines, those that it has given back, and that were left out or kept.
    pub lines_rejected: u64,
    /// Lines that it has given back when they could not be kept as dead letters any more: nobody has
    /// them.
    pub lines_unkept: u64,
    /// Lines that were accepted and never written to it.
    pub lines_unwritten: u64,
    /// Their bytes.
    pub bytes_unwritten: u64,
    /// Lines that had been written to a process of it that died, and that it had not read: the
    /// process after it did not get them.
    pub lines_lost: u64,
    /// Their bytes.
    pub bytes_lost: u64,
}
