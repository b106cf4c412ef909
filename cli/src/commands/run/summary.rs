//! What is said at the end of a task, and of all.

use std::thread;

use crossbeam_channel::bounded;
use dstream_engine::run::{OutputReport, RunReport, StopSignal};
use tracing::{Level, error, info, warn};

use super::super::context::Host;
use super::one::Outcome;
use crate::arguments::LogFormat;
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

/// What is said at the end of a task: in words for people, who may have left, or as lines of a JSON
/// log.
pub(super) fn conclude(
    name: &str,
    report: &RunReport,
    outcome: Outcome,
    host: &Host,
    stops: &Stops,
) {
    let format = host.log_format;
    for output in &report.outputs {
        report_losses(name, output, report.checkpoints.is_some(), format);
    }
    let again = report.checkpoints.map_or(0, |checkpoints| checkpoints.lines_again);
    if again > 0 {
        let mut after = format!("{} after it will be sent again", count(again, "line"));
        if outcome == Outcome::Succeeded {
            after.push_str(", because not all outputs have acknowledged them");
        }
        match format {
            LogFormat::Text => logging::say(&format!(
                "Task \"{name}\" resumes from its last stored checkpoint: {after}"
            )),
            LogFormat::Json => {
                info!(
                    task = name,
                    lines = again,
                    "resumes from the last stored checkpoint: {after}"
                );
            }
        }
    }
    let delivered = if report.outputs.iter().any(|output| output.lines_lost > 0) {
        "all other lines that were read were delivered"
    } else {
        "all lines that were read were delivered"
    };
    match outcome {
        Outcome::Failed if report.failure.is_some() || report.forced.is_empty() => {
            failed(name, format);
        }
        Outcome::Failed => {
            let forced = report.forced.join(", ");
            close(Level::ERROR, name, &format!("killed: {forced}"), format);
        }
        Outcome::Stopped(StopSignal::SiblingFailed) => {
            close(
                Level::INFO,
                name,
                &format!("stopped because another task failed; {delivered}"),
                format,
            );
        }
        Outcome::Stopped(_) => close(Level::INFO, name, &format!("stopped; {delivered}"), format),
        Outcome::Succeeded => {
            print(host, stops, format!("✅ Task \"{name}\" executed successfully\n"));
        }
    }
}

/// Lines that nobody has. With checkpoints, what was not written comes again.
fn report_losses(name: &str, output: &OutputReport, comes_again: bool, format: LogFormat) {
    let OutputReport { name: provider, lines_unwritten, bytes_unwritten, lines_unkept, .. } =
        output;
    let OutputReport { lines_lost, bytes_lost, .. } = output;
    let amount = |lines: u64, size: u64| format!("{} ({})", count(lines, "line"), bytes(size));
    if *lines_unwritten > 0 && !comes_again {
        let (lines, bytes) = (lines_unwritten, bytes_unwritten);
        let which = amount(*lines, *bytes);
        let what = format!("were read from the input and never written to `{provider}`");
        match format {
            LogFormat::Text => Problem::new(format!("{which} of task `{name}` {what}")).print(),
            LogFormat::Json => error!(task = name, provider, lines, bytes, "{which} {what}"),
        }
    }
    if *lines_unkept > 0 {
        let (lines, which) = (lines_unkept, count(*lines_unkept, "line"));
        let what = "that could not be kept";
        match format {
            LogFormat::Text => {
                let text = format!("`{provider}` has given back {which} of task `{name}` {what}");
                Problem::new(text).print();
            }
            LogFormat::Json => {
                error!(task = name, provider, lines, "has given back {which} {what}")
            }
        }
    }
    if *lines_lost > 0 {
        let (lines, bytes) = (lines_lost, bytes_lost);
        let which = amount(*lines, *bytes);
        let what = format!("were lost when `{provider}` ended and was started again");
        match format {
            LogFormat::Text => logging::say(&format!("{which} of task \"{name}\" {what}")),
            LogFormat::Json => warn!(task = name, provider, lines, bytes, "{which} {what}"),
        }
    }
}

/// The closing line of a task that has failed.
pub(super) fn failed(name: &str, format: LogFormat) {
    close(Level::ERROR, name, "failed", format);
}

/// `level` is that of a failure, or of an end that was asked for.
fn close(level: Level, name: &str, how: &str, format: LogFormat) {
    let has_failed = level == Level::ERROR;
    match format {
        LogFormat::Text => {
            let sign = if has_failed { "❌" } else { "⏹" };
            logging::say(&format!("{sign} Task \"{name}\" {how}"));
        }
        LogFormat::Json if has_failed => error!(task = name, "the task {how}"),
        LogFormat::Json => info!(task = name, "the task {how}"),
    }
}

/// The closing line of several tasks: on stdout if all went well.
pub(super) fn conclude_all(outcomes: &[(&str, Outcome)], host: &Host, stops: &Stops) {
    let (sign, text) = overview(outcomes);
    let line = format!("{sign} {text}");
    match (sign, host.log_format) {
        ("✅", _) => print(host, stops, format!("{line}\n")),
        (_, LogFormat::Text) => logging::say(&line),
        ("❌", LogFormat::Json) => error!("{text}"),
        (_, LogFormat::Json) => info!("{text}"),
    }
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
