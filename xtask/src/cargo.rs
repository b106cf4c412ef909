//! Commands that the chores run, cargo above all.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;

use crate::root;

/// What programs are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Profile {
    /// To run: what the tests have been built with.
    Dev,
    /// To use: quick to build.
    Release,
    /// To measure, and what packages hold.
    Dist,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
            Self::Dist => "dist",
        }
    }

    fn folder(self) -> &'static str {
        if self == Self::Dev { "debug" } else { self.name() }
    }
}

/// Builds programs of this workspace. Returns the folder they are in.
pub(crate) fn build<'a>(
    profile: Profile,
    programs: impl IntoIterator<Item = &'a str>,
) -> Result<PathBuf, String> {
    if profile == Profile::Dev {
        // With the tests: without them they would have fewer features, and much would
        // be compiled twice.
        run("cargo build --quiet --workspace --bins --tests")?;
    } else {
        let programs: String =
            programs.into_iter().map(|program| format!(" --bin {program}")).collect();
        let profile = profile.name();
        run(&format!("cargo build --quiet --workspace --profile {profile}{programs}"))?;
    }
    Ok(target_folder()?.join(profile.folder()))
}

/// This program's file. Where cargo has replaced it since it was started, Linux adds a word to the old
/// file's path; the new file serves as well.
pub(crate) fn own_program() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    let replaced = path.to_str().and_then(|path| path.strip_suffix(" (deleted)"));
    Ok(replaced.map(PathBuf::from).unwrap_or(path))
}

/// Cargo's target folder: this program is `TARGET/PROFILE/xtask`.
pub(crate) fn target_folder() -> Result<PathBuf, String> {
    let own = own_program().map_err(|error| format!("cannot find xtask: {error}"))?;
    let target = own.ancestors().nth(2);
    target.map(PathBuf::from).ok_or_else(|| format!("{} is in no target folder", own.display()))
}

/// Runs a command line, whose words hold no spaces, in the repository's root and shows it first.
pub(crate) fn run(line: &str) -> Result<(), String> {
    run_with(line, &[])
}

/// The same, with more in its environment.
pub(crate) fn run_with(line: &str, env: &[(&str, &str)]) -> Result<(), String> {
    let mut words = line.split(' ');
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words.filter(|word| !word.is_empty())).envs(env.iter().copied());
    run_command(command)
}

/// Runs a command in the repository's root and shows it first.
pub(crate) fn run_command(mut command: Command) -> Result<(), String> {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    let line = words.join(" ");
    let _ = writeln!(std::io::stderr(), "\n$ {line}");
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_cargo_run(name.to_str())) {
        command.env_remove(name);
    }
    match command.current_dir(root()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}`: {status}")),
        Err(error) => Err(format!("cannot run `{line}`: {error}")),
    }
}

/// Variables that `cargo run` sets. Some build scripts watch them: where they come and go, crates are
/// compiled again.
fn is_of_cargo_run(name: Option<&str>) -> bool {
    name.is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_does_not_get_what_cargo_run_sets() {
        assert!(is_of_cargo_run(Some("CARGO_MANIFEST_DIR")));
        assert!(is_of_cargo_run(Some("CARGO_PKG_VERSION")));
        assert!(!is_of_cargo_run(Some("CARGO_TARGET_DIR")));
        // `cargo test` sets them for this process too.
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
        run("sh -c exit${CARGO_PKG_NAME:+_with_it}${CARGO_MANIFEST_DIR:+_with_it}").unwrap();
    }
}
