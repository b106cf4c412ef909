//! A registry as a source: that of a reference, or a mirror of all.

use std::fs::File;
use std::io::Seek;
use std::time::Duration;

use dstream_reference::Reference;
use oci_client::manifest::{ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE};

use super::{Blob, ProviderSource, media_type};
use crate::artifact::{Digest, Layer};
use crate::client::{Attempts, BlobBody, ManifestBytes, Registry, RegistrySettings};
use crate::fetch::FetchError;

/// A registry.
pub(in crate::fetch) struct RegistrySource {
    registry: Registry,
    /// In a mirror: what comes before the names of its repositories, maybe nothing.
    mirror_prefix: Option<String>,
}

impl RegistrySource {
    /// The registry of this name, for its own references.
    pub(in crate::fetch) fn new(
        name: &str,
        settings: &RegistrySettings,
    ) -> Result<Self, FetchError> {
        Ok(Self { registry: Registry::new(name, settings)?, mirror_prefix: None })
    }

    /// A mirror: a registry, and behind a slash what its repositories begin with.
    pub(in crate::fetch) fn mirror(
        name: &str,
        settings: &RegistrySettings,
    ) -> Result<Self, FetchError> {
        let (host, prefix) = name.split_once('/').unwrap_or((name, ""));
        let registry = Registry::new(host, settings)?;
        Ok(Self { registry, mirror_prefix: Some(prefix.to_owned()) })
    }

    /// The repository of a reference here.
    fn repository(&self, reference: &Reference) -> String {
        let Some(prefix) = &self.mirror_prefix else { return reference.repository().to_owned() };
        // A port's colon cannot stand in a repository's name, nor can capital letters.
        let host = reference.registry().replace([':', '[', ']'], "_").to_ascii_lowercase();
        let host = host.trim_matches('_');
        let repository = format!("{host}/{}", reference.repository());
        if prefix.is_empty() { repository } else { format!("{prefix}/{repository}") }
    }
}

impl ProviderSource for RegistrySource {
    fn name(&self, _reference: &Reference) -> String {
        self.registry.name().to_owned()
    }

    fn describe(&self, reference: &Reference) -> String {
        let name = format!("{}/{}", self.registry.name(), self.repository(reference));
        match reference.tag() {
            Some(tag) => format!("{name}:{tag}"),
            None => format!("{name}@{}", reference.version()),
        }
    }

    fn manifest(&self, reference: &Reference, wanted: &str) -> Result<ManifestBytes, FetchError> {
        Ok(self.registry.manifest(&self.repository(reference), wanted)?)
    }

    fn open_blob(
        &self,
        reference: &Reference,
        layer: &Layer,
        offset_bytes: u64,
        attempts: &mut Attempts,
    ) -> Result<Box<dyn Blob>, FetchError> {
        let repository = self.repository(reference);
        let body = self.registry.open_blob(&repository, &layer.digest, offset_bytes, attempts)?;
        Ok(Box::new(body))
    }

    fn referrers(
        &self,
        reference: &Reference,
        manifest: &Digest,
    ) -> Result<Vec<ImageIndexEntry>, FetchError> {
        Ok(self.registry.referrers(&self.repository(reference), manifest)?.manifests)
    }

    fn has_blob(&self, reference: &Reference, digest: &Digest) -> Result<bool, FetchError> {
        Ok(self.registry.has_blob(&self.repository(reference), digest)?)
    }

    fn put_blob(
        &self,
        reference: &Reference,
        layer: &Layer,
        file: &mut File,
    ) -> Result<(), FetchError> {
        let repository = self.repository(reference);
        Ok(self.registry.push_blob(&repository, &layer.digest, layer.size_bytes, || {
            let mut again = file.try_clone()?;
            again.rewind()?;
            Ok(again)
        })?)
    }

    fn put_manifest(
        &self,
        reference: &Reference,
        tag: Option<&str>,
        manifest: &ManifestBytes,
    ) -> Result<(), FetchError> {
        let digest = manifest.digest.to_string();
        let (repository, name) = (self.repository(reference), tag.unwrap_or(&digest));
        let kind = media_type(manifest);
        Ok(self.registry.push_manifest(&repository, name, kind, &manifest.bytes)?)
    }

    /// Registries that keep no list of referrers themselves have it under a tag.
    fn put_referrers(
        &self,
        reference: &Reference,
        subject: &Digest,
        entries: Vec<ImageIndexEntry>,
    ) -> Result<(), FetchError> {
        let repository = self.repository(reference);
        let mut index = self.registry.referrers(&repository, subject)?;
        let before = index.manifests.len();
        for entry in entries {
            if !index.manifests.iter().any(|known| known.digest == entry.digest) {
                index.manifests.push(entry);
            }
        }
        if index.manifests.len() > before {
            let tag = subject.to_string().replace(':', "-");
            let bytes = serde_json::to_vec(&index).unwrap_or_default();
            self.registry.push_manifest(&repository, &tag, OCI_IMAGE_INDEX_MEDIA_TYPE, &bytes)?;
        }
        Ok(())
    }

    fn pause_after(&self, error: FetchError, attempts: &mut Attempts) -> Result<(), FetchError> {
        match error {
            FetchError::Registry(error) => Ok(self.registry.pause_after(error, attempts)?),
            error => Err(error),
        }
    }

    fn patience(&self) -> Option<Duration> {
        Some(self.registry.patience())
    }
}

impl Blob for BlobBody {
    fn offset_bytes(&self) -> u64 {
        self.offset_bytes
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FetchError> {
        Ok(self.read(buffer)?)
    }

    fn ended_early(&self, have_bytes: u64, size_bytes: u64) -> FetchError {
        self.ended_early(have_bytes, size_bytes).into()
    }
}
