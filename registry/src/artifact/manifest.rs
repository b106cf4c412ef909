//! Manifests → which executables there are, for which platforms.
//!
//! Three forms are known: layers titled `plugin.<os>_<arch>` in one manifest, as providers are
//! published; an image index with a manifest a platform; and a single layer, which is the executable.

use std::collections::BTreeMap;

use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE, ImageIndexEntry, OciDescriptor,
    OciImageIndex, OciImageManifest, OciManifest,
};
use serde::Deserialize;
use thiserror::Error;

use super::title::{self, Platform, TitleError};
use super::{Digest, DigestError};
use crate::limits::{DESCRIPTORS_MAX, EXECUTABLE_BYTES_MAX, MANIFEST_BYTES_MAX};

/// The artifact type of published providers.
pub const PROVIDER_ARTIFACT_TYPE: &str = "application/vnd.dstream.provider";

/// The annotation that holds a layer's file name.
pub(crate) const TITLE: &str = "org.opencontainers.image.title";

/// The title of the layer that describes the provider.
pub(crate) const METADATA_TITLE: &str = "provider.json";

/// A blob as a manifest names it; digest and size were checked to be possible ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its digest.
    pub digest: Digest,
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// What the publisher says it is.
    pub media_type: String,
    /// The file name it was published under.
    pub title: Option<String>,
}

/// An executable that an artifact has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// What it runs on; `None` where the artifact does not say.
    pub platform: Option<Platform>,
    /// Where it is.
    pub layer: Layer,
}

/// The manifest of one platform, as an index names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// What it is for.
    pub platform: Platform,
    /// The manifest's digest.
    pub digest: Digest,
}

/// What a manifest says.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// What it is, by its own word.
    pub artifact_type: Option<String>,
    /// What its publisher noted.
    pub annotations: BTreeMap<String, String>,
    /// Its executables.
    pub content: Content,
}

/// Where an artifact's executables are.
#[derive(Debug, Clone)]
pub enum Content {
    /// In the manifest's own layers.
    Layers {
        /// The executables, one a platform.
        offers: Vec<Offer>,
        /// `provider.json`.
        metadata: Option<Layer>,
    },
    /// In manifests of their own.
    Index(Vec<IndexEntry>),
}

/// Why a manifest is not that of a provider for this machine.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum ArtifactError {
    #[error("the manifest cannot be read: {0}")]
    Unreadable(String),
    #[error("this is a container image, not a provider")]
    ContainerImage,
    #[error("it is not made for {wanted}; it has {}", .has.join(", "))]
    OtherPlatforms { wanted: Platform, has: Vec<String> },
    #[error("it has no layer that could be a provider's executable ({0})")]
    NoExecutable(String),
    #[error("it has two executables for {0}")]
    Twice(String),
    #[error("a layer's title is refused: {0}")]
    Title(#[from] TitleError),
    #[error("the manifest names an {0}")]
    Digest(#[from] DigestError),
    #[error("the manifest names a blob of {0} bytes, which no executable has")]
    Size(i64),
    #[error("the manifest names more than {DESCRIPTORS_MAX} blobs")]
    TooMany,
    #[error("the manifest of a platform is an index again")]
    Nested,
}

impl ArtifactError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::ContainerImage => {
                "publish the provider's executable with `dstream provider push`; images of containers are not run"
            }
            Self::OtherPlatforms { .. } => {
                "ask its publisher for this platform, or build the provider and name it with provider_path"
            }
            _ => {
                "publish it with `dstream provider push`, or with layers titled plugin.<os>_<arch>"
            }
        }
    }
}

impl Artifact {
    /// Reads a manifest or an index.
    ///
    /// # Errors
    ///
    /// If it is neither, or not that of a provider.
    pub fn read(bytes: &[u8]) -> Result<Self, ArtifactError> {
        match read_manifest(bytes)? {
            OciManifest::ImageIndex(index) => Self::of_index(index),
            OciManifest::Image(manifest) => Self::of_manifest(manifest),
        }
    }

    fn of_index(index: OciImageIndex) -> Result<Self, ArtifactError> {
        if index.manifests.len() > DESCRIPTORS_MAX {
            return Err(ArtifactError::TooMany);
        }
        let mut entries: Vec<IndexEntry> = Vec::new();
        for entry in &index.manifests {
            // What builders put beside the manifests of platforms (`unknown/unknown`), and
            // platforms that no provider is made for.
            let Some(platform) = platform_of(entry) else { continue };
            if entry.size < 0 || entry.size as u64 > MANIFEST_BYTES_MAX {
                return Err(ArtifactError::Size(entry.size));
            }
            if entries.iter().any(|other| other.platform == platform) {
                return Err(ArtifactError::Twice(platform.to_string()));
            }
            entries.push(IndexEntry { platform, digest: Digest::parse(&entry.digest)? });
        }
        if entries.is_empty() {
            return Err(ArtifactError::NoExecutable("the index names no platform".to_owned()));
        }
        Ok(Self {
            artifact_type: index.artifact_type,
            annotations: index.annotations.unwrap_or_default(),
            content: Content::Index(entries),
        })
    }

    fn of_manifest(manifest: OciImageManifest) -> Result<Self, ArtifactError> {
        if manifest.layers.len() > DESCRIPTORS_MAX {
            return Err(ArtifactError::TooMany);
        }
        let mut offers: Vec<Offer> = Vec::new();
        let mut others = Vec::new();
        let mut metadata = None;
        for layer in &manifest.layers {
            let layer = layer_of(layer)?;
            let title = layer.title.as_deref();
            if title == Some(METADATA_TITLE) {
                metadata = Some(layer);
                continue;
            }
            match title.map(title::check_title).transpose()?.flatten() {
                Some(platform) => {
                    if offers.iter().any(|offer| offer.platform == Some(platform)) {
                        return Err(ArtifactError::Twice(platform.to_string()));
                    }
                    offers.push(Offer { platform: Some(platform), layer });
                }
                None => others.push(layer),
            }
        }
        let is_provider = manifest.artifact_type.as_deref() == Some(PROVIDER_ARTIFACT_TYPE);
        let config = manifest.config.media_type.as_str();
        let image = [IMAGE_CONFIG_MEDIA_TYPE, IMAGE_DOCKER_CONFIG_MEDIA_TYPE].contains(&config);
        if offers.is_empty() {
            if image && !is_provider {
                return Err(ArtifactError::ContainerImage);
            }
            let titles = || others.iter().filter_map(|layer| layer.title.as_deref());
            match others.as_slice() {
                [only] => offers.push(Offer { platform: None, layer: only.clone() }),
                [] => return Err(ArtifactError::NoExecutable("it has no layers".to_owned())),
                _ => {
                    let shown = |title: &str| title.escape_debug().take(80).collect::<String>();
                    let titles: Vec<_> = titles().take(10).map(shown).collect();
                    let shown = format!("it has {} layers: {}", others.len(), titles.join(", "));
                    return Err(ArtifactError::NoExecutable(shown));
                }
            }
        }
        Ok(Self {
            artifact_type: manifest.artifact_type,
            annotations: manifest.annotations.unwrap_or_default(),
            content: Content::Layers { offers, metadata },
        })
    }

    /// The platforms that it says it has.
    pub fn platforms(&self) -> Vec<Platform> {
        match &self.content {
            Content::Layers { offers, .. } => {
                offers.iter().filter_map(|offer| offer.platform).collect()
            }
            Content::Index(entries) => entries.iter().map(|entry| entry.platform).collect(),
        }
    }
}

/// Reads a manifest or an index. What could be read as either is refused: whoever copies it and
/// whoever runs it have to see the same in it.
pub(crate) fn read_manifest(bytes: &[u8]) -> Result<OciManifest, ArtifactError> {
    /// What tells the two apart; media types are often left out.
    #[derive(Deserialize)]
    struct Probe {
        manifests: Option<serde::de::IgnoredAny>,
        layers: Option<serde::de::IgnoredAny>,
    }
    let unreadable = |error: serde_json::Error| ArtifactError::Unreadable(error.to_string());
    let probe: Probe = serde_json::from_slice(bytes).map_err(unreadable)?;
    match (probe.manifests, probe.layers) {
        (Some(_), Some(_)) => {
            Err(ArtifactError::Unreadable("it has both `manifests` and `layers`".to_owned()))
        }
        (Some(_), None) => {
            serde_json::from_slice(bytes).map(OciManifest::ImageIndex).map_err(unreadable)
        }
        (None, _) => serde_json::from_slice(bytes).map(OciManifest::Image).map_err(unreadable),
    }
}

impl Content {
    /// The one of several that is for a platform.
    pub(crate) fn not_made_for<T>(
        found: Option<T>,
        wanted: Platform,
        has: impl IntoIterator<Item = Platform>,
    ) -> Result<T, ArtifactError> {
        found.ok_or_else(|| ArtifactError::OtherPlatforms {
            wanted,
            has: has.into_iter().map(|platform| platform.to_string()).collect(),
        })
    }
}

/// The offer for a platform. One that does not say what it runs on is taken at its word: whether it
/// can run is seen before it is started.
pub(crate) fn offer_for(offers: &[Offer], wanted: Platform) -> Result<&Offer, ArtifactError> {
    let found = offers.iter().find(|offer| offer.platform.is_none_or(|has| has == wanted));
    Content::not_made_for(found, wanted, offers.iter().filter_map(|offer| offer.platform))
}

fn platform_of(entry: &ImageIndexEntry) -> Option<Platform> {
    let platform = entry.platform.as_ref()?;
    let (os, arch) = (platform.os.to_string(), platform.architecture.to_string());
    format!("{os}/{arch}").parse().ok()
}

/// A descriptor whose digest and size are possible ones.
pub(crate) fn layer_of(descriptor: &OciDescriptor) -> Result<Layer, ArtifactError> {
    let size_bytes = u64::try_from(descriptor.size).ok();
    let size_bytes = size_bytes.filter(|size| *size <= EXECUTABLE_BYTES_MAX);
    let title = descriptor.annotations.as_ref().and_then(|notes| notes.get(TITLE)).cloned();
    Ok(Layer {
        digest: Digest::parse(&descriptor.digest)?,
        size_bytes: size_bytes.ok_or(ArtifactError::Size(descriptor.size))?,
        media_type: descriptor.media_type.clone(),
        title,
    })
}
