//! The artifact that holds signatures: a layer each, the text as the blob, the signature as its note.

use std::collections::BTreeMap;

use oci_client::manifest::{
    ImageIndexEntry, OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest,
};
use serde::{Deserialize, Serialize};

use super::bundle::{BUNDLE_MEDIA_TYPE, SIGNATURE_PREDICATE};
use crate::artifact::{Digest, Layer, layer_of};
use crate::limits::SIGNATURES_MAX;

/// The media type of a signed text.
const PAYLOAD_MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// The note that holds a signature.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// The note that says what a bundle's statement is.
const BUNDLE_PREDICATE: &str = "dev.sigstore.bundle.predicateType";

/// The artifact type of signatures that refer to their subject.
const ARTIFACT_TYPE: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";

/// A signature, and where the blob is that it is about or in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignatureLayer {
    pub(crate) blob: Layer,
    pub(crate) form: Form,
}

/// Where the signature of a blob is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// Beside it: the blob is the text that was signed.
    Text {
        /// In base64.
        signature: String,
    },
    /// In it.
    Bundle,
}

/// Whether a manifest that refers to another one is a signature of it, by what a list says of it.
pub(crate) fn is_signature(entry: &ImageIndexEntry) -> bool {
    match entry.artifact_type.as_deref() {
        Some(ARTIFACT_TYPE) => true,
        // With the same type there is what else was said of it; not every list tells them apart.
        Some(BUNDLE_MEDIA_TYPE) => {
            let notes = entry.annotations.as_ref();
            let predicate = notes.and_then(|notes| notes.get(BUNDLE_PREDICATE));
            predicate.is_none_or(|predicate| predicate == SIGNATURE_PREDICATE)
        }
        _ => false,
    }
}

/// The signatures in an artifact; what else is in it is passed over.
pub(crate) fn signatures_of(manifest: &OciImageManifest) -> Vec<SignatureLayer> {
    let signatures = manifest.layers.iter().filter_map(|layer| {
        let form = match layer.media_type.as_str() {
            PAYLOAD_MEDIA_TYPE => {
                let signature = layer.annotations.as_ref()?.get(SIGNATURE)?.clone();
                Form::Text { signature }
            }
            BUNDLE_MEDIA_TYPE => Form::Bundle,
            _ => return None,
        };
        Some(SignatureLayer { blob: layer_of(layer).ok()?, form })
    });
    signatures.take(SIGNATURES_MAX).collect()
}

/// The manifest with one signature more. Its config, which other tools look into, names the texts
/// like an image's config names its layers; gives both.
pub(crate) fn signature_manifest(
    known: Option<OciImageManifest>,
    payload: &[u8],
    signature: &str,
) -> (Vec<u8>, Vec<u8>) {
    let descriptor = |media_type: &str, bytes: &[u8], notes| OciDescriptor {
        media_type: media_type.to_owned(),
        digest: Digest::sha256_of(bytes).to_string(),
        size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
        annotations: notes,
        ..OciDescriptor::default()
    };
    let mut layers = known.map(|known| known.layers).unwrap_or_default();
    let notes = BTreeMap::from([(SIGNATURE.to_owned(), signature.to_owned())]);
    layers.push(descriptor(PAYLOAD_MEDIA_TYPE, payload, Some(notes)));
    let digests: Vec<&str> = layers.iter().map(|layer| layer.digest.as_str()).collect();
    let config = serde_json::json!({
        "architecture": "",
        "config": {},
        "history": digests.iter().map(|_| serde_json::json!({ "created": "0001-01-01T00:00:00Z" })).collect::<Vec<_>>(),
        "os": "",
        "rootfs": { "type": "layers", "diff_ids": digests },
    })
    .to_string()
    .into_bytes();
    let manifest = OciImageManifest {
        schema_version: 2,
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        config: descriptor("application/vnd.oci.image.config.v1+json", &config, None),
        layers,
        subject: None,
        artifact_type: None,
        annotations: None,
    };
    (serde_json::to_vec(&manifest).unwrap_or_default(), config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_added_and_found() {
        let read = |bytes: &[u8]| serde_json::from_slice::<OciImageManifest>(bytes).unwrap();
        let (first, _) = signature_manifest(None, b"one", "sig-1");
        let (both, config) = signature_manifest(Some(read(&first)), b"two", "sig-2");
        let both = read(&both);
        let found = signatures_of(&both);
        let text = |signature: &str| Form::Text { signature: signature.to_owned() };
        let forms: Vec<_> = found.iter().map(|found| found.form.clone()).collect();
        assert_eq!(forms, [text("sig-1"), text("sig-2")]);
        assert_eq!(found[1].blob.digest, Digest::sha256_of(b"two"));
        assert_eq!(both.config.digest, Digest::sha256_of(&config).to_string());
    }
}
