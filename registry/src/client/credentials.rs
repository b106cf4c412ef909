//! Who we say we are.

use std::fmt;

/// What is said to a registry that asks who is there.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// User name and password, or a token in the place of one.
    Password {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// A refresh token, to be exchanged for one of access.
    IdentityToken(String),
}

/// Never shows a secret.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// A credential and where it was found, in words: "DSTREAM_REGISTRY_USERNAME".
#[derive(Debug, Clone)]
pub struct FoundCredential {
    /// What is sent.
    pub credential: Credential,
    /// Where it is from.
    pub origin: &'static str,
}

/// Finds the credentials for a registry. Asked once a registry, and only if the registry asks.
pub trait CredentialSource: Send + Sync {
    /// The credentials for a host with its port, if there are any; else why they cannot be read.
    ///
    /// # Errors
    ///
    /// In words, without any secret.
    fn find(&self, registry: &str) -> Result<Option<FoundCredential>, String>;
}

/// What was said of ourselves with a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Nothing.
    Nothing,
    /// Credentials, from there.
    From(&'static str),
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("no credentials were sent"),
            Self::From(origin) => write!(f, "credentials were sent, from {origin}"),
        }
    }
}
