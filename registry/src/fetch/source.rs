//! Where artifacts are read from and written to: a registry, or a layout in a folder.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::time::Instant;

use dstream_reference::Reference;
use oci_client::manifest::{ImageIndexEntry, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE};

use super::FetchError;
use crate::artifact::{Digest, Layer};
use crate::client::{Attempts, BlobBody, ManifestBytes, Registry, RegistryError, RegistrySettings};
use crate::layout::{Layout, Wanted};
use dstream_reference::Mirror;

/// A place that has artifacts.
pub(crate) enum Source {
    /// A registry.
    Registry {
        registry: Box<Registry>,
        /// In a mirror: what comes before the names of its repositories, maybe nothing.
        mirror_prefix: Option<String>,
    },
    /// A folder.
    Layout(Layout),
}

/// A blob on its way.
pub(crate) enum Blob {
    Registry(Box<BlobBody>),
    File(File, Digest),
}

impl Blob {
    /// Where it begins.
    pub(crate) fn offset_bytes(&self) -> u64 {
        match self {
            Self::Registry(body) => body.offset_bytes,
            Self::File(..) => 0,
        }
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FetchError> {
        match self {
            Self::Registry(body) => Ok(body.read(buffer)?),
            Self::File(file, digest) => loop {
                match file.read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        return Err(FetchError::Blob { digest: digest.clone(), error });
                    }
                    Ok(length) => return Ok(length),
                }
            },
        }
    }

    /// What it is that the rest of it does not come.
    pub(crate) fn ended_early(&self, have_bytes: u64, size_bytes: u64) -> FetchError {
        match self {
            Self::Registry(body) => body.ended_early(have_bytes, size_bytes).into(),
            Self::File(_, digest) => {
                let what = format!("it ends after {have_bytes} of {size_bytes} bytes");
                let error = io::Error::new(io::ErrorKind::UnexpectedEof, what);
                FetchError::Blob { digest: digest.clone(), error }
            }
        }
    }

    /// Writes all of it, which has to be what its descriptor says. `piece` is told of what comes.
    pub(crate) fn copy_verified(
        &mut self,
        reference: &Reference,
        layer: &Layer,
        to: &mut dyn FnMut(&[u8]) -> Result<(), FetchError>,
    ) -> Result<(), FetchError> {
        let mut hasher = layer.digest.hasher();
        let mut have = 0;
        let mut piece = vec![0; 256 * 1024];
        loop {
            let length = self.read(&mut piece)?;
            if length == 0 {
                break;
            }
            have += length as u64;
            if have > layer.size_bytes {
                let size_bytes = layer.size_bytes;
                return Err(FetchError::TooLong { reference: reference.clone(), size_bytes });
            }
            hasher.update(&piece[..length]);
            to(&piece[..length])?;
        }
        if have < layer.size_bytes {
            return Err(self.ended_early(have, layer.size_bytes));
        }
        let found = hasher.finish();
        if found == layer.digest {
            return Ok(());
        }
        let (reference, expected) = (reference.clone(), layer.digest.clone());
        Err(FetchError::WrongDigest { reference, expected, found })
    }
}

impl Source {
    pub(crate) fn of_registry(name: &str, settings: &RegistrySettings) -> Result<Self, FetchError> {
        let registry = Box::new(Registry::new(name, settings)?);
        Ok(Self::Registry { registry, mirror_prefix: None })
    }

    pub(crate) fn of_mirror(
        mirror: &Mirror,
        settings: &RegistrySettings,
    ) -> Result<Self, FetchError> {
        match mirror {
            Mirror::Layout(folder) => Ok(Self::Layout(Layout::open(folder)?)),
            Mirror::Registry(name) => {
                let (host, prefix) = name.split_once('/').unwrap_or((name, ""));
                let registry = Box::new(Registry::new(host, settings)?);
                Ok(Self::Registry { registry, mirror_prefix: Some(prefix.to_owned()) })
            }
        }
    }

    /// The repository of a reference here.
    pub(crate) fn repository(&self, reference: &Reference) -> String {
        match self {
            Self::Registry { mirror_prefix: Some(prefix), .. } => {
                // A port's colon cannot stand in a repository's name, nor can capital letters.
                let host = reference.registry().replace([':', '[', ']'], "_").to_ascii_lowercase();
                let host = host.trim_matches('_');
                let repository = format!("{host}/{}", reference.repository());
                if prefix.is_empty() { repository } else { format!("{prefix}/{repository}") }
            }
            _ => reference.repository().to_owned(),
        }
    }

    /// A manifest by tag or digest.
    pub(crate) fn manifest(
        &self,
        reference: &Reference,
        wanted: &str,
    ) -> Result<ManifestBytes, FetchError> {
        match self {
            Self::Registry { registry, .. } => {
                Ok(registry.manifest(&self.repository(reference), wanted)?)
            }
            Self::Layout(layout) => {
                let name = named(reference, wanted);
                let found = match Digest::parse(wanted) {
                    Ok(_) => layout.manifest(Wanted::Digest(wanted))?,
                    Err(_) => layout.manifest(Wanted::Name(&name))?,
                };
                let found = found.ok_or_else(|| FetchError::NotInLayout {
                    folder: layout.root().display().to_string(),
                    name,
                })?;
                let digest = Digest::sha256_of(&found.bytes);
                Ok(ManifestBytes { bytes: found.bytes, media_type: found.media_type, digest })
            }
        }
    }

    /// The manifest of a digest as another manifest names it, which may be anything.
    pub(crate) fn named_manifest(
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

    /// Starts a blob, from an offset where that is possible.
    pub(crate) fn open_blob(
        &self,
        reference: &Reference,
        layer: &Layer,
        offset_bytes: u64,
        attempts: &mut Attempts,
    ) -> Result<Blob, FetchError> {
        match self {
            Self::Registry { registry, .. } => {
                let repository = self.repository(reference);
                let body =
                    registry.open_blob(&repository, &layer.digest, offset_bytes, attempts)?;
                Ok(Blob::Registry(Box::new(body)))
            }
            Self::Layout(layout) => {
                let file = layout.open_blob(&layer.digest.to_string(), layer.size_bytes)?;
                Ok(Blob::File(file, layer.digest.clone()))
            }
        }
    }

    /// Waits until a blob that broke off may be asked for again.
    pub(crate) fn pause_after(
        &self,
        error: FetchError,
        attempts: &mut Attempts,
    ) -> Result<(), FetchError> {
        match (self, error) {
            (Self::Registry { registry, .. }, FetchError::Registry(error)) => {
                Ok(registry.pause_after(error, attempts)?)
            }
            (_, error) => Err(error),
        }
    }

    /// A blob that fits into memory, verified.
    pub(crate) fn small_blob(
        &self,
        reference: &Reference,
        layer: &Layer,
        limit_bytes: u64,
    ) -> Result<Vec<u8>, FetchError> {
        if layer.size_bytes > limit_bytes {
            let registry = match self {
                Self::Registry { registry, .. } => registry.name().to_owned(),
                Self::Layout(_) => reference.registry().to_owned(),
            };
            let what = "a small blob";
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
        let deadline = self.deadline();
        blob.copy_verified(reference, layer, &mut |piece| {
            bytes.extend_from_slice(piece);
            match (self, deadline) {
                (Self::Registry { registry, .. }, Some(deadline)) if Instant::now() > deadline => {
                    let registry = registry.name().to_owned();
                    let what = "a small blob came too slowly".to_owned();
                    Err(RegistryError::Stalled { registry, what }.into())
                }
                _ => Ok(()),
            }
        })?;
        Ok(bytes)
    }

    /// Until when a small blob has to have come, like any other answer that is read whole.
    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Registry { registry, .. } => Some(Instant::now() + registry.patience()),
            Self::Layout(_) => None,
        }
    }

    /// What refers to a manifest.
    pub(crate) fn referrers(
        &self,
        reference: &Reference,
        manifest: &Digest,
    ) -> Result<Vec<ImageIndexEntry>, FetchError> {
        match self {
            Self::Registry { registry, .. } => {
                Ok(registry.referrers(&self.repository(reference), manifest)?.manifests)
            }
            Self::Layout(layout) => {
                let found = layout.referrers(&manifest.to_string())?.into_iter();
                let read = |entry| serde_json::from_value::<ImageIndexEntry>(entry).ok();
                Ok(found.filter_map(read).collect())
            }
        }
    }

    /// Where a reference is here, for people.
    pub(crate) fn describe(&self, reference: &Reference) -> String {
        match self {
            Self::Registry { registry, .. } => {
                let name = format!("{}/{}", registry.name(), self.repository(reference));
                match (reference.tag(), reference.digest()) {
                    (Some(tag), _) => format!("{name}:{tag}"),
                    (None, digest) => format!("{name}@{}", digest.unwrap_or_default()),
                }
            }
            Self::Layout(layout) => layout.root().display().to_string(),
        }
    }

    /// Whether a blob is there already.
    pub(crate) fn has_blob(
        &self,
        reference: &Reference,
        digest: &Digest,
    ) -> Result<bool, FetchError> {
        match self {
            Self::Registry { registry, .. } => {
                Ok(registry.has_blob(&self.repository(reference), digest)?)
            }
            Self::Layout(layout) => Ok(layout.has_blob(&digest.to_string())?),
        }
    }

    /// Adds a blob that was verified.
    pub(crate) fn put_blob(
        &self,
        reference: &Reference,
        layer: &Layer,
        mut file: &File,
    ) -> Result<(), FetchError> {
        let unreadable = |error| FetchError::Blob { digest: layer.digest.clone(), error };
        file.rewind().map_err(unreadable)?;
        match self {
            Self::Registry { registry, .. } => {
                let repository = self.repository(reference);
                registry.push_blob(&repository, &layer.digest, layer.size_bytes, || {
                    let mut again = file.try_clone()?;
                    again.rewind()?;
                    Ok(again)
                })?;
            }
            Self::Layout(layout) => {
                layout.add_blob(&layer.digest.to_string(), layer.size_bytes, &mut file)?;
            }
        }
        Ok(())
    }

    /// Sees to it that manifests are found as being about another one, in registries that keep no
    /// list of that themselves: they are listed under a tag.
    pub(crate) fn put_referrers(
        &self,
        reference: &Reference,
        subject: &Digest,
        entries: Vec<ImageIndexEntry>,
    ) -> Result<(), FetchError> {
        let Self::Registry { registry, .. } = self else { return Ok(()) };
        let repository = self.repository(reference);
        let mut index = registry.referrers(&repository, subject)?;
        let before = index.manifests.len();
        for entry in entries {
            if !index.manifests.iter().any(|known| known.digest == entry.digest) {
                index.manifests.push(entry);
            }
        }
        if index.manifests.len() > before {
            let tag = subject.to_string().replace(':', "-");
            let bytes = serde_json::to_vec(&index).unwrap_or_default();
            registry.push_manifest(&repository, &tag, OCI_IMAGE_INDEX_MEDIA_TYPE, &bytes)?;
        }
        Ok(())
    }

    /// Adds a manifest, under a tag or only under its digest.
    pub(crate) fn put_manifest(
        &self,
        reference: &Reference,
        tag: Option<&str>,
        manifest: &ManifestBytes,
    ) -> Result<(), FetchError> {
        let media_type = match manifest.media_type.split(';').next().map(str::trim) {
            Some("") | None => OCI_IMAGE_MEDIA_TYPE,
            Some(media_type) => media_type,
        };
        match self {
            Self::Registry { registry, .. } => {
                let digest = manifest.digest.to_string();
                let name = tag.unwrap_or(&digest);
                let repository = self.repository(reference);
                registry.push_manifest(&repository, name, media_type, &manifest.bytes)?;
            }
            Self::Layout(layout) => {
                let name = tag.map(|tag| named(reference, tag));
                layout.add_manifest(&manifest.bytes, media_type, None, name.as_deref())?;
            }
        }
        Ok(())
    }
}

/// The name of a manifest in a layout: the reference with this tag.
pub(crate) fn named(reference: &Reference, tag: &str) -> String {
    format!("{}:{tag}", reference.name())
}
