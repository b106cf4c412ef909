//! Publishes a provider: executables of several platforms, in one artifact that any registry takes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use dstream_reference::Reference;
use oci_client::manifest::OCI_IMAGE_MEDIA_TYPE;
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::trust::sign;
use super::{FetchError, Fetcher};
use crate::artifact::{
    Digest, METADATA_TITLE, PROVIDER_ARTIFACT_TYPE, Platform, ProviderMetadata, TITLE,
};
use crate::cache::hash;
use crate::client::Registry;
use crate::limits::{EXECUTABLE_BYTES_MAX, METADATA_BYTES_MAX};
use crate::signature::PrivateKey;

/// The config of an artifact that has none: `{}`.
const EMPTY_MEDIA_TYPE: &str = "application/vnd.oci.empty.v1+json";
const EMPTY: &[u8] = b"{}";

/// What is to be published.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The executable of each platform.
    pub executables: BTreeMap<Platform, PathBuf>,
    /// `provider.json`: an object. Its `platforms` is filled in.
    pub metadata: Map<String, Value>,
    /// Notes on the manifest, by their keys.
    pub annotations: BTreeMap<String, String>,
}

/// What was published.
#[derive(Debug, Clone)]
pub struct Published {
    /// The reference.
    pub reference: Reference,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// What it is made for.
    pub platforms: Vec<Platform>,
    /// Bytes that had to be uploaded.
    pub uploaded_bytes: u64,
    /// Whether it was signed.
    pub signed: bool,
}

/// Why something cannot be published.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum PublishError {
    #[error("there is nothing to publish: no executable of any platform was named")]
    Nothing,
    #[error("`{}` cannot be read: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("`{}` is not an executable: {what}", path.display())]
    NoExecutable { path: PathBuf, what: String },
    #[error("provider.json is not valid: {0}")]
    Metadata(String),
    #[error("a provider is published under a tag, and `{0}` has none")]
    NoTag(Reference),
    #[error(transparent)]
    Fetch(#[from] FetchError),
}

impl PublishError {
    /// What the person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Nothing => {
                "name files plugin.<os>_<arch>, or give them as --platform linux/amd64=PATH"
                    .to_owned()
            }
            Self::Unreadable { .. } => "check the path and its permissions".to_owned(),
            Self::NoExecutable { .. } => "name the file that the build has made".to_owned(),
            Self::Metadata(_) => {
                "it is an object with name, version, description, type, config_schema".to_owned()
            }
            Self::NoTag(_) => "write it like ghcr.io/owner/provider:v1.2.0".to_owned(),
            Self::Fetch(error) => error.hint(),
        }
    }
}

/// A file that goes up as a layer.
struct LayerFile {
    path: PathBuf,
    digest: Digest,
    size_bytes: u64,
    title: String,
}

impl Fetcher {
    /// Publishes a provider, and signs it if there is a key.
    ///
    /// The same files and notes give the same digest, whenever and wherever they are published.
    ///
    /// # Errors
    ///
    /// If a file is no executable of its platform, or the registry refuses.
    pub fn publish(
        &self,
        reference: &Reference,
        publication: &Publication,
        key: Option<&PrivateKey>,
    ) -> Result<Published, PublishError> {
        let tag = match (reference.tag(), reference.digest()) {
            (Some(tag), None) => tag,
            _ => return Err(PublishError::NoTag(reference.clone())),
        };
        if publication.executables.is_empty() {
            return Err(PublishError::Nothing);
        }
        let mut layers = Vec::new();
        for (platform, path) in &publication.executables {
            layers.push(layer_file(path, *platform)?);
        }
        let metadata = metadata_bytes(publication)?;
        let manifest = manifest(publication, &layers, &metadata);

        let failed = |error| PublishError::Fetch(FetchError::Registry(error));
        let registry =
            Registry::new(reference.registry(), &self.settings.registry).map_err(failed)?;
        let repository = reference.repository();
        let mut uploaded_bytes = 0;
        for layer in &layers {
            if registry.has_blob(repository, &layer.digest).map_err(failed)? {
                continue;
            }
            self.observer.started(&layer.title, layer.size_bytes, 0);
            let outcome = registry.push_blob(repository, &layer.digest, layer.size_bytes, || {
                Ok(Reported { file: File::open(&layer.path)?, observer: self.observer.clone() })
            });
            self.observer.finished();
            outcome.map_err(failed)?;
            uploaded_bytes += layer.size_bytes;
        }
        for bytes in [EMPTY, &metadata] {
            uploaded_bytes += registry.push_bytes(repository, bytes).map_err(failed)?;
        }
        let digest = Digest::sha256_of(&manifest);
        registry.push_manifest(repository, tag, OCI_IMAGE_MEDIA_TYPE, &manifest).map_err(failed)?;
        if let Some(key) = key {
            sign(&registry, reference, &digest, key).map_err(failed)?;
        }
        Ok(Published {
            reference: reference.clone(),
            manifest: digest,
            platforms: publication.executables.keys().copied().collect(),
            uploaded_bytes,
            signed: key.is_some(),
        })
    }
}

/// A file whose reading is reported.
struct Reported {
    file: File,
    observer: std::sync::Arc<dyn super::FetchObserver>,
}

impl Read for Reported {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read(buffer)?;
        self.observer.advanced(length as u64);
        Ok(length)
    }
}

fn layer_file(path: &Path, platform: Platform) -> Result<LayerFile, PublishError> {
    let unreadable = |error| PublishError::Unreadable { path: path.to_owned(), error };
    let unfit =
        |what: &str| PublishError::NoExecutable { path: path.to_owned(), what: what.to_owned() };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(unfit("it is not a file"));
    }
    if metadata.len() == 0 {
        return Err(unfit("it is empty"));
    }
    if metadata.len() > EXECUTABLE_BYTES_MAX {
        return Err(unfit("it is larger than 4 GiB"));
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let mut start = [0; 20];
    let length = file.read(&mut start).map_err(unreadable)?;
    if let Some(made_for) = system_of(&start[..length])
        && made_for != platform.os()
    {
        return Err(unfit(&format!("it is made for {made_for}, not for {platform}")));
    }
    let mut file = File::open(path).map_err(unreadable)?;
    let digest = hash(&mut file, crate::artifact::Hasher::sha256()).map_err(unreadable)?;
    Ok(LayerFile {
        path: path.to_owned(),
        digest,
        size_bytes: metadata.len(),
        title: platform.title(),
    })
}

/// The system that a file is made for, where its first bytes say that.
fn system_of(start: &[u8]) -> Option<&'static str> {
    match start {
        [0x7f, b'E', b'L', b'F', ..] => Some("linux"),
        [b'M', b'Z', ..] => Some("windows"),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..] => Some("darwin"),
        _ => None,
    }
}

fn metadata_bytes(publication: &Publication) -> Result<Vec<u8>, PublishError> {
    let mut metadata = publication.metadata.clone();
    let platforms: Vec<String> =
        publication.executables.keys().map(|each| each.to_string()).collect();
    metadata.insert("platforms".to_owned(), json!(platforms));
    let bytes = serde_json::to_vec_pretty(&metadata)
        .map_err(|error| PublishError::Metadata(error.to_string()))?;
    if bytes.len() as u64 > METADATA_BYTES_MAX {
        let what = format!("it has more than {METADATA_BYTES_MAX} bytes");
        return Err(PublishError::Metadata(what));
    }
    let read = ProviderMetadata::read(&bytes).map_err(PublishError::Metadata)?;
    if !matches!(read.kind.as_deref(), None | Some("input" | "output")) {
        return Err(PublishError::Metadata("its type is neither input nor output".to_owned()));
    }
    Ok(bytes)
}

fn manifest(publication: &Publication, layers: &[LayerFile], metadata: &[u8]) -> Vec<u8> {
    let executables = layers.iter().map(|layer| {
        json!({
            "mediaType": "application/octet-stream",
            "digest": layer.digest.to_string(),
            "size": layer.size_bytes,
            "annotations": { TITLE: layer.title },
        })
    });
    let described = json!({
        "mediaType": "application/json",
        "digest": Digest::sha256_of(metadata).to_string(),
        "size": metadata.len(),
        "annotations": { TITLE: METADATA_TITLE },
    });
    let mut annotations = BTreeMap::new();
    for (key, annotation) in [
        ("name", "org.opencontainers.image.title"),
        ("version", "org.opencontainers.image.version"),
        ("description", "org.opencontainers.image.description"),
    ] {
        if let Some(text) = publication.metadata.get(key).and_then(Value::as_str) {
            annotations.insert(annotation.to_owned(), text.to_owned());
        }
    }
    annotations.extend(publication.annotations.clone());
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE_MEDIA_TYPE,
        "artifactType": PROVIDER_ARTIFACT_TYPE,
        "config": {
            "mediaType": EMPTY_MEDIA_TYPE,
            "digest": Digest::sha256_of(EMPTY).to_string(),
            "size": EMPTY.len(),
        },
        "layers": executables.chain([described]).collect::<Vec<_>>(),
        "annotations": annotations,
    });
    manifest.to_string().into_bytes()
}
