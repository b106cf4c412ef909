//! `blobs/sha256`: files that are called what their bytes add up to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::{Layout, LayoutError};

/// Bytes of one copy.
const CHUNK_BYTES: usize = 64 * 1024;

/// Tells the temporary files of this process apart.
static TEMPORARY_COUNT: AtomicU64 = AtomicU64::new(0);

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
        if let Ok(mut there) = self.open_blob(digest, size) {
            let mut hash = Sha256::new();
            if copy(&mut there, &mut hash).is_ok_and(|_| text_of(hash) == digest) {
                return Ok(());
            }
        }
        let folder = self.blobs();
        fs::create_dir_all(&folder).map_err(LayoutError::io(&folder))?;
        let mut kept = Kept::create(&path)?;
        let mut hash = Sha256::new();
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
            hash.update(&chunk[..count]);
            kept.write(&chunk[..count])?;
        }
        if copied > size {
            return Err(LayoutError::Refused(format!("{digest}: it has more than {size} bytes")));
        }
        if copied < size {
            let what = format!("{digest}: it ends after {copied} of {size} bytes");
            return Err(LayoutError::Refused(what));
        }
        let found = text_of(hash);
        if found != digest {
            return Err(LayoutError::Refused(format!("{digest}: it is {found}")));
        }
        kept.keep()
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
            Ok(_) => Err(LayoutError::Malformed(path, "it is no file".to_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(LayoutError::NoBlob(path)),
            Err(error) => Err(LayoutError::io(&path)(error)),
        }
    }
}

/// The digits of a digest, which are safe as a file name.
pub(super) fn hex_of(digest: &str) -> Result<&str, LayoutError> {
    digest
        .strip_prefix("sha256:")
        .filter(|hex| hex.len() == 64)
        .filter(|hex| hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
        .ok_or_else(|| {
            let shown = digest.chars().take(200).flat_map(char::escape_debug).collect();
            LayoutError::DigestText(shown)
        })
}

/// The digest of bytes.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    text_of(Sha256::new_with_prefix(bytes))
}

fn text_of(hash: Sha256) -> String {
    let mut text = String::from("sha256:");
    for byte in hash.finalize() {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}

fn copy(from: &mut File, to: &mut Sha256) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(count) => to.update(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Puts a whole file in the place of another, at once.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), LayoutError> {
    let mut kept = Kept::create(path)?;
    kept.write(bytes)?;
    kept.keep()
}

/// A file that gets its name when it is complete, and is gone if it never is.
struct Kept {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    is_kept: bool,
}

impl Kept {
    fn create(path: &Path) -> Result<Self, LayoutError> {
        loop {
            let count = TEMPORARY_COUNT.fetch_add(1, Ordering::Relaxed);
            let temporary = path.with_file_name(format!(".dstream-{}-{count}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => {
                    return Ok(Self { file, temporary, path: path.to_owned(), is_kept: false });
                }
                // Of another machine's process, or left by one that was killed.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(LayoutError::io(&temporary)(error)),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), LayoutError> {
        self.file.write_all(bytes).map_err(LayoutError::io(&self.temporary))
    }

    fn keep(mut self) -> Result<(), LayoutError> {
        self.file.sync_all().map_err(LayoutError::io(&self.temporary))?;
        fs::rename(&self.temporary, &self.path).map_err(LayoutError::io(&self.path))?;
        self.is_kept = true;
        // A new name is lasting only when its folder is; not every file system can be told so.
        if let Some(Ok(folder)) = self.path.parent().map(File::open) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
