//! Opening the cache's files. Whatever stands in the place of one, a symbolic link, a pipe that
//! nobody writes into, is not followed, not waited for, and not taken for it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

use crate::limits::MANIFEST_BYTES_MAX;

/// Opens a file to be read.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().read(true), path)
}

/// Opens a file to be locked, made if need be.
pub(super) fn open_for_locking(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().create(true).truncate(false).write(true), path)
}

/// Opens a file to be filled further, made if need be.
pub(crate) fn open_partial(path: &Path) -> io::Result<File> {
    open(OpenOptions::new().create(true).truncate(false).read(true).write(true), path)
}

/// Reads a small file whole: nothing of that kind is larger than a manifest.
pub(super) fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(MANIFEST_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MANIFEST_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too large"));
    }
    Ok(bytes)
}

/// Whether something else stands in the place of a file.
pub(super) fn is_no_file(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(rustix::io::Errno::from_raw_os_error);
    error.kind() == io::ErrorKind::InvalidData
        || matches!(
            number,
            Some(
                rustix::io::Errno::LOOP
                    | rustix::io::Errno::NOTDIR
                    | rustix::io::Errno::ISDIR
                    | rustix::io::Errno::NXIO
            )
        )
}

fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = flags.bits().try_into().unwrap_or_default();
    let file = options.custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidData, "it is no file"))
    }
}
