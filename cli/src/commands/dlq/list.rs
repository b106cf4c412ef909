//! `dstream dlq list`: the tasks that keep dead letters, and how many.

use std::io;
use std::process::ExitCode;

use dstream_engine::delivery::{DeadLetterError, DeadLetters, Entry, can_be_sent};
use dstream_task::Task;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::arguments::Global;
use crate::configuration;
use crate::exit;
use crate::plural::{bytes, count, grouped};

/// What there is of a task.
#[derive(Default)]
struct Summary {
    letters: u64,
    bytes: u64,
    /// Of the letters, those that hold only a part of their line.
    parts: u64,
    oldest: Option<Timestamp>,
    newest: Option<Timestamp>,
    /// Of all tasks that share them.
    files: usize,
    unreadable: u64,
}

pub(super) fn list(global: &Global, json: bool) -> Result<ExitCode, u8> {
    let (tasks, _) = configuration::tasks(global, None)?;
    let rows: Vec<_> = tasks
        .iter()
        .filter_map(|task| {
            let letters = DeadLetters::of(&task.stream)?;
            let summary = summary(&task.name, &letters);
            Some((task, letters, summary))
        })
        .collect();
    let has_failed = rows.iter().any(|(_, _, summary)| summary.is_err());
    let shown = |text: &str| {
        let printed = super::super::print(text);
        if has_failed { ExitCode::from(exit::FAILED) } else { printed }
    };
    if json {
        let rows = rows.iter().map(|(task, letters, summary)| to_json(task, letters, summary));
        return Ok(shown(&format!("{:#}\n", rows.collect::<Value>())));
    }
    if rows.is_empty() {
        return Ok(super::super::print("no task keeps dead letters\n"));
    }
    let time = |time: Option<Timestamp>| {
        time.map_or_else(String::new, |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
    };
    let mut notes = String::new();
    for (task, _, summary) in &rows {
        let note = match summary {
            Ok(summary) if summary.unreadable > 0 => {
                let lines = count(summary.unreadable, "line");
                format!("{lines} in these files cannot be read as letters")
            }
            Ok(_) => continue,
            Err(error) => task.secrets.mask(&error.to_string()),
        };
        notes.push_str(&format!("task `{}`: {note}\n", task.name));
    }
    let rows = rows.iter().map(|(task, letters, summary)| {
        let path = task.secrets.mask(&letters.path().display().to_string());
        let empty = Summary::default();
        let (number, summary) = match summary {
            Ok(summary) => (grouped(summary.letters), summary),
            Err(_) => ("cannot be read".to_owned(), &empty),
        };
        [
            task.name.clone(),
            number,
            bytes(summary.bytes),
            time(summary.oldest),
            time(summary.newest),
            summary.files.to_string(),
            path,
        ]
    });
    let headings = ["TASK", "LETTERS", "SIZE", "OLDEST", "NEWEST", "FILES", "PATH"];
    let table = crate::table::table(headings, rows);
    Ok(shown(&format!("{table}{notes}")))
}

fn summary(task: &str, letters: &DeadLetters) -> Result<Summary, DeadLetterError> {
    let all = letters.letters()?;
    let mut summary = Summary { files: all.files_count(), ..Summary::default() };
    all.each(|entry: &Entry<'_>| {
        let Some(letter) = &entry.letter else {
            summary.unreadable += 1;
            return Ok(());
        };
        if letter.task == task {
            summary.letters += 1;
            summary.bytes += entry.place.length() + 1;
            summary.parts += u64::from(!can_be_sent(letter));
            let time = letter.time;
            summary.oldest = Some(summary.oldest.map_or(time, |oldest| oldest.min(time)));
            summary.newest = Some(summary.newest.map_or(time, |newest| newest.max(time)));
        }
        Ok::<_, io::Error>(())
    })?;
    Ok(summary)
}

fn to_json(
    task: &Task,
    letters: &DeadLetters,
    summary: &Result<Summary, DeadLetterError>,
) -> Value {
    let empty = Summary::default();
    let (found, error) = match summary {
        Ok(summary) => (summary, None),
        Err(error) => (&empty, Some(task.secrets.mask(&error.to_string()))),
    };
    json!({
        "task": task.name,
        "path": task.secrets.mask(&letters.path().to_string_lossy()),
        "letters": found.letters,
        "letters_not_whole": found.parts,
        "bytes": found.bytes,
        "oldest": found.oldest.map(|time| time.to_string()),
        "newest": found.newest.map(|time| time.to_string()),
        "files": found.files,
        "lines_unreadable": found.unreadable,
        "error": error,
    })
}
