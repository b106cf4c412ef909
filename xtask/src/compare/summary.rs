//! From runs to figures: medians, with what start and end cost taken off.

use serde::Serialize;

use super::pipeline::Run;
use super::programs::Found;
use super::scenario::Scenario;
use super::schedule::Cell;
use super::statistics::{Spread, ratio};

/// The figures of one peer in one scenario.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Figures {
    pub(super) peer: &'static str,
    #[serde(serialize_with = "as_text")]
    pub(super) scenario: Scenario,
    pub(super) megabytes_per_second: Option<Spread>,
    /// Of the relay alone.
    pub(super) relay_cpu_seconds_per_gb: Option<Spread>,
    /// Of generator, relay and sink.
    pub(super) cpu_seconds_per_gb: Option<Spread>,
    /// Of generator, relay and sink.
    pub(super) context_switches_per_gb: Option<Spread>,
    pub(super) peak_memory_mib: Option<Spread>,
    pub(super) first_byte_ms: Option<Spread>,
    pub(super) latency_p50_us: Option<Spread>,
    pub(super) latency_p99_us: Option<Spread>,
    pub(super) latency_p99_9_us: Option<Spread>,
    pub(super) latency_max_us: Option<Spread>,
    /// Runs in which something else was busy, see [`OTHERS_CPUS_MAX`].
    pub(super) runs_disturbed: usize,
    pub(super) runs: usize,
    pub(super) failures: Vec<String>,
}

/// A run is called disturbed when more than so many processors were busy with something else.
pub(super) const OTHERS_CPUS_MAX: f64 = 0.15;

fn as_text<S: serde::Serializer>(scenario: &Scenario, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(scenario)
}

/// All figures, in the order of the cells.
pub(super) fn figures(peers: &[Found], cells: &[Cell]) -> Vec<Figures> {
    let of_cell = |cell: &Cell| {
        let start =
            cells.iter().find(|other| other.peer == cell.peer && other.scenario == Scenario::Start);
        let start = start.map(|start| start.runs.as_slice()).unwrap_or_default();
        of(peers[cell.peer].peer.name, cell, start)
    };
    cells.iter().map(of_cell).collect()
}

fn of(peer: &'static str, cell: &Cell, start: &[Run]) -> Figures {
    let runs = &cell.runs;
    let has_relay = runs.iter().any(|run| run.relay.cpu_seconds > 0.0);
    // A quantity without what a run with one line has of it, per 10⁹ bytes.
    let per_gb = |quantity: fn(&Run) -> f64| {
        let at_start = Spread::of(start.iter().map(quantity)).map_or(0.0, |spread| spread.median);
        Spread::of(runs.iter().map(|run| (quantity(run) - at_start) / (run.bytes as f64 / 1e9)))
    };
    let is_throughput = matches!(cell.scenario, Scenario::Throughput { .. });
    let throughput = |spread: Option<Spread>| spread.filter(|_| is_throughput);
    let latency = |of: fn(&dstream_load::Percentiles) -> f64| {
        Spread::of(runs.iter().filter_map(|run| run.latency.as_ref().map(of)))
    };
    Figures {
        peer,
        scenario: cell.scenario,
        megabytes_per_second: throughput(Spread::of(
            runs.iter().map(|run| run.bytes as f64 / run.seconds / 1e6),
        )),
        relay_cpu_seconds_per_gb: throughput(per_gb(|run| run.relay.cpu_seconds))
            .filter(|_| has_relay),
        cpu_seconds_per_gb: throughput(per_gb(|run| run.relay.cpu_seconds + run.ends.cpu_seconds)),
        context_switches_per_gb: throughput(per_gb(|run| {
            run.relay.context_switches + run.ends.context_switches
        })),
        peak_memory_mib: Spread::of(
            runs.iter()
                .filter_map(|run| Some(run.peak_memory_kib.filter(|_| has_relay)? as f64 / 1024.0)),
        ),
        first_byte_ms: Spread::of(runs.iter().map(|run| run.first_byte_ms)),
        latency_p50_us: latency(|latency| latency.p50_us),
        latency_p99_us: latency(|latency| latency.p99_us),
        latency_p99_9_us: latency(|latency| latency.p99_9_us),
        latency_max_us: latency(|latency| latency.max_us),
        runs_disturbed: runs.iter().filter(|run| run.others_cpus > OTHERS_CPUS_MAX).count(),
        runs: runs.len(),
        failures: cell
            .failures
            .iter()
            .map(|(round, what)| format!("round {round}: {what}"))
            .collect(),
    }
}

/// The figures of `peer` in `scenario`, if it was measured.
pub(super) fn find<'a>(all: &'a [Figures], peer: &str, scenario: Scenario) -> Option<&'a Figures> {
    all.iter().find(|figures| figures.peer == peer && figures.scenario == scenario)
}

/// One quantity of one peer as a ratio to that of another, both in `scenario`.
pub(super) fn compared(
    all: &[Figures],
    scenario: Scenario,
    (peer, base): (&str, &str),
    quantity: fn(&Figures) -> Option<Spread>,
) -> Option<f64> {
    let median = |peer| Some(quantity(find(all, peer, scenario)?)?.median);
    ratio(median(peer), median(base))
}

#[cfg(test)]
pub(super) mod tests {
    use dstream_load::Usage;

    use super::super::scenario::Writes;
    use super::*;

    const BULK: Scenario = Scenario::Throughput { writes: Writes::Bulk, line_bytes: 515 };

    fn run(bytes: u64, relay_cpu_seconds: f64) -> Run {
        let usage = |cpu_seconds, context_switches| Usage { cpu_seconds, context_switches };
        Run {
            round: 1,
            lines: 1,
            bytes,
            seconds: 0.5,
            first_byte_ms: 2.0,
            relay: usage(relay_cpu_seconds, 10.0),
            ends: usage(0.25, 20.0),
            peak_memory_kib: Some(2_048),
            cpu_seconds_sampled: None,
            latency: None,
            load_average: 0.0,
            others_cpus: 0.2,
        }
    }

    fn cell(scenario: Scenario, runs: Vec<Run>) -> Cell {
        Cell::for_tests(0, scenario, runs)
    }

    #[test]
    fn the_cost_of_starting_is_taken_off() {
        let start = [run(515, 0.1)];
        let figures = of("cat", &cell(BULK, vec![run(2_000_000_000, 1.1); 3]), &start);
        assert_eq!(figures.megabytes_per_second.unwrap().median, 4_000.0);
        assert_eq!(figures.relay_cpu_seconds_per_gb.unwrap().median, 0.5);
        assert_eq!(figures.cpu_seconds_per_gb.unwrap().median, 0.5);
        assert_eq!(figures.context_switches_per_gb.unwrap().median, 0.0);
        assert_eq!(figures.peak_memory_mib.unwrap().median, 2.0);
        assert_eq!((figures.runs, figures.runs_disturbed), (3, 3));
    }

    #[test]
    fn the_bare_pipe_has_no_relay_that_could_cost_something() {
        let figures = of("bare pipe", &cell(BULK, vec![run(1_000_000_000, 0.0)]), &[]);
        assert!(figures.relay_cpu_seconds_per_gb.is_none());
        assert!(figures.peak_memory_mib.is_none());
        assert_eq!(figures.cpu_seconds_per_gb.unwrap().median, 0.25);
    }

    #[test]
    fn peers_are_compared_by_their_medians() {
        let slow = of("cat", &cell(BULK, vec![run(1_000_000_000, 1.0)]), &[]);
        let fast = of("dstream", &cell(BULK, vec![run(3_000_000_000, 1.0)]), &[]);
        let all = [slow, fast];
        let speed = |names| compared(&all, BULK, names, |figures| figures.megabytes_per_second);
        assert_eq!(speed(("dstream", "cat")), Some(3.0));
        assert_eq!(speed(("dstream", "pv")), None);
    }
}
