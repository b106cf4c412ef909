//! What the streams of a task's earlier attempts have done, to be part of what the next one's does: the
//! numbers of a task that starts again go on, and its last report is about all of it.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::OutputStats;
use dstream_relay::{Meter, Phase, Relay};

/// The phases whose times are added up.
pub(super) const PHASES: [Phase; 3] = [Phase::Input, Phase::Output, Phase::Work];

/// Sums over relays, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Totals {
    pub(super) elapsed: Duration,
    pub(super) bytes_read: u64,
    pub(super) lines: u64,
    pub(super) bytes: u64,
    pub(super) lines_blank: u64,
    pub(super) lines_filtered: u64,
    pub(super) lines_rejected: u64,
    pub(super) outputs: Vec<OutputStats>,
    /// All outputs together.
    pub(super) latency_us: Histogram<u64>,
    /// In each of [`PHASES`].
    pub(super) spent: [Duration; 3],
}

impl Totals {
    /// Of none, with so many outputs.
    pub(super) fn new(outputs: usize) -> Self {
        Self {
            elapsed: Duration::ZERO,
            bytes_read: 0,
            lines: 0,
            bytes: 0,
            lines_blank: 0,
            lines_filtered: 0,
            lines_rejected: 0,
            outputs: vec![OutputStats::default(); outputs],
            latency_us: Meter::empty_histogram(),
            spent: [Duration::ZERO; 3],
        }
    }

    /// Adds what `relay` has done in `elapsed`, but for what it does not see: lines that outputs have
    /// given back.
    pub(super) fn add(&mut self, relay: &Relay, elapsed: Duration) {
        let (counters, meter) = (relay.counters(), relay.meter());
        self.elapsed += elapsed;
        for (sum, counter) in [
            (&mut self.bytes_read, &counters.bytes_read),
            (&mut self.lines, &counters.lines_accepted),
            (&mut self.bytes, &counters.bytes_accepted),
            (&mut self.lines_blank, &counters.lines_blank),
            (&mut self.lines_filtered, &counters.lines_filtered),
            (&mut self.lines_rejected, &counters.lines_rejected),
        ] {
            *sum += counter.load(Relaxed);
        }
        for (sum, counters) in self.outputs.iter_mut().zip(&counters.outputs) {
            sum.lines_written += counters.lines_written.load(Relaxed);
            sum.bytes_written += counters.bytes_written.load(Relaxed);
            sum.lines_lost += counters.lines_lost.load(Relaxed);
            sum.bytes_lost += counters.bytes_lost.load(Relaxed);
        }
        meter.add_latency_us_to(&mut self.latency_us);
        for (sum, phase) in self.spent.iter_mut().zip(PHASES) {
            *sum += meter.spent(phase);
        }
    }
}
