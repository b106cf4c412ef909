//! The same programs as DStream's providers.
//!
//! DStream starts a provider without arguments and hands it its configuration as one line on stdin. So a program that is
//! started without any takes them from there: `{"command":"run","config":{"arguments":["--lines","5"]}}`. From then on
//! both ways are the same.

use std::ffi::OsString;
use std::io::{Read, Write};

use serde::Deserialize;

/// A first line that is no command for these programs.
#[derive(Debug)]
pub struct ProviderError(String);

impl std::fmt::Display for ProviderError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

#[derive(Deserialize)]
struct Command {
    config: Config,
}

#[derive(Deserialize)]
struct Config {
    arguments: Vec<String>,
}

/// The program's arguments, its name first: its own, or, if it has none, those of the command line on `stdin`. In the
/// second case the ready line is written to `stdout`.
///
/// # Errors
///
/// When the line on stdin is no command with `config.arguments`.
pub fn arguments(
    own: impl Iterator<Item = OsString>,
    stdin: impl Read,
    mut stdout: impl Write,
) -> Result<Vec<OsString>, ProviderError> {
    let mut own: Vec<OsString> = own.collect();
    if own.len() > 1 {
        return Ok(own);
    }
    let line = first_line(stdin).map_err(|error| ProviderError(format!("stdin: {error}")))?;
    let command: Command = serde_json::from_slice(&line).map_err(|error| {
        ProviderError(format!(
            "no arguments, and no command with config.arguments on stdin: {error}"
        ))
    })?;
    own.extend(command.config.arguments.into_iter().map(OsString::from));
    stdout
        .write_all(b"{\"status\":\"ready\"}\n")
        .map_err(|error| ProviderError(format!("stdout: {error}")))?;
    Ok(own)
}

/// Byte by byte: what follows the line is the stream, and belongs to others.
fn first_line(mut stdin: impl Read) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut byte = [0];
    while stdin.read(&mut byte)? == 1 && byte != *b"\n" {
        line.extend(byte);
    }
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> impl Iterator<Item = OsString> {
        words.iter().map(OsString::from).collect::<Vec<_>>().into_iter()
    }

    #[test]
    fn with_arguments_stdin_is_left_alone() {
        let (mut stdin, mut stdout) = (&b"{\"data\":1}\n"[..], Vec::new());
        let taken = arguments(words(&["sink", "--lines", "5"]), &mut stdin, &mut stdout).unwrap();
        assert_eq!(taken, ["sink", "--lines", "5"]);
        assert_eq!((stdin.len(), stdout.len()), (11, 0));
    }

    #[test]
    fn without_arguments_they_come_with_the_command_and_the_stream_stays() {
        let text =
            b"{\"command\":\"run\",\"config\":{\"arguments\":[\"--lines\",\"5\"]}}\n{\"data\":1}\n";
        let (mut stdin, mut stdout) = (&text[..], Vec::new());
        let taken = arguments(words(&["sink"]), &mut stdin, &mut stdout).unwrap();
        assert_eq!(taken, ["sink", "--lines", "5"]);
        assert_eq!(stdin, b"{\"data\":1}\n");
        assert_eq!(stdout, b"{\"status\":\"ready\"}\n");
    }

    #[test]
    fn another_first_line_is_an_error_and_nothing_is_said() {
        let mut stdout = Vec::new();
        let outcome = arguments(words(&["sink"]), &b"{\"data\":1}\n"[..], &mut stdout);
        assert!(outcome.unwrap_err().to_string().contains("config.arguments"));
        assert!(stdout.is_empty());
    }
}
