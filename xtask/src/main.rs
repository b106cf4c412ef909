//! The project's own chores: `cargo xtask --help`.

mod bench;
mod cargo;
mod chaos;
mod compare;
mod servers;
mod test;
mod tidy;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "The project's own chores")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run every test there is, also those that need real servers. Missing ones are installed first
    /// where that can be done: as root, on Debian and its kin, by `apt-get install`.
    Test(test::Arguments),
    /// Check the house rules that no compiler knows.
    Tidy,
    /// Run the benches, in the dist profile: micro benches, then the whole relay between processes.
    /// Takes about six minutes.
    Bench {
        /// Run each of them once, on little, in the dev profile: they must run, no time counts.
        #[arg(long)]
        quick: bool,
        /// Run those whose name holds this, such as `framing` or `relay/splice/515B`.
        name: Option<String>,
    },
    /// Do what a merge needs: formatting, lints, documentation, house rules, tests; benches, quick
    /// start, chaos and comparison once each, in the profile that the tests are built in.
    Ci(test::Arguments),
    Compare(Box<compare::Arguments>),
    Chaos(chaos::Arguments),
    /// Be the output that `chaos` kills.
    #[command(hide = true)]
    Sink {
        path: PathBuf,
    },
}

fn main() -> ExitCode {
    match perform(std::env::args_os()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            let _ = writeln!(std::io::stderr(), "error: {what}");
            ExitCode::FAILURE
        }
    }
}

/// Does what a command line says; its first word is this program's name.
fn perform<W: Into<OsString> + Clone>(line: impl IntoIterator<Item = W>) -> Result<(), String> {
    match Arguments::parse_from(line).chore {
        Chore::Test(arguments) => test::all(&arguments),
        Chore::Tidy => tidy::check(),
        Chore::Bench { quick: true, name } => bench::once(name.as_deref()),
        Chore::Bench { quick: false, name } => bench::measure(name.as_deref()),
        Chore::Ci(arguments) => test::ci(&arguments),
        Chore::Compare(arguments) => compare::compare(&arguments),
        Chore::Chaos(arguments) => chaos::chaos(&arguments),
        Chore::Sink { path } => chaos::sink(&path),
    }
}

/// The repository's root.
fn root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map(PathBuf::from).unwrap_or(xtask)
}
