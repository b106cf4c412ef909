//! What a reference is, without its executables.

use std::collections::BTreeMap;

use dstream_reference::Reference;

use super::{FetchError, Fetcher};
use crate::artifact::{Artifact, ArtifactError, Content, Digest, Platform, ProviderMetadata};

/// What a reference is.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The reference.
    pub reference: Reference,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// What kind of manifest that is.
    pub media_type: String,
    /// What it is, by its own word.
    pub artifact_type: Option<String>,
    /// Its executables.
    pub platforms: Vec<InspectedPlatform>,
    /// What the provider says of itself.
    pub metadata: Option<ProviderMetadata>,
    /// What its publisher noted.
    pub annotations: BTreeMap<String, String>,
    /// How many signatures there are; nobody has verified them.
    pub signatures: usize,
}

/// One of an artifact's executables.
#[derive(Debug, Clone)]
pub struct InspectedPlatform {
    /// What it runs on; `None` where the artifact does not say.
    pub platform: Option<Platform>,
    /// The digest of its layer.
    pub digest: Digest,
    /// The size of its layer, in bytes.
    pub size_bytes: u64,
    /// What its publisher says it is.
    pub media_type: String,
}

impl Fetcher {
    /// What a reference is: asks the registry, downloads no executable.
    ///
    /// # Errors
    ///
    /// If the registry does not have it, or it is no provider.
    pub fn inspect(&self, reference: &Reference) -> Result<Inspection, FetchError> {
        self.hold();
        let source = self.source(reference)?;
        let manifest = source.manifest(reference, reference.version())?;
        let artifact = self.read(reference, &manifest.bytes)?;
        let (mut platforms, mut described) = (Vec::new(), None);
        let mut collect = |artifact: &Artifact, platform: Option<Platform>| {
            if let Content::Layers { offers, metadata } = &artifact.content {
                platforms.extend(offers.iter().map(|offer| InspectedPlatform {
                    platform: offer.platform.or(platform),
                    digest: offer.layer.digest.clone(),
                    size_bytes: offer.layer.size_bytes,
                    media_type: offer.layer.media_type.clone(),
                }));
                described = described.take().or_else(|| metadata.clone());
            }
        };
        match &artifact.content {
            Content::Layers { .. } => collect(&artifact, None),
            Content::Index(entries) => {
                for entry in entries {
                    let child = source.manifest(reference, &entry.digest.to_string())?;
                    let child = self.read(reference, &child.bytes)?;
                    if matches!(child.content, Content::Index(_)) {
                        let error = ArtifactError::Nested;
                        return Err(FetchError::Artifact { reference: reference.clone(), error });
                    }
                    collect(&child, Some(entry.platform));
                }
            }
        }
        let metadata = described.map(|layer| self.metadata(reference, &layer)).transpose()?;
        let signatures = self.find_signatures(reference, &manifest.digest).layers.len();
        Ok(Inspection {
            reference: reference.clone(),
            manifest: manifest.digest,
            media_type: manifest.media_type,
            artifact_type: artifact.artifact_type,
            platforms,
            metadata,
            annotations: artifact.annotations,
            signatures,
        })
    }
}
