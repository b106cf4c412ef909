//! Credentials, where people keep them: the environment, Docker's file and helpers, Podman's.

use std::env;

use docker_credential::{
    CredentialRetrievalError as Missing, DockerCredential, get_credential, get_podman_credential,
};
use dstream_engine::registry::{Credential, CredentialSource, FoundCredential};

/// The credentials that this machine has.
pub(super) struct HostCredentials;

impl CredentialSource for HostCredentials {
    fn find(&self, registry: &str) -> Result<Option<FoundCredential>, String> {
        if let Some(found) = from_environment()? {
            return Ok(Some(found));
        }
        let docker = read(|| docker(registry), "Docker's config.json")?;
        match docker {
            Some(found) => Ok(Some(found)),
            None => read(|| get_podman_credential(registry), "Podman's auth.json"),
        }
    }
}

fn from_environment() -> Result<Option<FoundCredential>, String> {
    let [username, password] = ["DSTREAM_REGISTRY_USERNAME", "DSTREAM_REGISTRY_PASSWORD"]
        .map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    match (username, password) {
        (Some(username), Some(password)) => Ok(Some(FoundCredential {
            credential: Credential::Password { username, password },
            origin: "DSTREAM_REGISTRY_USERNAME",
        })),
        (None, None) => Ok(None),
        (Some(_), None) => {
            Err("DSTREAM_REGISTRY_USERNAME is set without DSTREAM_REGISTRY_PASSWORD".to_owned())
        }
        (None, Some(_)) => {
            Err("DSTREAM_REGISTRY_PASSWORD is set without DSTREAM_REGISTRY_USERNAME".to_owned())
        }
    }
}

/// Docker has the credentials of its own registry under an older name.
fn docker(registry: &str) -> Result<DockerCredential, Missing> {
    if registry != "docker.io" {
        return get_credential(registry);
    }
    match get_credential("https://index.docker.io/v1/") {
        Err(Missing::NoCredentialConfigured) => get_credential(registry),
        other => other,
    }
}

fn read(
    find: impl FnOnce() -> Result<DockerCredential, Missing>,
    origin: &'static str,
) -> Result<Option<FoundCredential>, String> {
    match find() {
        Ok(DockerCredential::UsernamePassword(username, token)) if username == "<token>" => {
            let credential = Credential::IdentityToken(token);
            Ok(Some(FoundCredential { credential, origin }))
        }
        Ok(DockerCredential::UsernamePassword(username, password)) => {
            let credential = Credential::Password { username, password };
            Ok(Some(FoundCredential { credential, origin }))
        }
        Ok(DockerCredential::IdentityToken(token)) => {
            let credential = Credential::IdentityToken(token);
            Ok(Some(FoundCredential { credential, origin }))
        }
        // A file that is not there says the same as one without this registry.
        Err(Missing::NoCredentialConfigured | Missing::ConfigNotFound) => Ok(None),
        Err(Missing::ConfigReadError) => Ok(None),
        // A helper says so where it has none. What else it prints may be a secret.
        Err(Missing::HelperFailure { stdout, stderr, .. })
            if [&stdout, &stderr].iter().any(|text| text.contains("not found")) =>
        {
            Ok(None)
        }
        Err(Missing::HelperFailure { helper, .. }) => {
            Err(format!("the credential helper `{helper}` of {origin} failed"))
        }
        Err(Missing::HelperCommunicationError) => {
            Err(format!("the credential helper that {origin} names cannot be run"))
        }
        Err(Missing::MalformedHelperResponse) => {
            Err(format!("the credential helper that {origin} names answered nonsense"))
        }
        Err(_) => Err(format!("what {origin} says of it cannot be read")),
    }
}
