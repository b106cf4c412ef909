//! Digests as OCI writes them: `sha256:` and 64 hexadecimal digits.

use std::fmt;

use sha2::{Digest as _, Sha256, Sha512};
use thiserror::Error;

/// A digest that was checked to be one: safe to make a file's name of.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// A text that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid digest `{0}`: write sha256: and 64 hexadecimal digits (0-9, a-f)")]
pub struct DigestError(String);

impl Digest {
    /// Reads `sha256:…` or `sha512:…`.
    ///
    /// # Errors
    ///
    /// If the text is neither.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let error = || DigestError(text.chars().filter(|c| !c.is_control()).take(140).collect());
        let (algorithm, hex) = text.split_once(':').ok_or_else(error)?;
        let algorithm = match algorithm {
            "sha256" => Algorithm::Sha256,
            "sha512" => Algorithm::Sha512,
            _ => return Err(error()),
        };
        let is_hex = hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if hex.len() != algorithm.digits() || !is_hex {
            return Err(error());
        }
        Ok(Self { algorithm, hex: hex.to_owned() })
    }

    /// The SHA-256 digest of some bytes.
    pub fn sha256_of(bytes: &[u8]) -> Self {
        Self::of(Algorithm::Sha256, bytes)
    }

    /// What these bytes' digest is by the same algorithm.
    pub fn like(&self, bytes: &[u8]) -> Self {
        Self::of(self.algorithm, bytes)
    }

    fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    /// `sha256` or `sha512`.
    pub fn algorithm(&self) -> &'static str {
        self.algorithm.name()
    }

    /// The digits, small letters.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// The first digits, for people.
    pub fn short(&self) -> &str {
        &self.hex[..12]
    }

    /// Computes such a digest piece by piece.
    pub(crate) fn hasher(&self) -> Hasher {
        Hasher::new(self.algorithm)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A digest in the making.
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::sha256(),
            Algorithm::Sha512 => Self::Sha512(Sha512::new()),
        }
    }

    pub(crate) fn sha256() -> Self {
        Self::Sha256(Sha256::new())
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Digest {
        match self {
            Self::Sha256(hasher) => {
                Digest { algorithm: Algorithm::Sha256, hex: hex(&hasher.finalize()) }
            }
            Self::Sha512(hasher) => {
                Digest { algorithm: Algorithm::Sha512, hex: hex(&hasher.finalize()) }
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_a_digest_is_one() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Digest::sha256_of(b"").to_string(), empty);
        let digest = Digest::parse(empty).unwrap();
        assert_eq!(digest.like(b""), digest);
        assert_ne!(digest.like(b"x"), digest);
        let sha512 = format!("sha512:{}", "0".repeat(128));
        assert_eq!(Digest::parse(&sha512).unwrap().like(b"").algorithm(), "sha512");
        for wrong in [
            "",
            "sha256",
            "sha256:",
            &empty[..70],
            &empty.to_uppercase(),
            &empty.replace('e', "g"),
            "md5:d41d8cd98f00b204e9800998ecf8427e",
            &format!("sha256:../{}", "0".repeat(61)),
            &format!("{empty}0"),
        ] {
            assert!(Digest::parse(wrong).is_err(), "{wrong}");
        }
    }
}
