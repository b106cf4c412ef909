//! What can go wrong with a registry, distinguished by what a person would do about it.

use std::error::Error as _;
use std::time::Duration;

use thiserror::Error;

use super::credentials::Sent;

/// Why a registry did not do what it was asked for.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum RegistryError {
    #[error("the registry {registry} cannot be reached: {cause}")]
    Unreachable { registry: String, cause: String },
    #[error("the registry {registry} broke off: {what}")]
    BrokenOff { registry: String, what: String },
    #[error("the registry {registry} stalled: {what}")]
    Stalled { registry: String, what: String },
    #[error("no access to {repository} at {registry} ({status}{detail}); {sent}")]
    NoAccess { registry: String, repository: String, status: u16, detail: String, sent: Sent },
    #[error("{repository} at {registry} has no {} `{wanted}` ({sent})", if wanted.contains("sha") && wanted.contains(':') { "digest" } else { "tag" })]
    NoManifest { registry: String, repository: String, wanted: String, sent: Sent },
    #[error("the registry {registry} has no repository `{repository}` ({sent})")]
    NoRepository { registry: String, repository: String, sent: Sent },
    #[error("{repository} at {registry} lacks the blob {digest}, which its manifest names")]
    NoBlob { registry: String, repository: String, digest: String },
    #[error("the registry {registry} asks to wait {} s before the next request", .wait.as_secs())]
    Busy { registry: String, wait: Duration },
    #[error("the registry {registry} answered {status}{detail}")]
    Server { registry: String, status: u16, detail: String },
    #[error("the registry {registry} sent too much: {what} is larger than {limit_bytes} bytes")]
    TooLarge { registry: String, what: &'static str, limit_bytes: u64 },
    #[error("unexpected answer from the registry {registry}: {what}")]
    Protocol { registry: String, what: String },
    #[error("no token for {repository} from {realm}: {what}; {sent}")]
    Token { repository: String, realm: String, what: String, sent: Sent },
    #[error("the token service {realm}, which {registry} names, {what}; {sent}")]
    TokenService { registry: String, realm: String, what: String, sent: Sent, passing: bool },
    #[error("the credentials for {registry} cannot be read: {cause}")]
    Credentials { registry: String, cause: String },
    #[error("the certificates of {file} cannot be used: {cause}")]
    CaFile { file: String, cause: String },
}

impl RegistryError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { cause, .. } if cause.contains("certificate") => {
                "name the registry's own certificate authority: dstream { ca_file = \"ca.pem\" } or DSTREAM_CA_FILE"
            }
            Self::Unreachable { .. } => {
                "check the host name, the network and HTTPS_PROXY; a registry on plain HTTP must be named in dstream { insecure_registries = […] }"
            }
            Self::BrokenOff { .. } => {
                "try again: what has arrived is kept; a proxy in between may cut long answers"
            }
            Self::Stalled { .. } => {
                "try again: what has arrived is kept; DSTREAM_REGISTRY_TIMEOUT=2m gives a slow registry more time"
            }
            Self::NoAccess { sent: Sent::Nothing, .. }
            | Self::Token { sent: Sent::Nothing, .. } => {
                "log in with `docker login`, `podman login`, or set DSTREAM_REGISTRY_USERNAME and DSTREAM_REGISTRY_PASSWORD; a misspelt name looks the same"
            }
            Self::NoAccess { .. } | Self::Token { .. } => {
                "check that the account may do this and that its password or token has not expired"
            }
            Self::NoManifest { .. } => {
                "check the tag; `dstream provider inspect` shows what a reference is"
            }
            Self::NoRepository { .. } => {
                "check the name; many registries hide what one may not see"
            }
            Self::NoBlob { .. } => "the artifact is damaged: push it again",
            Self::Busy { .. } => "wait; a login usually raises a registry's limits",
            Self::Server { status: 429 | 500..=599, .. } => {
                "try again later; the registry's own log says more"
            }
            Self::TokenService { passing: true, .. } => {
                "try again later; check that this host, too, can be reached from here"
            }
            Self::TokenService { .. } => {
                "is the registry's name right? its own token service gives a token over HTTPS, and a password goes nowhere else"
            }
            Self::Server { .. } | Self::TooLarge { .. } | Self::Protocol { .. } => {
                "is this really a registry? a proxy or a login page in between answers like this"
            }
            Self::Credentials { .. } => "check the file and the credential helper that it names",
            Self::CaFile { .. } => "it has to hold certificates in PEM form",
        }
    }

    /// Whether the same request may succeed a little later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { cause, .. } => !cause.contains("certificate"),
            Self::Stalled { .. } | Self::BrokenOff { .. } => true,
            Self::TokenService { passing, .. } => *passing,
            Self::Server { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// Whether the registry does not have what was asked for.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::NoManifest { .. } | Self::NoRepository { .. } | Self::NoBlob { .. })
    }
}

/// A failure, and what the registry said of when to come back.
pub(super) struct Failed {
    pub(super) error: RegistryError,
    pub(super) wait: Option<Duration>,
}

impl From<RegistryError> for Failed {
    fn from(error: RegistryError) -> Self {
        Self { error, wait: None }
    }
}

/// The innermost cause, which says what happened and holds no URL.
pub(super) fn cause_of(error: &reqwest::Error) -> String {
    let mut innermost = error.source();
    while let Some(source) = innermost.and_then(|error| error.source()) {
        innermost = Some(source);
    }
    match innermost {
        Some(source) => source.to_string(),
        None if error.is_timeout() => "no connection in time".to_owned(),
        None => "the exchange failed".to_owned(),
    }
}
