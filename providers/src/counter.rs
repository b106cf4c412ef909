//! `counter`: counts up.

use std::time::Duration;

use dstream_sdk::{EnvelopeWriter, Input, ProviderError, Stop, log};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Milliseconds between envelopes.
    #[serde(default = "second")]
    interval: u64,
    /// Envelopes in all; 0 is endless.
    #[serde(default, alias = "maxCount")]
    max_count: u64,
}

fn second() -> u64 {
    1000
}

pub(crate) struct Counter(Config);

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
        log::info(format_args!("starting with interval={interval}ms, max_count={max_count}"));
        Ok(Self(config))
    }

    fn stream(self, out: &mut EnvelopeWriter, stop: &Stop) -> Result<(), ProviderError> {
        let Config { interval, max_count } = self.0;
        for value in 1.. {
            // Microseconds and a numeric offset, as the original counter writes them.
            let timestamp = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00");
            let data = Data { value, timestamp: timestamp.to_string() };
            let metadata = Metadata { seq: value, interval_ms: interval, provider: "counter" };
            out.write(&data, &metadata)?;
            if value == max_count {
                break;
            }
            let stopped = match interval {
                0 => stop.is_requested(), // as fast as it can: nothing to flush for
                _ => out.pause(stop, Duration::from_millis(interval))?,
            };
            if stopped {
                log::info(format_args!("stopped after {value}"));
                break;
            }
        }
        Ok(())
    }
}
