//! What can go wrong between a reference and its executable.

use dstream_reference::Reference;
use thiserror::Error;

use crate::artifact::{ArtifactError, Digest};
use crate::cache::CacheError;
use crate::client::RegistryError;
use crate::layout::LayoutError;

/// Why there is no executable for a reference.
#[derive(Debug, Error)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum FetchError {
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Cache(#[from] CacheError),
    #[error("{error}{}", cause_of(error))]
    Layout { error: LayoutError },
    #[error("the blob {digest} of the layout cannot be read: {error}")]
    Blob { digest: Digest, error: std::io::Error },
    #[error("`{reference}`: {error}")]
    Artifact { reference: Reference, error: ArtifactError },
    #[error(
        "a blob of `{reference}` does not match its digest: {expected} was named, {found} was sent"
    )]
    WrongDigest { reference: Reference, expected: Digest, found: Digest },
    #[error(
        "a blob of `{reference}` is larger than the {size_bytes} bytes that its manifest names"
    )]
    TooLong { reference: Reference, size_bytes: u64 },
    #[error("the executable of `{reference}` cannot be unpacked: {what}")]
    Unpack { reference: Reference, what: String, hint: &'static str },
    #[error("`{reference}`: {what}")]
    Metadata { reference: Reference, what: String },
    #[error("`{0}` has changed while it was being fetched")]
    Changed(Reference),
    #[error(
        "`{reference}` now means other bytes than the lock file says\n    locked {locked}\n    found  {found}"
    )]
    Moved { reference: Reference, locked: Digest, found: Digest },
    #[error(
        "the executable of `{reference}` is not the one in the lock file\n    locked {locked}\n    found  {found}"
    )]
    OtherExecutable { reference: Reference, locked: Digest, found: Digest },
    #[error("the folder {folder} has no `{name}`")]
    NotInLayout { folder: String, name: String },
    #[error("`{0}` is not in the cache")]
    NotInCache(Reference),
    #[error("the cached copy of `{reference}` is damaged or missing: {digest}")]
    Damaged { reference: Reference, digest: Digest },
    #[error("`{reference}` is not signed as `trust \"{pattern}\"` demands: {what}")]
    Untrusted { reference: Reference, pattern: String, what: String },
}

impl From<LayoutError> for FetchError {
    fn from(error: LayoutError) -> Self {
        Self::Layout { error }
    }
}

fn cause_of(error: &LayoutError) -> String {
    std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default()
}

impl FetchError {
    /// What the person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Registry(error) => error.hint().to_owned(),
            Self::Cache(error) => error.hint().to_owned(),
            Self::Layout { error } => error.hint().to_owned(),
            Self::Blob { .. } => "check the disk and its permissions".to_owned(),
            Self::Artifact { error, .. } => error.hint().to_owned(),
            Self::WrongDigest { .. } | Self::TooLong { .. } => {
                "nothing of it was kept; the registry or something on the way to it sends other bytes than it says".to_owned()
            }
            Self::Unpack { hint, .. } => (*hint).to_owned(),
            Self::Metadata { .. } => "its publisher has to correct it and push it again".to_owned(),
            Self::Changed(_) => "try again".to_owned(),
            Self::Moved { reference, .. } => format!(
                "if that is wanted, accept it: dstream provider lock --upgrade {reference}"
            ),
            Self::OtherExecutable { .. } => {
                "remove it from the cache with `dstream provider prune --all`; if it stays so, the lock file is wrong".to_owned()
            }
            Self::NotInCache(reference) => format!("fetch it: dstream provider pull {reference}"),
            Self::Damaged { reference, .. } => format!(
                "fetch it again: dstream provider pull {reference} (with --platform for another one than this)"
            ),
            Self::NotInLayout { .. } => {
                "copy it there: dstream provider mirror FOLDER REF, where there is a network".to_owned()
            }
            Self::Untrusted { .. } => {
                "have its publisher sign it (`dstream provider push --sign`, `cosign sign --key`), or correct public_key".to_owned()
            }
        }
    }

    /// Whether the place that was asked could not answer, so that it need not be asked further.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Registry(error) if error.is_passing())
    }

    /// Whether the place that was asked does not have it.
    pub(super) fn is_missing(&self) -> bool {
        match self {
            Self::Registry(error) => error.is_missing(),
            Self::NotInLayout { .. } => true,
            _ => false,
        }
    }

    /// Whether it is a matter of what the files say, rather than of what happened.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Moved { .. }
                | Self::OtherExecutable { .. }
                | Self::Untrusted { .. }
                | Self::Registry(RegistryError::CaFile { .. })
                | Self::Layout { error: LayoutError::NoLayout(_) }
        )
    }
}
