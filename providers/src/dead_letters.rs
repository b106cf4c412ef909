//! What `dstream dlq replay` puts in the place of a task's input: the lines of dead letters, as they
//! were. It is not for configurations.
//!
//! Its files hold whole letters of one task and nothing else: DStream has seen to it. Anything else
//! is an error, so that nothing is taken as sent that was not.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dstream_sdk::{EnvelopeWriter, Input, ProviderError, Stop};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::position::position;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    files: Vec<PathBuf>,
}

pub(crate) struct DeadLetters {
    files: Vec<PathBuf>,
    /// Letters that need not be sent any more.
    sent: u64,
}

/// How far it is.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    letters: u64,
}

/// Of a letter (`docs/protocol.md`, P-26) what is needed here.
#[derive(Deserialize)]
struct Letter {
    line: Option<String>,
    line_base64: Option<String>,
}

impl Letter {
    fn into_line(self) -> Option<Vec<u8>> {
        match (self.line, self.line_base64) {
            (Some(text), None) => Some(text.into_bytes()),
            (None, Some(text)) => STANDARD.decode(text).ok(),
            _ => None,
        }
    }
}

impl Input for DeadLetters {
    type Config = Config;

    const RESUMES: bool = true;

    fn start(config: Config) -> Result<Self, ProviderError> {
        Ok(Self { files: config.files, sent: 0 })
    }

    fn resume(&mut self, checkpoint: Option<Value>) -> Result<(), ProviderError> {
        if let Some(checkpoint) = checkpoint {
            self.sent = position::<Position>(checkpoint)?.letters;
        }
        Ok(())
    }

    fn stream(self, out: &mut EnvelopeWriter, stop: &Stop) -> Result<(), ProviderError> {
        let mut letters = 0;
        let mut text = Vec::new();
        for path in &self.files {
            let failed = |what: &dyn std::fmt::Display| {
                ProviderError::permanent(format!("{}: {what}", path.display()))
            };
            let mut file = BufReader::new(File::open(path).map_err(|error| failed(&error))?);
            while !stop.is_requested() {
                text.clear();
                if file.read_until(b'\n', &mut text).map_err(|error| failed(&error))? == 0 {
                    break;
                }
                letters += 1;
                if letters <= self.sent {
                    continue;
                }
                let letter: Letter = serde_json::from_slice(&text)
                    .map_err(|error| failed(&format_args!("letter {letters}: {error}")))?;
                let line = letter.into_line();
                let mut line =
                    line.ok_or_else(|| failed(&format_args!("letter {letters} has no line")))?;
                line.push(b'\n');
                out.write_lines(&line)?;
                if out.is_checkpoint_due() {
                    out.checkpoint(&Position { letters })?;
                }
            }
        }
        Ok(out.checkpoint(&Position { letters })?)
    }
}
