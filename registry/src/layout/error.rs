//! What can be wrong with a layout, and which file it is.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a layout cannot be read or added to.
#[derive(Debug, Error)]
pub enum LayoutError {
    /// No folder, or one without the file that marks a layout.
    #[error("`{}` is not an OCI image layout: it has no file `oci-layout`", .0.display())]
    NoLayout(PathBuf),
    /// Another version.
    #[error("`{}` is of version `{}`, this version of DStream knows 1.0.0", .0.display(), .1)]
    Version(PathBuf, String),
    /// A layout was to be made where something else is.
    #[error("`{}` is not empty and not an OCI image layout", .0.display())]
    NotEmpty(PathBuf),
    /// A file is not what it has to be.
    #[error("`{}` is damaged: {}", .0.display(), .1)]
    Malformed(PathBuf, String),
    /// More bytes than a file of its kind may have.
    #[error("`{}` has more than {} bytes", .0.display(), .1)]
    TooLarge(PathBuf, u64),
    /// Two manifests have the same name.
    #[error("`{}` has several entries named `{}`", .0.display(), .1)]
    Ambiguous(PathBuf, String),
    /// A text that names no blob, and so becomes no path.
    #[error("invalid digest `{0}`: a layout has sha256: and 64 digits (0-9, a-f)")]
    DigestText(String),
    /// A blob that the layout names or that was asked for is not in it.
    #[error("the layout has no blob `{}`", .0.display())]
    NoBlob(PathBuf),
    /// A blob of another length than its descriptor says.
    #[error("`{}` has {found} bytes and not {expected}", path.display())]
    Size {
        /// Which blob.
        path: PathBuf,
        /// Its bytes by its descriptor.
        expected: u64,
        /// Its bytes.
        found: u64,
    },
    /// A blob whose bytes have another digest.
    #[error("`{}` does not hold what its name says: its bytes are not those of {expected}", path.display())]
    Digest {
        /// Which blob.
        path: PathBuf,
        /// The digest it should have.
        expected: String,
    },
    /// What was to be added has another length or digest than was said; nothing was added.
    #[error("what was to be added is not {0}")]
    Refused(String),
    /// What was to be added could not be read; nothing was added.
    #[error("what was to be added cannot be read to its end")]
    Source(#[source] io::Error),
    /// The file system says no.
    #[error("`{}` cannot be read or written", .0.display())]
    Io(PathBuf, #[source] io::Error),
}

impl LayoutError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoLayout(_) => {
                "name the folder that `dstream provider mirror` or `skopeo copy … oci:FOLDER` has written"
            }
            Self::Version(..) => "write the layout again with a program that makes version 1.0.0",
            Self::NotEmpty(_) => "name an empty folder, or one that is not there yet",
            Self::Malformed(..)
            | Self::TooLarge(..)
            | Self::Size { .. }
            | Self::Digest { .. }
            | Self::NoBlob(_) => "the copy is incomplete or damaged: copy or mirror it again",
            Self::Ambiguous(..) => "name the one that is meant by its digest",
            Self::DigestText(_) => {
                "a digest looks like sha256:0123…; check where this one comes from"
            }
            Self::Refused(_) | Self::Source(_) => {
                "try again; if it stays so, its source is damaged"
            }
            Self::Io(..) => "check the permissions, and whether there is room on the disk",
        }
    }

    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |error| Self::Io(path, error)
    }
}
