//! `dstream state …`: where tasks go on.

use std::io::Read;
use std::process::ExitCode;

use dstream_engine::delivery::{StateError, StateStore, Stored, TaskState};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::arguments::Global;
use crate::arguments::state::State;
use crate::failures::Problem;
use crate::{configuration, exit, logging};

/// Bytes of a checkpoint from stdin: more than any that a run would keep.
const CHECKPOINT_BYTES_MAX: u64 = 4 << 20;

pub(super) fn state(global: &Global, command: &State) -> ExitCode {
    let done = match command {
        State::List { json } => list(global, *json),
        State::Show { task, json } => show(global, task, *json),
        State::Reset { task } => reset(global, task),
        State::Set { task, checkpoint } => set(global, task, checkpoint),
    };
    done.unwrap_or_else(ExitCode::from)
}

/// The store of the configuration, and the names of its tasks.
fn store(global: &Global) -> Result<(StateStore, Vec<String>), u8> {
    let (document, surroundings) = configuration::load(global)?;
    let settings = configuration::settings(&document, &surroundings)?;
    Ok((configuration::state_store(global, &settings), document.task_names()))
}

fn list(global: &Global, json: bool) -> Result<ExitCode, u8> {
    let (store, _) = store(global)?;
    let tasks = store.tasks().map_err(|error| failed(&error))?;
    let rows: Vec<(String, Result<Option<Stored>, StateError>)> = tasks
        .into_iter()
        .map(|task| {
            let stored = store.read(&task);
            (task, stored)
        })
        .collect();
    if json {
        let rows: Vec<Row<'_>> =
            rows.iter().map(|(task, stored)| Row::new(&store, task, stored)).collect();
        return Ok(print_json(&rows));
    }
    if rows.is_empty() {
        return Ok(super::print("no task has a checkpoint\n"));
    }
    let rows = rows.iter().map(|(task, stored)| {
        let (saved, size) = match stored {
            Ok(Some(stored)) => (
                stored.saved_at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
                crate::plural::bytes(stored.checkpoint.get().len() as u64),
            ),
            Ok(None) => (String::new(), String::new()),
            Err(_) => ("damaged".to_owned(), String::new()),
        };
        let running = store.holder(task).map_or_else(String::new, |pid| format!("process {pid}"));
        [task.clone(), saved, size, running]
    });
    Ok(super::print(&crate::table::table(["TASK", "STORED", "SIZE", "RUNNING"], rows)))
}

fn show(global: &Global, task: &str, json: bool) -> Result<ExitCode, u8> {
    let (store, _) = store(global)?;
    let stored = store.read(task);
    if json {
        print_json(&Row::new(&store, task, &stored));
        let status = if matches!(stored, Ok(Some(_))) { exit::SUCCESS } else { exit::FAILED };
        return Ok(ExitCode::from(status));
    }
    match stored.map_err(|error| failed(&error))? {
        Some(stored) => Ok(super::print(&format!("{}\n", stored.checkpoint))),
        None => Err(nothing(task)),
    }
}

fn reset(global: &Global, task: &str) -> Result<ExitCode, u8> {
    let (store, _) = store(global)?;
    let state = claim(&store, task)?;
    // One that is damaged can be forgotten, but not put back.
    let before = state.checkpoint().ok().flatten();
    if !state.reset().map_err(|error| failed(&error))? {
        return Err(nothing(task));
    }
    let undo = before.map_or_else(String::new, |before| {
        let quoted = |text| shlex::try_quote(text).unwrap_or_default();
        let (name, position) = (quoted(task), quoted(before.get()));
        format!("it was at {before}; to undo: dstream state set {name} {position}\n")
    });
    Ok(super::print(&format!("task `{task}` starts again\n{undo}")))
}

fn set(global: &Global, task: &str, text: &str) -> Result<ExitCode, u8> {
    let (store, known) = store(global)?;
    if !known.iter().any(|name| name == task) {
        Problem::new(format!("{} has no task `{task}`", global.config.display()))
            .hint(format!("it has: {}", known.join(", ")))
            .print();
        return Err(exit::USAGE);
    }
    let checkpoint = checkpoint(text).map_err(|problem| {
        problem.print();
        exit::USAGE
    })?;
    let state = claim(&store, task)?;
    state.save(&checkpoint).map_err(|error| failed(&error))?;
    Ok(super::print(&format!("task `{task}` resumes from {checkpoint}\n")))
}

fn claim(store: &StateStore, task: &str) -> Result<TaskState, u8> {
    let waiting = || {
        logging::say(&format!(
            "waiting for the providers of a run of task `{task}`, which has died, to end"
        ));
    };
    store.claim(task, waiting).map_err(|error| failed(&error))
}

fn checkpoint(text: &str) -> Result<Box<RawValue>, Problem> {
    let wrong = |what: String| {
        Problem::new("this is no checkpoint")
            .cause(what)
            .hint("it is a JSON value, as `dstream state show TASK` prints it")
    };
    let text = match text {
        "-" => {
            let mut text = String::new();
            let read = std::io::stdin().take(CHECKPOINT_BYTES_MAX + 1).read_to_string(&mut text);
            read.map_err(|error| wrong(error.to_string()))?;
            text
        }
        text => text.to_owned(),
    };
    if text.len() as u64 > CHECKPOINT_BYTES_MAX {
        return Err(wrong(format!("it has more than {CHECKPOINT_BYTES_MAX} bytes")));
    }
    // It travels in one line; within a JSON text a line break is white space.
    let line = text.trim().replace(['\n', '\r'], " ");
    RawValue::from_string(line).map_err(|error| wrong(error.to_string()))
}

/// A task's state for programs; the checkpoint as the input wrote it.
#[derive(Serialize)]
struct Row<'a> {
    task: &'a str,
    saved_at: Option<String>,
    checkpoint: Option<&'a RawValue>,
    running: Option<u32>,
    error: Option<String>,
}

impl<'a> Row<'a> {
    fn new(
        store: &StateStore,
        task: &'a str,
        stored: &'a Result<Option<Stored>, StateError>,
    ) -> Self {
        let there = stored.as_ref().ok().and_then(Option::as_ref);
        Self {
            task,
            saved_at: there.map(|stored| stored.saved_at.to_string()),
            checkpoint: there.map(|stored| &*stored.checkpoint),
            running: store.holder(task),
            error: stored.as_ref().err().map(ToString::to_string),
        }
    }
}

fn print_json(rows: &impl Serialize) -> ExitCode {
    // All of it can be written.
    let text = serde_json::to_string_pretty(rows).unwrap_or_default();
    super::print(&format!("{text}\n"))
}

fn nothing(task: &str) -> u8 {
    Problem::new(format!("there is no checkpoint of task `{task}`"))
        .hint("`dstream state list` shows which tasks have one")
        .print();
    exit::FAILED
}

fn failed(error: &StateError) -> u8 {
    Problem::new(error.to_string()).hint(error.hint()).print();
    exit::FAILED
}
