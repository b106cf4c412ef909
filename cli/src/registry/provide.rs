//! Before a run: every provider that is named by reference, on this machine, as the lock file says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dstream_config::Settings;
use dstream_prepare::{ConfigSchema, diagnose};
use dstream_reference::parse_reference;
use dstream_registry::artifact::Platform;
use dstream_registry::fetch::{FetchError, Fetched, Fetcher, Freshness};
use dstream_registry::lock::Lock;
use dstream_task::ProviderRef;
use dstream_task::Task;
use tracing::{info, warn};

use crate::arguments::Global;
use crate::failures::Problem;
use crate::{diagnostics, exit};

/// The executables of references.
pub(crate) type Provided = BTreeMap<String, PathBuf>;

/// Fetches what these tasks name by reference and checks their configs. What is wrong has been
/// printed; the error is the exit status.
pub(crate) fn provide(
    global: &Global,
    settings: &Settings,
    tasks: &[Task],
    locked: bool,
) -> Result<Provided, u8> {
    let references = references(tasks);
    if references.is_empty() {
        return Ok(Provided::new());
    }
    let lock = read_lock(global)?;
    if locked {
        all_locked(&references, lock.as_ref())?;
    }
    let fetcher = super::fetcher(global, settings).map_err(|problem| refuse(&problem))?;
    let platform = this_platform()?;
    let mut fetched = BTreeMap::new();
    for reference in references {
        let found = fetch(&fetcher, reference, platform, lock.as_ref());
        fetched.insert(reference.to_owned(), found.map_err(|error| failed(&error))?);
    }
    check_configs(tasks, &fetched)?;
    tell_unlocked(&fetched, lock.as_ref());
    Ok(fetched.into_iter().map(|(reference, fetched)| (reference, fetched.path)).collect())
}

/// The references of these tasks, each once, in order.
fn references(tasks: &[Task]) -> Vec<&str> {
    let blocks = tasks.iter().flat_map(|task| std::iter::once(&task.input).chain(&task.outputs));
    let mut references = Vec::new();
    for block in blocks {
        if let ProviderRef::Oci(reference) = &block.provider
            && !references.contains(&reference.as_str())
        {
            references.push(reference);
        }
    }
    references
}

fn fetch(
    fetcher: &Fetcher,
    reference: &str,
    platform: Platform,
    lock: Option<&Lock>,
) -> Result<Fetched, FetchError> {
    let parsed = parse_reference(reference, None).map_err(|error| FetchError::Metadata {
        reference: reference.to_owned(),
        what: error.to_string(),
    })?;
    let pin = lock.and_then(|lock| lock.pins.get(reference));
    fetcher.fetch(&parsed, platform, pin, Freshness::Cached)
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
    Platform::here().ok_or_else(|| {
        refuse(
            &Problem::new("providers are not published for this machine")
                .hint("build the provider for it and name it with provider_path"),
        )
    })
}

fn all_locked(references: &[&str], lock: Option<&Lock>) -> Result<(), u8> {
    let is_locked = |reference: &&str| lock.is_some_and(|lock| lock.pins.contains_key(*reference));
    let here = Platform::here().map(Platform::key).unwrap_or_default();
    let mut refused = false;
    for reference in references {
        let what = match lock.and_then(|lock| lock.pins.get(*reference)) {
            _ if !is_locked(reference) => "is not in the lock file, and --locked was given",
            Some(pin)
                if !pin.executables.contains_key(&here)
                    && !pin.executables.contains_key(dstream_registry::lock::ANY_PLATFORM) =>
            {
                "is locked for other platforms than this one, and --locked was given"
            }
            _ => continue,
        };
        refuse(&Problem::new(format!("`{reference}` {what}")).hint("dstream provider lock"));
        refused = true;
    }
    if refused { Err(exit::USAGE) } else { Ok(()) }
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

/// Checks each block's config by what its provider says it may hold.
fn check_configs(tasks: &[Task], fetched: &BTreeMap<String, Fetched>) -> Result<(), u8> {
    let mut wrong = false;
    for task in tasks {
        for block in std::iter::once(&task.input).chain(&task.outputs) {
            let ProviderRef::Oci(reference) = &block.provider else { continue };
            let metadata = fetched.get(reference).and_then(|fetched| fetched.metadata.as_ref());
            let Some(schema) = metadata.and_then(|metadata| metadata.config_schema.as_ref()) else {
                continue;
            };
            match ConfigSchema::read(schema) {
                Ok(schema) => {
                    let problems = diagnose(block, &schema, reference);
                    wrong |= problems.has_errors();
                    diagnostics::print(&problems);
                }
                // The publisher's mistake need not stop those who use the provider.
                Err(error) => warn!(
                    "the config of `{reference}` is not checked: its config_schema cannot be used: {error}"
                ),
            }
        }
    }
    if wrong { Err(exit::USAGE) } else { Ok(()) }
}

/// Says once what could mean other bytes elsewhere.
fn tell_unlocked(fetched: &BTreeMap<String, Fetched>, lock: Option<&Lock>) {
    let is_open = |reference: &str| {
        let locked = lock.is_some_and(|lock| lock.pins.contains_key(reference));
        !locked && !reference.contains("@sha")
    };
    let open = fetched.iter().filter(|(reference, _)| is_open(reference));
    let open: Vec<String> = open
        .map(|(reference, fetched)| format!("{reference} ({} here)", fetched.manifest.short()))
        .collect();
    if !open.is_empty() {
        info!(
            "not locked: {}; `dstream provider lock` makes them mean the same everywhere",
            open.join(", ")
        );
    }
}
