//! An input: one envelope an interval until it is stopped.
//!
//! `echo '{"interval_ms":200}' | cargo run -p dstream-sdk --example ticker`

use std::process::ExitCode;
use std::time::Duration;

use dstream_sdk::{EnvelopeWriter, Input, ProviderError, Stop, input, log};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ticker {
    interval_ms: u64,
}

impl Input for Ticker {
    type Config = Self;

    fn check(config: &Self) -> Result<(), ProviderError> {
        if config.interval_ms == 0 {
            return Err(ProviderError::config("interval_ms must be more than 0"));
        }
        Ok(())
    }

    fn start(config: Self) -> Result<Self, ProviderError> {
        log::info!("ticking every {} ms", config.interval_ms);
        Ok(config)
    }

    fn stream(self, out: &mut EnvelopeWriter, stop: &Stop) -> Result<(), ProviderError> {
        for tick in 1_u64.. {
            out.write(&json!({ "tick": tick }), &json!({ "provider": "ticker" }))?;
            if out.pause(stop, Duration::from_millis(self.interval_ms))? {
                break;
            }
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    input::run::<Ticker>()
}
