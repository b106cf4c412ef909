//! `console`: prints envelopes for people, and answers the lifecycle commands with resources that
//! show what a real output would say.

use std::io::{StdoutLock, Write};

use dstream_sdk::{Command, Envelope, LifecycleResult, Output, ProviderError, log};
use serde::Deserialize;
use serde_json::json;

/// Bytes that are gathered before they are printed, where more envelopes wait.
const PRINT_BYTES: usize = 64 << 10;

/// More demo resources than this are refused: they are all named in one answer.
const RESOURCES_MAX: u32 = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default, alias = "outputFormat")]
    output_format: Format,
    /// Demo resources that the lifecycle commands speak of.
    #[serde(default = "three", alias = "resourceCount")]
    resource_count: u32,
}

fn three() -> u32 {
    3
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// `Message #1: ` and the data.
    #[default]
    Simple,
    /// The envelope as it came.
    Json,
    /// Number, metadata and data on lines of their own.
    Structured,
}

pub(crate) struct Console {
    format: Format,
    number: u64,
    text: Vec<u8>,
    stdout: StdoutLock<'static>,
}

impl Output for Console {
    type Config = Config;

    fn start(config: Config) -> Result<Self, ProviderError> {
        log::debug(format_args!("printing envelopes"));
        let stdout = std::io::stdout().lock();
        let text = Vec::with_capacity(2 * PRINT_BYTES);
        Ok(Self { format: config.output_format, number: 0, text, stdout })
    }

    fn write(&mut self, envelope: Envelope<'_>) -> Result<(), ProviderError> {
        self.number += 1;
        let number = self.number;
        // What is no envelope is printed whole.
        let whole = || String::from_utf8_lossy(envelope.line());
        match self.format {
            Format::Simple => match envelope.data() {
                Some(data) => writeln!(self.text, "Message #{number}: {data}")?,
                None => writeln!(self.text, "Message #{number}: {}", whole())?,
            },
            Format::Json => {
                self.text.extend_from_slice(envelope.line());
                self.text.push(b'\n');
            }
            Format::Structured => {
                writeln!(self.text, "Message #{number}")?;
                match envelope.parts() {
                    (Some(data), metadata) => {
                        if let Some(metadata) = metadata {
                            writeln!(self.text, "  metadata: {metadata}")?;
                        }
                        writeln!(self.text, "  data:     {data}")?;
                    }
                    (None, _) => writeln!(self.text, "  line:     {}", whole())?,
                }
            }
        }
        if self.text.len() >= PRINT_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ProviderError> {
        self.stdout.write_all(&self.text)?;
        self.stdout.flush()?;
        self.text.clear();
        Ok(())
    }

    fn lifecycle(command: Command, config: Config) -> LifecycleResult {
        let count = config.resource_count;
        if count > RESOURCES_MAX {
            return LifecycleResult::error(format!("resource_count is more than {RESOURCES_MAX}"));
        }
        let names = (1..=count).map(|n| json!({ "name": format!("console-{n}"), "type": "demo" }));
        let change = |result: LifecycleResult, action: &'static str| {
            names.clone().fold(result, move |result, it| result.with_change(action, it))
        };
        let list =
            |result: LifecycleResult| names.clone().fold(result, LifecycleResult::with_resource);
        match command {
            Command::Init => {
                let message = format!("created {count} demo resources");
                list(change(LifecycleResult::new("initialized", message), "create"))
            }
            Command::Plan => {
                let message = format!("would create {count} demo resources");
                change(LifecycleResult::new("planned", message), "create")
            }
            Command::Status => list(LifecycleResult::new("ok", format!("{count} demo resources")))
                .with_metadata("provider", "console".into()),
            Command::Destroy => {
                let message = format!("deleted {count} demo resources");
                change(LifecycleResult::new("destroyed", message), "delete")
            }
            Command::Run => LifecycleResult::error("run is no lifecycle command"),
        }
    }
}
