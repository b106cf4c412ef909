//! The providers that tasks name by reference: locked, fetched, trusted, and given a config that fits.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dstream_reference::Reference;
use dstream_registry::artifact::{Digest, Platform};
use dstream_registry::fetch::{FetchError, Fetched, Fetcher, Freshness, Publication};
use dstream_registry::fetch::{PublishError, Published};
use dstream_registry::lock::{ANY_PLATFORM, Lock, Pin};
use dstream_registry::signature::PrivateKey;
use dstream_task::{Diagnostics, ProviderBlock, ProviderRef, Task};
use thiserror::Error;

use crate::config_schema::{ConfigSchema, SchemaError, diagnose};

/// What is required of the lock file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockPolicy {
    /// A reference that it does not have is fetched all the same.
    Optional,
    /// It has every reference, for this platform: `--locked`.
    Required,
}

/// The providers of some tasks, ready to be started.
#[derive(Debug, Default)]
pub struct Prepared {
    /// The executable of each reference.
    pub executables: BTreeMap<Reference, PathBuf>,
    /// What their schemas say about the configs: warnings.
    pub configs: ConfigCheck,
    /// References that may mean other bytes elsewhere, and the manifests that they led to here.
    pub unlocked: Vec<(Reference, Digest)>,
}

/// What schemas say about configs.
#[derive(Debug, Default)]
pub struct ConfigCheck {
    /// What is wrong, at its place in the HCL file.
    pub diagnostics: Diagnostics,
    /// Providers whose schema cannot be used: the publisher's mistake does not stop those who use
    /// the provider.
    pub unusable: Vec<(Reference, SchemaError)>,
}

/// Why tasks cannot run with the providers that they name.
#[derive(Debug, Error)]
pub enum PrepareError {
    /// The lock file was required, and does not have these.
    #[error("not everything is locked")]
    NotLocked(Vec<NotLocked>),
    /// No provider is published for a machine like this one.
    #[error("providers are not published for this machine")]
    NoPlatform,
    /// A provider cannot be fetched, is not the one that is locked, or is not trusted.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A config is not what its provider expects.
    #[error("the config of a provider is wrong")]
    Config(ConfigCheck),
}

/// A reference that is not locked here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotLocked {
    /// The lock file does not have it.
    #[error("`{0}` is not in the lock file")]
    Missing(Reference),
    /// The lock file has the executables of other platforms.
    #[error("`{0}` is locked for other platforms than this one")]
    OtherPlatforms(Reference),
}

/// The references of these tasks, each once, in the order of the tasks.
pub fn references(tasks: &[Task]) -> Vec<&Reference> {
    let mut references = Vec::new();
    for (_, reference) in named_by_reference(tasks) {
        if !references.contains(&reference) {
            references.push(reference);
        }
    }
    references
}

fn named_by_reference(tasks: &[Task]) -> impl Iterator<Item = (&ProviderBlock, &Reference)> {
    let blocks = tasks.iter().flat_map(|task| std::iter::once(&task.input).chain(&task.outputs));
    blocks.filter_map(|block| match &block.provider {
        ProviderRef::Oci(reference) => Some((block, reference)),
        ProviderRef::Builtin(_) | ProviderRef::Path(_) => None,
    })
}

/// Makes the providers of these tasks ready: each is locked as `policy` requires, is the one that
/// `lock` has, is signed as the fetcher's settings demand, and its config fits its schema. After
/// this, a run needs no network.
///
/// # Errors
///
/// The first of these that does not hold. What was fetched until then stays in the cache.
pub fn prepare(
    tasks: &[Task],
    fetcher: &Fetcher,
    lock: Option<&Lock>,
    policy: LockPolicy,
) -> Result<Prepared, PrepareError> {
    let pin = |reference: &Reference| lock.and_then(|lock| lock.pins.get(reference));
    let references = references(tasks);
    if references.is_empty() {
        return Ok(Prepared::default());
    }
    let platform = Platform::here();
    if policy == LockPolicy::Required {
        let missing = |reference: &&Reference| not_locked(reference, pin(reference), platform);
        let missing: Vec<NotLocked> = references.iter().filter_map(missing).collect();
        if !missing.is_empty() {
            return Err(PrepareError::NotLocked(missing));
        }
    }
    let platform = platform.ok_or(PrepareError::NoPlatform)?;
    let mut fetched = BTreeMap::new();
    for reference in references {
        let found = fetcher.fetch(reference, platform, pin(reference), Freshness::Cached)?;
        fetched.insert(reference.clone(), found);
    }
    let configs = check_configs(tasks, &fetched);
    if configs.diagnostics.has_errors() {
        return Err(PrepareError::Config(configs));
    }
    let unlocked = fetched.values().filter(|fetched| {
        pin(&fetched.reference).is_none() && fetched.reference.digest().is_none()
    });
    Ok(Prepared {
        configs,
        unlocked: unlocked
            .map(|fetched| (fetched.reference.clone(), fetched.manifest.clone()))
            .collect(),
        executables: fetched
            .into_iter()
            .map(|(reference, fetched)| (reference, fetched.path))
            .collect(),
    })
}

fn not_locked(
    reference: &Reference,
    pin: Option<&Pin>,
    platform: Option<Platform>,
) -> Option<NotLocked> {
    let Some(pin) = pin else { return Some(NotLocked::Missing(reference.clone())) };
    let has = |key: &str| pin.executables.contains_key(key);
    let is_here = has(ANY_PLATFORM) || platform.is_some_and(|platform| has(&platform.key()));
    (!is_here).then(|| NotLocked::OtherPlatforms(reference.clone()))
}

/// Checks each block's config by what its provider says it may hold.
fn check_configs(tasks: &[Task], fetched: &BTreeMap<Reference, Fetched>) -> ConfigCheck {
    let mut check = ConfigCheck::default();
    for (block, reference) in named_by_reference(tasks) {
        let metadata = fetched.get(reference).and_then(|fetched| fetched.metadata.as_ref());
        let Some(schema) = metadata.and_then(|metadata| metadata.config_schema.as_ref()) else {
            continue;
        };
        match ConfigSchema::read(schema) {
            Ok(schema) => {
                check.diagnostics.0.extend(diagnose(block, &schema, reference.as_str()).0);
            }
            Err(error) => check.unusable.push((reference.clone(), error)),
        }
    }
    check
}

/// Publishes a provider whose `config_schema`, if it has one, can be used.
///
/// # Errors
///
/// If it cannot, and as [`Fetcher::publish`].
pub fn publish(
    fetcher: &Fetcher,
    reference: &Reference,
    publication: &Publication,
    key: Option<&PrivateKey>,
) -> Result<Published, PublishError> {
    if let Some(schema) = publication.metadata.get("config_schema") {
        ConfigSchema::read(schema)
            .map_err(|error| PublishError::Metadata(format!("its config_schema: {error}")))?;
    }
    fetcher.publish(reference, publication, key)
}
