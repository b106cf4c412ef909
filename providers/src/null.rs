//! `null`: counts envelopes and discards them.

use std::time::Duration;

use dstream_sdk::{Command, Envelope, LifecycleResult, Output, ProviderError, log};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// Milliseconds to wait after each envelope: a slow reader for trying out backpressure.
    #[serde(default)]
    delay_ms: u64,
}

pub(crate) struct Null {
    delay: Duration,
    envelopes: u64,
    bytes: u64,
}

impl Output for Null {
    type Config = Config;

    fn start(config: Config) -> Result<Self, ProviderError> {
        Ok(Self { delay: Duration::from_millis(config.delay_ms), envelopes: 0, bytes: 0 })
    }

    fn write(&mut self, envelope: Envelope<'_>) -> Result<(), ProviderError> {
        self.envelopes += 1;
        self.bytes += envelope.line().len() as u64 + 1;
        if !self.delay.is_zero() {
            std::thread::sleep(self.delay);
        }
        Ok(())
    }

    fn finish(self) -> Result<(), ProviderError> {
        log::info(format_args!("{} envelopes, {} bytes", self.envelopes, self.bytes));
        Ok(())
    }

    fn lifecycle(_command: Command, _config: Config) -> LifecycleResult {
        LifecycleResult::new("ok", "nothing is kept, so there is nothing to manage")
    }
}
