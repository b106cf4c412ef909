//! A file in the place of another, at once and for good.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// What is done, in order. Each can fail, and a machine can stop between any two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Create,
    Write,
    Sync,
    Rename,
    SyncFolder,
}

/// Replaces a file. `before` is asked before each step and can make it fail, which is how tests do.
///
/// There is one writer at a time, so that the new file's name need not be a new one: what a stop, or
/// anybody, has left there is removed, and not written through. Only this user can read it.
pub(super) fn replace(
    path: &Path,
    bytes: &[u8],
    mut before: impl FnMut(Step) -> io::Result<()>,
) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    before(Step::Create)?;
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
    before(Step::Write)?;
    file.write_all(bytes)?;
    before(Step::Sync)?;
    file.sync_all()?;
    before(Step::Rename)?;
    fs::rename(&new, path)?;
    before(Step::SyncFolder)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
