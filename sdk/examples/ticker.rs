//! An input: one envelope a second until it is stopped.
//!
//! `echo '{"interval_ms":200}' | cargo run -p dstream-sdk --example ticker`

use std::process::ExitCode;
use std::time::Duration;

use dstream_sdk::{EnvelopeWriter, Input, ProviderError, Stop, input};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    interval_ms: u64,
}

struct Ticker(Config);

impl Input for Ticker {
    type Config = Config;

    fn start(config: Config) -> Result<Self, ProviderError> {
        if config.interval_ms == 0 {
            return Err(ProviderError::config("interval_ms must be more than 0"));
        }
        Ok(Self(config))
    }

    fn stream(self, out: &mut EnvelopeWriter, stop: &Stop) -> Result<(), ProviderError> {
        for tick in 1_u64.. {
            out.write(&json!({ "tick": tick }), &json!({ "provider": "ticker" }))?;
            if out.pause(stop, Duration::from_millis(self.0.interval_ms))? {
                break;
            }
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    input::run::<Ticker>()
}
