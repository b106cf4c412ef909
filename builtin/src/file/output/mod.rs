//! `file` as an output: the stream in files.
//!
//! ```hcl
//! output {
//!   provider = "file"
//!   config {
//!     path         = "out/{metadata.table}-{date}.jsonl"
//!     format       = "envelope"     # the lines byte for byte, or "data": only that of each
//!     rotate_bytes = 104857600      # or rotate_lines, rotate_seconds; then names get a number
//!     compress     = "zstd"         # or "gzip", "none"
//!     fsync        = "checkpoint"   # or "batch", "never"
//!   }
//! }
//! ```
//!
//! Without rotation and compression the file of that name is appended to. Otherwise each file is new,
//! has a number, and ends with `.partial` until it is finished. What has been committed is whole in
//! either: only whole lines are written, and a member or frame is ended with each commit.

mod durable;
mod files;
mod lifecycle;
mod names;
mod pack;
mod recovery;
mod template;
mod writing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use dstream_sdk::{
    Batch, Command, Envelope, LifecycleResult, Output, ProviderError, Rejecter, Stop,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use self::durable::Fsync;
use self::files::{Files, Settings};
use self::pack::Compress;
use self::template::Template;

/// How often the clock is looked at for files whose time has come, while no lines come.
const CLOCK_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    path: String,
    format: Format,
    #[serde(alias = "rotateBytes")]
    rotate_bytes: Option<u64>,
    #[serde(alias = "rotateLines")]
    rotate_lines: Option<u64>,
    #[serde(alias = "rotateSeconds")]
    rotate_seconds: Option<u64>,
    compress: Compress,
    fsync: Fsync,
}

/// What of each line is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// All of it, byte for byte.
    #[default]
    Envelope,
    Data,
}

impl Config {
    fn read(&self) -> Result<(Template, Settings), ProviderError> {
        if self.path.is_empty() {
            return Err(ProviderError::config("path: say which file"));
        }
        let rotations = [
            ("rotate_bytes", self.rotate_bytes),
            ("rotate_lines", self.rotate_lines),
            ("rotate_seconds", self.rotate_seconds),
        ];
        if let Some((name, _)) = rotations.iter().find(|(_, value)| *value == Some(0)) {
            return Err(ProviderError::config(format!("{name} must be more than 0")));
        }
        let settings = Settings {
            compress: self.compress,
            fsync: self.fsync,
            rotate_bytes: self.rotate_bytes,
            rotate_lines: self.rotate_lines,
            rotate_time: self.rotate_seconds.map(Duration::from_secs),
        };
        // Its own ending comes behind the number and the extension.
        let path = self.path.strip_suffix(self.compress.ending()).unwrap_or(&self.path);
        Ok((Template::parse(path)?, settings))
    }
}

pub(crate) struct FileOutput {
    format: Format,
    has_metadata: bool,
    /// Whether many lines can be written at once.
    takes_many: bool,
    watches_clock: bool,
    /// Shared with the one who watches the clock.
    state: Arc<Mutex<State>>,
}

struct State {
    template: Template,
    /// The same, with the time filled in.
    current: Template,
    second: i64,
    files: Files,
    /// Takes lines that have no data.
    rejecter: Option<Rejecter>,
    /// What has failed while no line came.
    failure: Option<ProviderError>,
}

impl State {
    /// Finishes files whose time has come. Cheap within the same second.
    fn look_at_clock(&mut self) -> Result<(), ProviderError> {
        let now = Timestamp::now();
        if now.as_second() == self.second {
            return Ok(());
        }
        self.second = now.as_second();
        if self.template.has_time() {
            let current = self.template.at(now);
            if current != self.current {
                self.current = current;
                self.files.finish_all()?;
            }
        }
        self.files.finish_old()
    }
}

impl FileOutput {
    fn state(&self) -> Result<MutexGuard<'_, State>, ProviderError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(state),
        }
    }
}

/// One line to its file.
fn write(
    state: &mut State,
    format: Format,
    has_metadata: bool,
    envelope: Envelope<'_>,
) -> Result<(), ProviderError> {
    let line = envelope.line();
    let needs_parts = has_metadata || format == Format::Data;
    let parts = if needs_parts { envelope.parts() } else { None };
    let metadata: Option<Value> = match parts.and_then(|parts| parts.metadata) {
        Some(metadata) if has_metadata => serde_json::from_str(metadata.get()).ok(),
        _ => None,
    };
    let path = state.current.path(metadata.as_ref());
    if has_metadata
        && let Some(rejecter) = state.rejecter.as_ref().filter(|rejecter| rejecter.is_asked())
        && let Some(why) = state.files.refuses(&path)
    {
        return rejecter.reject(line, &why);
    }
    match (format, parts) {
        (Format::Envelope, _) => state.files.add(&path, line),
        (Format::Data, Some(parts)) => state.files.add(&path, parts.data.get().as_bytes()),
        (Format::Data, None) if line.trim_ascii().is_empty() => Ok(()),
        (Format::Data, None) => match &state.rejecter {
            Some(rejecter) if rejecter.is_asked() => {
                rejecter.reject(line, "it is not an envelope, so it has no data to write")
            }
            _ => Err(ProviderError::permanent(
                "a line is not an envelope, so it has no data to write; `format = \"envelope\"` writes any line",
            )),
        },
    }
}

impl Output for FileOutput {
    type Config = Config;

    fn check(config: &Config) -> Result<(), ProviderError> {
        config.read().map(drop)
    }

    fn start(config: Config) -> Result<Self, ProviderError> {
        let (template, settings) = config.read()?;
        if settings.is_numbered() {
            recovery::finish_left(&template, settings.fsync)?;
        }
        let now = Timestamp::now();
        let has_metadata = template.has_metadata();
        Ok(Self {
            format: config.format,
            has_metadata,
            takes_many: config.format == Format::Envelope && !has_metadata && !settings.rotates(),
            watches_clock: settings.rotate_time.is_some() || template.has_time(),
            state: Arc::new(Mutex::new(State {
                current: template.at(now),
                template,
                second: now.as_second(),
                files: Files::new(settings),
                rejecter: None,
                failure: None,
            })),
        })
    }

    fn watch(&mut self, stop: Stop) {
        if !self.watches_clock {
            return;
        }
        let state = Arc::clone(&self.state);
        let watch = move || {
            while !stop.wait(CLOCK_INTERVAL) {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                if let Err(error) = state.look_at_clock() {
                    state.failure.get_or_insert(error);
                }
            }
        };
        // Without it files are finished when the next line comes.
        let _ = thread::Builder::new().name("clock".to_owned()).spawn(watch);
    }

    const REJECTS: bool = true;

    fn reject_to(&mut self, rejecter: Rejecter) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).rejecter = Some(rejecter);
    }

    fn write(&mut self, envelope: Envelope<'_>) -> Result<(), ProviderError> {
        let mut state = self.state()?;
        write(&mut state, self.format, self.has_metadata, envelope)
    }

    fn write_batch(&mut self, batch: Batch<'_>) -> Result<(), ProviderError> {
        let mut state = self.state()?;
        state.look_at_clock()?;
        if self.takes_many {
            let path = state.current.path(None);
            return state.files.add(&path, batch.lines());
        }
        let (format, has_metadata) = (self.format, self.has_metadata);
        batch.envelopes().try_for_each(|line| write(&mut state, format, has_metadata, line))
    }

    fn flush(&mut self) -> Result<(), ProviderError> {
        let mut state = self.state()?;
        if state.files.fsync() == Fsync::Batch { state.files.sync() } else { state.files.put() }
    }

    const COMMITS: bool = true;

    fn commit(&mut self) -> Result<(), ProviderError> {
        self.state()?.files.sync()
    }

    fn finish(self) -> Result<(), ProviderError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let finished = state.files.finish_all();
        state.failure.take().map_or(finished, Err)
    }

    fn lifecycle(command: Command, config: Config) -> LifecycleResult {
        match config.read() {
            Ok((template, _)) => lifecycle::answer(command, &template),
            Err(error) => LifecycleResult::error(error.to_string()),
        }
    }
}
