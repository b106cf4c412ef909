//! Before a run: what `dstream_prepare` makes of its providers, shown.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dstream_config::Settings;
use dstream_prepare::{ConfigCheck, LockPolicy, PrepareError, prepare, references};
use dstream_reference::Reference;
use dstream_registry::artifact::Platform;
use dstream_registry::fetch::FetchError;
use dstream_registry::lock::Lock;
use dstream_task::Task;
use tracing::{info, warn};

use crate::arguments::Global;
use crate::failures::Problem;
use crate::{diagnostics, exit};

/// The executables of references.
pub(crate) type Provided = BTreeMap<Reference, PathBuf>;

/// Prepares the providers of these tasks. What is wrong has been printed; the error is the exit
/// status.
pub(crate) fn provide(
    global: &Global,
    settings: &Settings,
    tasks: &[Task],
    policy: LockPolicy,
) -> Result<Provided, u8> {
    // A run of built-in providers needs no cache, no lock file and no credentials.
    if references(tasks).is_empty() {
        return Ok(Provided::new());
    }
    let lock = read_lock(global)?;
    let fetcher = super::fetcher(global, settings).map_err(|problem| refuse(&problem))?;
    let prepared =
        prepare(tasks, &fetcher, lock.as_ref(), policy).map_err(|error| refused(&error))?;
    show(&prepared.configs);
    if !prepared.unlocked.is_empty() {
        let unlocked = prepared.unlocked.iter();
        let unlocked: Vec<String> = unlocked
            .map(|(reference, manifest)| format!("{reference} ({} here)", manifest.short()))
            .collect();
        info!(
            "not locked: {}; `dstream provider lock` makes them mean the same everywhere",
            unlocked.join(", ")
        );
    }
    Ok(prepared.executables)
}

fn refused(error: &PrepareError) -> u8 {
    match error {
        PrepareError::NotLocked(missing) => {
            for missing in missing {
                let problem = Problem::new(format!("{missing}, and --locked was given"));
                refuse(&problem.hint("dstream provider lock"));
            }
            exit::USAGE
        }
        PrepareError::NoPlatform => refuse(&no_platform()),
        PrepareError::Fetch(error) => failed(error),
        PrepareError::Config(configs) => {
            show(configs);
            exit::USAGE
        }
    }
}

fn show(configs: &ConfigCheck) {
    diagnostics::print(&configs.diagnostics);
    for (reference, error) in &configs.unusable {
        warn!(
            "the config of `{reference}` is not checked: its config_schema cannot be used: {error}"
        );
    }
}

/// The lock file beside the configuration.
pub(crate) fn read_lock(global: &Global) -> Result<Option<Lock>, u8> {
    Lock::read(&Lock::path_beside(&global.config)).map_err(|error| {
        let problem = Problem::new(error.to_string()).hint(error.hint());
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        refuse(&match cause {
            Some(cause) => problem.cause(cause),
            None => problem,
        })
    })
}

pub(crate) fn this_platform() -> Result<Platform, u8> {
    Platform::here().ok_or_else(|| refuse(&no_platform()))
}

fn no_platform() -> Problem {
    Problem::new("providers are not published for this machine")
        .hint("build the provider for it and name it with provider_path")
}

fn refuse(problem: &Problem) -> u8 {
    problem.print();
    exit::USAGE
}

/// Prints why there is no executable; gives the exit status.
pub(crate) fn failed(error: &FetchError) -> u8 {
    Problem::new(error.to_string()).hint(error.hint()).print();
    status_of(error)
}

/// What a command exits with that has no executable for this reason.
pub(crate) fn status_of(error: &FetchError) -> u8 {
    if error.is_refusal() { exit::USAGE } else { exit::FAILED }
}
