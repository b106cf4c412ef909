//! The project's goals, each with what was measured.

use serde::Serialize;

use super::peers::{
    BARE, BARE_LARGE, CAT, DSTREAM, DSTREAM_FILTER, DSTREAM_FULL, DSTREAM_PORTABLE, DSTREAM_SPLICE,
    DSTREAM_STATS, DSTREAM_URING, GO_LOOP, TEE_SPLICE, TWO_THREADS,
};
use super::scenario::{LINE_BYTES, Scenario, Writes};
use super::statistics::Spread;
use super::summary::{Figures, compared, find};

/// A goal and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Goal {
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    /// It is to be at least so much, or at most.
    pub(super) bound: Bound,
    pub(super) measured: Option<f64>,
    pub(super) met: Option<bool>,
}

/// On which side of a number a goal is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

const BULK: Scenario = Scenario::Throughput { writes: Writes::Bulk, line_bytes: LINE_BYTES };
const LINE: Scenario = Scenario::Throughput { writes: Writes::Line, line_bytes: LINE_BYTES };
/// Lines that are longer say nothing of the goal for memory.
const MEMORY_LINE_BYTES_MAX: usize = 64 * 1024;

/// Which of DStream's variants stands for the goals: they are with its own measuring, where it has that.
pub(super) fn subject(all: &[Figures]) -> &'static str {
    if find(all, DSTREAM_STATS, BULK).is_some_and(|figures| figures.runs > 0) {
        DSTREAM_STATS
    } else {
        DSTREAM
    }
}

/// All goals that a comparison can show.
pub(super) fn goals(all: &[Figures]) -> Vec<Goal> {
    use Bound::{AtLeast, AtMost};
    let own = subject(all);
    let speed: Quantity = |figures| figures.megabytes_per_second;
    let cpu: Quantity = |figures| figures.relay_cpu_seconds_per_gb;
    let p50: Quantity = |figures| figures.latency_p50_us;
    let p99: Quantity = |figures| figures.latency_p99_us;
    let slow = Scenario::Latency { rate: 1_000 };
    let fast = Scenario::Latency { rate: 10_000 };
    let to = |base, scenario, quantity| compared(all, scenario, (own, base), quantity);
    let of = |peer, base, scenario| compared(all, scenario, (peer, base), speed);
    let bulk_cpu = |peer| Some(find(all, peer, BULK)?.relay_cpu_seconds_per_gb?.median);
    let ratio = "×";
    vec![
        goal("throughput to the bare pipe, bulk", ratio, AtLeast(3.5), to(BARE, BULK, speed)),
        goal(
            "throughput to the bare pipe, line by line",
            ratio,
            AtLeast(2.2),
            to(BARE, LINE, speed),
        ),
        goal(
            "throughput to the bare pipe of 1 MiB, bulk",
            ratio,
            AtLeast(1.0),
            to(BARE_LARGE, BULK, speed),
        ),
        goal(
            "throughput to the original's loop, bulk",
            ratio,
            AtLeast(10.0),
            to(GO_LOOP, BULK, speed),
        ),
        goal(
            "CPU per GB to the original's loop, bulk",
            ratio,
            AtMost(1.0 / 12.0),
            to(GO_LOOP, BULK, cpu),
        ),
        goal("CPU per GB to cat, bulk", ratio, AtMost(0.4), to(CAT, BULK, cpu)),
        goal("CPU per GB to cat, line by line", ratio, AtMost(0.75), to(CAT, LINE, cpu)),
        goal(
            "throughput of portable to a plain relay of two threads, bulk",
            ratio,
            AtLeast(1.0),
            of(DSTREAM_PORTABLE, TWO_THREADS, BULK),
        ),
        goal(
            "throughput of uring to a plain relay of two threads, bulk",
            ratio,
            AtLeast(1.0),
            of(DSTREAM_URING, TWO_THREADS, BULK),
        ),
        goal(
            "throughput of splice to a plain relay that splices, line by line",
            ratio,
            AtLeast(1.0),
            of(DSTREAM_SPLICE, TEE_SPLICE, LINE),
        ),
        goal("CPU of the full check, bulk", "s/GB", AtMost(0.8), bulk_cpu(DSTREAM_FULL)),
        goal("CPU of a filter on one field, bulk", "s/GB", AtMost(0.8), bulk_cpu(DSTREAM_FILTER)),
        goal("latency p50 to cat, 1,000 lines/s", ratio, AtMost(1.0), to(CAT, slow, p50)),
        goal("latency p99 to cat, 1,000 lines/s", ratio, AtMost(1.1), to(CAT, slow, p99)),
        goal("latency p50 to cat, 10,000 lines/s", ratio, AtMost(1.0), to(CAT, fast, p50)),
        goal("latency p99 to cat, 10,000 lines/s", ratio, AtMost(1.1), to(CAT, fast, p99)),
        goal("peak memory, slow output included", "MiB", AtMost(24.0), memory(all, own)),
        goal("first line, later than through the bare pipe", "ms", AtMost(15.0), start(all, own)),
    ]
}

type Quantity = fn(&Figures) -> Option<Spread>;

fn goal(what: &'static str, unit: &'static str, bound: Bound, measured: Option<f64>) -> Goal {
    let met = measured.map(|measured| match bound {
        Bound::AtLeast(least) => measured >= least,
        Bound::AtMost(most) => measured <= most,
    });
    Goal { what, unit, bound, measured, met }
}

/// The most of all runs, not a median: a bound holds always or not at all.
fn memory(all: &[Figures], peer: &str) -> Option<f64> {
    // Without the slow output this would be another figure.
    find(all, peer, Scenario::SlowOutput)?.peak_memory_mib?;
    let runs = all.iter().filter(|figures| {
        figures.peer == peer && figures.scenario.line_bytes() <= MEMORY_LINE_BYTES_MAX
    });
    runs.filter_map(|figures| Some(figures.peak_memory_mib?.max)).max_by(f64::total_cmp)
}

fn start(all: &[Figures], peer: &str) -> Option<f64> {
    let first_byte_ms = |peer| Some(find(all, peer, Scenario::Start)?.first_byte_ms?.median);
    Some(first_byte_ms(peer)? - first_byte_ms(BARE)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_at_its_bound_and_open_without_a_figure() {
        assert_eq!(goal("", "×", Bound::AtLeast(3.5), Some(3.5)).met, Some(true));
        assert_eq!(goal("", "×", Bound::AtLeast(3.5), Some(3.4)).met, Some(false));
        assert_eq!(goal("", "×", Bound::AtMost(0.4), Some(0.41)).met, Some(false));
        assert_eq!(goal("", "×", Bound::AtMost(0.4), None).met, None);
    }

    #[test]
    fn nothing_measured_leaves_every_goal_open() {
        assert!(goals(&[]).iter().all(|goal| goal.met.is_none()));
    }
}
