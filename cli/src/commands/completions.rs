//! `dstream completions SHELL`, and what the script that it prints asks for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap_complete::Shell;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::Shells;
use dstream_config::Document;

use crate::configuration::inputs_of;
use crate::exit;
use crate::failures::Problem;

/// Set by the script: the shell that asks.
pub(crate) const COMPLETE: &str = "COMPLETE";

pub(super) fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let written = match shells.completer(&shell.to_string()) {
        Some(shell) => {
            shell.write_registration(COMPLETE, "dstream", "dstream", "dstream", &mut script)
        }
        None => return ExitCode::from(exit::USAGE),
    };
    if let Err(error) = written {
        Problem::new("cannot write the completion script").cause(error.to_string()).print();
        return ExitCode::from(exit::FAILED);
    }
    super::print(&String::from_utf8_lossy(&script))
}

/// The tasks of the file that the command line names; none if it cannot be read.
pub(crate) fn task_candidates() -> Vec<CompletionCandidate> {
    let config = config_of(std::env::args_os());
    let Ok(text) = std::fs::read_to_string(&config) else { return Vec::new() };
    match Document::parse(&config, text, &inputs_of(&config)) {
        Ok((document, _)) => document.task_names().into_iter().map(Into::into).collect(),
        Err(_) => Vec::new(),
    }
}

/// The value of the last `--config` among words that may not be a whole command line yet.
fn config_of(words: impl Iterator<Item = OsString>) -> PathBuf {
    let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let named = words.iter().enumerate().rev().find_map(|(index, word)| match word.as_str() {
        "-c" | "--config" => words.get(index + 1).map(String::as_str),
        word => word.strip_prefix("--config="),
    });
    Path::new(named.unwrap_or("dstream.hcl")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_command_line_that_is_being_written() {
        for (words, expected) in [
            ("dstream run", "dstream.hcl"),
            ("dstream -c a.hcl run", "a.hcl"),
            ("dstream run --config b.hcl x", "b.hcl"),
            ("dstream run --config=c.hcl", "c.hcl"),
            ("dstream --config=c.hcl -c d.hcl run", "d.hcl"),
            ("dstream run -c", "dstream.hcl"),
        ] {
            let words = words.split(' ').map(OsString::from);
            assert_eq!(config_of(words), Path::new(expected));
        }
    }
}
