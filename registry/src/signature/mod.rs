//! Signatures by key, as cosign makes them: a small text that names a manifest's digest, signed with
//! ECDSA P-256, in an artifact of its own beside the one that it is about; or, since cosign 3, a
//! bundle that holds both. Knows no network.
//!
//! <https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md>

mod bundle;
mod envelope;
mod key;
mod payload;

use thiserror::Error;

use dstream_reference::PublicKey;
pub(crate) use envelope::{Form, SignatureLayer, is_signature, signature_manifest, signatures_of};
pub use key::{KeyError, PrivateKey};
pub(crate) use payload::payload;

/// The tag of the artifact that holds a manifest's signatures.
pub(crate) fn signature_tag(manifest_digest: &str) -> String {
    format!("{}.sig", manifest_digest.replace(':', "-"))
}

/// Checks that a blob of this form is signed with one of the keys, and is about this manifest.
pub(crate) fn verify(
    keys: &[PublicKey],
    blob: &[u8],
    form: &Form,
    manifest_digest: &str,
) -> Result<(), SignatureError> {
    match form {
        Form::Text { signature } => payload::verify(keys, blob, signature, manifest_digest),
        Form::Bundle => bundle::verify(keys, blob, manifest_digest),
    }
}

/// Others' words, as messages show them.
fn shown(text: &str) -> String {
    text.escape_debug().take(100).collect()
}

/// Why a signature does not count.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum SignatureError {
    #[error("it is not made with a key that the policy names")]
    OtherKey,
    #[error("it is not a signature")]
    NoSignature,
    #[error("what is signed cannot be read: {0}")]
    Unreadable(String),
    #[error("it is about another manifest, {0}")]
    OtherManifest(String),
    #[error("it signs `{0}`, which is not an artifact")]
    OtherType(String),
}
