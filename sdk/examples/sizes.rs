//! An output: adds up the bytes of `data` and says the sum at the end.
//!
//! `printf '{}\n{"data":[1,2]}\n' | cargo run -p dstream-sdk --example sizes`

use std::process::ExitCode;

use dstream_sdk::{Envelope, Output, ProviderError, log, output};

struct Sizes {
    bytes: usize,
}

impl Output for Sizes {
    type Config = (); // no field is allowed

    fn start((): ()) -> Result<Self, ProviderError> {
        Ok(Self { bytes: 0 })
    }

    fn write(&mut self, envelope: Envelope<'_>) -> Result<(), ProviderError> {
        self.bytes += envelope.parts().map_or(0, |parts| parts.data.get().len());
        Ok(())
    }

    fn finish(self) -> Result<(), ProviderError> {
        log::info!("{} bytes of data", self.bytes);
        Ok(())
    }
}

fn main() -> ExitCode {
    output::run::<Sizes>()
}
