//! What is said at the end of a task, and of all.

use std::thread;

use crossbeam_channel::bounded;
use dstream_engine::run::{RunReport, StopSignal};

use super::super::context::Host;
use super::one::Outcome;
use crate::failures::Problem;
use crate::logging;
use crate::plural::{bytes, count};
use crate::signals::Stops;

/// How much went where, in one line.
pub(in super::super) fn of(report: &RunReport) -> String {
    let mut parts = Vec::new();
    for output in &report.outputs {
        let written =
            format!("{} ({})", count(output.lines_written, "line"), bytes(output.bytes_written));
        parts.push(format!("{written} written to {}", output.name));
    }
    if report.lines_blank > 0 {
        parts.push(format!("{} left out", count(report.lines_blank, "blank line")));
    }
    if report.lines_filtered > 0 {
        parts.push(format!("{} filtered out", count(report.lines_filtered, "line")));
    }
    if report.lines_rejected > 0 {
        parts.push(format!("{} rejected", count(report.lines_rejected, "line")));
    }
    for output in report.outputs.iter().filter(|output| output.lines_rejected > 0) {
        parts.push(format!("{} rejected by {}", count(output.lines_rejected, "line"), output.name));
    }
    if report.restarts > 0 {
        parts.push(format!("after {}", count(report.restarts.into(), "restart")));
    }
    if let Some(checkpoints) = report.checkpoints {
        parts.push(format!("{} stored", count(checkpoints.stored, "checkpoint")));
    }
    format!("{} in {:.1} s", parts.join(", "), report.elapsed.as_secs_f64())
}

/// The closing line of a task. For people: whoever read stdout or stderr may have left.
pub(super) fn conclude(
    name: &str,
    report: &RunReport,
    outcome: Outcome,
    host: &Host,
    stops: &Stops,
) {
    for output in report.outputs.iter().filter(|output| output.lines_unwritten > 0) {
        Problem::new(format!(
            "{} ({}) of task `{name}` were taken from the input and never written to `{}`",
            count(output.lines_unwritten, "line"),
            bytes(output.bytes_unwritten),
            output.name
        ))
        .print();
    }
    for output in report.outputs.iter().filter(|output| output.lines_unkept > 0) {
        Problem::new(format!(
            "`{}` has given back {} of task `{name}` that could not be kept",
            output.name,
            count(output.lines_unkept, "line")
        ))
        .print();
    }
    for output in report.outputs.iter().filter(|output| output.lines_lost > 0) {
        logging::say(&format!(
            "{} ({}) of task \"{name}\" were lost when `{}` ended and was started again",
            count(output.lines_lost, "line"),
            bytes(output.bytes_lost),
            output.name
        ));
    }
    let again = report.checkpoints.map_or(0, |checkpoints| checkpoints.lines_again);
    if again > 0 {
        logging::say(&format!(
            "Task \"{name}\" goes on from its last stored checkpoint: {} after it will come again",
            count(again, "line")
        ));
    }
    match outcome {
        Outcome::Failed if report.failure.is_some() => failed(name),
        Outcome::Failed => {
            let forced = report.forced.join(", ");
            logging::say(&format!("❌ Task \"{name}\" had to be ended by force: {forced}"));
        }
        Outcome::Stopped(StopSignal::SiblingFailed) => logging::say(&format!(
            "⏹ Task \"{name}\" stopped since another task failed; everything read was delivered"
        )),
        Outcome::Stopped(_) => {
            logging::say(&format!("⏹ Task \"{name}\" stopped; everything read was delivered"));
        }
        Outcome::Succeeded => {
            print(host, stops, format!("✅ Task \"{name}\" executed successfully\n"));
        }
    }
}

/// The closing line of a task that has failed.
pub(super) fn failed(name: &str) {
    logging::say(&format!("❌ Task \"{name}\" failed"));
}

/// The closing line of several tasks: on stdout if all went well.
pub(super) fn conclude_all(outcomes: &[(&str, Outcome)], host: &Host, stops: &Stops) {
    let (sign, text) = overview(outcomes);
    let line = format!("{sign} {text}");
    if sign == "✅" { print(host, stops, format!("{line}\n")) } else { logging::say(&line) }
}

/// `3 tasks: 2 succeeded, 1 failed: orders`, and the sign to put before it.
fn overview(outcomes: &[(&str, Outcome)]) -> (&'static str, String) {
    let failed: Vec<&str> = outcomes
        .iter()
        .filter(|(_, outcome)| *outcome == Outcome::Failed)
        .map(|&(name, _)| name)
        .collect();
    let succeeded = outcomes.iter().filter(|(_, outcome)| *outcome == Outcome::Succeeded).count();
    let stopped = outcomes.len() - succeeded - failed.len();
    let numbers = [(succeeded, "succeeded"), (stopped, "stopped"), (failed.len(), "failed")];
    let parts: Vec<String> = numbers
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| format!("{number} {word}"))
        .collect();
    let mut text = format!("{}: {}", count(outcomes.len() as u64, "task"), parts.join(", "));
    if !failed.is_empty() {
        text = format!("{text}: {}", failed.join(", "));
    }
    let sign = match (stopped, failed.len()) {
        (0, 0) => "✅",
        (_, 0) => "⏹",
        _ => "❌",
    };
    (sign, text)
}

/// Prints a line to stdout, after all that stderr still has to say. Nobody may read either: once a
/// signal has come this is not waited for much longer.
pub(in super::super) fn print(host: &Host, stops: &Stops, line: String) {
    logging::flush(stops);
    let (done, printed) = bounded::<()>(0);
    let terminal = host.terminal.clone();
    let write = move || {
        let _ = terminal.print(line.as_bytes());
        drop(done);
    };
    // Where no thread can be had the line is not printed; the exit status says it all.
    if thread::Builder::new().name("closing-line".to_owned()).spawn(write).is_ok() {
        stops.wait_for(&printed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_tasks_are_counted_and_the_failed_ones_named() {
        let (well, badly) = (Outcome::Succeeded, Outcome::Failed);
        let stopped = Outcome::Stopped(StopSignal::SiblingFailed);
        for (outcomes, expected) in [
            (&[("a", well), ("b", well)][..], ("✅", "2 tasks: 2 succeeded")),
            (&[("a", well), ("b", stopped)], ("⏹", "2 tasks: 1 succeeded, 1 stopped")),
            (
                &[("a", badly), ("b", well), ("c", stopped), ("d", badly)],
                ("❌", "4 tasks: 1 succeeded, 1 stopped, 2 failed: a, d"),
            ),
        ] {
            let (sign, text) = overview(outcomes);
            assert_eq!((sign, text.as_str()), expected);
        }
    }
}
