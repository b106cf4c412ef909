//! The client of a registry: the OCI distribution protocol, version 1.1, over HTTP.
//!
//! Requests are our own, on reqwest; `oci-client` gives the types of manifests. Its client reads
//! bodies of any length into memory, hides `Retry-After`, sends a password to whatever token service
//! it is sent to, and panics on a token with a line break: a registry must not be able to do that.

mod address;
mod authorization;
mod body;
mod credentials;
mod error;
mod exchange;
mod pull;
mod push;
mod retry;

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use reqwest::Certificate;
use reqwest::blocking::Client;
use reqwest::redirect::{Attempt, Policy};

use crate::limits::{CONNECT_TIMEOUT, REDIRECTS_MAX};
use address::Address;
use authorization::{Authorization, Scope};

pub use credentials::{Credential, CredentialSource, FoundCredential, Sent};
pub use error::RegistryError;
pub(crate) use pull::{BlobBody, ManifestBytes};
pub(crate) use retry::Attempts;

/// How registries are spoken to.
#[derive(Clone)]
pub struct RegistrySettings {
    /// Hosts, with their ports, that may be spoken to in plain HTTP. This machine always may.
    pub insecure_registries: Vec<String>,
    /// Certificates, in PEM, that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Who we are.
    pub credentials: Arc<dyn CredentialSource>,
    /// How long a registry may keep silent, and how often it has to have sent something of use.
    pub timeout: Duration,
    /// Called before each wait.
    pub on_retry: Arc<OnRetry>,
}

/// Called before each wait with what went wrong, and how long the wait is.
pub type OnRetry = dyn Fn(&RegistryError, Duration) + Send + Sync;

/// One registry.
pub(crate) struct Registry {
    address: Address,
    http: Client,
    settings: RegistrySettings,
    credential: OnceLock<Result<Option<FoundCredential>, String>>,
    authorizations: Mutex<HashMap<Scope, Authorization>>,
}

impl Registry {
    /// Prepares to speak to a registry, a host with an optional port; sends nothing.
    pub(crate) fn new(name: &str, settings: &RegistrySettings) -> Result<Self, RegistryError> {
        let address = Address::new(name, &settings.insecure_registries);
        let http = client(&address, settings, Policy::custom(follow))?;
        Ok(Self {
            address,
            http,
            settings: settings.clone(),
            credential: OnceLock::new(),
            authorizations: Mutex::default(),
        })
    }

    /// A client for what must not be sent to another place than it is meant for.
    fn unredirected(&self) -> Result<Client, RegistryError> {
        client(&self.address, &self.settings, Policy::none())
    }

    /// How long an answer that is read whole may take to come.
    pub(crate) fn patience(&self) -> Duration {
        self.settings.timeout * 2
    }

    /// Host and port.
    pub(crate) fn name(&self) -> &str {
        &self.address.name
    }
}

fn client(
    address: &Address,
    settings: &RegistrySettings,
    redirects: Policy,
) -> Result<Client, RegistryError> {
    // One provider for the process; whoever was first is as good as we are.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut http = Client::builder()
        .user_agent(concat!("dstream/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT.min(settings.timeout))
        .timeout(settings.timeout)
        .redirect(redirects);
    if address.is_loopback() {
        http = http.no_proxy();
    }
    if let Some(file) = &settings.ca_file {
        let bad = |cause: String| RegistryError::CaFile { file: file.display().to_string(), cause };
        let pem = fs::read(file).map_err(|error| bad(error.to_string()))?;
        let certificates =
            Certificate::from_pem_bundle(&pem).map_err(|error| bad(error::cause_of(&error)))?;
        if certificates.is_empty() {
            return Err(bad("it holds none".to_owned()));
        }
        http = http.tls_certs_merge(certificates);
    }
    http.build().map_err(|error| RegistryError::Unreachable {
        registry: address.name.clone(),
        cause: error::cause_of(&error),
    })
}

/// Which redirects are followed: a few, and none that leaves HTTPS. (reqwest drops credentials where
/// the host or port changes.)
fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let was_https = attempt.previous().last().is_some_and(|url| url.scheme() == "https");
    if attempt.previous().len() > REDIRECTS_MAX {
        attempt.error("too many redirects")
    } else if !matches!(attempt.url().scheme(), "http" | "https") {
        attempt.error("a redirect to something other than an HTTP address")
    } else if was_https && attempt.url().scheme() != "https" {
        attempt.error("a redirect from HTTPS to plain HTTP")
    } else {
        attempt.follow()
    }
}
