//! The signed text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::{PublicKey, SignatureError, shown};

/// What the text says that it is.
const TYPE: &str = "cosign container image signature";

/// The text to sign for a manifest.
pub(crate) fn payload(repository: &str, manifest_digest: &str) -> Vec<u8> {
    json!({
        "critical": {
            "identity": { "docker-reference": repository },
            "image": { "docker-manifest-digest": manifest_digest },
            "type": TYPE,
        },
        "optional": null,
    })
    .to_string()
    .into_bytes()
}

/// Checks that a text is signed with one of the keys, and is about this manifest.
pub(super) fn verify(
    keys: &[PublicKey],
    payload: &[u8],
    signature: &str,
    manifest_digest: &str,
) -> Result<(), SignatureError> {
    #[derive(Deserialize)]
    struct Payload {
        critical: Critical,
    }
    #[derive(Deserialize)]
    struct Critical {
        image: Image,
        #[serde(rename = "type")]
        kind: String,
    }
    #[derive(Deserialize)]
    struct Image {
        #[serde(rename = "docker-manifest-digest")]
        digest: String,
    }
    let signature = STANDARD.decode(signature.trim()).map_err(|_| SignatureError::NoSignature)?;
    // Who has signed comes before what is said.
    let mut outcomes = keys.iter().map(|key| key.verify(payload, &signature));
    if !outcomes.any(|outcome| outcome) {
        return Err(SignatureError::OtherKey);
    }
    let read: Payload = serde_json::from_slice(payload)
        .map_err(|error| SignatureError::Unreadable(error.to_string()))?;
    if read.critical.kind != TYPE {
        return Err(SignatureError::OtherType(shown(&read.critical.kind)));
    }
    if read.critical.image.digest != manifest_digest {
        return Err(SignatureError::OtherManifest(shown(&read.critical.image.digest)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::PrivateKey;
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn only_the_key_the_text_and_the_manifest_together_count() {
        let (key, other) = (PrivateKey::generate(), PrivateKey::generate());
        let text = payload("ghcr.io/katasec/counter", DIGEST);
        let signature = key.sign(&text);
        let keys = [other.public_key(), key.public_key()];
        assert_eq!(verify(&keys, &text, &signature, DIGEST), Ok(()));
        assert_eq!(verify(&keys[..1], &text, &signature, DIGEST), Err(SignatureError::OtherKey));
        assert_eq!(verify(&[], &text, &signature, DIGEST), Err(SignatureError::OtherKey));
        let mut changed = text.clone();
        changed[20] ^= 1;
        assert_eq!(verify(&keys, &changed, &signature, DIGEST), Err(SignatureError::OtherKey));
        let elsewhere = DIGEST.replace("e3", "00");
        assert_eq!(
            verify(&keys, &text, &signature, &elsewhere),
            Err(SignatureError::OtherManifest(DIGEST.to_owned()))
        );
        for wrong in ["", "é", "AAAA", "====", &signature[..20]] {
            assert!(verify(&keys, &text, wrong, DIGEST).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_else_a_key_has_signed_does_not_count() {
        let key = PrivateKey::generate();
        let keys = [key.public_key()];
        let signed = |text: &[u8]| verify(&keys, text, &key.sign(text), DIGEST);
        let other = String::from_utf8(payload("x", DIGEST)).unwrap().replace(TYPE, "a cheque");
        assert_eq!(signed(other.as_bytes()), Err(SignatureError::OtherType("a cheque".to_owned())));
        assert!(matches!(signed(b"hello"), Err(SignatureError::Unreadable(_))));
        assert!(matches!(signed(b"{}"), Err(SignatureError::Unreadable(_))));
    }
}
