//! Copies artifacts, whole: to another registry, or into a layout that needs no network.

use std::collections::BTreeSet;
use std::io::{Seek, Write};
use std::sync::Arc;

use dstream_reference::Reference;
use oci_client::manifest::{OciDescriptor, OciImageIndex, OciImageManifest, OciManifest};

use super::source::{self, ProviderSource, read_verified};
use super::{FetchError, Fetcher};
use crate::artifact::{ArtifactError, Digest, Layer, layer_of, read_manifest};
use crate::client::{Attempts, ManifestBytes};
use crate::layout::Layout;
use crate::limits::SIGNATURES_MAX;
use crate::lock::Pin;
use crate::signature::{self, is_signature, signatures_of};
use dstream_reference::Mirror;

/// What was copied of a reference.
#[derive(Debug, Clone)]
pub struct Copied {
    /// The reference.
    pub reference: Reference,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// Where it is now.
    pub target: String,
    /// Blobs that were not there.
    pub blobs: usize,
    /// The bytes of these.
    pub copied_bytes: u64,
    /// Signatures that were copied with it.
    pub signatures: usize,
}

impl Fetcher {
    /// Where artifacts are copied to; a layout is made if need be.
    fn target(&self, to: &Mirror) -> Result<Arc<dyn ProviderSource>, FetchError> {
        match to {
            Mirror::Layout(folder) => Ok(Arc::new(Layout::create(folder)?)),
            Mirror::Registry(_) => source::of_mirror(to, &self.settings.registry),
        }
    }

    /// Copies a reference: its manifest, the manifests that it names, all blobs, and its signatures.
    ///
    /// # Errors
    ///
    /// If it cannot be read here or written there, or is not what `pin` says. What has been copied
    /// until then stays, and need not be copied again.
    pub fn mirror(
        &self,
        reference: &Reference,
        pin: Option<&Pin>,
        to: &Mirror,
    ) -> Result<Copied, FetchError> {
        self.hold();
        super::check_digest(reference, pin)?;
        let from = &*self.source(reference)?;
        let manifest = from.manifest(reference, reference.version())?;
        super::check_pin(reference, pin, &manifest.digest)?;
        let target = &*self.target(to)?;
        let mut copied = Copied {
            reference: reference.clone(),
            manifest: manifest.digest.clone(),
            target: target.describe(reference),
            blobs: 0,
            copied_bytes: 0,
            signatures: 0,
        };
        self.copy_manifest(reference, from, target, &manifest, &mut copied)?;
        let tag = signature::signature_tag(&manifest.digest.to_string());
        match from.manifest(reference, &tag) {
            Ok(signatures) => {
                self.copy_manifest(reference, from, target, &signatures, &mut copied)?;
                target.put_manifest(reference, Some(&tag), &signatures)?;
                copied.signatures += count_signatures(&signatures);
            }
            Err(error) if error.is_missing() => {}
            Err(error) => return Err(error),
        }
        let mut about = from.referrers(reference, &manifest.digest)?;
        about.retain(is_signature);
        about.truncate(SIGNATURES_MAX);
        for entry in &about {
            let signatures = from.named_manifest(reference, &entry.digest)?;
            self.copy_manifest(reference, from, target, &signatures, &mut copied)?;
            target.put_manifest(reference, None, &signatures)?;
            copied.signatures += count_signatures(&signatures);
        }
        if !about.is_empty() {
            target.put_referrers(reference, &manifest.digest, about)?;
        }
        // The name comes last: whoever finds it finds all that belongs to it.
        target.put_manifest(reference, reference.tag(), &manifest)?;
        Ok(copied)
    }

    fn copy_manifest(
        &self,
        reference: &Reference,
        from: &dyn ProviderSource,
        target: &dyn ProviderSource,
        manifest: &ManifestBytes,
        copied: &mut Copied,
    ) -> Result<(), FetchError> {
        let in_words = |error| FetchError::Artifact { reference: reference.clone(), error };
        match read_manifest(&manifest.bytes).map_err(in_words)? {
            OciManifest::ImageIndex(index) => {
                self.copy_children(reference, from, target, &index, copied)
            }
            OciManifest::Image(image) => {
                for descriptor in descriptors(&image) {
                    let layer = layer_of(descriptor).map_err(in_words)?;
                    self.copy_blob(reference, from, target, &layer, copied)?;
                }
                Ok(())
            }
        }
    }

    fn copy_children(
        &self,
        reference: &Reference,
        from: &dyn ProviderSource,
        target: &dyn ProviderSource,
        index: &OciImageIndex,
        copied: &mut Copied,
    ) -> Result<(), FetchError> {
        let mut seen = BTreeSet::new();
        for entry in &index.manifests {
            if !seen.insert(entry.digest.as_str()) {
                continue;
            }
            let child = from.named_manifest(reference, &entry.digest)?;
            if matches!(read_manifest(&child.bytes), Ok(OciManifest::ImageIndex(_))) {
                let error = ArtifactError::Nested;
                return Err(FetchError::Artifact { reference: reference.clone(), error });
            }
            self.copy_manifest(reference, from, target, &child, copied)?;
            target.put_manifest(reference, None, &child)?;
        }
        Ok(())
    }

    fn copy_blob(
        &self,
        reference: &Reference,
        from: &dyn ProviderSource,
        target: &dyn ProviderSource,
        layer: &Layer,
        copied: &mut Copied,
    ) -> Result<(), FetchError> {
        if target.has_blob(reference, &layer.digest)? {
            return Ok(());
        }
        self.observer.started(reference.as_str(), layer.size_bytes, 0);
        let outcome = self.pump(reference, from, target, layer);
        self.observer.finished();
        outcome?;
        copied.blobs += 1;
        copied.copied_bytes += layer.size_bytes;
        Ok(())
    }

    /// Carries a blob from one place to the other, by way of the disk: what is sent on has been
    /// verified, and an upload that fails can be sent again.
    fn pump(
        &self,
        reference: &Reference,
        from: &dyn ProviderSource,
        target: &dyn ProviderSource,
        layer: &Layer,
    ) -> Result<(), FetchError> {
        let mut attempts = Attempts::default();
        let mut temporary = self.cache.new_executable()?;
        let failed = crate::cache::at("writing into", self.cache.root());
        loop {
            let mut blob = from.open_blob(reference, layer, 0, &mut attempts)?;
            let copied = read_verified(&mut *blob, reference, layer, &mut |piece| {
                temporary.file().write_all(piece).map_err(&failed)?;
                self.observer.advanced(piece.len() as u64);
                Ok(())
            });
            match copied {
                Ok(()) => break,
                Err(error) => from.pause_after(error, &mut attempts)?,
            }
            let file = temporary.file();
            file.set_len(0).and_then(|()| file.rewind()).map_err(&failed)?;
            self.observer.restarted();
        }
        target.put_blob(reference, layer, temporary.file())
    }
}

fn count_signatures(manifest: &ManifestBytes) -> usize {
    serde_json::from_slice(&manifest.bytes).map_or(0, |manifest| signatures_of(&manifest).len())
}

fn descriptors(image: &OciImageManifest) -> impl Iterator<Item = &OciDescriptor> {
    std::iter::once(&image.config).chain(&image.layers)
}
