//! What a stream does, in numbers: snapshots of a running relay and the report at its end.
//! Rendering is the caller's.

use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::relay::{Meter, Phase, Relay, Transport};

/// The state of a stream at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamStats {
    /// Since the relay began.
    pub elapsed: Duration,
    /// How the bytes are moved.
    pub transport: Transport,
    /// Bytes read from the input.
    pub bytes_read: u64,
    /// Lines handed to the outputs.
    pub lines: u64,
    /// Their bytes, newlines included.
    pub bytes: u64,
    /// Blank lines, left out.
    pub lines_blank: u64,
    /// Lines left out by the filter.
    pub lines_filtered: u64,
    /// Lines left out because they were invalid, too long or cut off.
    pub lines_rejected: u64,
    /// Since the snapshot before; over everything in the final report.
    pub rate_now: Rate,
    /// Over everything.
    pub rate_average: Rate,
    /// Bytes taken from the input and not yet written to the slowest output.
    pub queued_bytes: u64,
    /// The most that may be queued, unless lines are longer than a block: the task's `buffer`,
    /// rounded to blocks.
    pub queue_bytes_max: u64,
    /// From the moment a line was read to the moment it was written.
    pub latency: Latency,
    /// Where the time has gone.
    pub shares: Shares,
    /// Each output, in the task's order.
    pub outputs: Vec<OutputStats>,
}

/// Something in a second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rate {
    /// Lines handed to the outputs.
    pub lines_per_s: f64,
    /// Their bytes.
    pub bytes_per_s: f64,
}

/// The distribution of latencies in microseconds, over all outputs, each line once for each. They
/// are accurate to 0.1 %; less than one counts as one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    /// How many were measured: lines times outputs.
    pub count: u64,
    /// The median.
    pub p50_us: u64,
    /// One in ten was slower.
    pub p90_us: u64,
    /// One in a hundred was slower.
    pub p99_us: u64,
    /// One in a thousand was slower.
    pub p999_us: u64,
    /// The slowest.
    pub max_us: u64,
}

/// Shares of the time, from 0 to 1; together 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Shares {
    /// The stream waited for the input.
    pub input: f64,
    /// The stream waited for an output.
    pub output: f64,
    /// DStream looked at lines and moved them.
    pub work: f64,
}

/// What holds the stream up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bottleneck {
    /// Mostly it waits for lines.
    Input,
    /// Mostly it waits for an output.
    Output,
    /// Mostly DStream itself is at work.
    Relay,
}

/// What one output got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputStats {
    /// Whole lines written to its pipe.
    pub lines_written: u64,
    /// Bytes written to its pipe.
    pub bytes_written: u64,
    /// Of these lines, those that it has given back.
    pub lines_rejected: u64,
    /// Lines that died with a process of it, and their bytes: not among those written.
    pub lines_lost: u64,
    /// Bytes of these.
    pub bytes_lost: u64,
}

impl Shares {
    /// What most of the time went to, and how much of it.
    pub fn bottleneck(&self) -> (Bottleneck, f64) {
        let of_all = [
            (Bottleneck::Input, self.input),
            (Bottleneck::Output, self.output),
            (Bottleneck::Relay, self.work),
        ];
        of_all.into_iter().max_by(|one, two| one.1.total_cmp(&two.1)).unwrap_or(of_all[0])
    }
}

/// Takes snapshots of one relay.
#[derive(Debug)]
pub(crate) struct Sampler {
    began: Instant,
    queue_bytes_max: u64,
    /// Of the snapshot before: when, and what [`Rate`] is made of.
    before: (Instant, u64, u64),
    /// The outputs' histograms are added up in here.
    histogram: Histogram<u64>,
}

impl Sampler {
    /// For a relay that begins now.
    pub(crate) fn new(queue_bytes_max: usize) -> Self {
        let began = Instant::now();
        Self {
            began,
            queue_bytes_max: queue_bytes_max as u64,
            before: (began, 0, 0),
            histogram: Meter::empty_histogram(),
        }
    }

    /// What `relay` has done up to `now`.
    pub(crate) fn sample(&mut self, relay: &Relay, now: Instant) -> StreamStats {
        let counters = relay.counters();
        let (lines, bytes) =
            (counters.lines_accepted.load(Relaxed), counters.bytes_accepted.load(Relaxed));
        let queued = (0..counters.outputs.len()).map(|index| counters.unwritten(index).1).max();
        let since = |then: Instant, lines_then, bytes_then| {
            rate(lines - lines_then, bytes - bytes_then, now.saturating_duration_since(then))
        };
        let (then, lines_then, bytes_then) = self.before;
        let stats = StreamStats {
            elapsed: now.saturating_duration_since(self.began),
            transport: relay.transport(),
            bytes_read: counters.bytes_read.load(Relaxed),
            lines,
            bytes,
            lines_blank: counters.lines_blank.load(Relaxed),
            lines_filtered: counters.lines_filtered.load(Relaxed),
            lines_rejected: counters.lines_rejected.load(Relaxed),
            rate_now: since(then, lines_then, bytes_then),
            rate_average: since(self.began, 0, 0),
            queued_bytes: queued.unwrap_or(0),
            queue_bytes_max: self.queue_bytes_max,
            latency: self.latency(relay.meter()),
            shares: shares(relay.meter()),
            outputs: counters
                .outputs
                .iter()
                .map(|output| OutputStats {
                    lines_written: output.lines_written.load(Relaxed),
                    bytes_written: output.bytes_written.load(Relaxed),
                    lines_rejected: 0, // the relay sees nothing of it
                    lines_lost: output.lines_lost.load(Relaxed),
                    bytes_lost: output.bytes_lost.load(Relaxed),
                })
                .collect(),
        };
        self.before = (now, lines, bytes);
        stats
    }

    /// What `relay` did in all; its rate is that over everything.
    pub(crate) fn report(&mut self, relay: &Relay, now: Instant) -> StreamStats {
        self.before = (self.began, 0, 0);
        self.sample(relay, now)
    }

    fn latency(&mut self, meter: &Meter) -> Latency {
        let all = &mut self.histogram;
        all.clear();
        meter.add_latency_us_to(all);
        Latency {
            count: all.len(),
            p50_us: all.value_at_quantile(0.5),
            p90_us: all.value_at_quantile(0.9),
            p99_us: all.value_at_quantile(0.99),
            p999_us: all.value_at_quantile(0.999),
            max_us: all.max(),
        }
    }
}

fn rate(lines: u64, bytes: u64, time: Duration) -> Rate {
    // A rate over less than a millisecond says nothing.
    let seconds = time.as_secs_f64().max(0.001);
    Rate { lines_per_s: lines as f64 / seconds, bytes_per_s: bytes as f64 / seconds }
}

fn shares(meter: &Meter) -> Shares {
    let [input, output, work] =
        [Phase::Input, Phase::Output, Phase::Work].map(|phase| meter.spent(phase).as_secs_f64());
    let all = input + output + work;
    if all == 0.0 {
        return Shares::default();
    }
    Shares { input: input / all, output: output / all, work: work / all }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bottleneck_is_what_took_most_of_the_time() {
        let shares = |input, output, work| Shares { input, output, work };
        assert_eq!(shares(0.1, 0.83, 0.07).bottleneck(), (Bottleneck::Output, 0.83));
        assert_eq!(shares(0.9, 0.05, 0.05).bottleneck(), (Bottleneck::Input, 0.9));
        assert_eq!(shares(0.2, 0.2, 0.6).bottleneck(), (Bottleneck::Relay, 0.6));
    }

    #[test]
    fn a_rate_is_per_second() {
        let rate = rate(500, 5000, Duration::from_millis(250));
        assert_eq!((rate.lines_per_s, rate.bytes_per_s), (2000.0, 20_000.0));
    }
}
