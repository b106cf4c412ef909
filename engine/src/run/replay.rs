//! Dead letters through a task's outputs again: a run of the task with them in the place of its input.

use std::fs;
use std::time::Duration;

use serde_json::{Map, Value};

use super::notice::Notice;
use super::report::RunReport;
use super::{RunContext, run_supervised};
use crate::delivery::{Claim, StateStore};
use crate::limits::REPLAY_STARTUP_TIMEOUT;
use dstream_task::ProviderRef;
use dstream_task::{
    ConfigFormat, Confinement, Handshake, OnInvalid, ProviderBlock, Restart, Side, Task,
};

/// The built-in provider that reads the letters, and the input's name in messages and letters.
const DEAD_LETTERS: &str = "dead-letters";

/// A task whose input are its dead letters.
#[derive(Debug)]
pub struct Replay {
    task: Task,
}

/// How a replay has ended.
#[derive(Debug)]
pub struct ReplayReport {
    /// The run.
    pub run: RunReport,
    /// Whether every letter was sent, left out by the task's filter, or kept once more; and what was
    /// sent is lasting, as far as the outputs tell. Only then nobody needs the claim any more.
    pub is_complete: bool,
    /// How many letters the run has seen, which should be all.
    pub letters_seen: u64,
    /// How many of these no output has acknowledged, where they are to do so.
    pub letters_unacknowledged: u64,
}

impl Replay {
    /// Of a task with a dead-letter file. Lines that fail again are kept again, whatever
    /// `on_invalid` says. Nothing is restarted: what was lost of a letter meanwhile would not come
    /// again.
    pub fn of(task: &Task) -> Self {
        let mut task = task.clone();
        task.stream.on_invalid = OnInvalid::DeadLetter;
        task.input = ProviderBlock {
            name: DEAD_LETTERS.to_owned(),
            side: Side::Input,
            provider: ProviderRef::Builtin(DEAD_LETTERS.to_owned()),
            config: Map::new(),
            places: task.input.places.clone(), // nothing of it is checked
            env: Vec::new(),
            config_format: ConfigFormat::Command,
            handshake: Handshake::Required,
            startup_timeout: REPLAY_STARTUP_TIMEOUT,
            shutdown_timeout: Duration::from_secs(10),
            stall_timeout: None,
            restart: Restart::default(),
            confinement: Confinement::default(),
        };
        for output in &mut task.outputs {
            output.restart = Restart::default();
        }
        Self { task }
    }

    /// The task as it will run.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Sends claimed letters. The task's checkpoints are not touched: a replay has its own.
    pub fn run(mut self, claim: &Claim, mut context: RunContext) -> ReplayReport {
        let files = claim.files().iter().map(|file| file.to_string_lossy().into());
        let config = &mut self.task.input.config;
        config.insert("files".to_owned(), Value::Array(files.collect()));
        config.insert("task".to_owned(), self.task.name.clone().into());
        config.insert("letter_bytes_max".to_owned(), claim.letter_bytes_max().into());
        let stream = &mut self.task.stream;
        // What fails again is kept apart until all is done, with room for all of it.
        stream.dead_letter = Some(claim.kept().to_owned());
        (stream.dead_letter_bytes_max, stream.dead_letter_files_max) = (i64::MAX as u64, 1);
        // A line that was kept whole stays so, whatever the limit is now.
        stream.line_bytes_max = stream.line_bytes_max.max(claim.counts().line_bytes_max);
        context.state = StateStore::new(claim.state_folder());
        let waiting = || context.observer.notice(&Notice::AwaitingEarlier);
        if let Ok(state) = context.state.claim(&self.task.name, waiting) {
            // That of an earlier replay, whose outputs have ended now, is about other files.
            let _ = state.reset();
        }
        let run = run_supervised(&self.task, &context);
        let _ = fs::remove_dir_all(claim.state_folder());
        let seen = run.lines + run.lines_blank + run.lines_filtered + run.lines_rejected;
        let unacknowledged = run.checkpoints.map_or(0, |checkpoints| checkpoints.lines_again);
        let is_complete = run.failure.is_none()
            && !run.lines_left
            && unacknowledged == 0
            && seen == claim.counts().letters;
        ReplayReport {
            run,
            is_complete,
            letters_seen: seen,
            letters_unacknowledged: unacknowledged,
        }
    }
}
