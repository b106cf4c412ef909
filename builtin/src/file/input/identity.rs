//! Which file it is, whatever its name: device, inode, and a fingerprint of how it begins, since an
//! inode is used again once its file is gone.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use sha2::{Digest, Sha256};

/// Bytes of a file's beginning that are its fingerprint, if it has so many.
pub(crate) const HEAD_BYTES: usize = 1024;

/// The file system's own name for a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct FileId {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

impl FileId {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// How a file begins: its first bytes as far as they are known, at most [`HEAD_BYTES`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head(Vec<u8>);

impl Head {
    pub(crate) fn read(file: &File) -> io::Result<Self> {
        Self::read_bytes(file, HEAD_BYTES)
    }

    fn read_bytes(file: &File, most: usize) -> io::Result<Self> {
        let mut bytes = vec![0; most.min(HEAD_BYTES)];
        let mut filled = 0;
        while filled < bytes.len() {
            match file.read_at(&mut bytes[filled..], filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(Self(bytes))
    }

    /// Whether the file still begins like this.
    pub(crate) fn is_of(&self, file: &File) -> io::Result<bool> {
        Ok(Self::read_bytes(file, self.0.len())? == *self)
    }

    /// Takes note of bytes that were read at `offset`.
    pub(crate) fn extend(&mut self, offset: u64, bytes: &[u8]) {
        let known = self.0.len();
        let Some(skip) = (known as u64).checked_sub(offset) else { return };
        if known < HEAD_BYTES && skip < bytes.len() as u64 {
            let new = &bytes[skip as usize..];
            self.0.extend_from_slice(&new[..new.len().min(HEAD_BYTES - known)]);
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The fingerprint of the first `count` bytes. None if fewer are known.
    pub(crate) fn fingerprint(&self, count: usize) -> Option<String> {
        self.0.get(..count).map(fingerprint)
    }
}

/// What tells these bytes from others.
pub(crate) fn fingerprint(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    // Half of it is plenty: it tells apart files that had the same inode, not enemies.
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_head_grows_with_what_is_read_and_is_known_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one\n").unwrap();
        let file = File::open(&path).unwrap();
        let mut head = Head::read(&file).unwrap();
        let short = head.fingerprint(4).unwrap();
        assert_eq!(short.len(), 32);
        head.extend(0, b"one\ntwo\n");
        head.extend(8, &[b'x'; 2000]);
        head.extend(5, b"nothing new");
        assert_eq!(head.bytes().len(), HEAD_BYTES);
        assert!(head.bytes().starts_with(b"one\ntwo\nxxx"));
        assert_eq!(head.fingerprint(4).unwrap(), short);
        assert_ne!(head.fingerprint(5).unwrap(), short);
        assert_eq!(head.fingerprint(HEAD_BYTES + 1), None);
        assert!(!head.is_of(&file).unwrap());
        fs::write(&path, [b"one\ntwo\n", &[b'x'; 5000][..]].concat()).unwrap();
        assert!(head.is_of(&file).unwrap());
        fs::write(&path, [b'y'; 5000]).unwrap();
        assert!(!head.is_of(&file).unwrap());
    }
}
