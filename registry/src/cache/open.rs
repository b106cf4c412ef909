//! Opening the cache's files.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use crate::limits::MANIFEST_BYTES_MAX;
use dstream_files::open_plain;

/// Opens a file to be read.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    open_plain(OpenOptions::new().read(true), path)
}

/// Opens a file to be filled further, made if need be.
pub(crate) fn open_partial(path: &Path) -> io::Result<File> {
    open_plain(OpenOptions::new().create(true).truncate(false).read(true).write(true), path)
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
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory
    )
}
