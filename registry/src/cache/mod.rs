//! What was fetched, by its digest, in a folder that many processes share.
//!
//! ```text
//! blobs/sha256-<hex>                 manifests and provider.json, as they came
//! signatures/sha256-<hex>            the signatures that a manifest had, to be verified again
//! executables/sha256-<hex>/plugin    an executable; beside it `verified`, the file's state when it
//!                                    was last seen to have this digest
//! unpacked/sha256-<hex>              of a layer that is packed: its executable's digest
//! partial/sha256-<hex>               a layer that has not arrived whole
//! locks/sha256-<hex>                 locked while one process fetches it
//! references/<hex>.json              what a reference led to
//! in-use                             locked by all who fetch together, by who prunes alone
//! ```
//!
//! Everything is written to a temporary file, synced, and renamed: a name that is there is whole.

mod executable;
mod open;
mod prune;
mod record;

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use dstream_files::{Access, LockFile, NewFile};
use thiserror::Error;

use crate::artifact::Digest;

pub(crate) use executable::hash;
pub(crate) use open::open_partial;
use open::{open_regular, read_regular};
pub use prune::{Keep, Pruned};
pub use record::{Record, RecordedExecutable};

/// The folder.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// What cannot be done in the cache's folder.
#[derive(Debug, Error)]
#[error("the cache cannot be used: {doing} {}: {error}", path.display())]
pub struct CacheError {
    doing: &'static str,
    path: PathBuf,
    #[source]
    error: io::Error,
}

impl CacheError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self.error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room, or name another folder with DSTREAM_HOME; `dstream provider prune` removes what is not in use"
            }
            _ => "check the folder's permissions, or name another one with DSTREAM_HOME",
        }
    }
}

/// Gives an error its place.
pub(crate) fn at(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> CacheError + use<> {
    let path = path.to_owned();
    move |error| CacheError { doing, path: path.clone(), error }
}

impl Cache {
    /// A cache in this folder, which need not exist.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn place(&self, kind: &str, digest: &Digest) -> PathBuf {
        self.root.join(kind).join(format!("{}-{}", digest.algorithm(), digest.hex()))
    }

    /// A small blob, if it is there and still what its digest says.
    pub(crate) fn blob(&self, digest: &Digest) -> Option<Vec<u8>> {
        let bytes = read_regular(&self.place("blobs", digest)).ok()?;
        (digest.like(&bytes) == *digest).then_some(bytes)
    }

    /// Keeps a small blob that was verified.
    pub(crate) fn keep_blob(&self, digest: &Digest, bytes: &[u8]) -> Result<(), CacheError> {
        self.write(&self.place("blobs", digest), bytes)
    }

    /// The signatures of a manifest that were kept. They are not verified.
    pub(crate) fn signatures(&self, manifest: &Digest) -> Option<Vec<u8>> {
        read_regular(&self.place("signatures", manifest)).ok()
    }

    /// Keeps the signatures of a manifest.
    pub(crate) fn keep_signatures(
        &self,
        manifest: &Digest,
        bytes: &[u8],
    ) -> Result<(), CacheError> {
        self.write(&self.place("signatures", manifest), bytes)
    }

    /// Which executable a packed layer holds.
    pub(crate) fn unpacked(&self, layer: &Digest) -> Option<Digest> {
        let text = String::from_utf8(read_regular(&self.place("unpacked", layer)).ok()?).ok()?;
        Digest::parse(text.trim()).ok()
    }

    /// Notes which executable a packed layer holds.
    pub(crate) fn keep_unpacked(
        &self,
        layer: &Digest,
        executable: &Digest,
    ) -> Result<(), CacheError> {
        self.write(&self.place("unpacked", layer), format!("{executable}\n").as_bytes())
    }

    /// Where a layer is kept while it is on its way.
    pub(crate) fn partial(&self, layer: &Digest) -> Result<PathBuf, CacheError> {
        let path = self.place("partial", layer);
        self.folder_of(&path)?;
        Ok(path)
    }

    /// Waits until no other process fetches this; calls `waiting` if there is one.
    pub(crate) fn lock(
        &self,
        digest: &Digest,
        waiting: impl FnOnce(),
    ) -> Result<LockFile, CacheError> {
        let path = self.place("locks", digest);
        self.folder_of(&path)?;
        self.lock_alone(&path, waiting)
    }

    fn lock_alone(&self, path: &Path, waiting: impl FnOnce()) -> Result<LockFile, CacheError> {
        let failed = at("locking", path);
        let lock = LockFile::open(path, Access::Shared).map_err(&failed)?;
        if !lock.try_lock().is_ok_and(|locked| locked) {
            waiting();
            lock.lock().map_err(&failed)?;
        }
        Ok(lock)
    }

    /// Nothing is pruned while this is held. Nobody can prune a cache that
    /// cannot be written, and so there need not be a lock in one.
    pub(crate) fn in_use(&self) -> Option<LockFile> {
        let path = self.in_use_path();
        self.folder_of(&path).ok()?;
        let lock = LockFile::open(&path, Access::Shared);
        let lock = lock.or_else(|_| LockFile::open_existing(&path)).ok()?;
        lock.lock_shared().ok()?;
        Some(lock)
    }

    fn in_use_path(&self) -> PathBuf {
        self.root.join("in-use")
    }

    /// Writes a file so that it is there whole or not at all.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), CacheError> {
        write_whole(self.folder_of(path)?, path, bytes).map_err(at("writing", path))
    }

    /// The folder of a file, made if need be: for this user alone, since what is in it is started.
    fn folder_of<'p>(&self, path: &'p Path) -> Result<&'p Path, CacheError> {
        let folder = path.parent().unwrap_or(path);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(at("creating the folder", folder))?;
        Ok(folder)
    }
}

/// Writes a file by way of a new one in its folder.
pub(crate) fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = NewFile::unique(folder)?;
    new.file().write_all(bytes)?;
    new.keep(path)
}
