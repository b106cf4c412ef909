//! `cargo xtask compare`: DStream beside other tools on the same work. How to read the result: perf/README.md.

mod goals;
mod hosts;
mod machine;
mod measure;
mod peers;
mod pipeline;
mod processes;
mod programs;
mod report;
mod scenario;
mod schedule;
mod statistics;
mod summary;

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use self::machine::Machine;
use self::peers::{ALL, Peer};
use self::programs::{Found, Programs};
use self::report::{Comparison, Missing};
use self::scenario::{Scenario, Writes};
use self::schedule::Plan;
use crate::cargo::Profile;
use crate::root;

/// Measure DStream beside other tools, interleaved, and write tables, JSON and a chart.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  cargo xtask compare --quick
  cargo xtask compare --only 'bare pipe,cat,dstream' --sizes 515 --rounds 7

What is not installed is left out and listed.")]
pub(crate) struct Arguments {
    /// How often everything is measured.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// About how long a run takes; data is scaled to it for each peer.
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Take only these peers; the bare pipe is needed for the ratios.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// How the generator writes.
    #[arg(long, value_delimiter = ',', default_values = ["bulk", "line"])]
    lines: Vec<Lines>,
    /// Bytes of a line, its newline included.
    #[arg(long, value_delimiter = ',', default_values_t = [43, 515, 3_500, 65_536])]
    sizes: Vec<usize>,
    /// Lines a second at which latency is measured.
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000])]
    rates: Vec<u64>,
    /// How the programs of this repository are built.
    #[arg(long, default_value = "dist", conflicts_with = "quick")]
    profile: Profile,
    /// Two short rounds with a handful of peers, in the profile that the tests are built in, to show
    /// that everything runs. Its figures say nothing.
    #[arg(long)]
    quick: bool,
    /// Of the order within a round.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the result goes [default: perf/results, with its part of perf/README.md; target/compare/quick with --quick]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Show the peers and whether they are there, and measure nothing.
    #[arg(long)]
    list: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Lines {
    Bulk,
    Line,
}

const QUICK_ROUNDS: usize = 2;
const QUICK_SECONDS: f64 = 0.05;
const QUICK_RATE: u64 = 1_000;

/// Finds the peers, measures them, and writes what was seen.
pub(crate) fn compare(arguments: &Arguments) -> Result<(), String> {
    let wanted = wanted(arguments)?;
    let profile = if arguments.quick { Profile::Dev } else { arguments.profile };
    let programs = Programs::build(profile)?;
    let (peers, missing) = find(&programs, &wanted);
    list(&peers, &missing);
    if arguments.list {
        return Ok(());
    }
    let plan = plan(arguments)?;
    // Before the runs: what is changed meanwhile is not what was measured.
    let machine = Machine::this();
    let cells = schedule::measure(&programs, &peers, &plan);
    let figures = summary::figures(&peers, &cells);
    let goals = goals::goals(&figures);
    let comparison = Comparison {
        machine,
        command: command(),
        rounds: plan.rounds,
        seconds: plan.seconds,
        seed: plan.seed,
        peers,
        missing,
        cells,
        figures,
        goals,
    };
    write(arguments, &programs, &comparison)
}

fn wanted(arguments: &Arguments) -> Result<Vec<&'static Peer>, String> {
    let names = || ALL.iter().map(|peer| peer.name);
    // Names have commas in them too: what was cut apart is put together again.
    let only = arguments.only.join(",");
    let mut rest = only.as_str();
    let mut wanted = Vec::new();
    while !rest.is_empty() {
        let matching =
            names().filter(|name| rest == *name || rest.starts_with(&format!("{name},")));
        let name = matching.max_by_key(|name| name.len()).ok_or_else(|| {
            let all: Vec<&str> = names().collect();
            format!("no peer is called `{rest}`; there are: {}", all.join(" · "))
        })?;
        wanted.push(name);
        rest = rest[name.len()..].trim_start_matches(',');
    }
    let takes_part = |peer: &&Peer| match (wanted.is_empty(), arguments.quick) {
        (false, _) => wanted.contains(&peer.name),
        (true, quick) => !quick || peer.quick,
    };
    Ok(ALL.iter().filter(takes_part).collect())
}

fn plan(arguments: &Arguments) -> Result<Plan, String> {
    if arguments.rounds == 0 || !(0.01..=600.0).contains(&arguments.seconds) {
        return Err("--rounds must be at least 1 and --seconds from 0.01 to 600".into());
    }
    for &line_bytes in &arguments.sizes {
        dstream_load::Pattern::new(line_bytes, false)?;
    }
    let writes = |lines: &Lines| if *lines == Lines::Line { Writes::Line } else { Writes::Bulk };
    let writes: Vec<Writes> = arguments.lines.iter().map(writes).collect();
    let plan = Plan {
        rounds: arguments.rounds,
        seconds: arguments.seconds,
        seed: arguments.seed,
        scenarios: Scenario::all(&arguments.sizes, &writes, &arguments.rates),
    };
    if !arguments.quick {
        return Ok(plan);
    }
    let scenarios = Scenario::all(&[scenario::LINE_BYTES], &writes, &[QUICK_RATE]);
    Ok(Plan { rounds: QUICK_ROUNDS, seconds: QUICK_SECONDS, scenarios, ..plan })
}

fn find(programs: &Programs, wanted: &[&'static Peer]) -> (Vec<Found>, Vec<Missing>) {
    let (mut peers, mut missing) = (Vec::new(), Vec::new());
    for &peer in wanted {
        match programs.find(peer) {
            Ok(found) => peers.push(found),
            Err(why) => missing.push(Missing { peer: peer.name, why }),
        }
    }
    (peers, missing)
}

fn list(peers: &[Found], missing: &[Missing]) {
    let mut stderr = std::io::stderr();
    for found in peers {
        let _ = writeln!(stderr, "  {:<26} {}", found.peer.name, found.version);
    }
    for missing in missing {
        let _ = writeln!(stderr, "- {:<26} left out: {}", missing.peer, missing.why);
    }
}

/// As it was typed, quoted where a shell needs it.
fn command() -> String {
    let words = std::env::args()
        .skip(1)
        .map(|word| if word.contains([' ', '\'']) { format!("'{word}'") } else { word });
    format!("cargo xtask {}", words.collect::<Vec<_>>().join(" "))
}

fn write(
    arguments: &Arguments,
    programs: &Programs,
    comparison: &Comparison,
) -> Result<(), String> {
    let mut stderr = std::io::stderr();
    let folder = match &arguments.output {
        Some(folder) => folder.clone(),
        None if arguments.quick => programs.folder.join("quick"),
        None => root().join("perf/results"),
    };
    report::write(comparison, &folder)?;
    if arguments.output.is_none() && !arguments.quick {
        report::write_into_readme(comparison, &root().join("perf/README.md"))?;
    }
    let _ = writeln!(stderr, "written to {}", folder.display());
    let failed: usize = comparison.figures.iter().map(|figures| figures.failures.len()).sum();
    if failed > 0 {
        let _ = writeln!(stderr, "{failed} runs failed; they are listed in the result");
    }
    // A round-trip that nobody can make shows nothing: a quick run is there to notice that.
    let none = comparison.figures.iter().all(|figures| figures.runs == 0);
    if none || (arguments.quick && failed > 0) { Err("runs failed".into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn arguments(words: &[&str]) -> Arguments {
        let words = ["compare"].iter().chain(words);
        Line::try_parse_from(words).unwrap().arguments
    }

    fn names(words: &[&str]) -> Result<Vec<&'static str>, String> {
        Ok(wanted(&arguments(words))?.iter().map(|peer| peer.name).collect())
    }

    #[test]
    fn peers_are_chosen_by_name_even_with_commas() {
        assert_eq!(names(&["--only", "dstream,cat"]).unwrap(), ["cat", "dstream"]);
        let chosen = names(&["--only", "bare pipe, 1 MiB,dstream, uring,bare pipe"]).unwrap();
        assert_eq!(chosen, ["bare pipe", "bare pipe, 1 MiB", "dstream, uring"]);
        assert_eq!(names(&[]).unwrap().len(), ALL.len());
        assert!(names(&["--quick"]).unwrap().len() < 8);
        assert!(names(&["--only", "dog"]).unwrap_err().starts_with("no peer is called `dog`"));
    }

    #[test]
    fn defaults_are_those_of_the_issue() {
        let plan = plan(&arguments(&[])).unwrap();
        assert_eq!((plan.rounds, plan.seconds), (5, 1.0));
        let names: Vec<String> = plan.scenarios.iter().map(ToString::to_string).collect();
        for name in ["bulk, 43 B", "line, 515 B", "bulk, 65536 B", "1000 lines/s", "10000 lines/s"]
        {
            assert!(names.iter().any(|other| other == name), "{name}");
        }
    }

    #[test]
    fn impossible_plans_are_refused() {
        assert!(plan(&arguments(&["--rounds", "0"])).is_err());
        assert!(plan(&arguments(&["--seconds", "0"])).is_err());
        assert!(plan(&arguments(&["--sizes", "12"])).is_err());
    }
}
