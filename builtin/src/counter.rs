//! `counter`: counts up, one envelope an interval.
//!
//! ```hcl
//! input {
//!   provider = "counter"
//!   config {
//!     interval = 1000   # milliseconds between envelopes; 0 is as fast as they are taken
//!     maxCount = 5      # envelopes in all; 0, the default, is endless
//!   }
//! }
//! ```

use std::time::{Duration, Instant};

use dstream_sdk::{EnvelopeWriter, Input, ProviderError, Stop, log};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::position::position;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    interval: u64,
    #[serde(alias = "maxCount")]
    max_count: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self { interval: 1000, max_count: 0 }
    }
}

pub(crate) struct Counter {
    config: Config,
    /// The last value of an earlier run.
    done: u64,
}

/// Where it goes on.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    value: u64,
}

#[derive(Serialize)]
struct Data {
    value: u64,
    timestamp: String,
}

#[derive(Serialize)]
struct Metadata {
    seq: u64,
    interval_ms: u64,
    provider: &'static str,
}

impl Input for Counter {
    type Config = Config;

    fn start(config: Config) -> Result<Self, ProviderError> {
        let Config { interval, max_count } = config;
        log::info!("starting with interval={interval}ms, max_count={max_count}");
        Ok(Self { config, done: 0 })
    }

    const RESUMES: bool = true;

    fn resume(&mut self, checkpoint: Option<Value>) -> Result<(), ProviderError> {
        if let Some(checkpoint) = checkpoint {
            self.done = position::<Position>(checkpoint)?.value;
            log::info!("resuming after {}", self.done);
        }
        Ok(())
    }

    fn stream(self, out: &mut EnvelopeWriter, stop: &Stop) -> Result<(), ProviderError> {
        let Config { interval, max_count } = self.config;
        if max_count != 0 && self.done >= max_count {
            return Ok(());
        }
        let mut due = Instant::now();
        for value in self.done.saturating_add(1).. {
            let data = Data { value, timestamp: timestamp(jiff::Timestamp::now()) };
            let metadata = Metadata { seq: value, interval_ms: interval, provider: "counter" };
            out.write(&data, &metadata)?;
            if value == max_count {
                out.checkpoint(&Position { value })?;
                break;
            }
            if out.is_checkpoint_due() {
                out.checkpoint(&Position { value })?;
            }
            let stopped = match interval {
                0 => stop.is_requested(), // nothing to wait for, so nothing to flush for
                _ => {
                    let left = until_next(&mut due, Duration::from_millis(interval));
                    out.pause(stop, left)?
                }
            };
            if stopped {
                log::info!("stopped after {value}");
                out.checkpoint(&Position { value })?;
                break;
            }
        }
        Ok(())
    }
}

/// What is left until the next envelope. Time that writing took is no longer waited for; a time
/// that has passed altogether is not made up for.
fn until_next(due: &mut Instant, interval: Duration) -> Duration {
    let now = Instant::now();
    let next = due.checked_add(interval);
    *due = next.map_or(now, |next| next.max(now));
    if next.is_some() { due.saturating_duration_since(now) } else { interval }
}

/// Microseconds and a numeric offset, as the original counter writes them.
fn timestamp(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_has_six_digits_and_an_offset() {
        for (nanoseconds, text) in [
            (1_758_821_422_825_803_999, "2025-09-25T17:30:22.825803+00:00"),
            (0, "1970-01-01T00:00:00.000000+00:00"),
        ] {
            assert_eq!(timestamp(jiff::Timestamp::from_nanosecond(nanoseconds).unwrap()), text);
        }
    }

    #[test]
    fn a_late_envelope_is_not_made_up_for() {
        let interval = Duration::from_secs(3600);
        let mut due = Instant::now();
        let started = due;
        assert!(until_next(&mut due, interval) <= interval);
        assert_eq!(due, started + interval);
        let mut due = started - 3 * interval;
        assert_eq!(until_next(&mut due, interval), Duration::ZERO);
        assert!(due >= started);
        assert_eq!(until_next(&mut due, Duration::MAX), Duration::MAX);
    }
}
