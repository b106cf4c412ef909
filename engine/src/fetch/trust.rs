//! Whether a manifest is signed as the policy demands.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciImageManifest};
use oci_spec::distribution::Reference;
use serde::{Deserialize, Serialize};

use super::publish::{PublishError, push_small};
use super::{FetchError, Fetcher, Freshness};
use crate::artifact::Digest;
use crate::config::TrustPolicy;
use crate::limits::{SIGNATURES_MAX, SIGNED_BYTES_MAX};
use crate::registry::{Registry, RegistryError};
use crate::signature::{
    self, PrivateKey, SignatureError, SignatureLayer, is_signature_type, signature_manifest,
    signature_tag, signatures_of,
};

/// A signature and the text that it signs, as the cache keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Signed {
    /// The text, in base64: every byte of it counts.
    payload: String,
    signature: String,
}

impl Fetcher {
    /// The policies that are about a reference.
    pub(super) fn policies(&self, reference: &Reference) -> Vec<&TrustPolicy> {
        let repository = format!("{}/{}", reference.registry(), reference.repository());
        self.settings.trust.iter().filter(|policy| policy.pattern.matches(&repository)).collect()
    }

    /// Checks that every policy about a reference is met. What is in the cache is enough, if it
    /// meets them: it is verified anew each time.
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
        let mut signatures = Vec::new();
        for found in self.find_signatures(reference, manifest)? {
            let source = self.source(reference)?;
            let payload = source.small_blob(reference, &found.payload, SIGNED_BYTES_MAX)?;
            let payload = STANDARD.encode(payload);
            signatures.push(Signed { payload, signature: found.signature });
        }
        check(&signatures)?;
        let kept = serde_json::to_vec(&signatures).unwrap_or_default();
        self.cache.keep_signatures(manifest, &kept)?;
        Ok(())
    }

    /// The signatures beside a manifest: under their tag, and where they refer to it.
    pub(super) fn find_signatures(
        &self,
        reference: &Reference,
        manifest: &Digest,
    ) -> Result<Vec<SignatureLayer>, FetchError> {
        let source = self.source(reference)?;
        let mut found = match source.manifest(reference, &signature_tag(&manifest.to_string())) {
            Ok(bytes) => read(&bytes.bytes),
            Err(error) if error.is_missing() => Vec::new(),
            Err(error) => return Err(error),
        };
        let referrers = source.referrers(reference, manifest)?;
        let about = referrers
            .iter()
            .filter(|entry| entry.artifact_type.as_deref().is_some_and(is_signature_type));
        for entry in about.take(SIGNATURES_MAX) {
            let bytes = source.manifest(reference, &entry.digest)?;
            found.extend(read(&bytes.bytes));
        }
        found.truncate(SIGNATURES_MAX);
        Ok(found)
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
        let payload = STANDARD.decode(&signed.payload).unwrap_or_default();
        let digest = manifest.to_string();
        match signature::verify(&policy.public_keys, &payload, &signed.signature, &digest) {
            Ok(()) => return Ok(()),
            Err(error) => closest = Some(error),
        }
    }
    Err(FetchError::Untrusted {
        reference: reference.whole(),
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
) -> Result<(), PublishError> {
    let failed = |error: RegistryError| PublishError::Fetch(FetchError::Registry(error));
    let repository = reference.repository();
    let whole = format!("{}/{repository}", reference.registry());
    let payload = signature::payload(&whole, &manifest.to_string());
    let tag = signature_tag(&manifest.to_string());
    let known = match registry.manifest(repository, &tag) {
        Ok(known) => serde_json::from_slice(&known.bytes).ok(),
        Err(error) if error.is_missing() => None,
        Err(error) => return Err(failed(error)),
    };
    let (manifest, config) = signature_manifest(known, &payload, &key.sign(&payload));
    for bytes in [&payload, &config] {
        push_small(registry, repository, bytes).map_err(failed)?;
    }
    registry.push_manifest(repository, &tag, OCI_IMAGE_MEDIA_TYPE, &manifest).map_err(failed)
}
