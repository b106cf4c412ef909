//! Where a relay's time goes, and how long a line takes through it.
//!
//! Written by the relay's threads, readable from any other at any time. Switched off it reads no
//! clock at all.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::limits::LATENCY_US_MAX;

/// Significant digits of a latency: three, so that a bucket is at most 0.1 % wide.
const LATENCY_DIGITS: u8 = 3;

/// What the thread that reads is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for bytes from the input.
    Input,
    /// Looking at lines and moving them.
    Work,
    /// Waiting for an output to take bytes, so that there is room for more.
    Output,
}

/// Nanoseconds since a meter began; 0 from one that is switched off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

/// The clock and the latency histograms of one relay.
#[derive(Debug)]
pub struct Meter {
    began: Instant,
    enabled: bool,
    /// Since when the reading thread is in which [`Phase`]: nanoseconds shifted by two bits, the
    /// phase below them. One word, so that it is never seen half changed.
    current: AtomicU64,
    /// Nanoseconds spent in each phase before the current one.
    spent_ns: [AtomicU64; 3],
    /// Microseconds from read to written, one histogram for each output.
    latency_us: Box<[Mutex<Histogram<u64>>]>,
}

impl Meter {
    /// A meter for a relay of `outputs_count` outputs that begins now; one that is not `enabled`
    /// stays at zero.
    pub(super) fn new(outputs_count: usize, enabled: bool) -> Self {
        let outputs_count = if enabled { outputs_count } else { 0 };
        Self {
            began: Instant::now(),
            enabled,
            current: AtomicU64::new(pack(0, Phase::Input)),
            spent_ns: Default::default(),
            latency_us: (0..outputs_count).map(|_| Mutex::new(Self::empty_histogram())).collect(),
        }
    }

    pub(super) fn now(&self) -> Moment {
        if !self.enabled {
            return Moment(0);
        }
        Moment(self.began.elapsed().as_nanos() as u64)
    }

    /// The reading thread is in `phase` from now on. Only that thread calls this.
    pub(super) fn enter(&self, phase: Phase) -> Moment {
        let now = self.now();
        self.enter_at(phase, now);
        now
    }

    /// As [`Self::enter`], where the clock has just been read.
    pub(super) fn enter_at(&self, phase: Phase, now: Moment) {
        if !self.enabled {
            return;
        }
        let (since_ns, before) = unpack(self.current.load(Relaxed));
        self.current.store(pack(now.0, phase), Relaxed);
        // One writer: a load and a store are enough, and cheaper than a locked addition.
        let spent = &self.spent_ns[before as usize];
        spent.store(spent.load(Relaxed) + now.0.saturating_sub(since_ns), Relaxed);
    }

    /// `lines` that were read at `read` have been written to output `index` at `written`.
    pub(super) fn record(&self, index: usize, read: Moment, written: Moment, lines: u64) {
        if let Some(latency) = self.latency_us.get(index) {
            let us = (written.0.saturating_sub(read.0) / 1000).clamp(1, LATENCY_US_MAX);
            lock(latency).saturating_record_n(us, lines);
        }
    }

    /// Time spent so far in `phase`, up to now. In the nanoseconds in which a phase ends it can be
    /// wrong by that phase.
    pub fn spent(&self, phase: Phase) -> Duration {
        let (since_ns, current) = unpack(self.current.load(Relaxed));
        let mut spent_ns = self.spent_ns[phase as usize].load(Relaxed);
        if current == phase {
            spent_ns += self.now().0.saturating_sub(since_ns);
        }
        Duration::from_nanos(spent_ns)
    }

    /// Adds the latencies of all outputs, in microseconds, to `sum`.
    pub fn add_latency_us_to(&self, sum: &mut Histogram<u64>) {
        for latency in &self.latency_us {
            // Both have the same bounds, so that nothing is refused.
            let _ = sum.add(&*lock(latency));
        }
    }

    /// An empty histogram with the bounds of the meter's own: fixed ones, so that recording never
    /// allocates.
    pub fn empty_histogram() -> Histogram<u64> {
        Histogram::new_with_bounds(1, LATENCY_US_MAX, LATENCY_DIGITS)
            .expect("the bounds of the latency histogram are sound")
    }
}

fn lock(latency: &Mutex<Histogram<u64>>) -> MutexGuard<'_, Histogram<u64>> {
    latency.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pack(since_ns: u64, phase: Phase) -> u64 {
    since_ns << 2 | phase as u64
}

fn unpack(word: u64) -> (u64, Phase) {
    let phase = match word & 3 {
        0 => Phase::Input,
        1 => Phase::Work,
        _ => Phase::Output,
    };
    (word >> 2, phase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_charged_to_the_phase_it_was_spent_in() {
        let meter = Meter::new(1, true);
        meter.enter_at(Phase::Work, Moment(5_000));
        meter.enter_at(Phase::Output, Moment(6_000));
        meter.enter_at(Phase::Input, Moment(9_000));
        meter.enter_at(Phase::Work, Moment(9_500));
        assert_eq!(meter.spent(Phase::Input), Duration::from_nanos(5_500));
        assert_eq!(meter.spent(Phase::Output), Duration::from_nanos(3_000));
        // The current phase goes on.
        assert!(meter.spent(Phase::Work) >= Duration::from_nanos(1_000));
    }

    #[test]
    fn a_wait_counts_while_it_lasts() {
        let meter = Meter::new(1, true);
        let mut before = meter.spent(Phase::Input);
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(1));
            let now = meter.spent(Phase::Input);
            assert!(now >= before + Duration::from_millis(1));
            before = now;
        }
    }

    #[test]
    fn latencies_are_weighted_by_lines_and_bounded() {
        let meter = Meter::new(2, true);
        meter.record(0, Moment(0), Moment(100_000), 98);
        meter.record(1, Moment(0), Moment(7_000_000), 1);
        meter.record(1, Moment(9), Moment(u64::MAX / 8), 1);
        let mut sum = Meter::empty_histogram();
        meter.add_latency_us_to(&mut sum);
        assert_eq!((sum.len(), sum.value_at_quantile(0.5)), (100, 100));
        assert!(sum.value_at_quantile(0.99).abs_diff(7000) <= 7);
        assert!(sum.max() >= LATENCY_US_MAX / 2);
    }

    #[test]
    fn switched_off_it_measures_nothing() {
        let meter = Meter::new(1, false);
        meter.enter(Phase::Output);
        meter.record(0, Moment(0), Moment(5_000_000), 7);
        let mut sum = Meter::empty_histogram();
        meter.add_latency_us_to(&mut sum);
        assert_eq!((sum.len(), meter.spent(Phase::Output)), (0, Duration::ZERO));
    }
}
