//! `console`: prints envelopes for people, and answers the lifecycle commands with resources that
//! show what a real output would say.
//!
//! ```hcl
//! output {
//!   provider = "console"
//!   config {
//!     outputFormat  = "simple"   # or json, structured
//!     resourceCount = 3          # demo resources that init, plan, status and destroy speak of
//!   }
//! }
//! ```
//!
//! | format | prints |
//! |---|---|
//! | simple | `Message #1: ` and the data, byte for byte |
//! | json | the line as it came |
//! | structured | number, metadata and data, one field a line |
//!
//! A line that is no envelope is printed whole.

use std::io::{self, Write};

use dstream_protocol::{BarrierAck, Reject};
use dstream_sdk::{Command, Envelope, LifecycleResult, Output, Printer, ProviderError, log};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::indent::write_indented;

/// More demo resources than this are refused: they are all named in one answer.
const RESOURCES_MAX: u32 = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    #[serde(alias = "outputFormat")]
    output_format: Format,
    #[serde(alias = "resourceCount")]
    resource_count: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self { output_format: Format::Simple, resource_count: 3 }
    }
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Simple,
    Json,
    Structured,
}

pub(crate) struct Console {
    format: Format,
    number: u64,
    printer: Printer,
}

impl Output for Console {
    type Config = Config;

    fn check(config: &Config) -> Result<(), ProviderError> {
        if config.resource_count > RESOURCES_MAX {
            let message = format!("resource_count must be at most {RESOURCES_MAX}");
            return Err(ProviderError::config(message));
        }
        Ok(())
    }

    fn start(config: Config) -> Result<Self, ProviderError> {
        log::debug!("starting with output_format={:?}", config.output_format);
        Ok(Self { format: config.output_format, number: 0, printer: Printer::stdout()? })
    }

    fn write(&mut self, envelope: Envelope<'_>) -> Result<(), ProviderError> {
        self.number += 1;
        print(&mut self.printer, self.format, self.number, envelope)?;
        Ok(())
    }

    /// What is printed is taken: more cannot be known of a terminal.
    const COMMITS: bool = true;

    fn flush(&mut self) -> Result<(), ProviderError> {
        Ok(self.printer.flush()?)
    }

    fn lifecycle(command: Command, config: Config) -> LifecycleResult {
        let count = config.resource_count;
        let plural = if count == 1 { "" } else { "s" };
        let (status, done) = match command {
            Command::Init => ("initialized", "created"),
            Command::Plan => ("planned", "would create"),
            Command::Status => ("ok", "has"),
            Command::Destroy => ("destroyed", "deleted"),
            Command::Run => return LifecycleResult::unsupported(command),
        };
        let result = LifecycleResult::new(status, format!("{done} {count} demo resource{plural}"))
            .with_metadata("provider", "console".into());
        (1..=count).map(resource).fold(result, |result, resource| match command {
            Command::Init => result.with_resource(resource.clone()).with_change("create", resource),
            Command::Plan => result.with_change("create", resource),
            Command::Destroy => result.with_change("delete", resource),
            Command::Status | Command::Run => result.with_resource(resource),
        })
    }
}

fn resource(number: u32) -> Value {
    json!({ "name": format!("console-{number}"), "type": "demo" })
}

fn print(
    out: &mut impl Write,
    format: Format,
    number: u64,
    envelope: Envelope<'_>,
) -> io::Result<()> {
    let line = envelope.line();
    if let Format::Json = format {
        if is_control_message(line) {
            out.write_all(b" ")?; // it is data, not a message of this output
        }
        out.write_all(line)?;
        return out.write_all(b"\n");
    }
    write!(out, "Message #{number}")?;
    match (envelope.parts(), format) {
        (Some(parts), Format::Structured) => {
            if let Some(metadata) = parts.metadata {
                out.write_all(b"\n  metadata: ")?;
                write_indented(out, metadata.get(), 2)?;
            }
            out.write_all(b"\n  data: ")?;
            write_indented(out, parts.data.get(), 2)?;
        }
        (Some(parts), _) => write!(out, ": {}", parts.data)?,
        (None, _) => {
            out.write_all(b": ")?;
            out.write_all(line)?;
        }
    }
    out.write_all(b"\n")
}

/// Whether DStream could take a line for a message of this output.
fn is_control_message(line: &[u8]) -> bool {
    BarrierAck::begins(line) || Reject::begins(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(format: Format, line: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        print(&mut out, format, 7, Envelope::new(line)).unwrap();
        out
    }

    #[test]
    fn data_is_printed_byte_for_byte() {
        let line = br#"{"data": {"a" : 1.50, "b":"\u00e9"} ,"metadata":{"seq":1}}"#;
        let simple = printed(Format::Simple, line);
        assert_eq!(simple, b"Message #7: {\"a\" : 1.50, \"b\":\"\\u00e9\"}\n");
        assert_eq!(printed(Format::Json, line), [&line[..], b"\n"].concat());
        let structured = String::from_utf8(printed(Format::Structured, line)).unwrap();
        let expected = "Message #7\n  metadata: {\n    \"seq\": 1\n  }\n  data: {\n    \"a\": 1.50,\n    \"b\": \"\\u00e9\"\n  }\n";
        assert_eq!(structured, expected);
    }

    #[test]
    fn what_is_no_envelope_is_printed_whole() {
        let line = b"plain \xff text";
        assert_eq!(printed(Format::Simple, line), [b"Message #7: ", &line[..], b"\n"].concat());
        assert_eq!(printed(Format::Structured, line), printed(Format::Simple, line));
        assert_eq!(printed(Format::Json, line), [&line[..], b"\n"].concat());
    }

    #[test]
    fn data_is_not_said_to_dstream() {
        for line in ["{\"ack\":{\"id\":1}}", "{\"reject\":{\"reason\":\"r\",\"line\":\"\"}}"] {
            assert_eq!(printed(Format::Json, line.as_bytes()), format!(" {line}\n").as_bytes());
        }
    }

    #[test]
    fn more_resources_than_one_answer_should_hold_are_refused() {
        let check = |count| Console::check(&Config { resource_count: count, ..Config::default() });
        assert!(check(RESOURCES_MAX).is_ok());
        assert!(check(RESOURCES_MAX + 1).is_err());
    }
}
