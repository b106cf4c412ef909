//! Executables: kept under their digest, and checked before each use.

use std::fs::{self, File, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::open::is_no_file;
use super::{Cache, CacheError, at, open_regular, read_regular};
use crate::artifact::{Digest, Hasher};
use crate::limits::RACILY_CLEAN;
use dstream_files::{NewFile, sync_folder};

/// The file's name in its folder.
const FILE: &str = "plugin";
/// The file that holds its state.
const VERIFIED: &str = "verified";

impl Cache {
    /// An executable, if it is there and has its digest. One that was changed is removed.
    ///
    /// The digest is computed again unless size, times, inode and device of the file are what they
    /// were when it last was.
    pub(crate) fn executable(&self, digest: &Digest) -> Result<Option<PathBuf>, CacheError> {
        let folder = self.place("executables", digest);
        let path = folder.join(FILE);
        let failed = at("reading", &path);
        let mut file = match open_regular(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if is_no_file(&error) => {
                self.discard_executable(digest)?;
                return Ok(None);
            }
            Err(error) => return Err(failed(error)),
        };
        let seen = state(&file).map_err(&failed)?;
        let verified = folder.join(VERIFIED);
        if read_regular(&verified).is_ok_and(|known| known == seen.text.as_bytes()) {
            return Ok(Some(path));
        }
        if !self.has_digest(&mut file, digest).map_err(&failed)? {
            self.discard_executable(digest)?;
            return Ok(None);
        }
        // A change within the clock's tick would leave no trace in the times.
        if seen.changed.elapsed().is_ok_and(|since| since > RACILY_CLEAN) {
            // Where it cannot be noted, the next one computes it again.
            let _ = self.write(&verified, seen.text.as_bytes());
        }
        Ok(Some(path))
    }

    /// The same, but the digest is computed whatever is known. Nothing is removed.
    pub(crate) fn rehash(&self, digest: &Digest) -> Result<Option<bool>, CacheError> {
        let path = self.place("executables", digest).join(FILE);
        match open_regular(&path) {
            Ok(mut file) => {
                self.has_digest(&mut file, digest).map(Some).map_err(at("reading", &path))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if is_no_file(&error) => Ok(Some(false)),
            Err(error) => Err(at("reading", &path)(error)),
        }
    }

    fn has_digest(&self, file: &mut File, digest: &Digest) -> io::Result<bool> {
        let is_executable = file.metadata()?.permissions().mode() & 0o111 != 0;
        Ok(hash(file, digest.hasher())? == *digest && is_executable)
    }

    /// A file to put an executable into, in the cache's own file system.
    pub(crate) fn new_executable(&self) -> Result<NewFile, CacheError> {
        let folder = self.root.join("executables");
        self.folder_of(&folder.join(FILE))?;
        NewFile::unique(&folder).map_err(at("writing into", &folder))
    }

    /// Gives an executable its place. Its digest was computed from the bytes that were written.
    pub(crate) fn keep_executable(
        &self,
        mut new: NewFile,
        digest: &Digest,
    ) -> Result<PathBuf, CacheError> {
        let path = self.place("executables", digest).join(FILE);
        self.folder_of(&path)?;
        let failed = at("writing", &path);
        new.file().set_permissions(Permissions::from_mode(0o755)).map_err(&failed)?;
        new.keep(&path).map_err(&failed)?;
        Ok(path)
    }

    /// The same for a partial file that has become whole.
    pub(crate) fn promote(
        &self,
        file: &File,
        partial: &Path,
        digest: &Digest,
    ) -> Result<PathBuf, CacheError> {
        let path = self.place("executables", digest).join(FILE);
        self.folder_of(&path)?;
        file.set_permissions(Permissions::from_mode(0o755))
            .and_then(|()| fs::rename(partial, &path))
            .and_then(|()| path.parent().map_or(Ok(()), sync_folder))
            .map_err(at("writing", &path))?;
        Ok(path)
    }

    /// Removes an executable, whatever it has become.
    pub(crate) fn discard_executable(&self, digest: &Digest) -> Result<(), CacheError> {
        let folder = self.place("executables", digest);
        let is_folder = fs::symlink_metadata(&folder).is_ok_and(|metadata| metadata.is_dir());
        match if is_folder { fs::remove_dir_all(&folder) } else { fs::remove_file(&folder) } {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(at("removing", &folder)(error))
            }
            _ => Ok(()),
        }
    }
}

/// The digest of the rest of a file.
pub(crate) fn hash(file: &mut impl Read, mut hasher: Hasher) -> io::Result<Digest> {
    let mut piece = vec![0; 256 * 1024];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(length) => hasher.update(&piece[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What changes with any change of a file.
struct State {
    text: String,
    changed: SystemTime,
}

fn state(file: &File) -> io::Result<State> {
    let metadata = file.metadata()?;
    let changed = SystemTime::UNIX_EPOCH
        + std::time::Duration::new(
            metadata.ctime().try_into().unwrap_or_default(),
            metadata.ctime_nsec().try_into().unwrap_or_default(),
        );
    let text = format!(
        "{} {} {} {} {}.{:09} {}.{:09}\n",
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        metadata.mode(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    );
    Ok(State { text, changed })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn keep(cache: &Cache, bytes: &[u8]) -> (Digest, PathBuf) {
        let mut temporary = cache.new_executable().unwrap();
        temporary.file().write_all(bytes).unwrap();
        let digest = Digest::sha256_of(bytes);
        let path = cache.keep_executable(temporary, &digest).unwrap();
        (digest, path)
    }

    #[test]
    fn what_was_kept_is_found_and_what_was_changed_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let (digest, path) = keep(&cache, b"#!/bin/sh\n");
        assert_eq!(cache.executable(&digest).unwrap(), Some(path.clone()));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o755);
        fs::write(&path, b"#!/bin/sh\nrm -rf /\n").unwrap();
        assert_eq!(cache.rehash(&digest).unwrap(), Some(false));
        assert_eq!(cache.executable(&digest).unwrap(), None);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_is_as_it_was_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let (digest, path) = keep(&cache, b"one");
        let verified = path.with_file_name(VERIFIED);
        cache.executable(&digest).unwrap();
        assert!(!verified.exists(), "it has just been written");
        // A state that is noted counts; any other one does not.
        let noted = state(&File::open(&path).unwrap()).unwrap().text;
        fs::write(&verified, &noted).unwrap();
        assert!(cache.executable(&digest).unwrap().is_some());
        fs::write(&verified, noted.replace(' ', "  ")).unwrap();
        fs::write(&path, b"two").unwrap();
        assert_eq!(cache.executable(&digest).unwrap(), None);
    }

    #[test]
    fn what_is_no_file_is_removed_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        for make in [
            |path: &Path| {
                let status = std::process::Command::new("mkfifo").arg(path).status();
                assert!(status.unwrap().success());
            },
            |path: &Path| std::os::unix::fs::symlink("/bin/sh", path).unwrap(),
            |path: &Path| fs::create_dir(path).unwrap(),
            |path: &Path| {
                fs::remove_dir(path.parent().unwrap()).unwrap();
                fs::write(path.parent().unwrap(), "a file").unwrap();
            },
        ] {
            let (digest, path) = keep(&cache, b"one");
            fs::remove_file(&path).unwrap();
            make(&path);
            assert_eq!(cache.rehash(&digest).unwrap(), Some(false));
            assert_eq!(cache.executable(&digest).unwrap(), None);
            assert!(!path.parent().unwrap().exists());
        }
        assert!(Path::new("/bin/sh").exists());
    }

    #[test]
    fn a_temporary_file_that_is_not_named_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        drop(cache.new_executable().unwrap());
        assert_eq!(fs::read_dir(folder.path().join("executables")).unwrap().count(), 0);
    }
}
