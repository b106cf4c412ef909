//! `dstream run TASK`.

use std::io::Write;
use std::process::ExitCode;

use dstream_engine::run::{RunReport, run_task};
use tracing::info;

use super::context::context;
use crate::arguments::Global;
use crate::configuration;
use crate::exit;
use crate::failures::Problem;
use crate::plural::{bytes, count};

pub(super) fn run(global: &Global, name: &str) -> ExitCode {
    let Ok(task) = configuration::task(global, name) else {
        return ExitCode::from(exit::USAGE);
    };
    let context = match context(global, &task) {
        Ok(context) => context,
        Err(error) => {
            Problem::new("cannot prepare the run").cause(error.to_string()).print();
            return ExitCode::from(exit::FAILED);
        }
    };
    let report = run_task(&task, &context);
    if report.failure.is_none() || report.lines > 0 {
        info!("{}", summary(&report));
    }
    conclude(name, &report);
    exit::of_run(&report)
}

/// How much went where, in one line.
fn summary(report: &RunReport) -> String {
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
    format!("{} in {:.1} s", parts.join(", "), report.elapsed.as_secs_f64())
}

fn conclude(name: &str, report: &RunReport) {
    for output in report.outputs.iter().filter(|output| output.lines_unwritten > 0) {
        Problem::new(format!(
            "{} ({}) of task `{name}` were taken from the input and never written to `{}`",
            count(output.lines_unwritten, "line"),
            bytes(output.bytes_unwritten),
            output.name
        ))
        .print();
    }
    // The closing line is for people; whoever read stdout or stderr may have left.
    if report.failure.is_some() {
        let _ = writeln!(std::io::stderr(), "❌ Task \"{name}\" failed");
    } else if report.lines_left {
        let forced = report.forced.join(", ");
        let _ =
            writeln!(std::io::stderr(), "❌ Task \"{name}\" had to be ended by force: {forced}");
    } else if report.stopped_by.is_some() {
        let _ =
            writeln!(std::io::stderr(), "⏹ Task \"{name}\" stopped; everything read was delivered");
    } else {
        let _ = writeln!(std::io::stdout(), "✅ Task \"{name}\" executed successfully");
    }
}
