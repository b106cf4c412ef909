//! Whether what is in the cache is what it should be, all of it read again.

use oci_spec::distribution::Reference;

use super::{FetchError, Fetcher, Freshness};
use crate::artifact::{Digest, Platform};
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
        let whole = reference.whole();
        let record = self.cache.record(&whole);
        let record = record.ok_or_else(|| FetchError::NotInCache(whole.clone()))?;
        let unreadable = |error: crate::artifact::DigestError| FetchError::Metadata {
            reference: whole.clone(),
            what: format!("what the cache notes of it is damaged: {error}"),
        };
        let manifest = Digest::parse(&record.manifest).map_err(unreadable)?;
        super::check_pin(reference, pin, &manifest)?;
        if self.cache.blob(&manifest).is_none() {
            return Err(FetchError::Damaged { reference: whole, digest: manifest });
        }
        let mut platforms = Vec::new();
        for (key, executable) in &record.executables {
            let digest = Digest::parse(&executable.digest).map_err(unreadable)?;
            if self.cache.rehash(&digest)? != Some(true) {
                return Err(FetchError::Damaged { reference: whole, digest });
            }
            if let Some(locked) = pin.and_then(|pin| pin.executables.get(key))
                && *locked != digest
            {
                let (locked, found) = (locked.clone(), digest);
                return Err(FetchError::OtherExecutable { reference: whole, locked, found });
            }
            let shown = Platform::from_key(key).map(|platform| platform.to_string());
            platforms.push(shown.unwrap_or_else(|| ANY_PLATFORM.to_owned()));
        }
        self.check_trust(reference, &manifest, Freshness::Cached)?;
        let policies = self.policies(reference).len();
        Ok(Verified { manifest, platforms, locked: pin.is_some(), policies })
    }
}
