//! `dstream dlq replay TASK`: dead letters through the task's outputs again.

use std::process::ExitCode;
use std::sync::Arc;

use crossbeam_channel::never;
use dstream_engine::delivery::{ClaimCounts, Wanted};
use dstream_engine::run::{Replay, ReplayReport, RunReport, StopSignal};
use dstream_prepare::LockPolicy;
use tracing::info;

use super::super::context::Host;
use super::super::run::summary;
use crate::arguments::Global;
use crate::failures::Problem;
use crate::plural::{bytes, count};
use crate::signals::Stops;
use crate::{configuration, exit, logging, registry};

pub(super) fn replay(global: &Global, name: &str, dry_run: bool) -> Result<ExitCode, u8> {
    let (task, letters, settings) = super::task(global, name)?;
    let there = super::counts(&task, &letters, Wanted::Whole)?;
    if dry_run {
        let outputs: Vec<&str> = task.outputs.iter().map(|output| output.name.as_str()).collect();
        return Ok(super::super::print(&format!(
            "{} ({}) of task `{name}` would be sent to {}{}\n",
            count(there.letters, "letter"),
            bytes(there.bytes),
            outputs.join(", "),
            stay(&there)
        )));
    }
    if there.letters == 0 {
        let rest = stay(&there);
        let text = format!("task `{name}` has no dead letters that can be sent{rest}\n");
        return Ok(super::super::print(&text));
    }
    let replay = Replay::of(&task);
    // Before signals are taken over, as for a run, and before anything is claimed.
    let tasks = std::slice::from_ref(replay.task());
    let provided = registry::provide(global, &settings, tasks, LockPolicy::Optional)?;
    let state = configuration::state_store(global, &settings);
    let prepared =
        Host::new(global, None, provided, state).and_then(|host| Ok((host, Stops::listen(1)?)));
    let (host, (stops, stop)) = prepared.map_err(|error| {
        Problem::new("cannot prepare the replay").cause(error.to_string()).print();
        exit::FAILED
    })?;
    let claim = letters.claim(name, Wanted::Whole);
    let claim = claim.map_err(|error| super::failed(&task, &letters, &error))?;
    // Somebody else may have been quicker.
    let Some(claim) = claim.filter(|claim| claim.counts().letters > 0) else {
        return Ok(super::none(name));
    };
    let counts = claim.counts();
    let stop = stop.into_iter().next().unwrap_or_else(never);
    let context = host.context(stop, Arc::new(host.notices(replay.task(), false)));
    let report = replay.run(&claim, context);
    let ReplayReport { ref run, is_complete, .. } = report;
    let named = host.notices(&task, false).task;
    info!(task = named, "{}", summary::of(run));
    let status = if is_complete {
        claim.remove().map_err(|error| super::failed(&task, &letters, &error))?;
        summary::print(&host, &stops, format!("✅ Task \"{name}\": {}\n", sent(run, &counts)));
        exit::SUCCESS
    } else {
        drop(claim);
        if let Some(why) = why(&report, &counts) {
            Problem::new(why).print();
        }
        let stay = if counts.letters == 1 { "stays" } else { "stay" };
        logging::say(&format!(
            "❌ Task \"{name}\": the replay was not brought to its end; {} {stay} for the next one, \
             which sends all again, also what has arrived",
            count(counts.letters, "letter")
        ));
        match run.stopped_by {
            Some(StopSignal::Interrupt) if run.failure.is_none() => exit::INTERRUPTED,
            _ => exit::FAILED,
        }
    };
    logging::flush(&stops);
    Ok(ExitCode::from(status))
}

/// What is wrong where nothing has failed.
fn why(report: &ReplayReport, counts: &ClaimCounts) -> Option<String> {
    let ReplayReport { run, letters_seen, letters_unacknowledged, .. } = report;
    if run.failure.is_some() || run.stopped_by.is_some() {
        return None;
    }
    if *letters_unacknowledged > 0 {
        let letters = count(*letters_unacknowledged, "letter");
        return Some(format!("{letters} were not acknowledged by the outputs"));
    }
    (*letters_seen != counts.letters)
        .then(|| format!("{} were sent, not {letters_seen}", count(counts.letters, "letter")))
}

/// `3 letters replayed, 1 failed again, 2 kept`.
fn sent(run: &RunReport, counts: &ClaimCounts) -> String {
    // What several outputs reject may be the same.
    let returned = run.outputs.iter().map(|output| output.lines_rejected).max().unwrap_or(0);
    let mut text = format!(
        "{} replayed, {} failed again, {} kept",
        count(run.lines.saturating_sub(returned), "letter"),
        run.lines_rejected + returned,
        counts.parts
    );
    let left_out = run.lines_filtered + run.lines_blank;
    if left_out > 0 {
        text = format!("{text}, {left_out} filtered out");
    }
    text
}

/// What stays where it is.
fn stay(counts: &ClaimCounts) -> String {
    match counts.parts {
        0 => String::new(),
        1 => "; 1 other stays: it holds only a part of its line, or what would be a checkpoint"
            .to_owned(),
        parts => format!(
            "; {parts} others stay: they hold only a part of their line, or what would be a checkpoint"
        ),
    }
}
