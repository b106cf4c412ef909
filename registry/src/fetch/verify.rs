//! Whether what is in the cache is what it should be, all of it read again.

use std::collections::BTreeMap;

use dstream_reference::Reference;

use super::{FetchError, Fetcher, Freshness, check_digest, check_pin};
use crate::artifact::{Artifact, Content, Digest, Platform};
use crate::lock::{ANY_PLATFORM, Pin};

/// What was found in order.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The digest of the manifest.
    pub manifest: Digest,
    /// The platforms whose executables are in the cache.
    pub platforms: Vec<String>,
    /// Whether a lock file has said what they should be.
    pub locked: bool,
    /// Policies that demand a signature, all of them met.
    pub policies: usize,
}

impl Fetcher {
    /// Computes the digests of all executables of a reference that are in the cache, compares them
    /// with the lock file, and verifies the signatures that policies demand. Asks no registry unless
    /// a signature is missing here.
    ///
    /// # Errors
    ///
    /// If something is not as it should be, or nothing is there.
    pub fn verify(&self, reference: &Reference, pin: Option<&Pin>) -> Result<Verified, FetchError> {
        self.hold();
        check_digest(reference, pin)?;
        let record = self.cache.record(reference.as_str());
        let record = record.ok_or_else(|| FetchError::NotInCache(reference.clone()))?;
        let unreadable = |error: crate::artifact::DigestError| FetchError::Metadata {
            reference: reference.clone(),
            what: format!("its record in the cache is damaged: {error}"),
        };
        let manifest = Digest::parse(&record.manifest).map_err(unreadable)?;
        check_pin(reference, pin, &manifest)?;
        if let Some(named) = reference.digest()
            && named != manifest.to_string()
        {
            return Err(FetchError::Damaged { reference: reference.clone(), digest: manifest });
        }
        let layers = self.layers_in_cache(reference, &manifest)?;
        let mut platforms = Vec::new();
        for key in record.executables.keys() {
            // What the record says of it may be wrong; what the manifest names is what would run.
            let Some(layer) = layers.get(key) else {
                return Err(FetchError::Damaged { reference: reference.clone(), digest: manifest });
            };
            let digest = self.cache.unpacked(layer).unwrap_or_else(|| layer.clone());
            if self.cache.rehash(&digest)? != Some(true) {
                return Err(FetchError::Damaged { reference: reference.clone(), digest });
            }
            if let Some(locked) = pin.and_then(|pin| pin.executables.get(key))
                && *locked != digest
            {
                let (locked, found) = (locked.clone(), digest);
                return Err(FetchError::OtherExecutable {
                    reference: reference.clone(),
                    locked,
                    found,
                });
            }
            let shown = Platform::from_key(key).map(|platform| platform.to_string());
            platforms.push(shown.unwrap_or_else(|| ANY_PLATFORM.to_owned()));
        }
        self.check_trust(reference, &manifest, Freshness::Cached)?;
        let policies = self.policies(reference).len();
        Ok(Verified { manifest, platforms, locked: pin.is_some(), policies })
    }

    /// The layer of each platform, by the manifests that are in the cache.
    fn layers_in_cache(
        &self,
        reference: &Reference,
        manifest: &Digest,
    ) -> Result<BTreeMap<String, Digest>, FetchError> {
        let damaged = |digest: &Digest| FetchError::Damaged {
            reference: reference.clone(),
            digest: digest.clone(),
        };
        let bytes = self.cache.blob(manifest).ok_or_else(|| damaged(manifest))?;
        let mut layers = BTreeMap::new();
        let mut add = |artifact: &Artifact, platform: Option<Platform>| {
            let Content::Layers { offers, .. } = &artifact.content else { return };
            for offer in offers {
                let key = offer.platform.or(platform).map(Platform::key);
                let key = key.unwrap_or_else(|| ANY_PLATFORM.to_owned());
                layers.insert(key, offer.layer.digest.clone());
            }
        };
        let artifact = self.read(reference, &bytes)?;
        add(&artifact, None);
        if let Content::Index(entries) = &artifact.content {
            for entry in entries {
                // That of a platform that was not fetched need not be here.
                let Some(bytes) = self.cache.blob(&entry.digest) else { continue };
                add(&self.read(reference, &bytes)?, Some(entry.platform));
            }
        }
        Ok(layers)
    }
}
