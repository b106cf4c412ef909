//! Whether a manifest is signed as the policy demands.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dstream_reference::Reference;
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest};
use serde::{Deserialize, Serialize};

use super::{FetchError, Fetcher, Freshness};
use crate::artifact::Digest;
use crate::client::{ManifestBytes, Registry, RegistryError};
use crate::limits::{SIGNATURES_MAX, SIGNED_BYTES_MAX};
use crate::signature::{
    self, Form, PrivateKey, SignatureError, SignatureLayer, is_signature, signature_manifest,
    signature_tag, signatures_of,
};
use dstream_reference::TrustPolicy;

/// A signature and the blob that it is about or in, as the cache keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Signed {
    /// In base64: every byte of it counts.
    blob: String,
    form: Form,
}

impl Fetcher {
    /// The policies that are about a reference.
    pub(super) fn policies(&self, reference: &Reference) -> Vec<&TrustPolicy> {
        self.settings.trust.iter().filter(|policy| policy.covers(reference)).collect()
    }

    /// Checks that every policy about a reference is met. What is in the cache is enough, if it
    /// meets them: it is verified again each time.
    pub(super) fn check_trust(
        &self,
        reference: &Reference,
        manifest: &Digest,
        freshness: Freshness,
    ) -> Result<(), FetchError> {
        let policies = self.policies(reference);
        if policies.is_empty() {
            return Ok(());
        }
        let kept = self.cache.signatures(manifest);
        let kept = kept.and_then(|bytes| serde_json::from_slice::<Vec<Signed>>(&bytes).ok());
        let check = |signatures: &[Signed]| {
            policies.iter().try_for_each(|policy| meets(policy, signatures, reference, manifest))
        };
        if freshness == Freshness::Cached && kept.is_some_and(|kept| check(&kept).is_ok()) {
            return Ok(());
        }
        let source = self.source(reference)?;
        let Found { layers, mut failure } = self.find_signatures(reference, manifest);
        let mut signatures = Vec::new();
        let mut outcome = check(&signatures);
        for found in layers {
            match source.small_blob(reference, &found.blob, SIGNED_BYTES_MAX) {
                Ok(blob) => {
                    signatures.push(Signed { blob: STANDARD.encode(blob), form: found.form });
                    outcome = check(&signatures);
                }
                Err(error) => failure = failure.or(Some(error)),
            }
            if outcome.is_ok() {
                let kept = serde_json::to_vec(&signatures).unwrap_or_default();
                let kept = self.cache.keep_signatures(manifest, &kept);
                return if freshness == Freshness::Cached { Ok(()) } else { Ok(kept?) };
            }
        }
        // The one that counts may be the one that did not come.
        match failure {
            Some(failure) if !failure.is_missing() => Err(failure),
            _ => outcome,
        }
    }

    /// The signatures beside a manifest: under their tag, and where they refer to it. Anybody may
    /// have put something there; what cannot be read does not keep the others from counting.
    pub(super) fn find_signatures(&self, reference: &Reference, manifest: &Digest) -> Found {
        let mut found = Found { layers: Vec::new(), failure: None };
        let source = match self.source(reference) {
            Ok(source) => source,
            Err(error) => return Found { failure: Some(error), ..found },
        };
        found.add(source.manifest(reference, &signature_tag(&manifest.to_string())));
        if found.failure.as_ref().is_some_and(FetchError::is_passing) {
            return found;
        }
        let referrers = match source.referrers(reference, manifest) {
            Ok(referrers) => referrers,
            Err(error) => {
                found.add(Err(error));
                Vec::new()
            }
        };
        let about = referrers.iter().filter(|entry| is_signature(entry));
        for entry in about.take(SIGNATURES_MAX) {
            found.add(source.named_manifest(reference, &entry.digest));
        }
        found.layers.truncate(SIGNATURES_MAX);
        found
    }
}

/// What there is of signatures, and the first reason why there may be more.
pub(super) struct Found {
    pub(super) layers: Vec<SignatureLayer>,
    failure: Option<FetchError>,
}

impl Found {
    fn add(&mut self, manifest: Result<ManifestBytes, FetchError>) {
        match manifest {
            Ok(manifest) => self.layers.extend(read(&manifest.bytes)),
            Err(error) if error.is_missing() => {}
            Err(error) => self.failure = self.failure.take().or(Some(error)),
        }
    }
}

fn read(manifest: &[u8]) -> Vec<SignatureLayer> {
    let manifest = serde_json::from_slice::<OciImageManifest>(manifest);
    manifest.map(|manifest| signatures_of(&manifest)).unwrap_or_default()
}

/// Whether one of the signatures meets a policy.
fn meets(
    policy: &TrustPolicy,
    signatures: &[Signed],
    reference: &Reference,
    manifest: &Digest,
) -> Result<(), FetchError> {
    let mut closest: Option<SignatureError> = None;
    for signed in signatures {
        let blob = STANDARD.decode(&signed.blob).unwrap_or_default();
        let digest = manifest.to_string();
        match signature::verify(&policy.public_keys, &blob, &signed.form, &digest) {
            Ok(()) => return Ok(()),
            Err(error) => closest = Some(error),
        }
    }
    Err(FetchError::Untrusted {
        reference: reference.clone(),
        pattern: policy.pattern.as_str().to_owned(),
        what: match closest {
            None => "there is no signature".to_owned(),
            Some(error) if signatures.len() == 1 => {
                format!("its signature does not count: {error}")
            }
            Some(error) => format!("none of its {} signatures counts: {error}", signatures.len()),
        },
    })
}

/// Signs a manifest that was published, beside the signatures that it has.
pub(super) fn sign(
    registry: &Registry,
    reference: &Reference,
    manifest: &Digest,
    key: &PrivateKey,
) -> Result<(), RegistryError> {
    let repository = reference.repository();
    let payload = signature::payload(reference.name(), &manifest.to_string());
    let tag = signature_tag(&manifest.to_string());
    let known = match registry.manifest(repository, &tag) {
        Ok(known) => serde_json::from_slice(&known.bytes).ok(),
        Err(error) if error.is_missing() => None,
        Err(error) => return Err(error),
    };
    let (manifest, config) = signature_manifest(known, &payload, &key.sign(&payload));
    for bytes in [&payload, &config] {
        registry.push_bytes(repository, bytes)?;
    }
    registry.push_manifest(repository, &tag, OCI_IMAGE_MEDIA_TYPE, &manifest)
}
