//! Where a registry is, and whether it may be spoken to in plain HTTP.

use std::sync::atomic::{AtomicU8, Ordering};

use dstream_reference::{is_loopback, split_port};

/// A registry's host, and what is known of how it speaks.
#[derive(Debug)]
pub(crate) struct Address {
    /// Host and port, as a reference names them.
    pub(crate) name: String,
    plain: Plain,
    scheme: AtomicU8,
}

/// Whether plain HTTP is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plain {
    /// HTTPS only.
    Never,
    /// This machine: tried first, since it is what a registry started by hand speaks.
    Loopback,
    /// Named in `insecure_registries`: tried where HTTPS fails.
    Allowed,
}

const UNDECIDED: u8 = 0;
const HTTP: u8 = 1;
const HTTPS: u8 = 2;

impl Address {
    pub(crate) fn new(name: &str, insecure_registries: &[String]) -> Self {
        let plain = if is_loopback(split_port(name).0) {
            Plain::Loopback
        } else if insecure_registries.iter().any(|insecure| insecure == name) {
            Plain::Allowed
        } else {
            Plain::Never
        };
        let scheme = if plain == Plain::Never { HTTPS } else { UNDECIDED };
        Self { name: name.to_owned(), plain, scheme: AtomicU8::new(scheme) }
    }

    /// The host that answers for a registry: Docker Hub's has another name than its references.
    pub(crate) fn host(&self) -> &str {
        if self.name == "docker.io" { "registry-1.docker.io" } else { &self.name }
    }

    pub(crate) fn scheme(&self) -> &'static str {
        match (self.scheme.load(Ordering::Relaxed), self.plain) {
            (HTTP, _) | (UNDECIDED, Plain::Loopback) => "http",
            _ => "https",
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme(), self.host())
    }

    pub(crate) fn is_undecided(&self) -> bool {
        self.scheme.load(Ordering::Relaxed) == UNDECIDED
    }

    /// The scheme in use has got an answer: it stays.
    pub(crate) fn keep_scheme(&self) {
        let scheme = if self.scheme() == "http" { HTTP } else { HTTPS };
        self.scheme.store(scheme, Ordering::Relaxed);
    }

    /// Nothing is known of it again.
    pub(crate) fn forget_scheme(&self) {
        if self.plain != Plain::Never {
            self.scheme.store(UNDECIDED, Ordering::Relaxed);
        }
    }

    /// The scheme in use does not work: the other one.
    pub(crate) fn switch_scheme(&self) {
        let scheme = if self.scheme() == "http" { HTTPS } else { HTTP };
        self.scheme.store(scheme, Ordering::Relaxed);
    }

    /// Whether a URL is of this registry, so that its credentials may go there.
    pub(crate) fn owns(&self, url: &reqwest::Url) -> bool {
        let own = reqwest::Url::parse(&self.url("/"));
        own.is_ok_and(|own| own.origin() == url.origin())
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.plain == Plain::Loopback
    }

    /// Whether a password may be sent to this URL: not in plain HTTP over a network, unless the
    /// host was named as one that is used so.
    pub(crate) fn may_hear_secrets(&self, url: &reqwest::Url) -> bool {
        match url.scheme() {
            "https" => true,
            "http" => {
                let host = url.host_str().unwrap_or_default();
                is_loopback(host)
                    || (self.plain == Plain::Allowed && host == split_port(&self.name).0)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_and_for_what_is_named() {
        let scheme = |name: &str| Address::new(name, &["registry.lan:5000".to_owned()]);
        for name in ["localhost:5000", "127.0.0.1", "127.1.2.3:80", "[::1]:5000", "LOCALHOST"] {
            assert_eq!(scheme(name).scheme(), "http", "{name}");
        }
        for name in ["ghcr.io", "localhost.example.com", "128.0.0.1:5000", "registry.lan"] {
            assert_eq!(scheme(name).scheme(), "https", "{name}");
            assert!(!scheme(name).is_undecided(), "{name}");
        }
        let named = scheme("registry.lan:5000");
        assert_eq!(named.scheme(), "https");
        named.switch_scheme();
        assert_eq!(named.url("/v2/"), "http://registry.lan:5000/v2/");
        assert!(!named.is_undecided());
    }

    #[test]
    fn secrets_do_not_go_over_a_network_in_plain() {
        let address = Address::new("ghcr.io", &[]);
        let may = |url: &str| address.may_hear_secrets(&reqwest::Url::parse(url).unwrap());
        assert!(may("https://auth.example.com/token"));
        assert!(may("http://127.0.0.1:8080/token"));
        assert!(!may("http://auth.example.com/token"));
        assert!(!may("http://ghcr.io/token"));
        assert!(!may("file:///etc/passwd"));
        let url = |text: &str| reqwest::Url::parse(text).unwrap();
        assert!(address.owns(&url("https://ghcr.io:443/v2/x")));
        assert!(!address.owns(&url("https://ghcr.io:444/v2/x")));
        assert!(!address.owns(&url("http://ghcr.io/v2/x")));
    }
}
