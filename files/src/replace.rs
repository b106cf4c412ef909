//! A file in the place of another, at once and for good.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use crate::Access;

/// What the name of a file begins with that was made by [`NewFile::unique`] and has no name yet.
pub const TEMPORARY_PREFIX: &str = ".tmp-";

/// What is done, in order. Each can fail, and a machine can stop between any two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The new file is made.
    Create,
    /// Its bytes are written.
    Write,
    /// They reach the disk.
    Sync,
    /// It takes the name, and with it the place of what had the name.
    Rename,
    /// The name reaches the disk.
    SyncFolder,
}

/// A new file that takes a name when it is whole, and is removed if it never does.
#[derive(Debug)]
pub struct NewFile {
    temporary: NamedTempFile,
}

impl NewFile {
    /// A file with a name of its own in a folder: several processes can write at a time. A crash
    /// leaves it behind.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn unique(folder: &Path) -> io::Result<Self> {
        let mut builder = Builder::new();
        builder.prefix(TEMPORARY_PREFIX).rand_bytes(16);
        Self::make(&mut builder, folder, Access::Shared)
    }

    /// The file `path.new`: for one writer at a time. What a crash, or anybody, has left under that
    /// name is removed, and not written through.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn beside(path: &Path, access: Access) -> io::Result<Self> {
        let mut name = path.file_name().map(OsString::from).unwrap_or_default();
        name.push(".new");
        let folder = folder_of(path);
        match fs::remove_file(folder.join(&name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Self::make(Builder::new().prefix(&name).rand_bytes(0), folder, access)
    }

    fn make(builder: &mut Builder<'_, '_>, folder: &Path, access: Access) -> io::Result<Self> {
        let permissions = Permissions::from_mode(access.mode());
        Ok(Self { temporary: builder.permissions(permissions).tempfile_in(folder)? })
    }

    /// The file, to be read and written.
    pub fn file(&mut self) -> &mut File {
        self.temporary.as_file_mut()
    }

    /// Gives it its name. When this returns, the file is on the disk under that name.
    ///
    /// # Errors
    ///
    /// If that cannot be promised.
    pub fn keep(self, path: &Path) -> io::Result<()> {
        self.keep_asking(path, |_| Ok(()))
    }

    fn keep_asking(
        self,
        path: &Path,
        mut before: impl FnMut(Step) -> io::Result<()>,
    ) -> io::Result<()> {
        before(Step::Sync)?;
        self.temporary.as_file().sync_all()?;
        before(Step::Rename)?;
        self.temporary.persist(path).map_err(|error| error.error)?;
        before(Step::SyncFolder)?;
        sync_folder(folder_of(path))
    }
}

/// Replaces a file by way of [`NewFile::beside`]. `before` is asked before each step and can make it
/// fail, which is how tests do.
///
/// # Errors
///
/// If a step fails. Up to [`Step::Rename`] the file is what it was.
pub fn replace(
    path: &Path,
    bytes: &[u8],
    access: Access,
    mut before: impl FnMut(Step) -> io::Result<()>,
) -> io::Result<()> {
    before(Step::Create)?;
    let mut new = NewFile::beside(path, access)?;
    before(Step::Write)?;
    new.file().write_all(bytes)?;
    new.keep_asking(path, before)
}

/// Makes the names in a folder lasting.
///
/// There are file systems that cannot sync a folder, and say so (`EINVAL`): they make names lasting
/// by themselves, or not at all. Nothing more can be done there, so that this counts as done; every
/// other error counts.
///
/// # Errors
///
/// If the folder cannot be opened or synced.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match File::open(folder)?.sync_all() {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        synced => synced,
    }
}

/// The folder of a file, as a path that can be opened.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn names(folder: &Path) -> Vec<PathBuf> {
        let mut names: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into()).collect();
        names.sort();
        names
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn whichever_step_fails_the_old_file_or_the_new_one_is_there_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        for (step, after) in [
            (Step::Create, "old"),
            (Step::Write, "old"),
            (Step::Sync, "old"),
            (Step::Rename, "old"),
            (Step::SyncFolder, "new"),
        ] {
            replace(&path, b"old", Access::Private, |_| Ok(())).unwrap();
            let failed = replace(&path, b"new", Access::Private, |now| {
                if now == step { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
            });
            assert_eq!(failed.unwrap_err().kind(), ErrorKind::StorageFull);
            assert_eq!(fs::read_to_string(&path).unwrap(), after, "{step:?}");
            assert_eq!(names(folder.path()), [Path::new("state")], "{step:?}");
            assert_eq!(mode(&path), 0o600);
        }
    }

    #[test]
    fn what_a_crash_has_left_is_removed_and_a_link_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, new) = (folder.path().join("state"), folder.path().join("state.new"));
        let target = folder.path().join("target");
        fs::write(&target, "precious").unwrap();
        fs::write(&new, "half").unwrap();
        replace(&path, b"one", Access::Private, |_| Ok(())).unwrap();
        std::os::unix::fs::symlink(&target, &new).unwrap();
        replace(&path, b"two", Access::Private, |_| Ok(())).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_to_string(&target).unwrap(), "precious");
        assert_eq!(names(folder.path()), [Path::new("state"), Path::new("target")]);
    }

    #[test]
    fn many_can_write_one_file_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        std::thread::scope(|scope| {
            for number in 0..8 {
                let path = &path;
                scope.spawn(move || {
                    let mut new = NewFile::unique(path.parent().unwrap()).unwrap();
                    new.file().write_all(number.to_string().as_bytes()).unwrap();
                    new.keep(path).unwrap();
                });
            }
            drop(NewFile::unique(folder.path()).unwrap());
        });
        assert!(fs::read_to_string(&path).unwrap().parse::<u32>().unwrap() < 8);
        assert_eq!(names(folder.path()), [Path::new("index")]);
        let reference = folder.path().join("reference");
        fs::write(&reference, "").unwrap();
        assert_eq!(mode(&path), mode(&reference), "others can read it, as any file");
    }
}
