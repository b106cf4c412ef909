//! A layout in a folder as a source.

use std::fs::File;
use std::io::{self, Read, Seek};

use dstream_reference::Reference;
use oci_client::manifest::ImageIndexEntry;

use super::{Blob, ProviderSource, media_type};
use crate::artifact::{Digest, Layer};
use crate::client::{Attempts, ManifestBytes};
use crate::fetch::FetchError;
use crate::layout::{Layout, Wanted};

impl ProviderSource for Layout {
    fn name(&self, reference: &Reference) -> String {
        reference.registry().to_owned()
    }

    fn describe(&self, _reference: &Reference) -> String {
        self.root().display().to_string()
    }

    fn manifest(&self, reference: &Reference, wanted: &str) -> Result<ManifestBytes, FetchError> {
        let name = name_of(reference, wanted);
        let found = match Digest::parse(wanted) {
            Ok(_) => Layout::manifest(self, Wanted::Digest(wanted))?,
            Err(_) => Layout::manifest(self, Wanted::Name(&name))?,
        };
        let folder = || self.root().display().to_string();
        let found = found.ok_or_else(|| FetchError::NotInLayout { folder: folder(), name })?;
        let digest = Digest::sha256_of(&found.bytes);
        Ok(ManifestBytes { bytes: found.bytes, media_type: found.media_type, digest })
    }

    fn open_blob(
        &self,
        _reference: &Reference,
        layer: &Layer,
        _offset_bytes: u64,
        _attempts: &mut Attempts,
    ) -> Result<Box<dyn Blob>, FetchError> {
        let file = Layout::open_blob(self, &layer.digest.to_string(), layer.size_bytes)?;
        Ok(Box::new(LayoutBlob { file, digest: layer.digest.clone() }))
    }

    fn referrers(
        &self,
        _reference: &Reference,
        manifest: &Digest,
    ) -> Result<Vec<ImageIndexEntry>, FetchError> {
        let found = Layout::referrers(self, &manifest.to_string())?.into_iter();
        Ok(found.filter_map(|entry| serde_json::from_value(entry).ok()).collect())
    }

    fn has_blob(&self, _reference: &Reference, digest: &Digest) -> Result<bool, FetchError> {
        Ok(Layout::has_blob(self, &digest.to_string())?)
    }

    fn put_blob(
        &self,
        _reference: &Reference,
        layer: &Layer,
        file: &mut File,
    ) -> Result<(), FetchError> {
        let unreadable = |error| FetchError::Blob { digest: layer.digest.clone(), error };
        file.rewind().map_err(unreadable)?;
        Ok(self.add_blob(&layer.digest.to_string(), layer.size_bytes, file)?)
    }

    fn put_manifest(
        &self,
        reference: &Reference,
        tag: Option<&str>,
        manifest: &ManifestBytes,
    ) -> Result<(), FetchError> {
        let name = tag.map(|tag| name_of(reference, tag));
        self.add_manifest(&manifest.bytes, media_type(manifest), None, name.as_deref())?;
        Ok(())
    }
}

/// The name of a manifest in a layout: the reference with this tag.
fn name_of(reference: &Reference, tag: &str) -> String {
    format!("{}:{tag}", reference.name())
}

/// A blob's file.
struct LayoutBlob {
    file: File,
    digest: Digest,
}

impl Blob for LayoutBlob {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FetchError> {
        loop {
            match self.file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(FetchError::Blob { digest: self.digest.clone(), error }),
                Ok(length) => return Ok(length),
            }
        }
    }

    fn ended_early(&self, have_bytes: u64, size_bytes: u64) -> FetchError {
        let what = format!("it ends after {have_bytes} of {size_bytes} bytes");
        let error = io::Error::new(io::ErrorKind::UnexpectedEof, what);
        FetchError::Blob { digest: self.digest.clone(), error }
    }
}
