//! `dstream dlq …`: lines that went to no output.

mod list;
mod replay;
mod show;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use dstream_config::Settings;
use dstream_engine::delivery::{ClaimCounts, DeadLetterError, DeadLetters, Wanted};
use dstream_task::Task;

use crate::arguments::Global;
use crate::arguments::dlq::Dlq;
use crate::failures::Problem;
use crate::plural::{bytes, count};
use crate::{configuration, exit};

pub(super) fn dlq(global: &Global, command: &Dlq) -> ExitCode {
    let done = match command {
        Dlq::List { json } => list::list(global, *json),
        Dlq::Show { task, limit, json } => show::show(global, task, *limit, *json),
        Dlq::Replay { task, dry_run } => replay::replay(global, task, *dry_run),
        Dlq::Drop { task, yes } => drop_letters(global, task, *yes),
    };
    done.unwrap_or_else(ExitCode::from)
}

/// A task and where its dead letters are.
fn task(global: &Global, name: &str) -> Result<(Task, DeadLetters, Settings), u8> {
    let (task, settings) = configuration::task(global, name)?;
    let Some(letters) = DeadLetters::of(&task.stream) else {
        Problem::new(format!("task `{name}` keeps no dead letters"))
            .hint(
                "on_invalid = \"dead_letter\" and dead_letter = \"FILE\" in its stream block keep them",
            )
            .print();
        return Err(exit::USAGE);
    };
    Ok((task, letters, settings))
}

/// Counts a task's letters.
fn counts(task: &Task, letters: &DeadLetters, wanted: Wanted) -> Result<ClaimCounts, u8> {
    let mut counts = ClaimCounts::default();
    let all = letters.letters().map_err(|error| failed(task, letters, &error))?;
    let each = |entry: &dstream_engine::delivery::Entry<'_>| {
        if let Some(letter) = &entry.letter {
            counts.count(&task.name, wanted, letter, entry.place.length() + 1);
        }
        Ok::<_, io::Error>(())
    };
    all.each(each).map_err(|error| failed(task, letters, &error.into()))?;
    Ok(counts)
}

fn drop_letters(global: &Global, name: &str, yes: bool) -> Result<ExitCode, u8> {
    let (task, letters, _) = task(global, name)?;
    if !yes && !io::stdin().is_terminal() && counts(&task, &letters, Wanted::All)?.letters > 0 {
        Problem::new(format!("removing the dead letters of task `{name}` needs a yes"))
            .hint("there is no terminal to ask on: give --yes")
            .print();
        return Err(exit::USAGE);
    }
    // What comes while the question is open is not part of the answer.
    let claim =
        letters.claim(name, Wanted::All).map_err(|error| failed(&task, &letters, &error))?;
    let Some(claim) = claim.filter(|claim| claim.counts().letters > 0) else {
        return Ok(none(name));
    };
    let there = claim.counts();
    if !yes && !confirmed(&there, name) {
        let _ = writeln!(io::stderr(), "nothing was removed");
        return Err(exit::FAILED);
    }
    claim.remove().map_err(|error| failed(&task, &letters, &error))?;
    Ok(super::print(&format!("{} of task `{name}` removed\n", count(there.letters, "letter"))))
}

fn confirmed(there: &ClaimCounts, name: &str) -> bool {
    let mut stderr = io::stderr();
    let _ = write!(
        stderr,
        "Remove {} ({}) of task \"{name}\" for good? Only `yes` is a yes: ",
        count(there.letters, "dead letter"),
        bytes(there.bytes)
    );
    let _ = stderr.flush();
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes"
}

fn none(name: &str) -> ExitCode {
    super::print(&format!("task `{name}` has no dead letters\n"))
}

fn failed(task: &Task, letters: &DeadLetters, error: &DeadLetterError) -> u8 {
    let path = letters.path().display();
    Problem::new(format!("the dead letters of task `{}` in {path} cannot be had", task.name))
        .cause(error.to_string())
        .hint(error.hint())
        .masked(&task.secrets)
        .print();
    exit::FAILED
}
