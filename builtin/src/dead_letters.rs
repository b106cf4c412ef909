//! What `dstream dlq replay` puts in the place of a task's input: the lines of dead letters, as they
//! were. It is not for configurations.
//!
//! Its files hold letters of other tasks, too, and what is no letter or cannot be sent: by the same rules
//! as DStream counts them, these are passed over. Should the two differ, DStream does not take the
//! replay as complete.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dstream_protocol::{DeadLetter, LetterLine};
use dstream_sdk::{EnvelopeWriter, Input, ProviderError, Stop};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::position::position;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    files: Vec<PathBuf>,
    /// Whose letters are sent.
    task: String,
    /// What is longer is no letter.
    letter_bytes_max: usize,
}

pub(crate) struct DeadLetters {
    config: Config,
    /// Letters that need not be sent any more.
    sent: u64,
}

/// How far it is.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    letters: u64,
}

/// The line of a letter of this task that can be sent.
fn line_of(text: &[u8], task: &str) -> Option<Vec<u8>> {
    let letter = DeadLetter::<jiff::Timestamp>::decode(text)?;
    let line = match &letter.line {
        LetterLine::Line(text) => text.as_bytes().to_vec(),
        LetterLine::LineBase64(text) => STANDARD.decode(&**text).ok()?,
    };
    (letter.task == task && letter.can_be_sent(&line)).then_some(line)
}

impl Input for DeadLetters {
    type Config = Config;

    const RESUMES: bool = true;

    fn start(config: Config) -> Result<Self, ProviderError> {
        Ok(Self { config, sent: 0 })
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
        for path in &self.config.files {
            let failed = |what: &dyn std::fmt::Display| {
                ProviderError::permanent(format!("{}: {what}", path.display()))
            };
            let mut file = BufReader::new(File::open(path).map_err(|error| failed(&error))?);
            while !stop.is_requested() {
                text.clear();
                if file.read_until(b'\n', &mut text).map_err(|error| failed(&error))? == 0 {
                    break;
                }
                let letter = text.strip_suffix(b"\n").unwrap_or(&text);
                if letter.len() > self.config.letter_bytes_max {
                    continue;
                }
                let Some(mut line) = line_of(letter, &self.config.task) else { continue };
                letters += 1;
                if letters <= self.sent {
                    continue;
                }
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
