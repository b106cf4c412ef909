//! Sigstore bundles, which cosign writes since its version 3: an envelope (DSSE) around a statement
//! (in-toto) that names a manifest. What else a bundle holds, certificates, entries of a public log,
//! is for signatures without a key and not looked at.
//!
//! <https://github.com/sigstore/cosign/blob/main/specs/BUNDLE_SPEC.md>,
//! <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{PublicKey, SignatureError, shown};

/// The media type of a bundle, and the artifact type of what holds one.
pub(super) const BUNDLE_MEDIA_TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// What a statement says that is a signature and nothing more. With the same keys statements are
/// signed of how something was built and what is in it: these approve of nothing.
pub(super) const SIGNATURE_PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";

const STATEMENT_MEDIA_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    dsse_envelope: Envelope,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

#[derive(Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

#[derive(Deserialize)]
struct Subject {
    digest: Map<String, Value>,
}

/// Checks that a bundle is signed with one of the keys, and is a signature of this manifest.
pub(super) fn verify(
    keys: &[PublicKey],
    bundle: &[u8],
    manifest_digest: &str,
) -> Result<(), SignatureError> {
    let unreadable = |error: serde_json::Error| SignatureError::Unreadable(error.to_string());
    let envelope = serde_json::from_slice::<Bundle>(bundle).map_err(unreadable)?.dsse_envelope;
    let payload = STANDARD.decode(&envelope.payload).map_err(|_| SignatureError::NoSignature)?;
    // Who has signed comes before what is said.
    let signed = signed_bytes(&envelope.payload_type, &payload);
    let is_ours = |signature: &EnvelopeSignature| {
        let bytes = STANDARD.decode(&signature.sig).unwrap_or_default();
        keys.iter().any(|key| key.verify(&signed, &bytes))
    };
    if !envelope.signatures.iter().any(is_ours) {
        return Err(SignatureError::OtherKey);
    }
    if envelope.payload_type != STATEMENT_MEDIA_TYPE {
        return Err(SignatureError::OtherType(shown(&envelope.payload_type)));
    }
    let statement: Statement = serde_json::from_slice(&payload).map_err(unreadable)?;
    for (found, expected) in
        [(&statement.kind, STATEMENT_TYPE), (&statement.predicate_type, SIGNATURE_PREDICATE)]
    {
        if found != expected {
            return Err(SignatureError::OtherType(shown(found)));
        }
    }
    let (algorithm, hex) = manifest_digest.split_once(':').unwrap_or_default();
    let digests = statement.subject.iter().filter_map(|subject| subject.digest.get(algorithm));
    let mut digests = digests.filter_map(Value::as_str).peekable();
    let first = digests.peek().map_or("without a digest", |first| first).to_owned();
    if digests.any(|digest| digest == hex) {
        return Ok(());
    }
    Err(SignatureError::OtherManifest(shown(&first)))
}

/// What an envelope's signature is of: DSSE's pre-authentication encoding.
fn signed_bytes(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::PrivateKey;
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn statement(predicate: &str, hex: &str) -> Value {
        json!({
            "_type": STATEMENT_TYPE,
            "subject": [{ "digest": { "sha256": hex } }],
            "predicateType": predicate,
            "predicate": {},
        })
    }

    fn bundle(key: &PrivateKey, payload_type: &str, payload: &str) -> Value {
        let signature = key.sign(&signed_bytes(payload_type, payload.as_bytes()));
        json!({
            "mediaType": BUNDLE_MEDIA_TYPE,
            "verificationMaterial": { "publicKey": { "hint": "x" } },
            "dsseEnvelope": {
                "payload": STANDARD.encode(payload),
                "payloadType": payload_type,
                "signatures": [{ "sig": "AAAA" }, { "sig": signature, "keyid": "" }],
            },
        })
    }

    #[test]
    fn what_is_signed_is_as_dsse_says() {
        // The example of its specification.
        let signed = signed_bytes("http://example.com/HelloWorld", b"hello world");
        assert_eq!(signed, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    #[test]
    fn only_a_signature_of_this_manifest_by_a_key_counts() {
        use SignatureError as E;
        let (key, other) = (PrivateKey::generate(), PrivateKey::generate());
        let keys = [key.public_key()];
        let check = |bundle: &Value, keys: &[PublicKey]| {
            verify(keys, bundle.to_string().as_bytes(), &format!("sha256:{HEX}"))
        };
        let good =
            bundle(&key, STATEMENT_MEDIA_TYPE, &statement(SIGNATURE_PREDICATE, HEX).to_string());
        assert_eq!(check(&good, &keys), Ok(()));
        assert_eq!(check(&good, &[other.public_key()]), Err(E::OtherKey));
        assert_eq!(check(&good, &[]), Err(E::OtherKey));

        let elsewhere = HEX.replace('e', "0");
        let about = statement(SIGNATURE_PREDICATE, &elsewhere).to_string();
        let signed = bundle(&key, STATEMENT_MEDIA_TYPE, &about);
        assert_eq!(check(&signed, &keys), Err(E::OtherManifest(elsewhere)));
        // Signed by the same key, and no approval.
        let provenance = "https://slsa.dev/provenance/v1";
        let about = statement(provenance, HEX).to_string();
        let signed = bundle(&key, STATEMENT_MEDIA_TYPE, &about);
        assert_eq!(check(&signed, &keys), Err(E::OtherType(provenance.to_owned())));
        let about = statement(SIGNATURE_PREDICATE, HEX).to_string();
        let signed = bundle(&key, "text/plain", &about);
        assert_eq!(check(&signed, &keys), Err(E::OtherType("text/plain".to_owned())));
        let signed = bundle(&key, STATEMENT_MEDIA_TYPE, "{}");
        assert!(matches!(check(&signed, &keys), Err(E::Unreadable(_))));

        let mut changed = good.clone();
        changed["dsseEnvelope"]["payload"] = STANDARD.encode(about.replace(HEX, "0")).into();
        assert_eq!(check(&changed, &keys), Err(E::OtherKey));
        changed["dsseEnvelope"]["payload"] = "*".into();
        assert_eq!(check(&changed, &keys), Err(E::NoSignature));
        let mut unsigned = good;
        unsigned["dsseEnvelope"]["signatures"] = json!([]);
        assert_eq!(check(&unsigned, &keys), Err(E::OtherKey));
        for text in ["{", "{}", "[]", "null", r#"{"messageSignature":{}}"#] {
            let refused = verify(&keys, text.as_bytes(), "sha256:x");
            assert!(matches!(refused, Err(E::Unreadable(_))), "{text}");
        }
    }
}
