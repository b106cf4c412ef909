//! Statistics for people.

use dstream_engine::stats::{Bottleneck, Rate, StreamStats};

use super::Subject;
use crate::plural::{bytes, count, grouped, microseconds};

/// One line with its subject.
pub(super) fn line(task: &Subject, stats: &StreamStats) -> String {
    format!("STATS {}: {}", task.name, live(stats))
}

/// One line without.
pub(super) fn live(stats: &StreamStats) -> String {
    let latency = &stats.latency;
    let (bottleneck, share) = stats.shares.bottleneck();
    let mut parts = vec![
        format!("{:.1} s", stats.elapsed.as_secs_f64()),
        amount(stats.lines, stats.bytes),
        rate(stats.rate_now),
        format!("queue {} %", stats.queued_bytes * 100 / stats.queue_bytes_max.max(1)),
        format!("p50 {}", microseconds(latency.p50_us)),
        format!("p99 {}", microseconds(latency.p99_us)),
        format!("{} {}", word(bottleneck), percent(share)),
    ];
    if stats.lines_rejected > 0 {
        parts.push(format!("{} rejected", grouped(stats.lines_rejected)));
    }
    if stats.lines_filtered > 0 {
        parts.push(format!("{} filtered out", grouped(stats.lines_filtered)));
    }
    parts.join(", ")
}

/// What there is to say at the end.
pub(super) fn report(task: &Subject, stats: &StreamStats) -> String {
    let (latency, shares) = (&stats.latency, &stats.shares);
    let mut lines = vec![
        format!(
            "Statistics of task \"{}\", {:.1} s by {}:",
            task.name,
            stats.elapsed.as_secs_f64(),
            stats.transport
        ),
        format!(
            "  relayed   {}, on average {}",
            amount(stats.lines, stats.bytes),
            rate(stats.rate_average)
        ),
    ];
    if stats.lines_blank + stats.lines_filtered + stats.lines_rejected > 0 {
        lines.push(format!(
            "  left out  {} blank, {} filtered out, {} rejected",
            grouped(stats.lines_blank),
            grouped(stats.lines_filtered),
            grouped(stats.lines_rejected)
        ));
    }
    for (name, output) in task.outputs.iter().zip(&stats.outputs) {
        let written = amount(output.lines_written, output.bytes_written);
        let returned = match output.lines_rejected {
            0 => String::new(),
            number => format!(", {} rejected by it", count(number, "line")),
        };
        let lost = match output.lines_lost {
            0 => String::new(),
            number => format!(", {} lost", amount(number, output.bytes_lost)),
        };
        lines.push(format!("  written   {written} to {name}{returned}{lost}"));
    }
    if latency.count > 0 {
        lines.push(format!(
            "  latency   p50 {}, p90 {}, p99 {}, p99.9 {}, max {}",
            microseconds(latency.p50_us),
            microseconds(latency.p90_us),
            microseconds(latency.p99_us),
            microseconds(latency.p999_us),
            microseconds(latency.max_us)
        ));
    }
    lines.push(format!(
        "  time      {} waiting for the input, {} waiting for the output, {} at work",
        percent(shares.input),
        percent(shares.output),
        percent(shares.work)
    ));
    lines.push(format!("  {}", bottleneck(stats)));
    lines.join("\n")
}

/// What holds the stream up, in a sentence.
fn bottleneck(stats: &StreamStats) -> String {
    let (bottleneck, share) = stats.shares.bottleneck();
    let what = match bottleneck {
        Bottleneck::Input => "the stream waited for the input",
        Bottleneck::Output if stats.outputs.len() > 1 => {
            "the slowest output kept the stream waiting"
        }
        Bottleneck::Output => "the output kept the stream waiting",
        Bottleneck::Relay => "dstream itself was at work",
    };
    format!("{}: {what} {} of the time", word(bottleneck), percent(share))
}

fn word(bottleneck: Bottleneck) -> &'static str {
    match bottleneck {
        Bottleneck::Input => "input-bound",
        Bottleneck::Output => "output-bound",
        Bottleneck::Relay => "relay-bound",
    }
}

fn amount(lines: u64, size: u64) -> String {
    format!("{} ({})", count(lines, "line"), bytes(size))
}

fn rate(rate: Rate) -> String {
    let size = bytes(rate.bytes_per_s.round() as u64);
    if rate.lines_per_s < 100.0 {
        return format!("{:.1} lines/s ({size}/s)", rate.lines_per_s);
    }
    format!("{} lines/s ({size}/s)", grouped(rate.lines_per_s.round() as u64))
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}
