//! What is sent through a relay, and what for.

use std::fmt;

/// How the generator writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    /// As many whole lines in a write as 64 KiB hold.
    Bulk,
    /// One line a write.
    Line,
}

/// One kind of run. Every peer goes through all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scenario {
    /// One line: what starting and ending cost, to be taken off the others, and when the first line is there.
    Start,
    /// As fast as it goes.
    Throughput { writes: Writes, line_bytes: usize },
    /// So many lines a second, each with its time.
    Latency { rate: u64 },
    /// Bulk, to a sink that rests after each read. For memory; only for DStream.
    SlowOutput,
}

/// Lines of 515 bytes are the middle one of the sizes, and the one that goals speak of.
pub(super) const LINE_BYTES: usize = 515;
/// What the sink rests after each 64 KiB in [`Scenario::SlowOutput`]; some 30 MB/s.
const SLOW_PAUSE_US: u64 = 2_000;
/// What a relay may take to start before latency counts.
const WARM_UP_SECONDS: f64 = 0.5;
/// Percentiles need more lines than one run's time has.
const LATENCY_TIMES: f64 = 2.0;
const SLOW_BYTES_PER_SECOND: u64 = 25_000_000;

impl Scenario {
    /// The default ones: `sizes` with both kinds of writes, two rates, start and slow output.
    pub(super) fn all(sizes: &[usize], kinds: &[Writes], rates: &[u64]) -> Vec<Self> {
        let mut all = vec![Self::Start];
        for &line_bytes in sizes {
            for &writes in kinds {
                // A line that fills a bulk write is the same either way.
                let both_same =
                    line_bytes * 2 > dstream_load::WRITE_BYTES && kinds.contains(&Writes::Bulk);
                if writes == Writes::Bulk || !both_same {
                    all.push(Self::Throughput { writes, line_bytes });
                }
            }
        }
        all.extend(rates.iter().map(|&rate| Self::Latency { rate }));
        all.push(Self::SlowOutput);
        all
    }

    pub(super) fn line_bytes(self) -> usize {
        match self {
            Self::Throughput { line_bytes, .. } => line_bytes,
            _ => LINE_BYTES,
        }
    }

    /// How many lines make about `seconds`, where that is known without trying.
    pub(super) fn lines_fixed(self, seconds: f64) -> Option<u64> {
        match self {
            Self::Start => Some(1),
            Self::Throughput { .. } => None,
            Self::Latency { rate } => {
                Some((rate as f64 * (WARM_UP_SECONDS + LATENCY_TIMES * seconds)) as u64)
            }
            Self::SlowOutput => {
                Some((SLOW_BYTES_PER_SECOND as f64 * seconds) as u64 / LINE_BYTES as u64)
            }
        }
    }

    /// Arguments of `load-generate`, the report's place aside.
    pub(super) fn generator_arguments(self, lines: u64) -> Vec<String> {
        let mut words = self.shared_arguments(lines);
        match self {
            Self::Throughput { writes: Writes::Line, .. } => {
                words.extend(text(&["--writes", "line"]))
            }
            Self::Latency { rate } => words.extend(["--rate".into(), rate.to_string()]),
            _ => {}
        }
        words
    }

    /// Arguments of `load-sink`, the report's place aside.
    pub(super) fn sink_arguments(self, lines: u64) -> Vec<String> {
        let mut words = self.shared_arguments(lines);
        match self {
            Self::Latency { rate } => {
                let skipped = (rate as f64 * WARM_UP_SECONDS) as u64;
                words.extend(["--stamped".into(), "--skip-lines".into(), skipped.to_string()]);
            }
            Self::SlowOutput => words.extend(["--pause-us".into(), SLOW_PAUSE_US.to_string()]),
            _ => {}
        }
        words
    }

    fn shared_arguments(self, lines: u64) -> Vec<String> {
        vec![
            "--line-bytes".into(),
            self.line_bytes().to_string(),
            "--lines".into(),
            lines.to_string(),
        ]
    }
}

fn text(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

impl fmt::Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => out.write_str("start"),
            Self::Throughput { writes: Writes::Bulk, line_bytes } => {
                write!(out, "bulk, {line_bytes} B")
            }
            Self::Throughput { writes: Writes::Line, line_bytes } => {
                write!(out, "line, {line_bytes} B")
            }
            Self::Latency { rate } => write!(out, "{rate} lines/s"),
            Self::SlowOutput => out.write_str("slow output"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_fills_a_write_is_not_measured_twice() {
        let all = Scenario::all(&[515, 65_536], &[Writes::Bulk, Writes::Line], &[1_000]);
        let names: Vec<String> = all.iter().map(ToString::to_string).collect();
        let expected =
            ["start", "bulk, 515 B", "line, 515 B", "bulk, 65536 B", "1000 lines/s", "slow output"];
        assert_eq!(names, expected);
    }

    #[test]
    fn both_ends_are_told_the_same() {
        let latency = Scenario::Latency { rate: 1_000 };
        assert_eq!(latency.lines_fixed(2.0), Some(4_500));
        let generator = latency.generator_arguments(4_500).join(" ");
        let sink = latency.sink_arguments(4_500).join(" ");
        assert_eq!(generator, "--line-bytes 515 --lines 4500 --rate 1000");
        assert_eq!(sink, "--line-bytes 515 --lines 4500 --stamped --skip-lines 500");
        let line = Scenario::Throughput { writes: Writes::Line, line_bytes: 43 };
        assert_eq!(
            line.generator_arguments(7).join(" "),
            "--line-bytes 43 --lines 7 --writes line"
        );
        assert_eq!(line.sink_arguments(7).join(" "), "--line-bytes 43 --lines 7");
    }
}
