//! Opening files in folders where anything may stand: a symbolic link, or a pipe that nobody writes
//! into, is not followed, not waited for, and not taken for a file.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

/// Opens a file.
///
/// # Errors
///
/// Those of the system; [`io::ErrorKind::InvalidData`] if it is not a file.
pub fn open_plain(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let flags = flags.bits().try_into().unwrap_or_default();
    let file = options.custom_flags(flags).open(path).map_err(|error| {
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::LOOP) => other("it is a symbolic link"),
            // A pipe without a reader, or a socket.
            Some(Errno::NXIO) => other("it is not a file"),
            _ => error,
        }
    })?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(other("it is not a file")) }
}

fn other(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
