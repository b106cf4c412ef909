//! What may stand in `provider_ref`.
//!
//! The grammar is that of the OCI distribution specification. It is checked here by hand: the
//! parsers of OCI libraries fill in what was not written (a registry, a tag `latest`), which would
//! run a provider that nobody named.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use thiserror::Error;

/// The complete name of a provider: a registry, a repository, and a tag, a digest or both. It is
/// parsed once, and ordered as its text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    whole: String,
    /// Where the registry ends in `whole`.
    registry_end: usize,
    /// Where the repository ends: a `:` with a tag, a `@` with a digest, or both follow.
    repository_end: usize,
}

impl Reference {
    /// Host and port.
    pub fn registry(&self) -> &str {
        &self.whole[..self.registry_end]
    }

    /// The repository's name in its registry.
    pub fn repository(&self) -> &str {
        &self.whole[self.registry_end + 1..self.repository_end]
    }

    /// Registry and repository.
    pub fn name(&self) -> &str {
        &self.whole[..self.repository_end]
    }

    /// The tag, if there is one.
    pub fn tag(&self) -> Option<&str> {
        let version = self.whole[self.repository_end..].strip_prefix(':')?;
        Some(version.split_once('@').map_or(version, |(tag, _)| tag))
    }

    /// The digest, if there is one.
    pub fn digest(&self) -> Option<&str> {
        self.whole[self.repository_end..].split_once('@').map(|(_, digest)| digest)
    }

    /// What names the manifest: the digest if there is one, else the tag.
    pub fn version(&self) -> &str {
        self.digest().or(self.tag()).unwrap_or_default()
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.whole
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.whole)
    }
}

/// Characters of registry and repository together, most.
const NAME_CHARS_MAX: usize = 255;

/// Characters of a tag, most.
const TAG_CHARS_MAX: usize = 128;

/// Digest algorithms and their length in hexadecimal digits.
const DIGESTS: &[(&str, usize)] = &[("sha256", 64), ("sha512", 128)];

/// Why a text is no reference to a provider.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReferenceError {
    /// Nothing there.
    #[error("the reference is empty")]
    Empty,
    /// White space, a scheme, or another character that no part may have.
    #[error("a reference has no {0}")]
    Character(String),
    /// Neither tag nor digest.
    #[error("the reference has neither a tag nor a digest")]
    NoVersion,
    /// A short name, and no registry to complete it with.
    #[error("the reference names no registry")]
    NoRegistry,
    /// A registry alone.
    #[error("the reference names a registry and no repository")]
    NoRepository,
    /// The registry is no host name with an optional port.
    #[error("invalid registry `{0}`: write a host name or address and, after a colon, a port")]
    Registry(String),
    /// The repository breaks the grammar.
    #[error(
        "invalid repository `{0}`: it has lower-case letters and digits, separated by `/`, `.`, `_`, `__` or `-`"
    )]
    Repository(String),
    /// The repository has capital letters.
    #[error("a repository name has lower-case letters only")]
    UpperCase(String),
    /// Registry and repository are too long.
    #[error("registry and repository have more than {NAME_CHARS_MAX} characters")]
    TooLong,
    /// The tag breaks the grammar.
    #[error(
        "invalid tag `{0}`: it has up to {TAG_CHARS_MAX} letters, digits, `.`, `_` and `-`, and does not begin with `.` or `-`"
    )]
    Tag(String),
    /// The digest's algorithm is none that registries use.
    #[error("unknown digest algorithm `{0}`; use sha256")]
    Algorithm(String),
    /// The digest is not the hexadecimal number its algorithm gives.
    #[error("a {algorithm} digest has {digits} hexadecimal digits (0-9, a-f)")]
    Digest {
        /// Which algorithm.
        algorithm: &'static str,
        /// How many it would have.
        digits: usize,
    },
}

impl ReferenceError {
    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::NoVersion => "add a tag (`:v1.2.0`) or a digest (`@sha256:…`); DStream never \
                                guesses `:latest`"
                .to_owned(),
            Self::NoRegistry => "write it whole (`ghcr.io/owner/provider:v1.2.0`), or name the \
                                 registry once: `dstream { registry = \"ghcr.io/owner\" }`"
                .to_owned(),
            Self::NoRepository => "write `registry/owner/provider:v1.2.0`".to_owned(),
            Self::UpperCase(lower) => format!("did you mean `{lower}`?"),
            Self::Character(what) if what == "scheme" => {
                "leave out `https://`: write `ghcr.io/owner/provider:v1.2.0`".to_owned()
            }
            _ => return None,
        })
    }
}

/// A registry has one name here, however it is written: policies, lock files and credentials go by
/// it. Capital letters, the port that HTTPS has anyway, and Docker Hub's other names make no
/// difference.
pub fn canonical_registry(registry: &str) -> String {
    let lower = registry.to_ascii_lowercase();
    let (host, port) = split_port(&lower);
    let host = match ipv6(host) {
        Some(address) => format!("[{address}]"),
        None => host.to_owned(),
    };
    let host = match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => "docker.io",
        _ => &host,
    };
    match port {
        // This machine is spoken to in plain HTTP, which has another port.
        None => host.to_owned(),
        Some("443") if !is_loopback(host) => host.to_owned(),
        Some(port) => format!("{host}:{port}"),
    }
}

/// Host and port; an IPv6 address stays in its brackets.
pub fn split_port(registry: &str) -> (&str, Option<&str>) {
    match registry.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (registry, None),
    }
}

/// Whether a host, an IPv6 address in its brackets, is this machine.
pub fn is_loopback(host: &str) -> bool {
    let address = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse::<Ipv6Addr>().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().map(IpAddr::V4),
    };
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn ipv6(host: &str) -> Option<Ipv6Addr> {
    host.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// Reads a reference. A short name, one whose first part is no registry, is completed with
/// `default_registry` (`ghcr.io`, or with a namespace `ghcr.io/katasec`). A tag or a digest must be
/// there; with both, the digest decides.
///
/// `localhost:5000/counter` has a registry with a port and no tag.
pub fn parse_reference(
    text: &str,
    default_registry: Option<&str>,
) -> Result<Reference, ReferenceError> {
    if text.is_empty() {
        return Err(ReferenceError::Empty);
    }
    if text.contains("://") {
        return Err(ReferenceError::Character("scheme".to_owned()));
    }
    if text.contains(char::is_whitespace) {
        return Err(ReferenceError::Character("white space".to_owned()));
    }
    if let Some(other) = text.chars().find(|c| !c.is_ascii_graphic()) {
        return Err(ReferenceError::Character(format!("`{}`", other.escape_debug())));
    }

    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(check_digest(digest)?)),
        None => (text, None),
    };
    // A colon is a tag's only behind the last slash: before it, it is a port's.
    let last_part = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[last_part..].split_once(':') {
        Some(_) if last_part == 0 && looks_like_host(rest) => {
            return Err(ReferenceError::NoRepository);
        }
        Some((last, tag)) => (&rest[..last_part + last.len()], Some(check_tag(tag)?)),
        None => (rest, None),
    };

    let full;
    let (registry, repository) = match split_registry(name) {
        Some(split) => split,
        None => {
            check_repository(name)?;
            let default = default_registry.ok_or(ReferenceError::NoRegistry)?;
            full = format!("{}/{name}", default.trim_end_matches('/'));
            split_registry(&full).ok_or(ReferenceError::NoRegistry)?
        }
    };
    check_registry(registry)?;
    check_repository(repository)?;
    if registry.len() + 1 + repository.len() > NAME_CHARS_MAX {
        return Err(ReferenceError::TooLong);
    }

    let registry = canonical_registry(registry);
    // One-part repositories of Docker Hub live in `library`.
    let repository = if registry == "docker.io" && !repository.contains('/') {
        format!("library/{repository}")
    } else {
        repository.to_owned()
    };
    let mut whole = format!("{registry}/{repository}");
    let (registry_end, repository_end) = (registry.len(), whole.len());
    for (separator, part) in [(':', tag), ('@', digest)] {
        if let Some(part) = part {
            whole.push(separator);
            whole.push_str(part);
        }
    }
    if whole.len() == repository_end {
        return Err(ReferenceError::NoVersion);
    }
    Ok(Reference { whole, registry_end, repository_end })
}

/// Registry and repository, if the first part can only be a registry: it has a dot or a port, or
/// is `localhost`.
fn split_registry(name: &str) -> Option<(&str, &str)> {
    let (first, rest) = name.split_once('/')?;
    (first == "localhost" || first.contains(['.', ':'])).then_some((first, rest))
}

/// Whether `name:digits` without a slash is a host with a port: its name has a dot, or is
/// `localhost`, and the digits are a port's.
fn looks_like_host(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, port)| {
        (host == "localhost" || host.contains('.')) && port.parse::<u16>().is_ok()
    })
}

/// Checks a host name with an optional port.
pub fn check_registry(registry: &str) -> Result<(), ReferenceError> {
    let (host, port) = split_port(registry);
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let port_fits = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if (host.split('.').all(label) || ipv6(host).is_some()) && port_fits {
        Ok(())
    } else {
        Err(ReferenceError::Registry(registry.to_owned()))
    }
}

fn check_repository(repository: &str) -> Result<(), ReferenceError> {
    if repository.is_empty() {
        return Err(ReferenceError::NoRepository);
    }
    if repository.split('/').all(is_component) {
        return Ok(());
    }
    let lower = repository.to_ascii_lowercase();
    Err(if lower != repository && lower.split('/').all(is_component) {
        ReferenceError::UpperCase(lower)
    } else {
        ReferenceError::Repository(repository.to_owned())
    })
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`
fn is_component(component: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = component.as_bytes();
    let edges = |byte: Option<&u8>| byte.is_some_and(|&byte| word(byte));
    edges(bytes.first())
        && edges(bytes.last())
        && bytes.split(|&byte| word(byte)).all(|separator| {
            matches!(separator, b"" | b"." | b"_" | b"__")
                || separator.iter().all(|&byte| byte == b'-')
        })
}

fn check_tag(tag: &str) -> Result<&str, ReferenceError> {
    let fits = (1..=TAG_CHARS_MAX).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if fits { Ok(tag) } else { Err(ReferenceError::Tag(tag.to_owned())) }
}

fn check_digest(digest: &str) -> Result<&str, ReferenceError> {
    let (name, encoded) = digest.split_once(':').unwrap_or((digest, ""));
    let &(algorithm, digits) = DIGESTS
        .iter()
        .find(|(algorithm, _)| *algorithm == name)
        .ok_or_else(|| ReferenceError::Algorithm(name.to_owned()))?;
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if encoded.len() == digits && encoded.bytes().all(hex) {
        Ok(digest)
    } else {
        Err(ReferenceError::Digest { algorithm, digits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn whole(text: &str, registry: Option<&str>) -> Result<String, ReferenceError> {
        parse_reference(text, registry).map(|reference| reference.to_string())
    }

    #[test]
    fn reads_complete_references() {
        for text in [
            "ghcr.io/katasec/kafka-provider:v1.1.0",
            "localhost:5000/counter:1",
            "localhost/counter:1",
            "127.0.0.1:5555/a/b/c__d--e.f_g:Tag_1.2-3",
            "[::1]:5000/counter:1",
            "[fd00::5]/a/counter:1",
            &format!("ghcr.io/katasec/kafka-provider@{SHA}"),
            &format!("ghcr.io/katasec/kafka-provider:v1@{SHA}"),
        ] {
            assert_eq!(whole(text, None).as_deref(), Ok(text));
        }
    }

    #[test]
    fn a_reference_has_parts() {
        for (text, tag, digest) in [
            ("r.io:5000/a/b:v1".to_owned(), Some("v1"), None),
            (format!("r.io:5000/a/b@{SHA}"), None, Some(SHA)),
            (format!("r.io:5000/a/b:v1@{SHA}"), Some("v1"), Some(SHA)),
        ] {
            let reference = parse_reference(&text, None).unwrap();
            assert_eq!((reference.registry(), reference.repository()), ("r.io:5000", "a/b"));
            assert_eq!(reference.name(), "r.io:5000/a/b");
            assert_eq!((reference.tag(), reference.digest()), (tag, digest));
            assert_eq!(Some(reference.version()), digest.or(tag));
        }
    }

    #[test]
    fn completes_short_names() {
        let registry = Some("ghcr.io/katasec");
        assert_eq!(whole("kafka:v1", registry).unwrap(), "ghcr.io/katasec/kafka:v1");
        assert_eq!(whole("kafka:v1", Some("ghcr.io")).unwrap(), "ghcr.io/kafka:v1");
        assert_eq!(whole("team/kafka:v1", Some("r.io:444/")).unwrap(), "r.io:444/team/kafka:v1");
        assert_eq!(whole("x.io/kafka:v1", registry).unwrap(), "x.io/kafka:v1");
        assert_eq!(whole("docker.io/kafka:v1", None).unwrap(), "docker.io/library/kafka:v1");
        assert_eq!(whole("kafka:v1", None), Err(ReferenceError::NoRegistry));
        assert_eq!(whole("kafka:v1", Some("nonsense")), Err(ReferenceError::NoRegistry));
    }

    #[test]
    fn a_registry_has_one_name() {
        for (text, one) in [
            ("GHCR.io/katasec/x:v1", "ghcr.io/katasec/x:v1"),
            ("ghcr.io:443/katasec/x:v1", "ghcr.io/katasec/x:v1"),
            ("ghcr.io:80/katasec/x:v1", "ghcr.io:80/katasec/x:v1"),
            ("LOCALHOST:443/x:v1", "localhost:443/x:v1"),
            ("[0:0:0::1]:443/x:v1", "[::1]:443/x:v1"),
            ("[FD00:0::5]:443/x:v1", "[fd00::5]/x:v1"),
            ("index.docker.io/a/x:v1", "docker.io/a/x:v1"),
            ("Registry-1.docker.io:443/x:v1", "docker.io/library/x:v1"),
        ] {
            assert_eq!(whole(text, None).as_deref(), Ok(one), "{text}");
        }
    }

    #[test]
    fn guesses_no_version_and_takes_no_port_for_one() {
        for text in ["ghcr.io/katasec/kafka", "localhost:5000/kafka", "r.io:80/a/b"] {
            assert_eq!(whole(text, None), Err(ReferenceError::NoVersion), "{text}");
        }
        for text in ["localhost:5000", "ghcr.io:443"] {
            assert_eq!(whole(text, Some("r.io")), Err(ReferenceError::NoRepository), "{text}");
        }
    }

    #[test]
    fn names_the_wrong_part() {
        use ReferenceError as E;
        let long = format!("r.io/{}:v1", "a".repeat(255));
        for (text, error) in [
            ("", E::Empty),
            ("https://ghcr.io/a/b:v1", E::Character("scheme".to_owned())),
            ("ghcr.io/a b:v1", E::Character("white space".to_owned())),
            ("ghcr.io/ä:v1", E::Character("`ä`".to_owned())),
            ("ghcr.io/Katasec/b:v1", E::UpperCase("katasec/b".to_owned())),
            ("ghcr.io//b:v1", E::Repository("/b".to_owned())),
            ("ghcr.io/a..b:v1", E::Repository("a..b".to_owned())),
            ("ghcr.io/a___b:v1", E::Repository("a___b".to_owned())),
            ("ghcr.io/-a:v1", E::Repository("-a".to_owned())),
            ("-x.io/a:v1", E::Registry("-x.io".to_owned())),
            ("x.io:0/a:v1", E::Registry("x.io:0".to_owned())),
            ("[::1/a:v1", E::Registry("[::1".to_owned())),
            ("[::1]x/a:v1", E::Registry("[::1]x".to_owned())),
            ("[::g]:5/a:v1", E::Registry("[::g]:5".to_owned())),
            ("x.io:99999/a:v1", E::Registry("x.io:99999".to_owned())),
            ("ghcr.io/a:", E::Tag(String::new())),
            ("ghcr.io/a:-v1", E::Tag("-v1".to_owned())),
            ("ghcr.io/a:v1:v2", E::Tag("v1:v2".to_owned())),
            ("ghcr.io/a@md5:00", E::Algorithm("md5".to_owned())),
            ("ghcr.io/a@sha256:00", E::Digest { algorithm: "sha256", digits: 64 }),
            (&long, E::TooLong),
        ] {
            assert_eq!(whole(text, None), Err(error), "{text}");
        }
    }
}
