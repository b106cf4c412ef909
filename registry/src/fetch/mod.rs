//! A reference → an executable of this machine that is what the lock file says and whose signature
//! the policy accepts. Asks the cache first, then the registry or its mirror.

mod copy;
mod download;
mod error;
mod inspect;
mod observer;
mod publish;
mod source;
mod trust;
mod verify;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use dstream_files::LockFile;
use dstream_reference::Reference;

use crate::artifact::{
    Artifact, ArtifactError, Content, Digest, Layer, METADATA_TITLE, Platform, ProviderMetadata,
    offer_for,
};
use crate::cache::{Cache, Record, RecordedExecutable};
use crate::client::RegistrySettings;
use crate::limits::METADATA_BYTES_MAX;
use crate::lock::{ANY_PLATFORM, Pin};
use dstream_reference::{Mirror, TrustPolicy};
use source::{ProviderSource, RegistrySource};

pub use copy::Copied;
pub use error::FetchError;
pub use inspect::{InspectedPlatform, Inspection};
pub use observer::FetchObserver;
pub use publish::{Publication, PublishError, Published};
pub use verify::Verified;

/// Where artifacts come from, and whom we trust.
#[derive(Clone)]
pub struct FetchSettings {
    /// How registries are spoken to.
    pub registry: RegistrySettings,
    /// Read from in the place of every reference's own registry.
    pub mirror: Option<Mirror>,
    /// Whose signatures are asked for.
    pub trust: Vec<TrustPolicy>,
}

/// Fetches artifacts into a cache.
pub struct Fetcher {
    cache: Cache,
    settings: FetchSettings,
    observer: Arc<dyn FetchObserver>,
    /// One for each host, so that what is known of it (scheme, tokens) is learnt once.
    sources: Mutex<BTreeMap<String, Arc<dyn ProviderSource>>>,
    /// Held for as long as something that was fetched may not be in use yet.
    in_use: OnceLock<Option<LockFile>>,
}

/// An executable that may be started.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The reference.
    pub reference: Reference,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// What the executable is made for; `None` where the artifact does not say.
    pub platform: Option<Platform>,
    /// Its digest.
    pub executable: Digest,
    /// Where it is.
    pub path: PathBuf,
    /// Its size, in bytes.
    pub size_bytes: u64,
    /// How much of it had to be downloaded for this.
    pub downloaded_bytes: u64,
    /// What it says of itself.
    pub metadata: Option<ProviderMetadata>,
}

impl Fetched {
    /// The key of its platform in a lock file.
    pub fn platform_key(&self) -> String {
        self.platform.map_or_else(|| ANY_PLATFORM.to_owned(), Platform::key)
    }
}

/// Whether the registry is asked although the cache knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Only if something is missing.
    Cached,
    /// What the tag means now.
    Asked,
}

/// A manifest that was understood.
pub(crate) struct Resolved {
    pub(crate) digest: Digest,
    pub(crate) artifact: Artifact,
}

impl Fetcher {
    /// A fetcher into this cache.
    pub fn new(cache: Cache, settings: FetchSettings, observer: Arc<dyn FetchObserver>) -> Self {
        Self { cache, settings, observer, sources: Mutex::default(), in_use: OnceLock::new() }
    }

    /// Keeps others from pruning what this fetches, until it is dropped.
    fn hold(&self) {
        self.in_use.get_or_init(|| self.cache.in_use());
    }

    /// The executable of a reference for a platform. Makes no request if all of it is in the cache
    /// and `freshness` allows that.
    ///
    /// # Errors
    ///
    /// If it cannot be had, is not what `pin` says, or is not signed as the policy demands.
    pub fn fetch(
        &self,
        reference: &Reference,
        platform: Platform,
        pin: Option<&Pin>,
        freshness: Freshness,
    ) -> Result<Fetched, FetchError> {
        self.hold();
        check_digest(reference, pin)?;
        if freshness == Freshness::Cached
            && let Some(fetched) = self.find_in_cache(reference, platform, pin)?
        {
            return Ok(fetched);
        }
        let resolved = self.resolve(reference, pin)?;
        self.fetch_resolved(reference, &resolved, platform, pin)
    }

    /// The manifest that the registry has for a reference now.
    pub(crate) fn resolve(
        &self,
        reference: &Reference,
        pin: Option<&Pin>,
    ) -> Result<Resolved, FetchError> {
        let source = self.source(reference)?;
        let manifest = source.manifest(reference, reference.version())?;
        check_pin(reference, pin, &manifest.digest)?;
        let artifact = self.read(reference, &manifest.bytes)?;
        self.cache.keep_blob(&manifest.digest, &manifest.bytes)?;
        Ok(Resolved { digest: manifest.digest, artifact })
    }

    fn read(&self, reference: &Reference, bytes: &[u8]) -> Result<Artifact, FetchError> {
        Artifact::read(bytes)
            .map_err(|error| FetchError::Artifact { reference: reference.clone(), error })
    }

    /// The executable of a manifest that is known already.
    pub(crate) fn fetch_resolved(
        &self,
        reference: &Reference,
        resolved: &Resolved,
        platform: Platform,
        pin: Option<&Pin>,
    ) -> Result<Fetched, FetchError> {
        self.check_trust(reference, &resolved.digest, Freshness::Asked)?;
        let chosen = self.choose(reference, &resolved.artifact, platform, &mut |digest| {
            let source = self.source(reference)?;
            let manifest = source.manifest(reference, &digest.to_string())?;
            self.cache.keep_blob(&manifest.digest, &manifest.bytes)?;
            Ok(Some(manifest.bytes))
        })?;
        let Some(chosen) = chosen else {
            return Err(FetchError::Changed(reference.clone()));
        };
        let metadata = match &chosen.metadata {
            Some(layer) => Some(self.metadata(reference, layer)?),
            None => None,
        };
        let (executable, downloaded_bytes) = self.executable(reference, &chosen.layer)?;
        let fetched = self.fetched(reference, &resolved.digest, chosen.platform, executable)?;
        check_executable(&fetched, pin)?;
        let fetched = Fetched { downloaded_bytes, metadata, ..fetched };
        self.note(&fetched)?;
        Ok(fetched)
    }

    /// The same without a request; `None` if anything is missing.
    fn find_in_cache(
        &self,
        reference: &Reference,
        platform: Platform,
        pin: Option<&Pin>,
    ) -> Result<Option<Fetched>, FetchError> {
        let known = || {
            if let Some(digest) = reference.digest() {
                return Digest::parse(digest).ok();
            }
            let record = self.cache.record(reference.as_str())?;
            Digest::parse(&record.manifest).ok()
        };
        let Some(digest) = pin.map(|pin| pin.manifest.clone()).or_else(known) else {
            return Ok(None);
        };
        let Some(bytes) = self.cache.blob(&digest) else { return Ok(None) };
        let artifact = self.read(reference, &bytes)?;
        let chosen =
            self.choose(reference, &artifact, platform, &mut |digest| Ok(self.cache.blob(digest)));
        let chosen = match chosen {
            // What the tag means now may have more platforms than what it meant.
            Err(FetchError::Artifact { error: ArtifactError::OtherPlatforms { .. }, .. })
                if pin.is_none() && reference.digest().is_none() =>
            {
                return Ok(None);
            }
            chosen => chosen?,
        };
        let Some(chosen) = chosen else { return Ok(None) };
        let metadata = match &chosen.metadata {
            Some(layer) => match self.cache.blob(&layer.digest) {
                Some(bytes) => Some(self.read_metadata(reference, &bytes)?),
                None => return Ok(None),
            },
            None => None,
        };
        let Some(executable) = self.executable_in_cache(&chosen.layer)? else { return Ok(None) };
        self.check_trust(reference, &digest, Freshness::Cached)?;
        let fetched = self.fetched(reference, &digest, chosen.platform, executable)?;
        check_executable(&fetched, pin)?;
        let fetched = Fetched { metadata, ..fetched };
        // Nothing of it had to be fetched, so that it need not be possible to write there.
        let _ = self.note(&fetched);
        Ok(Some(fetched))
    }

    /// The layers for a platform; nothing where a manifest of an index cannot be had.
    fn choose(
        &self,
        reference: &Reference,
        artifact: &Artifact,
        wanted: Platform,
        child: &mut Child<'_>,
    ) -> Result<Option<Chosen>, FetchError> {
        let in_words = |error| FetchError::Artifact { reference: reference.clone(), error };
        match &artifact.content {
            Content::Layers { offers, metadata } => {
                let offer = offer_for(offers, wanted).map_err(in_words)?;
                Ok(Some(Chosen {
                    platform: offer.platform,
                    layer: offer.layer.clone(),
                    metadata: metadata.clone(),
                }))
            }
            Content::Index(entries) => {
                let found = entries.iter().find(|entry| entry.platform == wanted);
                let has = entries.iter().map(|entry| entry.platform);
                let entry = Content::not_made_for(found, wanted, has).map_err(in_words)?;
                let Some(bytes) = child(&entry.digest)? else { return Ok(None) };
                let artifact = self.read(reference, &bytes)?;
                let Content::Layers { offers, metadata } = &artifact.content else {
                    return Err(in_words(ArtifactError::Nested));
                };
                let offer = offer_for(offers, wanted).map_err(in_words)?;
                Ok(Some(Chosen {
                    platform: Some(wanted),
                    layer: offer.layer.clone(),
                    metadata: metadata.clone(),
                }))
            }
        }
    }

    fn metadata(
        &self,
        reference: &Reference,
        layer: &Layer,
    ) -> Result<ProviderMetadata, FetchError> {
        let bytes = match self.cache.blob(&layer.digest) {
            Some(bytes) => bytes,
            None => {
                let source = self.source(reference)?;
                let bytes = source.small_blob(reference, layer, METADATA_BYTES_MAX)?;
                self.cache.keep_blob(&layer.digest, &bytes)?;
                bytes
            }
        };
        self.read_metadata(reference, &bytes)
    }

    fn read_metadata(
        &self,
        reference: &Reference,
        bytes: &[u8],
    ) -> Result<ProviderMetadata, FetchError> {
        ProviderMetadata::read(bytes).map_err(|what| FetchError::Metadata {
            reference: reference.clone(),
            what: format!("its {METADATA_TITLE} cannot be read: {what}"),
        })
    }

    /// An executable that is in the cache.
    fn fetched(
        &self,
        reference: &Reference,
        manifest: &Digest,
        platform: Option<Platform>,
        executable: Digest,
    ) -> Result<Fetched, FetchError> {
        let path = self.cache.executable(&executable)?;
        let path = path.ok_or_else(|| FetchError::Changed(reference.clone()))?;
        Ok(Fetched {
            reference: reference.clone(),
            manifest: manifest.clone(),
            platform,
            size_bytes: std::fs::metadata(&path).map_or(0, |metadata| metadata.len()),
            executable,
            path,
            downloaded_bytes: 0,
            metadata: None,
        })
    }

    /// Notes where a reference has led.
    fn note(&self, fetched: &Fetched) -> Result<(), FetchError> {
        let known = self.cache.record(fetched.reference.as_str());
        let has = known.is_some_and(|record| {
            record.manifest == fetched.manifest.to_string()
                && record.executables.contains_key(&fetched.platform_key())
        });
        if has {
            return Ok(());
        }
        let executable = RecordedExecutable {
            digest: fetched.executable.to_string(),
            size_bytes: fetched.size_bytes,
        };
        self.cache.keep_record(Record {
            reference: fetched.reference.to_string(),
            manifest: fetched.manifest.to_string(),
            fetched_at: jiff::Timestamp::now(),
            executables: [(fetched.platform_key(), executable)].into(),
        })?;
        Ok(())
    }

    /// Where an artifact is read from.
    fn source(&self, reference: &Reference) -> Result<Arc<dyn ProviderSource>, FetchError> {
        let key = match &self.settings.mirror {
            Some(_) => String::new(),
            None => reference.registry().to_owned(),
        };
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = sources.get(&key) {
            return Ok(Arc::clone(source));
        }
        let source = match &self.settings.mirror {
            Some(mirror) => source::of_mirror(mirror, &self.settings.registry)?,
            None => Arc::new(RegistrySource::new(reference.registry(), &self.settings.registry)?),
        };
        sources.insert(key, Arc::clone(&source));
        Ok(source)
    }

    /// What an artifact offers, each platform's executable fetched: what a lock file notes.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch).
    pub fn pin(
        &self,
        reference: &Reference,
        platforms: &[Platform],
        known: Option<&Pin>,
    ) -> Result<Pin, FetchError> {
        self.hold();
        check_digest(reference, known)?;
        let resolved = self.resolve(reference, known)?;
        let has = resolved.artifact.platforms();
        let wanted: Vec<Platform> = match (platforms, has.as_slice()) {
            ([], []) => Platform::here().into_iter().collect(),
            ([], has) => has.to_vec(),
            (wanted, _) => wanted.to_vec(),
        };
        let mut pin = Pin {
            manifest: resolved.digest.clone(),
            executables: known.map(|pin| pin.executables.clone()).unwrap_or_default(),
        };
        for platform in wanted {
            let fetched = self.fetch_resolved(reference, &resolved, platform, known)?;
            pin.executables.insert(fetched.platform_key(), fetched.executable);
        }
        Ok(pin)
    }
}

/// Whether the digest that a reference itself names is the one that is locked.
fn check_digest(reference: &Reference, pin: Option<&Pin>) -> Result<(), FetchError> {
    match reference.digest().and_then(|digest| Digest::parse(digest).ok()) {
        Some(digest) => check_pin(reference, pin, &digest),
        None => Ok(()),
    }
}

/// Whether a manifest is the one that is locked, if one is.
fn check_pin(reference: &Reference, pin: Option<&Pin>, found: &Digest) -> Result<(), FetchError> {
    match pin {
        Some(pin) if pin.manifest != *found => Err(FetchError::Moved {
            reference: reference.clone(),
            locked: pin.manifest.clone(),
            found: found.clone(),
        }),
        _ => Ok(()),
    }
}

/// Whether an executable is the one that is locked, if one is.
fn check_executable(fetched: &Fetched, pin: Option<&Pin>) -> Result<(), FetchError> {
    match pin.and_then(|pin| pin.executables.get(&fetched.platform_key())) {
        Some(locked) if *locked != fetched.executable => Err(FetchError::OtherExecutable {
            reference: fetched.reference.clone(),
            locked: locked.clone(),
            found: fetched.executable.clone(),
        }),
        _ => Ok(()),
    }
}

/// Gives the manifest of an index's entry, or nothing where it cannot be had.
type Child<'a> = dyn FnMut(&Digest) -> Result<Option<Vec<u8>>, FetchError> + 'a;

/// What was chosen of an artifact.
struct Chosen {
    platform: Option<Platform>,
    layer: Layer,
    metadata: Option<Layer>,
}
