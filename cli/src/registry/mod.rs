//! What the engine needs to fetch providers, out of the environment and the configuration.

mod credentials;
mod progress;
mod provide;

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dstream_config::Settings;
use dstream_reference::Mirror;
use dstream_registry::cache::Cache;
use dstream_registry::client::RegistrySettings;
use dstream_registry::fetch::{FetchSettings, Fetcher};
use tracing::warn;

use crate::arguments::{Global, LogFormat};
use crate::failures::Problem;
use credentials::HostCredentials;
use progress::Progress;

pub(crate) use provide::{Provided, failed, provide, read_lock, status_of, this_platform};

/// How long a registry may be silent by default.
const TIMEOUT: Duration = Duration::from_secs(30);
/// No registry answers faster, over a network.
const TIMEOUT_MIN: Duration = Duration::from_millis(100);
/// The longest that can be asked for.
const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// The cache's folder: `DSTREAM_HOME`, else where the platform keeps caches.
pub(crate) fn cache() -> Result<Cache, Problem> {
    let home = || path("HOME").filter(|home| home.is_absolute());
    let caches = || {
        if cfg!(target_os = "macos") {
            return Some(home()?.join("Library/Caches"));
        }
        // The specification has relative paths ignored.
        let named = path("XDG_CACHE_HOME").filter(|folder| folder.is_absolute());
        named.or_else(|| Some(home()?.join(".cache")))
    };
    let folder = path("DSTREAM_HOME").or_else(|| Some(caches()?.join("dstream")));
    let folder = folder.ok_or_else(|| {
        Problem::new("there is no folder for the cache: HOME is not set")
            .hint("name one: DSTREAM_HOME=/var/cache/dstream")
    })?;
    // A provider is started in another folder than this one, perhaps.
    std::path::absolute(&folder).map(Cache::new).map_err(|error| {
        Problem::new("the cache's folder cannot be found").cause(error.to_string())
    })
}

/// A path of the environment, which need not be text.
fn path(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// A text of the environment.
fn text(name: &str) -> Result<Option<String>, Problem> {
    let Some(value) = env::var_os(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    let value = value.into_string().map(Some);
    value.map_err(|_| Problem::new(format!("{name} is not UTF-8")).hint("set it anew, or unset it"))
}

/// What fetches providers as the environment and the `dstream` block say; the environment first.
pub(crate) fn fetcher(global: &Global, settings: &Settings) -> Result<Fetcher, Problem> {
    let mirror = match text("DSTREAM_MIRROR")? {
        Some(mirror) => Some(Mirror::parse(&mirror, Path::new("")).map_err(|what| {
            Problem::new(format!("DSTREAM_MIRROR is wrong: {what}"))
                .hint("a registry (registry.lan:5000/mirror) or a folder (./providers)")
        })?),
        None => settings.mirror.clone(),
    };
    let timeout = match text("DSTREAM_REGISTRY_TIMEOUT")? {
        Some(timeout) => crate::arguments::duration(&timeout)
            .and_then(|timeout| match (TIMEOUT_MIN..=TIMEOUT_MAX).contains(&timeout) {
                true => Ok(timeout),
                false => Err("it must be between 100ms and 1h".to_owned()),
            })
            .map_err(|what| Problem::new(format!("DSTREAM_REGISTRY_TIMEOUT is wrong: {what}")))?,
        None => TIMEOUT,
    };
    credentials::check_environment()?;
    let registry = RegistrySettings {
        insecure_registries: settings.insecure_registries.clone(),
        ca_file: path("DSTREAM_CA_FILE").or_else(|| settings.ca_file.clone()),
        credentials: Arc::new(HostCredentials),
        timeout,
        on_retry: Arc::new(|error, pause| {
            warn!("{error}; retrying in {:.1} s", pause.as_secs_f32());
        }),
    };
    let settings = FetchSettings { registry, mirror, trust: settings.trust.clone() };
    let observer = Arc::new(Progress::new(global.log_format == LogFormat::Text));
    Ok(Fetcher::new(cache()?, settings, observer))
}
