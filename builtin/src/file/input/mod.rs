//! `file` as an input: the lines of files, one envelope a line.
//!
//! ```hcl
//! input {
//!   provider = "file"
//!   config {
//!     path   = "/var/log/app/*.log"   # or paths = ["…", "…"]
//!     start  = "beginning"            # or "end": leave out what is there at the first run
//!     follow = true                   # as `tail -F` does; false, the default, ends at the end
//!     format = "auto"                 # or "envelope", "json", "text"
//!   }
//! }
//! ```

mod follow;
mod format;
mod identity;
mod moved;
mod patterns;
mod position;
mod reading;
mod source;
mod whole;

use std::fs;
use std::io::ErrorKind;
use std::time::Duration;

use dstream_sdk::{EnvelopeWriter, Input, ProviderError, Stop, log};
use serde::Deserialize;
use serde_json::Value;

use self::follow::Follower;
use self::format::Format;
use self::patterns::Patterns;
use self::position::Remembered;

/// How often files are looked at while they are followed, where nothing is said.
const POLL_INTERVAL_MS: u64 = 250;
/// The longest that may be asked for.
const POLL_INTERVAL_MS_MAX: u64 = 3_600_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    path: Option<String>,
    paths: Vec<String>,
    start: Start,
    follow: bool,
    #[serde(alias = "pollIntervalMs")]
    poll_interval_ms: u64,
    format: Format,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: None,
            paths: Vec::new(),
            start: Start::Beginning,
            follow: false,
            poll_interval_ms: POLL_INTERVAL_MS,
            format: Format::Auto,
        }
    }
}

impl Config {
    fn patterns(&self) -> Result<Patterns, ProviderError> {
        let none = "path: say which file, or which files by a glob";
        match &self.path {
            Some(_) if !self.paths.is_empty() => {
                Err(ProviderError::config("path and paths exclude each other"))
            }
            Some(path) => Patterns::new(std::slice::from_ref(path)),
            None if self.paths.is_empty() => Err(ProviderError::config(none)),
            None => Patterns::new(&self.paths),
        }
    }
}

/// Where a file begins that no checkpoint knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Start {
    Beginning,
    End,
}

pub(crate) struct FileInput {
    patterns: Patterns,
    /// What is there already is left out.
    from_end: bool,
    follow: bool,
    poll_interval: Duration,
    format: Format,
    remembered: Remembered,
}

impl Input for FileInput {
    type Config = Config;

    fn check(config: &Config) -> Result<(), ProviderError> {
        let interval = config.poll_interval_ms;
        if !(1..=POLL_INTERVAL_MS_MAX).contains(&interval) {
            return Err(ProviderError::config(format!(
                "poll_interval_ms must be from 1 to {POLL_INTERVAL_MS_MAX}, not {interval}"
            )));
        }
        config.patterns().map(drop)
    }

    fn start(config: Config) -> Result<Self, ProviderError> {
        let patterns = config.patterns()?;
        let Config { start, follow, poll_interval_ms, format, .. } = config;
        check_named(&patterns, follow)?;
        Ok(Self {
            patterns,
            from_end: start == Start::End,
            follow,
            poll_interval: Duration::from_millis(poll_interval_ms),
            format,
            remembered: Remembered::default(),
        })
    }

    const RESUMES: bool = true;

    fn resume(&mut self, checkpoint: Option<Value>) -> Result<(), ProviderError> {
        if let Some(checkpoint) = checkpoint.filter(|checkpoint| !checkpoint.is_null()) {
            self.remembered = Remembered::parse(checkpoint)?;
            self.from_end = false; // what no checkpoint knows has come since
        }
        Ok(())
    }

    fn stream(self, out: &mut EnvelopeWriter, stop: &Stop) -> Result<(), ProviderError> {
        let Self { patterns, from_end, follow, poll_interval, format, remembered } = self;
        if follow {
            Follower::new(patterns, format, remembered).run(out, stop, poll_interval, from_end)
        } else {
            whole::read(&patterns, format, remembered, from_end, out, stop)
        }
    }
}

/// What the configuration names has to be a file, and to be there unless it is waited for.
fn check_named(patterns: &Patterns, follow: bool) -> Result<(), ProviderError> {
    for path in patterns.named() {
        let shown = path.display();
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => {}
            Ok(metadata) if metadata.is_dir() => {
                let message =
                    format!("path: `{shown}` is a folder; `{shown}/*` is the files in it");
                return Err(ProviderError::config(message));
            }
            Ok(_) => {
                return Err(ProviderError::config(format!(
                    "path: `{shown}` is not a regular file"
                )));
            }
            Err(error) if error.kind() == ErrorKind::NotFound && follow => {
                log::info!("waiting for {shown}");
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let message = format!("path: there is no file `{shown}`");
                return Err(ProviderError::config(message));
            }
            Err(error) => {
                return Err(ProviderError::transient(format!("cannot read {shown}: {error}")));
            }
        }
    }
    Ok(())
}
