//! `--stats`: how a stream is doing, while it runs and at its end.

mod json;
mod text;

use std::io::{self, IsTerminal};
use std::time::Duration;

use dstream_engine::run::RunReport;
use dstream_engine::stats::StreamStats;
use dstream_task::Task;

use crate::arguments::{Global, LogFormat, Run, StatsFormat};
use crate::logging;

/// How often the live line changes.
const LIVE_EVERY: Duration = Duration::from_millis(250);

/// The form in which statistics are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// One line that changes in place: a person at a terminal.
    Live,
    /// A line at an interval.
    Lines { every: Duration },
    /// A JSON object at an interval.
    Json { every: Duration },
}

impl View {
    /// What the command line asks for; none without `--stats`.
    pub(crate) fn of(global: &Global, run: &Run) -> Option<Self> {
        let every = run.stats_interval;
        let json = match run.stats_format {
            Some(format) => format == StatsFormat::Json,
            None => global.log_format == LogFormat::Json,
        };
        run.stats.then(|| match json {
            true => Self::Json { every },
            false if io::stderr().is_terminal() => Self::Live,
            false => Self::Lines { every },
        })
    }

    pub(crate) fn every(self) -> Duration {
        match self {
            Self::Live => LIVE_EVERY,
            Self::Lines { every } | Self::Json { every } => every,
        }
    }

    /// Shows how a task is doing.
    pub(crate) fn show(self, task: &Subject, stats: &StreamStats) {
        match self {
            Self::Live => logging::live(&task.name, Some(text::live(stats))),
            Self::Lines { .. } => logging::pass(&text::line(task, stats)),
            Self::Json { .. } => logging::pass(&json::object(task, stats, false)),
        }
    }

    /// Takes a task that is over from the live line.
    pub(crate) fn leave(self, task: &str) {
        if self == Self::Live {
            logging::live(task, None);
        }
    }

    /// Shows what a task did, if its stream had begun.
    pub(crate) fn conclude(self, task: &Subject, report: &RunReport) {
        self.leave(&task.name);
        let Some(mut stats) = report.stats.clone() else { return };
        // The stream was over before its outputs were: what they left unread is known only now.
        for (of_stream, of_run) in stats.outputs.iter_mut().zip(&report.outputs) {
            of_stream.lines_written = of_run.lines_written;
            of_stream.bytes_written = of_run.bytes_written;
        }
        logging::say(&match self {
            Self::Json { .. } => json::object(task, &stats, true),
            Self::Live | Self::Lines { .. } => text::report(task, &stats),
        });
    }
}

/// Whose statistics they are.
pub(crate) struct Subject {
    pub(crate) name: String,
    /// Its outputs' names.
    pub(crate) outputs: Vec<String>,
}

impl Subject {
    pub(crate) fn of(task: &Task) -> Self {
        let outputs = task.outputs.iter().map(|output| output.name.clone()).collect();
        Self { name: task.name.clone(), outputs }
    }
}

#[cfg(test)]
mod tests {
    use dstream_engine::stats::{Latency, OutputStats, Rate, Shares};
    use dstream_relay::Transport;

    use super::*;

    fn stats() -> (Subject, StreamStats) {
        let rate = Rate { lines_per_s: 120_345.4, bytes_per_s: 62_914_560.0 };
        let stats = StreamStats {
            elapsed: Duration::from_millis(12_340),
            transport: Transport::Splice,
            bytes_read: 646_000_000,
            lines: 1_234_567,
            bytes: 645_000_000,
            lines_blank: 0,
            lines_filtered: 3,
            lines_rejected: 1,
            rate_now: rate,
            rate_average: rate,
            queued_bytes: 1 << 20,
            queue_bytes_max: 8 << 20,
            latency: Latency {
                count: 1_234_567,
                p50_us: 48,
                p90_us: 120,
                p99_us: 1730,
                p999_us: 12_000,
                max_us: 2_100_000,
            },
            shares: Shares { input: 0.1, output: 0.834, work: 0.066 },
            outputs: vec![OutputStats {
                lines_written: 1_234_000,
                bytes_written: 644_000_000,
                lines_rejected: 2,
                lines_lost: 567,
                bytes_lost: 292_005,
            }],
        };
        (Subject { name: "orders".into(), outputs: vec!["lake".into()] }, stats)
    }

    #[test]
    fn a_line_says_the_most_important_things() {
        let (task, stats) = stats();
        assert_eq!(
            text::line(&task, &stats),
            "STATS orders: 12.3 s, 1,234,567 lines (615.1 MiB), 120,345 lines/s (60.0 MiB/s), \
             queue 12 %, p50 48 µs, p99 1.7 ms, output-bound 83 %, 1 rejected, 3 filtered out"
        );
        assert_eq!(
            text::live(&stats),
            "12.3 s, 1,234,567 lines (615.1 MiB), 120,345 lines/s (60.0 MiB/s), \
             queue 12 %, p50 48 µs, p99 1.7 ms, output-bound 83 %, 1 rejected, 3 filtered out"
        );
    }

    #[test]
    fn the_report_says_everything_and_names_the_bottleneck() {
        let (task, stats) = stats();
        assert_eq!(
            text::report(&task, &stats),
            "Statistics of task \"orders\", 12.3 s by splice:
  relayed   1,234,567 lines (615.1 MiB), on average 120,345 lines/s (60.0 MiB/s)
  left out  0 blank, 3 filtered out, 1 rejected
  written   1,234,000 lines (614.2 MiB) to lake, 2 lines rejected by it, 567 lines (285.2 KiB) lost
  latency   p50 48 µs, p90 120 µs, p99 1.7 ms, p99.9 12.0 ms, max 2.1 s
  time      10 % waiting for the input, 83 % waiting for the output, 7 % at work
  output-bound: the output kept the stream waiting 83 % of the time"
        );
    }

    #[test]
    fn json_has_the_same_with_units_in_its_names() {
        let (task, stats) = stats();
        let object: serde_json::Value =
            serde_json::from_str(&json::object(&task, &stats, true)).unwrap();
        assert_eq!(object["type"], "stats");
        assert_eq!(object["task"], "orders");
        assert_eq!(object["final"], true);
        assert_eq!(object["lines"], 1_234_567);
        assert_eq!(object["lines_rejected"], 1);
        assert_eq!(object["outputs"][0]["lines_rejected"], 2);
        assert_eq!(object["latency_us"]["p99.9"], 12_000);
        assert_eq!(object["bottleneck"], "output");
        assert_eq!(object["outputs"][0]["name"], "lake");
        assert_eq!(object["shares"]["output"], 0.834);
    }
}
