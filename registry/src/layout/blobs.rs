//! `blobs/sha256`: files that are called what their bytes add up to.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use dstream_files::NewFile;

use super::{Layout, LayoutError};
use crate::artifact::{Digest, Hasher};
use crate::cache::hash;

/// Bytes of one copy.
const CHUNK_BYTES: usize = 64 * 1024;

impl Layout {
    /// Opens a blob of so many bytes. Only the size is checked here: who reads it has to check the
    /// digest while it does.
    ///
    /// # Errors
    ///
    /// If it is not there or of another size.
    pub fn open_blob(&self, digest: &str, size: u64) -> Result<File, LayoutError> {
        let path = self.blob_path(digest)?;
        let file = self.open_any(digest)?;
        let found = file.metadata().map_err(LayoutError::io(&path))?.len();
        if found == size {
            Ok(file)
        } else {
            Err(LayoutError::Size { path, expected: size, found })
        }
    }

    /// Whether there is a file for the blob. What it holds is not looked at.
    ///
    /// # Errors
    ///
    /// If the digest is none.
    pub fn has_blob(&self, digest: &str) -> Result<bool, LayoutError> {
        Ok(self.blob_path(digest)?.is_file())
    }

    /// Adds a blob, checked while it is written. One that is there already is kept if it is sound,
    /// and then `bytes` is not read; a damaged one is replaced. Under its name there is never
    /// half a blob, whatever happens, and of several processes that add the same, each succeeds.
    ///
    /// # Errors
    ///
    /// If the bytes are others than size and digest say, or cannot be read or written.
    pub fn add_blob(
        &self,
        digest: &str,
        size: u64,
        bytes: &mut dyn Read,
    ) -> Result<(), LayoutError> {
        let path = self.blob_path(digest)?;
        if let Ok(mut there) = self.open_blob(digest, size)
            && hash(&mut there, Hasher::sha256()).is_ok_and(|found| found.to_string() == digest)
        {
            return Ok(());
        }
        let folder = self.blobs();
        fs::create_dir_all(&folder).map_err(LayoutError::io(&folder))?;
        let mut new = NewFile::unique(&folder).map_err(LayoutError::io(&folder))?;
        let mut hasher = Hasher::sha256();
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut copied = 0;
        loop {
            let count = match bytes.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(LayoutError::Source(error)),
            };
            copied += count as u64;
            if copied > size {
                break;
            }
            hasher.update(&chunk[..count]);
            new.file().write_all(&chunk[..count]).map_err(LayoutError::io(&path))?;
        }
        if copied > size {
            return Err(LayoutError::Refused(format!("{digest}: it has more than {size} bytes")));
        }
        if copied < size {
            let what = format!("{digest}: it ends after {copied} of {size} bytes");
            return Err(LayoutError::Refused(what));
        }
        let found = hasher.finish();
        if found.to_string() != digest {
            return Err(LayoutError::Refused(format!("{digest}: it is {found}")));
        }
        new.keep(&path).map_err(LayoutError::io(&path))
    }

    pub(super) fn blobs(&self) -> PathBuf {
        self.root.join("blobs").join("sha256")
    }

    pub(super) fn blob_path(&self, digest: &str) -> Result<PathBuf, LayoutError> {
        Ok(self.blobs().join(hex_of(digest)?))
    }

    /// Opens a blob of any size, which has to be a file: to open a pipe could wait for ever.
    pub(super) fn open_any(&self, digest: &str) -> Result<File, LayoutError> {
        let path = self.blob_path(digest)?;
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => File::open(&path).map_err(LayoutError::io(&path)),
            Ok(_) => Err(LayoutError::Malformed(path, "it is not a file".to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(LayoutError::NoBlob(path)),
            Err(error) => Err(LayoutError::io(&path)(error)),
        }
    }
}

/// The digits of a digest, which are safe as a file name.
pub(super) fn hex_of(digest: &str) -> Result<&str, LayoutError> {
    digest.strip_prefix("sha256:").filter(|_| Digest::parse(digest).is_ok()).ok_or_else(|| {
        let shown = digest.chars().take(200).flat_map(char::escape_debug).collect();
        LayoutError::DigestText(shown)
    })
}

/// Puts a whole file in the place of another, at once.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), LayoutError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    crate::cache::write_whole(folder, path, bytes).map_err(LayoutError::io(path))
}
