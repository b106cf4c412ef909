//! What a configuration says of where a provider comes from.

use std::fmt;
use std::path::PathBuf;

use dstream_reference::Reference;

/// Where a provider's executable comes from, as the file says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderRef {
    /// `provider = "counter"`: part of this binary.
    Builtin(String),
    /// `provider_path`: with a separator in it, relative to the HCL file (already joined with its
    /// folder here); a bare name, looked up in PATH.
    Path(PathBuf),
    /// `provider_ref`: a complete OCI reference.
    Oci(Reference),
}

impl fmt::Display for ProviderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => f.write_str(name),
            Self::Oci(reference) => reference.fmt(f),
            Self::Path(path) => path.display().fmt(f),
        }
    }
}
