//! Public keys: ECDSA on the curve P-256, in PEM, as cosign and OpenSSL write them.

use std::fmt;

use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use p256::pkcs8::der::pem;
use thiserror::Error;

/// Who may have signed.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum PublicKeyError {
    #[error("it is not PEM, which begins with -----BEGIN …-----")]
    NoPem,
    #[error("it is a {0}")]
    OtherKind(String),
    #[error("it is not an ECDSA key on the curve P-256")]
    OtherAlgorithm,
}

impl PublicKey {
    /// Reads a public key (`BEGIN PUBLIC KEY`).
    ///
    /// # Errors
    ///
    /// If it is none, or of another algorithm.
    pub fn from_pem(text: &str) -> Result<Self, PublicKeyError> {
        let (label, bytes) = decode_pem(text)?;
        if label != "PUBLIC KEY" {
            return Err(PublicKeyError::OtherKind(label.to_ascii_lowercase()));
        }
        let key = VerifyingKey::from_public_key_der(&bytes);
        key.map(Self).map_err(|_| PublicKeyError::OtherAlgorithm)
    }

    /// Whether `signature`, in DER, is this key's signature of `text`.
    pub fn verify(&self, text: &[u8], signature: &[u8]) -> bool {
        DerSignature::try_from(signature)
            .is_ok_and(|signature| self.0.verify(text, &signature).is_ok())
    }
}

impl From<VerifyingKey> for PublicKey {
    fn from(key: VerifyingKey) -> Self {
        Self(key)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(P-256)")
    }
}

/// The label and the bytes of a PEM text.
///
/// # Errors
///
/// If it is not PEM.
pub fn decode_pem(text: &str) -> Result<(String, Vec<u8>), PublicKeyError> {
    // OpenSSL puts the curve's parameters before a SEC1 key.
    let text = match text.find("-----BEGIN EC PRIVATE KEY-----") {
        Some(at) => &text[at..],
        None => text,
    };
    let (label, bytes) =
        pem::decode_vec(text.trim().as_bytes()).map_err(|_| PublicKeyError::NoPem)?;
    Ok((label.to_owned(), bytes))
}
