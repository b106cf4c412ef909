//! Credentials, where people keep them: the environment, Docker's file and helpers, Podman's.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use docker_credential::{
    CredentialRetrievalError as Missing, DockerCredential, get_credential_from_reader,
};
use dstream_registry::client::{Credential, CredentialSource, FoundCredential};

use crate::failures::Problem;

/// The credentials that this machine has.
pub(super) struct HostCredentials;

impl CredentialSource for HostCredentials {
    fn find(&self, registry: &str) -> Result<Option<FoundCredential>, String> {
        if let Ok(Some(found)) = from_environment() {
            return Ok(Some(found));
        }
        for (file, origin) in files() {
            if let Some(found) = in_file(&file, registry, origin)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

/// The files that may have credentials, in the order in which they count.
fn files() -> Vec<(PathBuf, &'static str)> {
    const DOCKER: &str = "Docker's config.json";
    const PODMAN: &str = "Podman's auth.json";
    let folder =
        |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = |rest: &str| folder("HOME").map(|home| home.join(rest));
    let docker = folder("DOCKER_CONFIG").or_else(|| home(".docker"));
    let podman = match folder("REGISTRY_AUTH_FILE") {
        Some(named) => vec![Some(named)],
        None => vec![
            folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
            home(".config/containers/auth.json"),
        ],
    };
    let docker = docker.map(|folder| (folder.join("config.json"), DOCKER));
    let podman = podman.into_iter().flatten().map(|file| (file, PODMAN));
    docker.into_iter().chain(podman).collect()
}

fn in_file(
    file: &Path,
    registry: &str,
    origin: &'static str,
) -> Result<Option<FoundCredential>, String> {
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", file.display())),
    };
    let find = |name: &str| get_credential_from_reader(text.as_slice(), name);
    // Docker has the credentials of its own registry under an older name.
    let found = match registry {
        "docker.io" => match find("https://index.docker.io/v1/") {
            Err(Missing::NoCredentialConfigured) => find(registry),
            other => other,
        },
        _ => find(registry),
    };
    understood(found, origin).map_err(|what| format!("{what} ({})", file.display()))
}

/// Whether the environment names an account whole, or none: said before anything is asked.
pub(super) fn check_environment() -> Result<(), Problem> {
    from_environment().map(|_| ())
}

fn from_environment() -> Result<Option<FoundCredential>, Problem> {
    const USERNAME: &str = "DSTREAM_REGISTRY_USERNAME";
    const PASSWORD: &str = "DSTREAM_REGISTRY_PASSWORD";
    let alone = |set: &str, other: &str| {
        Problem::new(format!("{set} is set without {other}")).hint("set both, or neither")
    };
    match (super::text(USERNAME)?, super::text(PASSWORD)?) {
        (Some(username), Some(password)) => Ok(Some(FoundCredential {
            credential: Credential::Password { username, password },
            origin: USERNAME,
        })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(alone(USERNAME, PASSWORD)),
        (None, Some(_)) => Err(alone(PASSWORD, USERNAME)),
    }
}

fn understood(
    found: Result<DockerCredential, Missing>,
    origin: &'static str,
) -> Result<Option<FoundCredential>, String> {
    match found {
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
        Err(Missing::NoCredentialConfigured) => Ok(None),
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
            Err(format!("the credential helper that {origin} names sent an invalid answer"))
        }
        Err(_) => Err(format!("the entry in {origin} cannot be read")),
    }
}
