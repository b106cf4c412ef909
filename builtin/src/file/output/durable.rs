//! Folders and names that outlive a power failure.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use dstream_sdk::ProviderError;
use serde::Deserialize;

use super::names::folder;

/// When what was written is made to outlive a power failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fsync {
    /// When DStream asks, and when a file is finished.
    #[default]
    Checkpoint,
    /// After whatever one read has brought, too.
    Batch,
    /// Whenever the kernel likes.
    Never,
}

impl Fsync {
    /// The contents of a file.
    pub(crate) fn file(self, file: &File) -> io::Result<()> {
        if self == Self::Never {
            return Ok(());
        }
        match file.sync_data() {
            // A device or a pipe keeps nothing.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput && !is_file(file) => Ok(()),
            synced => synced,
        }
    }

    /// The names in the folder of a file.
    pub(crate) fn folder_of(self, path: &Path) -> io::Result<()> {
        if self == Self::Never { Ok(()) } else { File::open(folder(path))?.sync_all() }
    }

    /// Creates a folder and those it is in.
    pub(crate) fn create_folders(self, folder: &Path) -> io::Result<()> {
        let missing = missing(folder);
        for folder in &missing {
            match fs::create_dir(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => self.folder_of(folder)?,
            }
        }
        Ok(())
    }
}

fn is_file(file: &File) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file())
}

/// The folders on the way to this one, itself included, that are not there, the outermost first.
pub(crate) fn missing(folder: &Path) -> Vec<PathBuf> {
    let parts = folder.ancestors().filter(|part| !part.as_os_str().is_empty());
    let mut missing: Vec<_> = parts.take_while(|part| !part.exists()).map(Path::to_owned).collect();
    missing.reverse();
    missing
}

/// A full disk may have room later.
pub(crate) fn failed(what: &str, path: &Path, error: &io::Error) -> ProviderError {
    ProviderError::transient(format!("cannot {what} {}: {error}", path.display()))
}
