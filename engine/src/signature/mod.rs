//! Signatures by key, as cosign makes them: a small text that names a manifest's digest, signed with
//! ECDSA P-256, in an artifact of its own beside the one that it is about. Knows no network.
//!
//! <https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>

mod envelope;
mod key;
mod payload;

use thiserror::Error;

pub(crate) use envelope::{SignatureLayer, is_signature_type, signature_manifest, signatures_of};
pub use key::{KeyError, PrivateKey, PublicKey};
pub(crate) use payload::{payload, verify};

/// The tag of the artifact that holds a manifest's signatures.
pub(crate) fn signature_tag(manifest_digest: &str) -> String {
    format!("{}.sig", manifest_digest.replace(':', "-"))
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum SignatureError {
    #[error("it is not made with a key that the policy names")]
    OtherKey,
    #[error("it is no signature")]
    NoSignature,
    #[error("what is signed cannot be read: {0}")]
    Unreadable(String),
    #[error("it is about another manifest, {0}")]
    OtherManifest(String),
    #[error("it is no signature of an artifact but of `{0}`")]
    OtherType(String),
}
