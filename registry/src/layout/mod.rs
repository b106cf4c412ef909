//! An OCI image layout as a store of artifacts: a folder that can be carried to where there is no
//! network.
//!
//! The folder is the one that the image specification describes: `oci-layout`, `index.json`, and
//! `blobs/sha256/…`. skopeo, oras and others read and write the same. An entry of `index.json` has
//! the whole reference it was made for as its name, `ghcr.io/katasec/x:v1`.
//!
//! Nothing in it is believed: digests are checked before they become paths and again when bytes are
//! read. Any number of processes may add at once, as long as they do it through this module.

mod blobs;
mod error;
mod index;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use dstream_files::{Access, LockFile};
use serde_json::{Value, json};

pub use error::LayoutError;

use crate::artifact::Digest;
use crate::limits::{LAYOUT_INDEX_BYTES_MAX, MANIFEST_BYTES_MAX};
use blobs::write_whole;
use index::Index;

/// The one version there is (image specification, `imageLayoutVersion`).
const VERSION: &str = "1.0.0";

/// An image layout folder.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
}

/// Which manifest is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The one an entry of `index.json` names so: the whole reference, `ghcr.io/katasec/x:v1`.
    Name(&'a str),
    /// The one with this digest, which need not stand in `index.json`: those of an image index's
    /// platforms do not.
    Digest(&'a str),
}

/// A manifest whose bytes are those its digest names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutManifest {
    /// Its bytes, unchanged.
    pub bytes: Vec<u8>,
    /// What `index.json` says it is, else what it says itself.
    pub media_type: String,
    /// `sha256:…`
    pub digest: String,
}

impl Layout {
    /// Opens a layout that is there.
    ///
    /// # Errors
    ///
    /// If the folder is no layout, or one of a version that is not known.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, LayoutError> {
        let root = root.into();
        let marker = root.join("oci-layout");
        let text = match File::open(&marker) {
            Ok(mut file) => read_limited(&mut file, &marker, MANIFEST_BYTES_MAX)?,
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Err(LayoutError::NoLayout(root));
            }
            Err(error) => return Err(LayoutError::io(&marker)(error)),
        };
        let version: Value = serde_json::from_slice(&text)
            .map_err(|error| LayoutError::Malformed(marker.clone(), error.to_string()))?;
        match version.get("imageLayoutVersion").and_then(Value::as_str) {
            Some(VERSION) => Ok(Self { root }),
            Some(other) => Err(LayoutError::Version(marker, other.escape_debug().to_string())),
            None => {
                Err(LayoutError::Malformed(marker, "it has no `imageLayoutVersion`".to_owned()))
            }
        }
    }

    /// Makes a layout, or opens the one that is there.
    ///
    /// # Errors
    ///
    /// If the folder has something else in it, or cannot be written.
    pub fn create(root: impl Into<PathBuf>) -> Result<Self, LayoutError> {
        let root = root.into();
        fs::create_dir_all(&root).map_err(LayoutError::io(&root))?;
        let marker = root.join("oci-layout");
        // The marker is the first thing made, so a folder with anything else is none of ours.
        let mut others = fs::read_dir(&root).map_err(LayoutError::io(&root))?;
        if others.next().is_some() && !marker.exists() {
            return Err(LayoutError::NotEmpty(root));
        }
        let layout = Self { root };
        {
            let mut lock = layout.lock()?;
            let marker_file = lock.file();
            let length = marker_file.metadata().map_err(LayoutError::io(&marker))?.len();
            if length == 0 {
                let text = json!({ "imageLayoutVersion": VERSION }).to_string();
                marker_file.write_all(text.as_bytes()).map_err(LayoutError::io(&marker))?;
                marker_file.sync_all().map_err(LayoutError::io(&marker))?;
            }
            let index = layout.index_path();
            if !index.exists() {
                write_whole(&index, Index::empty().to_text().as_bytes())?;
            }
        }
        let blobs = layout.blobs();
        fs::create_dir_all(&blobs).map_err(LayoutError::io(&blobs))?;
        Self::open(layout.root)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Reads a manifest and checks it against its digest. `None` if there is none of that name, or
    /// no blob of that digest.
    ///
    /// # Errors
    ///
    /// If it is damaged or too large, or `index.json` is; or if several entries have the name.
    pub fn manifest(&self, wanted: Wanted<'_>) -> Result<Option<LayoutManifest>, LayoutError> {
        let index = self.read_index()?;
        let (digest, entry) = match wanted {
            Wanted::Name(name) => match index.named(name)? {
                Some(entry) => (index.digest(entry)?.to_owned(), Some(entry)),
                None => return Ok(None),
            },
            Wanted::Digest(digest) => (digest.to_owned(), index.with_digest(digest)),
        };
        match self.read_manifest(&digest) {
            Err(LayoutError::NoBlob(_)) if matches!(wanted, Wanted::Digest(_)) => Ok(None),
            Err(error) => Err(error),
            Ok(bytes) => {
                let media_type = entry
                    .and_then(|entry| entry.get("mediaType"))
                    .and_then(Value::as_str)
                    .filter(|media_type| !media_type.is_empty())
                    .map_or_else(|| own_media_type(&bytes), str::to_owned);
                Ok(Some(LayoutManifest { bytes, media_type, digest }))
            }
        }
    }

    /// Adds a manifest and its entry in `index.json`, and returns its digest. With a name, it takes
    /// the place of the entry that had the name; without, it is added unless it is there already.
    /// Every other entry stays as it is, with fields that this version does not know.
    ///
    /// # Errors
    ///
    /// If it is too large, `index.json` is damaged, or something cannot be written.
    pub fn add_manifest(
        &self,
        bytes: &[u8],
        media_type: &str,
        artifact_type: Option<&str>,
        name: Option<&str>,
    ) -> Result<String, LayoutError> {
        let size = bytes.len() as u64;
        let digest = Digest::sha256_of(bytes).to_string();
        if size > MANIFEST_BYTES_MAX {
            return Err(LayoutError::TooLarge(self.blob_path(&digest)?, MANIFEST_BYTES_MAX));
        }
        self.add_blob(&digest, size, &mut &bytes[..])?;

        let mut entry = json!({ "mediaType": media_type, "digest": digest, "size": size });
        if let Some(artifact_type) = artifact_type {
            entry["artifactType"] = artifact_type.into();
        }
        if let Some(name) = name {
            entry["annotations"] = json!({ index::REF_NAME: name });
        }
        // Between reading and writing nobody else may write; released when it goes.
        let _lock = self.lock()?;
        let mut index = self.read_index()?;
        if index.put(entry, name) {
            let text = index.to_text();
            if text.len() as u64 > LAYOUT_INDEX_BYTES_MAX {
                return Err(LayoutError::TooLarge(self.index_path(), LAYOUT_INDEX_BYTES_MAX));
            }
            write_whole(&self.index_path(), text.as_bytes())?;
        }
        Ok(digest)
    }

    /// The descriptors of the manifests in `index.json` that are about another one: signatures,
    /// bills of materials. Like a registry's answer, they have the manifests' artifact types and
    /// annotations. Manifests whose blob is not in the layout are left out.
    ///
    /// # Errors
    ///
    /// If `index.json` or one of its manifests is damaged.
    pub fn referrers(&self, subject_digest: &str) -> Result<Vec<Value>, LayoutError> {
        blobs::hex_of(subject_digest)?;
        let index = self.read_index()?;
        let mut found: Vec<Value> = Vec::new();
        for entry in index.entries() {
            let Some(digest) = entry.get("digest").and_then(Value::as_str) else { continue };
            // What another algorithm names cannot be about something that this one does.
            if blobs::hex_of(digest).is_err() {
                continue;
            }
            let bytes = match self.read_manifest(digest) {
                Err(LayoutError::NoBlob(_)) => continue,
                other => other?,
            };
            let Ok(manifest) = serde_json::from_slice::<Value>(&bytes) else { continue };
            let seen = found.iter().any(|known| known["digest"] == *digest);
            if manifest["subject"]["digest"] == *subject_digest && !seen {
                found.push(index::descriptor(entry, &manifest));
            }
        }
        Ok(found)
    }

    /// The names of the entries in `index.json`, in their order.
    #[cfg(test)]
    fn names(&self) -> Result<Vec<String>, LayoutError> {
        Ok(self.read_index()?.entries().filter_map(index::name).map(str::to_owned).collect())
    }

    fn index_path(&self) -> PathBuf {
        self.root.join("index.json")
    }

    fn read_index(&self) -> Result<Index, LayoutError> {
        let path = self.index_path();
        let mut file = File::open(&path).map_err(LayoutError::io(&path))?;
        let text = read_limited(&mut file, &path, LAYOUT_INDEX_BYTES_MAX)?;
        Index::parse(&text, &path)
    }

    fn read_manifest(&self, digest: &str) -> Result<Vec<u8>, LayoutError> {
        let path = self.blob_path(digest)?;
        let mut file = self.open_any(digest)?;
        let bytes = read_limited(&mut file, &path, MANIFEST_BYTES_MAX)?;
        if Digest::sha256_of(&bytes).to_string() == digest {
            Ok(bytes)
        } else {
            Err(LayoutError::Digest { path, expected: digest.to_owned() })
        }
    }

    /// Waits until no other process changes `index.json`. The lock is on the one file that is never
    /// replaced, so that no file is in the folder that others do not know.
    fn lock(&self) -> Result<LockFile, LayoutError> {
        let path = self.root.join("oci-layout");
        let lock = LockFile::open(&path, Access::Shared);
        let lock = lock.and_then(|lock| lock.lock().map(|()| lock));
        lock.map_err(LayoutError::io(&path))
    }
}

/// What a manifest says about itself, and where it does not, what it must be.
fn own_media_type(bytes: &[u8]) -> String {
    let manifest: Value = serde_json::from_slice(bytes).unwrap_or_default();
    match manifest["mediaType"].as_str() {
        Some(media_type) if !media_type.is_empty() => media_type,
        _ if manifest["manifests"].is_array() => "application/vnd.oci.image.index.v1+json",
        _ => "application/vnd.oci.image.manifest.v1+json",
    }
    .to_owned()
}

fn read_limited(file: &mut File, path: &Path, bytes_max: u64) -> Result<Vec<u8>, LayoutError> {
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(LayoutError::io(path))?;
    if bytes.len() as u64 > bytes_max {
        return Err(LayoutError::TooLarge(path.to_owned(), bytes_max));
    }
    Ok(bytes)
}
