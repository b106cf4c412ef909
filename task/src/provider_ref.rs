//! What a configuration says of where a provider comes from.

use std::fmt;
use std::path::PathBuf;

/// Where a provider's executable comes from, as the file says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderRef {
    /// `provider = "counter"`: part of this binary.
    Builtin(String),
    /// `provider_path`: with a separator in it, relative to the HCL file (already joined with its
    /// folder here); a bare name, looked up in PATH.
    Path(PathBuf),
    /// `provider_ref`: a complete OCI reference with registry, repository, and tag or digest.
    Oci(String),
}

impl fmt::Display for ProviderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) | Self::Oci(name) => f.write_str(name),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}
