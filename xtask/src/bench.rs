//! The benches, to run or to measure.

use crate::run;

/// Runs each once, in the profile that the tests have been built in: what a merge needs to know is
/// that they still run and find what they expect.
///
/// `--workspace`, so that nothing is built once more with fewer features.
pub(crate) fn once(name: Option<&str>) -> Result<(), String> {
    run(&format!("cargo test --quiet --workspace --bench engine -- {}", name.unwrap_or_default()))
}

/// Measures, in the release profile.
pub(crate) fn measure(name: Option<&str>) -> Result<(), String> {
    run(&format!("cargo bench --package dstream-benches -- {}", name.unwrap_or_default()))
}
