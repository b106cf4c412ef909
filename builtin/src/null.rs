//! `null`: counts envelopes and discards them, and says at the end how many there were.
//!
//! ```hcl
//! output {
//!   provider = "null"
//!   config {
//!     rate     = 1000   # take at most so many a second, as a slow destination would
//!     delay_ms = 5      # or: milliseconds for each envelope
//!   }
//! }
//! ```

use std::time::{Duration, Instant};

use dstream_sdk::{Batch, Command, Envelope, LifecycleResult, Output, ProviderError, Stop, log};
use serde::Deserialize;

/// Shorter waits than this are put together, since a sleep takes longer than it is asked to.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    rate: u64,
    #[serde(alias = "delayMs")]
    delay_ms: u64,
}

pub(crate) struct Null {
    envelopes: u64,
    bytes: u64,
    /// How long each envelope takes.
    step: Duration,
    /// When the next may be taken.
    due: Instant,
    stop: Stop,
}

impl Output for Null {
    type Config = Config;

    fn check(config: &Config) -> Result<(), ProviderError> {
        match config {
            Config { rate: 0, .. } | Config { delay_ms: 0, .. } => Ok(()),
            _ => Err(ProviderError::config("rate and delay_ms exclude each other")),
        }
    }

    fn start(config: Config) -> Result<Self, ProviderError> {
        let step = match config {
            Config { rate: 0, delay_ms } => Duration::from_millis(delay_ms),
            Config { rate, .. } => Duration::from_nanos(1_000_000_000 / rate),
        };
        Ok(Self { envelopes: 0, bytes: 0, step, due: Instant::now(), stop: Stop::new() })
    }

    /// What is discarded is so for good.
    const COMMITS: bool = true;

    fn watch(&mut self, stop: Stop) {
        self.stop = stop;
    }

    fn write(&mut self, envelope: Envelope<'_>) -> Result<(), ProviderError> {
        self.envelopes += 1;
        self.bytes += envelope.line().len() as u64 + 1;
        let now = Instant::now();
        if let Some(due) = self.due.max(now).checked_add(self.step) {
            self.due = due;
        }
        if self.due.saturating_duration_since(now) >= SHORTEST_WAIT {
            self.stop.wait_until(self.due);
        }
        Ok(())
    }

    fn write_batch(&mut self, batch: Batch<'_>) -> Result<(), ProviderError> {
        if !self.step.is_zero() {
            return batch.envelopes().try_for_each(|envelope| self.write(envelope));
        }
        let lines = batch.lines();
        self.envelopes += memchr::memchr_iter(b'\n', lines).count() as u64;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    fn finish(self) -> Result<(), ProviderError> {
        log::info!("{} envelopes, {} bytes", self.envelopes, self.bytes);
        Ok(())
    }

    fn lifecycle(_command: Command, _config: Config) -> LifecycleResult {
        LifecycleResult::new("ok", "nothing is kept, so there is nothing to manage")
    }
}
