//! The project's own chores: `cargo xtask --help`.

mod bench;
mod chaos;
mod compare;
mod servers;
mod test;
mod tidy;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "The project's own chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run every test there is, also those that need more than `cargo test` has.
    Test,
    /// Check the house rules that no compiler knows.
    Tidy,
    /// Run the benches, in the release profile: micro benches, then the whole relay between
    /// processes. Takes about six minutes.
    Bench {
        /// Run each of them once, on little, in the dev profile: they must run, no time counts.
        #[arg(long)]
        quick: bool,
        /// Run those whose name holds this, such as `framing` or `relay/splice/515B`.
        name: Option<String>,
    },
    /// Do what a merge needs: formatting, lints, documentation, house rules, tests, benches, the
    /// quick start.
    Ci,
    Compare(Box<compare::Arguments>),
    Chaos(chaos::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Chore::Test => test::all(),
        Chore::Tidy => tidy::check(),
        Chore::Bench { quick: true, name } => bench::once(name.as_deref()),
        Chore::Bench { quick: false, name } => bench::measure(name.as_deref()),
        Chore::Ci => test::ci(),
        Chore::Compare(arguments) => compare::compare(&arguments),
        Chore::Chaos(arguments) => chaos::chaos(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            let _ = writeln!(std::io::stderr(), "error: {what}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root.
fn root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map(PathBuf::from).unwrap_or(xtask)
}

/// Runs a command line in the root and shows it first.
fn run(line: &str) -> Result<(), String> {
    run_with(line, &[])
}

/// The same, with more in its environment.
fn run_with(line: &str, env: &[(&str, &str)]) -> Result<(), String> {
    let mut stderr = std::io::stderr();
    let _ = writeln!(stderr, "\n$ {line}");
    let mut words = line.split_whitespace();
    let program = words.next().unwrap_or_default();
    let mut command = Command::new(program);
    command.args(words).current_dir(root()).envs(env.iter().copied());
    let status = command.status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}`: {status}")),
        Err(error) => Err(format!("cannot run `{line}`: {error}")),
    }
}
