//! All tests, and what a merge needs besides.

use std::process::Command;

use crate::cargo::{Profile, build, run, run_command, run_with};
use crate::{servers, tidy};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Install nothing: leave out the tests whose servers are missing.
    #[arg(long)]
    no_install: bool,
}

/// Every test, those included that start real servers.
pub(crate) fn all(arguments: &Arguments) -> Result<(), String> {
    tidy::check()?;
    run_with("cargo test --workspace", servers::prepare(!arguments.no_install))
}

/// What `.ci/run` calls. Everything that is run is what the tests were built with; that the comparison
/// and the chaos run is all that they show here.
pub(crate) fn ci(arguments: &Arguments) -> Result<(), String> {
    run("cargo fmt --all --check")?;
    run("cargo clippy --workspace --all-targets --quiet -- -D warnings")?;
    run_with(
        "cargo doc --workspace --no-deps --document-private-items --quiet",
        &[("RUSTDOCFLAGS", "-D warnings")],
    )?;
    all(arguments)?;
    let dstream = build(Profile::Dev, ["dstream"])?.join("dstream");
    for task in ["quickstart", "replay"] {
        let mut command = Command::new(&dstream);
        command.args(["run", task]);
        run_command(command)?;
    }
    for chore in ["bench", "chaos", "compare"] {
        crate::perform(["xtask", chore, "--quick"])?;
    }
    Ok(())
}
