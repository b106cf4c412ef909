//! Where artifacts are read from and written to.

mod layout;
mod registry;

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dstream_reference::{Mirror, Reference};
use oci_client::manifest::ImageIndexEntry;

use super::FetchError;
use crate::artifact::{Digest, Layer};
use crate::client::{Attempts, ManifestBytes, RegistryError, RegistrySettings};
use crate::layout::Layout;
pub(super) use registry::RegistrySource;

/// A place that has artifacts: a registry, or a layout in a folder.
pub(super) trait ProviderSource: Send + Sync {
    /// What it is called in messages about a reference.
    fn name(&self, reference: &Reference) -> String;

    /// Where a reference is here, for people.
    fn describe(&self, reference: &Reference) -> String;

    /// A manifest by tag or digest.
    fn manifest(&self, reference: &Reference, wanted: &str) -> Result<ManifestBytes, FetchError>;

    /// Starts a blob, from an offset where that is possible.
    fn open_blob(
        &self,
        reference: &Reference,
        layer: &Layer,
        offset_bytes: u64,
        attempts: &mut Attempts,
    ) -> Result<Box<dyn Blob>, FetchError>;

    /// What refers to a manifest.
    fn referrers(
        &self,
        reference: &Reference,
        manifest: &Digest,
    ) -> Result<Vec<ImageIndexEntry>, FetchError>;

    /// Whether a blob is there already.
    fn has_blob(&self, reference: &Reference, digest: &Digest) -> Result<bool, FetchError>;

    /// Adds a blob that was verified: all of the file.
    fn put_blob(
        &self,
        reference: &Reference,
        layer: &Layer,
        file: &mut File,
    ) -> Result<(), FetchError>;

    /// Adds a manifest, under a tag or only under its digest.
    fn put_manifest(
        &self,
        reference: &Reference,
        tag: Option<&str>,
        manifest: &ManifestBytes,
    ) -> Result<(), FetchError>;

    /// Makes manifests found as being about another one, in places that keep no such list
    /// themselves.
    fn put_referrers(
        &self,
        _reference: &Reference,
        _subject: &Digest,
        _entries: Vec<ImageIndexEntry>,
    ) -> Result<(), FetchError> {
        Ok(())
    }

    /// Waits until a blob that broke off may be asked for again, if there is any use in that.
    fn pause_after(&self, error: FetchError, _attempts: &mut Attempts) -> Result<(), FetchError> {
        Err(error)
    }

    /// How long a small blob may take to come, where it comes over a network.
    fn patience(&self) -> Option<Duration> {
        None
    }
}

/// A blob on its way.
pub(super) trait Blob {
    /// Where it begins.
    fn offset_bytes(&self) -> u64 {
        0
    }

    /// Reads on; 0 at its end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FetchError>;

    /// The error that its end has come too early.
    fn ended_early(&self, have_bytes: u64, size_bytes: u64) -> FetchError;
}

/// A mirror, to be read from.
pub(super) fn of_mirror(
    mirror: &Mirror,
    settings: &RegistrySettings,
) -> Result<Arc<dyn ProviderSource>, FetchError> {
    Ok(match mirror {
        Mirror::Layout(folder) => Arc::new(Layout::open(folder)?),
        Mirror::Registry(name) => Arc::new(RegistrySource::mirror(name, settings)?),
    })
}

/// Reads a blob to its end, which has to be what its descriptor says. `each` gets what comes.
pub(super) fn read_verified(
    blob: &mut dyn Blob,
    reference: &Reference,
    layer: &Layer,
    each: &mut dyn FnMut(&[u8]) -> Result<(), FetchError>,
) -> Result<(), FetchError> {
    let mut hasher = layer.digest.hasher();
    let mut have = 0;
    let mut piece = vec![0; 256 * 1024];
    loop {
        let length = blob.read(&mut piece)?;
        if length == 0 {
            break;
        }
        have += length as u64;
        if have > layer.size_bytes {
            let (reference, size_bytes) = (reference.clone(), layer.size_bytes);
            return Err(FetchError::TooLong { reference, size_bytes });
        }
        hasher.update(&piece[..length]);
        each(&piece[..length])?;
    }
    if have < layer.size_bytes {
        return Err(blob.ended_early(have, layer.size_bytes));
    }
    let found = hasher.finish();
    if found == layer.digest {
        return Ok(());
    }
    let (reference, expected) = (reference.clone(), layer.digest.clone());
    Err(FetchError::WrongDigest { reference, expected, found })
}

impl dyn ProviderSource + '_ {
    /// The manifest of a digest as another manifest names it, which may be anything.
    pub(super) fn named_manifest(
        &self,
        reference: &Reference,
        digest: &str,
    ) -> Result<ManifestBytes, FetchError> {
        let digest = Digest::parse(digest).map_err(|error| FetchError::Artifact {
            reference: reference.clone(),
            error: error.into(),
        })?;
        self.manifest(reference, &digest.to_string())
    }

    /// A blob that fits into memory, verified.
    pub(super) fn small_blob(
        &self,
        reference: &Reference,
        layer: &Layer,
        limit_bytes: u64,
    ) -> Result<Vec<u8>, FetchError> {
        if layer.size_bytes > limit_bytes {
            let (registry, what) = (self.name(reference), "a small blob");
            return Err(RegistryError::TooLarge { registry, what, limit_bytes }.into());
        }
        let mut attempts = Attempts::default();
        loop {
            match self.small_blob_once(reference, layer, &mut attempts) {
                Ok(bytes) => return Ok(bytes),
                Err(error) => self.pause_after(error, &mut attempts)?,
            }
        }
    }

    fn small_blob_once(
        &self,
        reference: &Reference,
        layer: &Layer,
        attempts: &mut Attempts,
    ) -> Result<Vec<u8>, FetchError> {
        let mut blob = self.open_blob(reference, layer, 0, attempts)?;
        let mut bytes = Vec::new();
        // Like any other answer that is read whole.
        let deadline = self.patience().map(|patience| Instant::now() + patience);
        read_verified(&mut *blob, reference, layer, &mut |piece| {
            bytes.extend_from_slice(piece);
            if deadline.is_none_or(|deadline| Instant::now() <= deadline) {
                return Ok(());
            }
            let what = "a small blob came too slowly".to_owned();
            Err(RegistryError::Stalled { registry: self.name(reference), what }.into())
        })?;
        Ok(bytes)
    }
}

/// What a manifest is, without the parameters that a registry may have added.
fn media_type(manifest: &ManifestBytes) -> &str {
    match manifest.media_type.split(';').next().map(str::trim) {
        Some("") | None => oci_client::manifest::OCI_IMAGE_MEDIA_TYPE,
        Some(media_type) => media_type,
    }
}
