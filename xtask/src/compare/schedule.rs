//! All runs: rounds outside, in each all scenarios, in each scenario all peers in another order. So what changes on the
//! machine meets everyone.

use std::io::Write;

use super::peers::Relay;
use super::pipeline::{self, Run};
use super::programs::{Found, Programs};
use super::scenario::Scenario;
use super::statistics::shuffle;

/// How much is measured.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) rounds: usize,
    /// How long a run should take.
    pub(super) seconds: f64,
    pub(super) seed: u64,
    pub(super) scenarios: Vec<Scenario>,
}

/// All runs of one peer in one scenario.
#[derive(Debug)]
pub(super) struct Cell {
    /// Place in the list of peers.
    pub(super) peer: usize,
    pub(super) scenario: Scenario,
    /// So many take about as long as planned.
    lines: Option<u64>,
    pub(super) runs: Vec<Run>,
    /// Round and reason.
    pub(super) failures: Vec<(usize, String)>,
}

/// A trial sends so much first.
const TRIAL_BYTES: u64 = 2_000_000;
/// A trial that took this part of the time says enough.
const TRIAL_SHARE_MIN: f64 = 0.2;
const TRIALS_MAX: usize = 5;
/// A peer that has failed so often, and never succeeded, is not tried again.
const FAILURES_MAX: usize = 2;

/// Measures everything, telling on stderr how it goes.
pub(super) fn measure(programs: &Programs, peers: &[Found], plan: &Plan) -> Vec<Cell> {
    let mut cells = cells(peers, &plan.scenarios);
    for round in 1..=plan.rounds {
        for (index, &scenario) in plan.scenarios.iter().enumerate() {
            let mut order: Vec<&mut Cell> =
                cells.iter_mut().filter(|cell| cell.scenario == scenario).collect();
            shuffle(&mut order, plan.seed.wrapping_add((round * 1_000 + index) as u64));
            for cell in order {
                if cell.runs.is_empty() && cell.failures.len() >= FAILURES_MAX {
                    continue;
                }
                let found = &peers[cell.peer];
                let outcome = cell.measure(programs, found, round, plan.seconds);
                say(round, plan.rounds, found, scenario, outcome.as_deref());
                if let Err(what) = outcome {
                    cell.failures.push((round, what));
                }
            }
        }
    }
    cells
}

fn cells(peers: &[Found], scenarios: &[Scenario]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for (peer, found) in peers.iter().enumerate() {
        let is_dstream = matches!(found.peer.relay, Relay::DStream(_));
        let scenarios =
            scenarios.iter().filter(|&&scenario| scenario != Scenario::SlowOutput || is_dstream);
        cells.extend(scenarios.map(|&scenario| Cell {
            peer,
            scenario,
            lines: None,
            runs: Vec::new(),
            failures: Vec::new(),
        }));
    }
    cells
}

impl Cell {
    #[cfg(test)]
    pub(super) fn for_tests(peer: usize, scenario: Scenario, runs: Vec<Run>) -> Self {
        Self { peer, scenario, lines: None, runs, failures: Vec::new() }
    }

    /// Returns what to tell of the run.
    fn measure(
        &mut self,
        programs: &Programs,
        found: &Found,
        round: usize,
        seconds: f64,
    ) -> Result<String, String> {
        let try_with = |lines| pipeline::run(programs, found, self.scenario, lines, seconds);
        let lines = match self.lines.or_else(|| self.scenario.lines_fixed(seconds)) {
            Some(lines) => lines,
            None => lines_for(seconds, self.scenario.line_bytes() as u64, |lines| {
                try_with(lines).map(|run| run.seconds)
            })?,
        };
        let mut run = try_with(lines)?;
        self.lines = Some(lines);
        run.round = round;
        let reported = reported(&run, self.scenario);
        self.runs.push(run);
        Ok(reported)
    }
}

/// Finds out how many lines take about `seconds`: tries more and more.
fn lines_for(
    seconds: f64,
    line_bytes: u64,
    mut seconds_with: impl FnMut(u64) -> Result<f64, String>,
) -> Result<u64, String> {
    let mut lines = (TRIAL_BYTES / line_bytes).max(1);
    for _ in 0..TRIALS_MAX {
        let taken = seconds_with(lines)?;
        let factor = (seconds / taken).clamp(0.01, 20.0);
        lines = ((lines as f64 * factor) as u64).max(1);
        if taken >= seconds * TRIAL_SHARE_MIN {
            break;
        }
    }
    Ok(lines)
}

fn reported(run: &Run, scenario: Scenario) -> String {
    match (scenario, run.latency) {
        (Scenario::Start, _) => format!("first byte after {:.1} ms", run.first_byte_ms),
        (_, Some(latency)) => format!("p50 {:.0} µs, p99 {:.0} µs", latency.p50_us, latency.p99_us),
        _ => format!("{:.0} MB/s", run.bytes as f64 / run.seconds / 1e6),
    }
}

fn say(
    round: usize,
    rounds: usize,
    found: &Found,
    scenario: Scenario,
    outcome: Result<&str, &String>,
) {
    let what = match outcome {
        Ok(reported) => reported.to_owned(),
        Err(error) => format!("FAILED: {error}"),
    };
    let scenario = scenario.to_string();
    let _ = writeln!(
        std::io::stderr(),
        "round {round}/{rounds}  {scenario:<14}  {:<26} {what}",
        found.peer.name
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A relay that carries so many lines a second.
    fn found_for(speed: f64) -> (u64, Vec<u64>) {
        let mut tried = Vec::new();
        let lines = lines_for(1.0, 500, |lines| {
            tried.push(lines);
            Ok(lines as f64 / speed)
        });
        (lines.unwrap(), tried)
    }

    #[test]
    fn data_is_scaled_to_the_time() {
        assert_eq!(found_for(40_000.0), (40_000, vec![4_000, 40_000]));
        let (lines, tried) = found_for(5_000_000.0);
        assert_eq!(lines, 5_000_000);
        assert_eq!(tried, [4_000, 80_000, 1_600_000]);
        assert_eq!(found_for(100.0), (100, vec![4_000]));
    }

    #[test]
    fn a_trial_that_fails_is_the_failure() {
        let outcome = lines_for(1.0, 500, |_| Err("lost 3 of 100 lines".into()));
        assert_eq!(outcome.unwrap_err(), "lost 3 of 100 lines");
    }
}
