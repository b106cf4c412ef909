//! Whose signature is asked for.

use crate::{PublicKey, Reference, canonical_registry, split_port};

/// `trust "pattern" { public_key = … }`
#[derive(Debug, Clone, PartialEq)]
pub struct TrustPolicy {
    /// Which repositories it is about.
    pub pattern: TrustPattern,
    /// Any of these may have signed.
    pub public_keys: Vec<PublicKey>,
}

impl TrustPolicy {
    /// Whether it is about a reference.
    pub fn covers(&self, reference: &Reference) -> bool {
        self.pattern.matches(reference.name())
    }
}

/// Which repositories a policy is about: `ghcr.io/katasec/*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustPattern {
    written: String,
    /// As repositories are compared with it.
    parts: Vec<String>,
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
        let mut names = parts.iter().map(|part| part.to_ascii_lowercase()).collect::<Vec<_>>();
        names[0] = comparable(&canonical_registry(&names[0]));
        if names[0] == "docker.io" && names.len() == 2 && names[1] != "**" {
            names.insert(1, "library".to_owned());
        }
        Ok(Self { written: text.to_owned(), parts: names })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether both mean the same, however they are written.
    pub fn is_same(&self, other: &Self) -> bool {
        self.parts == other.parts
    }

    /// Whether a repository, with its registry, is meant.
    pub fn matches(&self, repository: &str) -> bool {
        let pattern: Vec<&str> = self.parts.iter().map(String::as_str).collect();
        let (registry, repository) = repository.split_once('/').unwrap_or((repository, ""));
        let registry = comparable(registry);
        let name: Vec<&str> =
            std::iter::once(registry.as_str()).chain(repository.split('/')).collect();
        parts_match(&pattern, &name)
    }
}

/// A registry without a port that some scheme has anyway: a policy about the one is about the other.
fn comparable(registry: &str) -> String {
    let (host, port) = split_port(registry);
    if matches!(port, Some("80" | "443")) { host.to_owned() } else { registry.to_owned() }
}

/// Matches in time proportional to the product of both lengths, whatever the pattern.
fn parts_match(pattern: &[&str], name: &[&str]) -> bool {
    wildcard(
        pattern,
        name,
        |part| *part == "**",
        |part, name| {
            let (part, name) = (part.as_bytes(), name.as_bytes());
            wildcard(part, name, |byte| *byte == b'*', |one, other| one == other)
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
            ("docker.io/x", "docker.io/library/x", true),
            ("Registry-1.docker.io/a/*", "docker.io/a/x", true),
            ("ghcr.io:443/katasec/*", "ghcr.io/katasec/x", true),
            ("ghcr.io/katasec/*", "ghcr.io:80/katasec/x", true),
            ("ghcr.io/katasec/*", "ghcr.io:5000/katasec/x", false),
            ("localhost/*", "localhost:443/x", true),
            ("[0::1]:5000/*", "[::1]:5000/x", true),
            ("*:5000/**", "[::1]:5000/x", true),
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
