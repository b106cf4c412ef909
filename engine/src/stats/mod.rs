//! What a stream does, in numbers: snapshots of a running relay and the report at its end.
//! Rendering is the caller's.

mod totals;

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

pub(crate) use self::totals::Totals;
use dstream_relay::{Relay, Transport};

/// The state of a stream at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamStats {
    /// Since the relay began; where a task was started again, the time of all its relays.
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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

/// Takes snapshots of one relay, together with what those before it have done.
#[derive(Debug)]
pub(crate) struct Sampler {
    began: Instant,
    queue_bytes_max: u64,
    /// Of the snapshot before: when, and what [`Rate`] is made of.
    before: (Instant, u64, u64),
    /// Of the relays before this one.
    earlier: Totals,
}

impl Sampler {
    /// For a relay that begins now, with so many outputs.
    pub(crate) fn new(queue_bytes_max: usize, outputs: usize, earlier: Option<Totals>) -> Self {
        let began = Instant::now();
        let earlier = earlier.unwrap_or_else(|| Totals::new(outputs));
        Self {
            began,
            queue_bytes_max: queue_bytes_max as u64,
            before: (began, earlier.lines, earlier.bytes),
            earlier,
        }
    }

    /// What has been done up to `now`.
    pub(crate) fn sample(&mut self, relay: &Relay, now: Instant) -> StreamStats {
        let mut sum = self.earlier.clone();
        sum.add(relay, now.saturating_duration_since(self.began));
        let outputs = 0..sum.outputs.len();
        let queued = outputs.map(|index| relay.counters().unwritten(index).1).max();
        let (then, lines_then, bytes_then) = self.before;
        let stats = StreamStats {
            elapsed: sum.elapsed,
            transport: relay.transport(),
            bytes_read: sum.bytes_read,
            lines: sum.lines,
            bytes: sum.bytes,
            lines_blank: sum.lines_blank,
            lines_filtered: sum.lines_filtered,
            lines_rejected: sum.lines_rejected,
            rate_now: rate(
                sum.lines - lines_then,
                sum.bytes - bytes_then,
                now.saturating_duration_since(then),
            ),
            rate_average: rate(sum.lines, sum.bytes, sum.elapsed),
            queued_bytes: queued.unwrap_or(0),
            queue_bytes_max: self.queue_bytes_max,
            latency: latency(&sum.latency_us),
            shares: shares(sum.spent),
            outputs: sum.outputs,
        };
        self.before = (now, stats.lines, stats.bytes);
        stats
    }

    /// What was done in all; the rate is that over everything.
    pub(crate) fn report(&mut self, relay: &Relay, now: Instant) -> StreamStats {
        let stats = self.sample(relay, now);
        StreamStats { rate_now: stats.rate_average, ..stats }
    }

    /// For the sampler of the next relay: what this one had done in the end, and its last report.
    pub(crate) fn into_totals(mut self, relay: &Relay, last: &StreamStats) -> Totals {
        let elapsed = last.elapsed.saturating_sub(self.earlier.elapsed);
        self.earlier.add(relay, elapsed);
        for (sum, output) in self.earlier.outputs.iter_mut().zip(&last.outputs) {
            sum.lines_rejected = output.lines_rejected;
        }
        self.earlier
    }
}

fn latency(all: &Histogram<u64>) -> Latency {
    Latency {
        count: all.len(),
        p50_us: all.value_at_quantile(0.5),
        p90_us: all.value_at_quantile(0.9),
        p99_us: all.value_at_quantile(0.99),
        p999_us: all.value_at_quantile(0.999),
        max_us: all.max(),
    }
}

fn rate(lines: u64, bytes: u64, time: Duration) -> Rate {
    // A rate over less than a millisecond says nothing.
    let seconds = time.as_secs_f64().max(0.001);
    Rate { lines_per_s: lines as f64 / seconds, bytes_per_s: bytes as f64 / seconds }
}

/// Of the time spent in each of [`totals::PHASES`].
fn shares(spent: [Duration; 3]) -> Shares {
    let [input, output, work] = spent.map(|time| time.as_secs_f64());
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
