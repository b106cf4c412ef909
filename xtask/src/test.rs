//! All tests, and what a merge needs besides.

use crate::{bench, run, run_with, servers, tidy};

/// Every test, those included that start real servers.
pub(crate) fn all() -> Result<(), String> {
    tidy::check()?;
    run_with("cargo test --workspace", &servers::prepare())
}

/// What `.ci/run` calls. The comparison only shows that it runs.
pub(crate) fn ci() -> Result<(), String> {
    run("cargo fmt --all --check")?;
    run("cargo clippy --workspace --all-targets --quiet -- -D warnings")?;
    // As it is published, and as it is read by those who change it.
    for items in ["", " --document-private-items"] {
        let line = format!("cargo doc --workspace --no-deps --quiet{items}");
        run_with(&line, &[("RUSTDOCFLAGS", "-D warnings")])?;
    }
    run("cargo xtask test")?;
    bench::once(None)?;
    run("cargo run --release -- run quickstart")?;
    run("cargo run --release -- run replay")?;
    run("cargo xtask chaos --kills 20")?;
    run("cargo xtask compare --quick")
}
