//! A file that processes lock against each other.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Seek, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::{Access, open_plain};

/// A lock file. A lock is held until this and all copies of its descriptor are closed, which the
/// system does when their processes end, however they do.
#[derive(Debug)]
pub struct LockFile {
    file: File,
    path: PathBuf,
}

impl LockFile {
    /// Opens a lock file, made if need be; locks nothing.
    ///
    /// # Errors
    ///
    /// Those of the system, and if something else stands in its place.
    pub fn open(path: &Path, access: Access) -> io::Result<Self> {
        let mut options = File::options();
        options.create(true).truncate(false).read(true).write(true).mode(access.mode());
        Ok(Self { file: open_plain(&mut options, path)?, path: path.to_owned() })
    }

    /// Opens a lock file that is there and may not be writable.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_existing(path: &Path) -> io::Result<Self> {
        let file = open_plain(File::options().read(true), path)?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Locks it against everybody, if nobody has locked it. Gives whether that worked.
    ///
    /// # Errors
    ///
    /// If the system refuses it: not every file system has locks.
    pub fn try_lock(&self) -> io::Result<bool> {
        locked(self.file.try_lock())
    }

    /// Locks it together with others that do, if nobody has locked it against everybody.
    ///
    /// # Errors
    ///
    /// As [`try_lock`](Self::try_lock).
    pub fn try_lock_shared(&self) -> io::Result<bool> {
        locked(self.file.try_lock_shared())
    }

    /// Waits until it is locked against everybody.
    ///
    /// # Errors
    ///
    /// As [`try_lock`](Self::try_lock).
    pub fn lock(&self) -> io::Result<()> {
        uninterrupted(|| self.file.lock())
    }

    /// Waits until it is locked together with others.
    ///
    /// # Errors
    ///
    /// As [`try_lock`](Self::try_lock).
    pub fn lock_shared(&self) -> io::Result<()> {
        uninterrupted(|| self.file.lock_shared())
    }

    /// Writes this process's id into it, for those who are refused. The lock alone decides.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn note_holder(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.file.write_all(format!("{}\n", std::process::id()).as_bytes())
    }

    /// The process id in it.
    pub fn holder(&self) -> Option<u32> {
        let mut bytes = [0; 32];
        let count = self.file.read_at(&mut bytes, 0).ok()?;
        std::str::from_utf8(&bytes[..count]).ok()?.trim().parse().ok()
    }

    /// Whether it still is what others would lock: it can have been removed or replaced.
    pub fn is_in_place(&self) -> bool {
        matches!((self.file.metadata(), self.path.symlink_metadata()), (Ok(held), Ok(there))
            if (held.dev(), held.ino()) == (there.dev(), there.ino()))
    }

    /// The file itself: a copy of its descriptor shares the lock.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Its descriptor once more, to be held by another process, too.
    ///
    /// # Errors
    ///
    /// If there are no more descriptors.
    pub fn share(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn locked(outcome: Result<(), TryLockError>) -> io::Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn uninterrupted(mut lock: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    loop {
        match lock() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let mut first = LockFile::open(&path, Access::Private).unwrap();
        let second = LockFile::open(&path, Access::Private).unwrap();
        assert_eq!(second.holder(), None);
        assert!(first.try_lock().unwrap());
        first.note_holder().unwrap();
        first.note_holder().unwrap();
        assert!(!second.try_lock().unwrap() && !second.try_lock_shared().unwrap());
        assert_eq!(second.holder(), Some(std::process::id()));
        let shared = first.share().unwrap();
        drop(first);
        assert!(!second.try_lock().unwrap(), "its copy holds it");
        drop(shared);
        second.lock_shared().unwrap();
        assert!(LockFile::open_existing(&path).unwrap().try_lock_shared().unwrap());
        assert!(second.is_in_place());
        std::fs::remove_file(&path).unwrap();
        assert!(!second.is_in_place());
    }
}
