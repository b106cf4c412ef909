//! Another place that has the artifacts of every registry.

use std::path::{Path, PathBuf};

use crate::{canonical_registry, check_registry, parse_reference};

/// Another place that has the artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mirror {
    /// A registry, with what comes before the names of its repositories: `registry.lan:5000/mirror`.
    Registry(String),
    /// An OCI image layout in this folder.
    Layout(PathBuf),
}

impl Mirror {
    /// Reads a mirror. What begins with `/`, `./` or `../` is a folder, relative to `base_dir`.
    ///
    /// # Errors
    ///
    /// If it is neither a folder nor a registry, in words.
    pub fn parse(text: &str, base_dir: &Path) -> Result<Self, String> {
        let is_folder = ["/", "./", "../"].iter().any(|start| text.starts_with(start));
        if is_folder || text == "." || text == ".." {
            return Ok(Self::Layout(base_dir.join(text)));
        }
        let text = text.trim_end_matches('/');
        let (host, prefix) = text.split_once('/').unwrap_or((text, ""));
        // Any name shows whether repositories can be named below it.
        match (check_registry(host), parse_reference(&format!("{text}/provider:v1"), None)) {
            (Ok(()), Ok(_)) => {
                let host = canonical_registry(host);
                let separator = if prefix.is_empty() { "" } else { "/" };
                Ok(Self::Registry(format!("{host}{separator}{prefix}")))
            }
            _ => Err(format!("invalid mirror `{}`", text.escape_debug())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_a_folder_or_a_registry() {
        let base = Path::new("/etc/dstream");
        let layout = |path: &str| Ok(Mirror::Layout(path.into()));
        let registry = |name: &str| Ok(Mirror::Registry(name.to_owned()));
        assert_eq!(Mirror::parse("./providers", base), layout("/etc/dstream/./providers"));
        assert_eq!(Mirror::parse("/srv/oci", base), layout("/srv/oci"));
        assert_eq!(Mirror::parse("../oci", base), layout("/etc/dstream/../oci"));
        assert_eq!(Mirror::parse("registry.lan:5000", base), registry("registry.lan:5000"));
        assert_eq!(Mirror::parse("127.0.0.1:5000/a/b/", base), registry("127.0.0.1:5000/a/b"));
        for wrong in ["", "https://x", "a b", "x/Y", "providers folder", "host:port/x"] {
            assert!(Mirror::parse(wrong, base).is_err(), "{wrong}");
        }
    }
}
