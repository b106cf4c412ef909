//! The comparison as tables.

use std::fmt::Write as _;

use super::Comparison;
use super::tables::{self, Table};
use crate::compare::goals::{Bound, Goal, subject};
use crate::compare::peers::{BARE, BARE_AGAIN, DSTREAM, DSTREAM_AGAIN};
use crate::compare::scenario::{LINE_BYTES, Scenario};
use crate::compare::summary::{Figures, OTHERS_CPUS_MAX, compared};

/// Everything.
pub(super) fn whole(comparison: &Comparison) -> String {
    let mut text = format!("# Comparison\n\n{}", short_with(comparison, "throughput.svg"));
    for scenario in scenarios(comparison) {
        let is_other_size = scenario.line_bytes() != LINE_BYTES;
        if matches!(scenario, Scenario::Throughput { .. }) && is_other_size {
            let _ = write!(
                text,
                "\n## {scenario}\n\n{}",
                tables::throughput(&comparison.figures, scenario)
            );
        }
    }
    text
}

/// What a README shows: lines of 515 bytes, latency, goals, and where others are better.
pub(super) fn short(comparison: &Comparison) -> String {
    let mut text = short_with(comparison, "results/throughput.svg").replace("\n## ", "\n### ");
    text += "\nOther sizes: [results/latest.md](results/latest.md). Every run: \
             [results/latest.json](results/latest.json).\n";
    text
}

fn short_with(comparison: &Comparison, chart: &str) -> String {
    let mut text = machine(comparison);
    let mut section = |title: &str, body: String| {
        if !body.is_empty() {
            let _ = write!(text, "\n## {title}\n\n{body}");
        }
    };
    let figures = &comparison.figures;
    section("Goals", goals(&comparison.goals, subject(figures)));
    section("Noise", noise(comparison));
    section("Chart", format!("![Throughput as a ratio to the bare pipe]({chart})\n"));
    section("All sizes, MB/s", tables::overview(figures, &scenarios(comparison)));
    for scenario in scenarios(comparison) {
        let title = scenario.to_string();
        match scenario {
            Scenario::Throughput { line_bytes: LINE_BYTES, .. } => {
                section(&title, tables::throughput(figures, scenario));
            }
            Scenario::Latency { .. } => section(&title, tables::latency(figures, scenario)),
            _ => {}
        }
    }
    section("Start and memory", tables::start_and_memory(figures));
    section("Where others are better", losses(comparison));
    section("Failed runs", failures(figures));
    section("Who took part", peers(comparison));
    text
}

fn scenarios(comparison: &Comparison) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for cell in &comparison.cells {
        if !scenarios.contains(&cell.scenario) {
            scenarios.push(cell.scenario);
        }
    }
    scenarios
}

fn machine(comparison: &Comparison) -> String {
    let machine = &comparison.machine;
    let runs: usize = comparison.figures.iter().map(|figures| figures.runs).sum();
    let disturbed: usize = comparison.figures.iter().map(|figures| figures.runs_disturbed).sum();
    format!(
        "Measured {} at commit {} with `{}`: {} rounds, about {} s a run, seed {}.\n\
         Machine: {}, {} processors, {:.0} GiB; {}, Linux {}; {}.\n\n\
         Medians, in brackets the least and the most. In {disturbed} of {runs} runs more than {OTHERS_CPUS_MAX} processors \
         were busy with something else.\n",
        machine.time,
        machine.commit,
        comparison.command,
        comparison.rounds,
        comparison.seconds,
        comparison.seed,
        machine.processor,
        machine.processors,
        machine.memory_gib,
        machine.system,
        machine.kernel,
        machine.rustc,
    )
}

fn goals(goals: &[Goal], subject: &str) -> String {
    let mut table = Table::new(&["goal", "asked for", "measured", "met"]);
    for goal in goals {
        let asked = match goal.bound {
            Bound::AtLeast(least) => format!("≥ {least:.2} {}", goal.unit),
            // A twelfth, to distinguish it from eight hundredths.
            Bound::AtMost(most) if most < 0.1 => format!("≤ {most:.3} {}", goal.unit),
            Bound::AtMost(most) => format!("≤ {most:.2} {}", goal.unit),
        };
        let measured = goal
            .measured
            .map_or("not measured".into(), |value| format!("{value:.2} {}", goal.unit));
        let met = match goal.met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "–",
        };
        table.row([goal.what.to_owned(), asked, measured, met.to_owned()]);
    }
    format!(
        "Of `{subject}`, lines of {LINE_BYTES} bytes. Allocations are counted by a test of the engine.\n\n{table}"
    )
}

/// The same twice: a difference smaller than these is none.
fn noise(comparison: &Comparison) -> String {
    let mut table = Table::new(&["the same twice", "bare pipe", "dstream"]);
    let mut rows = 0;
    for scenario in scenarios(comparison) {
        let ratio = |names| match scenario {
            Scenario::Throughput { .. } => {
                compared(&comparison.figures, scenario, names, |figures| {
                    figures.megabytes_per_second
                })
            }
            Scenario::Latency { .. } => {
                compared(&comparison.figures, scenario, names, |figures| figures.latency_p50_us)
            }
            _ => None,
        };
        let (bare, dstream) = (ratio((BARE_AGAIN, BARE)), ratio((DSTREAM_AGAIN, DSTREAM)));
        if bare.is_some() || dstream.is_some() {
            let what =
                if matches!(scenario, Scenario::Latency { .. }) { "p50" } else { "throughput" };
            table.row([format!("{scenario}: {what}"), tables::times(bare), tables::times(dstream)]);
            rows += 1;
        }
    }
    if rows == 0 { String::new() } else { table.to_string() }
}

/// Everyone who beats the subject at something.
fn losses(comparison: &Comparison) -> String {
    type Quantity = fn(&Figures) -> Option<f64>;
    let subject = subject(&comparison.figures);
    let throughput: (&str, bool, Quantity) =
        ("throughput", true, |figures| Some(figures.megabytes_per_second?.median));
    let quantities: [(&str, bool, Quantity); 5] = [
        throughput,
        ("CPU of the relay", false, |figures| Some(figures.relay_cpu_seconds_per_gb?.median)),
        ("latency p50", false, |figures| Some(figures.latency_p50_us?.median)),
        ("latency p99", false, |figures| Some(figures.latency_p99_us?.median)),
        ("first line", false, |figures| {
            Some(figures.first_byte_ms?.median).filter(|_| figures.scenario == Scenario::Start)
        }),
    ];
    let mut table = Table::new(&["where", "what", "who, and what they have for 1 of ours"]);
    let mut rows = 0;
    for scenario in scenarios(comparison) {
        let here = || comparison.figures.iter().filter(move |figures| figures.scenario == scenario);
        for (what, more_is_better, quantity) in quantities {
            let Some(own) = here().find(|figures| figures.peer == subject).and_then(quantity)
            else {
                continue;
            };
            let others = here().filter(|figures| !figures.peer.starts_with(DSTREAM));
            let ratios =
                others.filter_map(|figures| Some((figures.peer, quantity(figures)? / own)));
            let mut better: Vec<(&str, f64)> = ratios
                .filter(|(_, ratio)| (*ratio > 1.0) == more_is_better && *ratio != 1.0)
                .collect();
            better.sort_by(|a, b| a.1.total_cmp(&b.1));
            if better.is_empty() {
                continue;
            }
            let who: Vec<String> =
                better.iter().map(|(peer, ratio)| format!("{peer} {ratio:.2}")).collect();
            table.row([scenario.to_string(), what.to_owned(), who.join("; ")]);
            rows += 1;
        }
    }
    if rows == 0 {
        return String::new();
    }
    format!("Against `{subject}`; the bare pipes have no relay at all.\n\n{table}")
}

fn failures(figures: &[Figures]) -> String {
    let mut text = String::new();
    for figures in figures {
        for failure in &figures.failures {
            let _ = writeln!(text, "- {}, {}: {failure}", figures.peer, figures.scenario);
        }
    }
    text
}

fn peers(comparison: &Comparison) -> String {
    let mut table = Table::new(&["peer", "is", "version", "started as"]);
    for found in &comparison.peers {
        let version = if found.version.is_empty() { "–" } else { &found.version };
        let command = found.peer.command_line().replace('|', "\\|");
        table.row([
            found.peer.name.to_owned(),
            found.peer.about.replace('|', "\\|"),
            version.to_owned(),
            format!("`{command}`"),
        ]);
    }
    let mut text = table.to_string();
    if !comparison.missing.is_empty() {
        text += "\nNot there:\n\n";
        for missing in &comparison.missing {
            let _ = writeln!(text, "- {}: {}", missing.peer, missing.why);
        }
    }
    text
}
