//! What a layer's bytes are → one executable file.
//!
//! The bytes are those that the digest names, but who published them need not mean well. So
//! nothing is written but the one file that was handed in, no name and no mode of an archive
//! reaches the file system, and what comes out is counted while it comes.

mod contents;
mod packing;
mod tar;
#[cfg(test)]
mod tests;

use std::fs::{File, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;

use contents::Contents;
pub(crate) use packing::{Compression, Packing, is_executable};
pub(crate) use tar::Forbidden;

use crate::limits::{ARCHIVE_ENTRIES_MAX, ARCHIVE_NAMES_SHOWN_MAX};

/// Why there is no executable in a layer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    /// The layer's own bytes could not be read.
    #[error("the layer cannot be read")]
    Read(#[source] io::Error),
    /// The file that was handed in could not be written.
    #[error("the executable cannot be written")]
    Write(#[source] io::Error),
    /// What comes out is larger than it may be, headers and padding of an archive included.
    #[error("the layer is larger than {0} bytes when it is unpacked")]
    TooLarge(u64),
    /// The compressed bytes are none, or something follows them.
    #[error("the layer is not a valid {0}")]
    Corrupt(Compression, #[source] io::Error),
    /// The layer ends before it is complete.
    #[error("the layer ends in the middle of its {0}")]
    Truncated(&'static str),
    /// It is said to be an archive, and is none.
    #[error("the layer is said to be a tar archive, but is none")]
    NoArchive,
    /// A header of the archive makes no sense.
    #[error("the tar archive is damaged: {0}")]
    Damaged(&'static str),
    /// The archive holds what is never needed and could do harm.
    #[error("the tar archive holds `{name}`, {why}, which is refused")]
    Entry {
        /// The entry, escaped and cut.
        name: String,
        /// What about it.
        why: Forbidden,
    },
    /// More entries than any provider needs.
    #[error("the tar archive has more than {ARCHIVE_ENTRIES_MAX} entries")]
    TooManyEntries,
    /// Nothing there.
    #[error("the layer holds no executable: {0}")]
    Nothing(&'static str),
    /// Nothing says which file is meant.
    #[error("the tar archive holds several files, and none stands out as the executable: {}", listed(names, *files))]
    Several {
        /// The first of them, escaped and cut.
        names: Vec<String>,
        /// How many they are.
        files: usize,
    },
}

impl UnpackError {
    /// What the person can do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Read(_) | Self::Write(_) => "check the disk and its permissions, then try again",
            Self::Several { .. } => {
                "its publisher has to name the executable `plugin`, or publish it alone"
            }
            Self::TooLarge(_) => {
                "a provider is one executable; ask its publisher for a smaller one"
            }
            Self::Truncated(_) | Self::Corrupt(..) | Self::Damaged(_) | Self::NoArchive => {
                "it was published like this: its publisher has to publish it again"
            }
            Self::Entry { .. } | Self::TooManyEntries | Self::Nothing(_) => {
                "its publisher has to publish the executable alone, or an archive of only that"
            }
        }
    }
}

/// Writes the executable that `blob` holds into the file `into`, in the place of whatever is in
/// it, and makes it executable (0755). Returns its size. After an error the file is empty.
///
/// `blob` is read to its end. Of what comes out of it, no more than `bytes_max` bytes are taken; in
/// an archive all of its bytes count, whether they are the executable's or not.
///
/// # Errors
///
/// If the layer is not what it is said to be, holds no executable or several, or is too large.
pub(crate) fn unpack(
    blob: &mut dyn Read,
    packing: Packing,
    into: &mut File,
    bytes_max: u64,
) -> Result<u64, UnpackError> {
    let unpacked = unpack_into(blob, packing, into, bytes_max).and_then(|bytes| {
        into.set_permissions(Permissions::from_mode(0o755)).map_err(UnpackError::Write)?;
        Ok(bytes)
    });
    if unpacked.is_err() {
        // Half an executable is worse than none. The first error is the one to tell.
        let _ = clear(into);
    }
    unpacked
}

fn unpack_into(
    blob: &mut dyn Read,
    packing: Packing,
    into: &mut File,
    bytes_max: u64,
) -> Result<u64, UnpackError> {
    clear(into)?;
    let watched = contents::Watched::new(blob);
    let mut contents = Contents::open(&watched, packing.compression, bytes_max)?;
    let mut head = [0; tar::BLOCK_BYTES];
    let filled = contents.fill(&mut head)?;
    let is_tar = filled == head.len() && tar::is_header(&head);
    // A file name can begin with the two letters of a PE file; no sound header begins like ELF.
    if is_tar && !head.starts_with(b"\x7fELF") {
        return tar::extract(&mut contents, head, into);
    }
    if filled == 0 {
        return Err(UnpackError::Nothing("it is empty"));
    }
    if packing.tar && !packing::is_executable(&head[..filled]) {
        return Err(UnpackError::NoArchive);
    }
    into.write_all(&head[..filled]).map_err(UnpackError::Write)?;
    let rest = contents.copy_all(into)?;
    Ok(filled as u64 + rest)
}

/// Empties the file.
fn clear(file: &mut File) -> Result<(), UnpackError> {
    file.rewind().and_then(|()| file.set_len(0)).map_err(UnpackError::Write)
}

fn listed(names: &[String], files: usize) -> String {
    let mut text = names.join(", ");
    if files > names.len() {
        debug_assert_eq!(names.len(), ARCHIVE_NAMES_SHOWN_MAX);
        text.push_str(&format!(" and {} more", files - names.len()));
    }
    text
}
