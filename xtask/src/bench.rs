//! The benches, to run or to measure.

use crate::cargo::run;

/// Runs each once, in the profile that the tests have been built in: what a merge needs to know is
/// that they still run and find what they expect.
pub(crate) fn once(name: Option<&str>) -> Result<(), String> {
    run(&format!("cargo test --quiet --workspace --bench engine -- {}", name.unwrap_or_default()))
}

/// Measures, in the dist profile.
pub(crate) fn measure(name: Option<&str>) -> Result<(), String> {
    run(&format!(
        "cargo bench --profile dist --package dstream-benches -- {}",
        name.unwrap_or_default()
    ))
}
