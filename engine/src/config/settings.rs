//! What the `dstream` block says of where providers come from.

use std::path::{Path, PathBuf};

use crate::resolve::{check_registry, parse_reference};
use crate::signature::PublicKey;

/// The `dstream` block.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// `registry`: completes short references.
    pub registry: Option<String>,
    /// `mirror`: read from in the place of every reference's own registry.
    pub mirror: Option<Mirror>,
    /// `insecure_registries`: hosts, with their ports, that may be spoken to in plain HTTP.
    pub insecure_registries: Vec<String>,
    /// `ca_file`: certificates trusted besides the system's; joined with the HCL file's folder.
    pub ca_file: Option<PathBuf>,
    /// `trust` blocks: whose signatures are asked for.
    pub trust: Vec<TrustPolicy>,
}

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
        let host = text.split_once('/').map_or(text, |(host, _)| host);
        // Any name shows whether repositories can be named below it.
        let whole = format!("{}/provider:v1", text.trim_end_matches('/'));
        match (check_registry(host), parse_reference(&whole, None)) {
            (Ok(()), Ok(reference)) if whole.starts_with(reference.registry()) => {
                Ok(Self::Registry(text.trim_end_matches('/').to_owned()))
            }
            _ => Err(format!("`{}` is no mirror", text.escape_debug())),
        }
    }
}

/// `trust "pattern" { public_key = … }`
#[derive(Debug, Clone, PartialEq)]
pub struct TrustPolicy {
    /// Which repositories it is about.
    pub pattern: TrustPattern,
    /// Any of these may have signed.
    pub public_keys: Vec<PublicKey>,
}

/// Which repositories a policy is about: `ghcr.io/katasec/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustPattern {
    text: String,
}

impl TrustPattern {
    /// Reads a pattern: a registry and a repository, in which `*` stands for any characters of one
    /// part and `**` for any number of parts.
    ///
    /// # Errors
    ///
    /// If it could match no repository, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = |part: &str| {
            let mut characters = part.bytes();
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b".-_*:[]".contains(&byte);
            !part.is_empty() && characters.all(known) && (part == "**" || !part.contains("**"))
        };
        let parts: Vec<&str> = text.split('/').collect();
        let has_tag = parts.len() > 1 && parts.last().is_some_and(|last| last.contains(':'));
        if !parts.iter().all(|part| fits(part)) || has_tag {
            return Err("this matches no repository".to_owned());
        }
        if parts.len() == 1 && text != "**" {
            return Err("this names a registry and no repository".to_owned());
        }
        // Docker Hub has two names; references have this one.
        let text = match text.strip_prefix("index.docker.io/") {
            Some(rest) => format!("docker.io/{rest}"),
            None => text.to_owned(),
        };
        Ok(Self { text })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a repository, with its registry, is meant.
    pub fn matches(&self, repository: &str) -> bool {
        let pattern: Vec<&str> = self.text.split('/').collect();
        let name: Vec<&str> = repository.split('/').collect();
        parts_match(&pattern, &name)
    }
}

/// Matches in time proportional to the product of both lengths, whatever the pattern.
fn parts_match(pattern: &[&str], name: &[&str]) -> bool {
    wildcard(
        pattern,
        name,
        |part| *part == "**",
        |part, name| {
            let (part, name) = (part.as_bytes(), name.as_bytes());
            wildcard(part, name, |byte| *byte == b'*', |one, other| one.eq_ignore_ascii_case(other))
        },
    )
}

/// Whether a sequence fits a pattern in which some items stand for any number of others.
fn wildcard<P, N>(
    pattern: &[P],
    name: &[N],
    is_star: impl Fn(&P) -> bool,
    fits: impl Fn(&P, &N) -> bool,
) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while seen < name.len() {
        if at < pattern.len() && is_star(&pattern[at]) {
            star = Some((at, seen));
            at += 1;
        } else if at < pattern.len() && fits(&pattern[at], &name[seen]) {
            at += 1;
            seen += 1;
        } else if let Some((star_at, from)) = star {
            // The star takes one more.
            star = Some((star_at, from + 1));
            at = star_at + 1;
            seen = from + 1;
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(is_star)
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

    #[test]
    fn patterns_match_repositories() {
        for (pattern, repository, matches) in [
            ("ghcr.io/katasec/*", "ghcr.io/katasec/counter", true),
            ("ghcr.io/katasec/*", "ghcr.io/katasec/a/b", false),
            ("ghcr.io/katasec/*", "ghcr.io/katasec", false),
            ("ghcr.io/katasec/**", "ghcr.io/katasec/a/b", true),
            ("ghcr.io/*/counter", "ghcr.io/other/counter", true),
            ("ghcr.io/kata*/c*r", "ghcr.io/katasec/counter", true),
            ("ghcr.io/kata*/c*x", "ghcr.io/katasec/counter", false),
            ("*/counter", "localhost:5000/counter", true),
            ("localhost:5000/*", "localhost:5000/counter", true),
            ("**", "ghcr.io/katasec/counter", true),
            ("**/counter", "ghcr.io/katasec/counter", true),
            ("ghcr.io/katasec/counter", "ghcr.io/katasec/counter2", false),
            ("GHCR.io/katasec/*", "ghcr.io/katasec/x", true),
            ("index.docker.io/library/*", "docker.io/library/x", true),
        ] {
            let pattern = TrustPattern::parse(pattern).unwrap();
            assert_eq!(pattern.matches(repository), matches, "{pattern:?} {repository}");
        }
        for wrong in [
            "",
            "ghcr.io",
            "*",
            "ghcr.io/",
            "ghcr.io/a:v1",
            "ghcr.io/a b",
            "a/***",
            "https://ghcr.io/a",
        ] {
            assert!(TrustPattern::parse(wrong).is_err(), "{wrong}");
        }
    }
}
