//! Reading: manifests, blobs, what refers to a manifest.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE, OciImageIndex,
};
use reqwest::StatusCode;
use reqwest::blocking::Response;
use reqwest::header::{ACCEPT, CONTENT_RANGE, CONTENT_TYPE, RANGE};

use super::authorization::Access;
use super::error::Failed;
use super::exchange::Target;
use super::{Attempts, Registry, RegistryError, body};
use crate::artifact::Digest;
use crate::limits::{BLOB_BYTES_PER_STALL_MIN, MANIFEST_BYTES_MAX};

/// A manifest as it came, with the digest that its bytes have.
#[derive(Debug, Clone)]
pub(crate) struct ManifestBytes {
    pub(crate) bytes: Vec<u8>,
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
}

/// A blob that is being sent, from `offset_bytes` on. Nothing is verified yet.
pub(crate) struct BlobBody {
    response: Response,
    registry: String,
    pub(crate) offset_bytes: u64,
    pace: Pace,
}

/// Whether what comes is worth waiting for: a server that sends a byte now and then is not sending.
struct Pace {
    allowed: Duration,
    since: Instant,
    bytes: u64,
}

impl Pace {
    fn new(allowed: Duration) -> Self {
        Self { allowed, since: Instant::now(), bytes: 0 }
    }

    /// Notes what has come; whether it goes on well.
    fn keeps_up(&mut self, length: usize) -> bool {
        self.bytes += length as u64;
        if self.since.elapsed() <= self.allowed {
            return true;
        }
        let enough = self.bytes >= BLOB_BYTES_PER_STALL_MIN;
        *self = Self::new(self.allowed);
        enough
    }
}

impl BlobBody {
    /// Reads on; a failure says whether the rest may be had by asking again.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, RegistryError> {
        loop {
            match self.response.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(body::broken(&error, "a blob", &self.registry)),
                Ok(length) if length == 0 || self.pace.keeps_up(length) => return Ok(length),
                Ok(_) => {
                    let what = "a blob comes too slowly".to_owned();
                    return Err(RegistryError::Stalled { registry: self.registry.clone(), what });
                }
            }
        }
    }

    /// What it is that the rest of a blob does not come.
    pub(crate) fn ended_early(&self, have_bytes: u64, size_bytes: u64) -> RegistryError {
        let what = format!("a blob ended after {have_bytes} of {size_bytes} bytes");
        RegistryError::BrokenOff { registry: self.registry.clone(), what }
    }
}

impl Registry {
    /// A manifest by its tag or digest.
    pub(crate) fn manifest(
        &self,
        repository: &str,
        wanted: &str,
    ) -> Result<ManifestBytes, RegistryError> {
        let path = format!("/v2/{repository}/manifests/{wanted}");
        let accept = [
            OCI_IMAGE_MEDIA_TYPE,
            OCI_IMAGE_INDEX_MEDIA_TYPE,
            IMAGE_MANIFEST_MEDIA_TYPE,
            IMAGE_MANIFEST_LIST_MEDIA_TYPE,
        ]
        .join(", ");
        self.retrying(|| {
            let response = self.send(repository, Access::Pull, &Target::Path(&path), &mut |http, url| {
                http.get(url).header(ACCEPT, &accept)
            })?;
            if response.status() != StatusCode::OK {
                return Err(self.no_manifest(response, repository, wanted).into());
            }
            let header = |name: &str| {
                let value = response.headers().get(name)?;
                Some(value.to_str().ok()?.trim().to_owned())
            };
            let media_type = header(CONTENT_TYPE.as_str()).unwrap_or_default();
            let claimed = header("docker-content-digest");
            let bytes = body::read(
                response,
                "a manifest",
                MANIFEST_BYTES_MAX,
                self.name(),
                self.settings.timeout,
            )?;
            let asked = Digest::parse(wanted).ok();
            let digest = asked.as_ref().map_or_else(|| Digest::sha256_of(&bytes), |asked| asked.like(&bytes));
            let claimed = claimed.and_then(|claimed| Digest::parse(&claimed).ok());
            for expected in [asked, claimed].into_iter().flatten() {
                let found = expected.like(&bytes);
                if found != expected {
                    let what = format!(
                        "the manifest `{wanted}` does not match its digest: {expected} was named, {found} was sent"
                    );
                    return Err(self.protocol(what).into());
                }
            }
            Ok(ManifestBytes { bytes, media_type, digest })
        })
    }

    fn no_manifest(&self, response: Response, repository: &str, wanted: &str) -> RegistryError {
        let (registry, repository) = (self.name().to_owned(), repository.to_owned());
        let scope = (repository.as_str(), Access::Pull);
        self.refused(response, scope, |sent, no_repository| {
            let repository = repository.clone();
            if no_repository {
                RegistryError::NoRepository { registry, repository, sent }
            } else {
                RegistryError::NoManifest { registry, repository, wanted: wanted.to_owned(), sent }
            }
        })
    }

    /// Starts a blob, from an offset if the registry can do that; else from its beginning.
    pub(crate) fn open_blob(
        &self,
        repository: &str,
        digest: &Digest,
        offset_bytes: u64,
        attempts: &mut Attempts,
    ) -> Result<BlobBody, RegistryError> {
        loop {
            match self.open_blob_once(repository, digest, offset_bytes) {
                Ok(body) => return Ok(body),
                Err(failed) => self.pause(failed, attempts)?,
            }
        }
    }

    /// Waits until a blob that broke off may be asked for again, if there is to be another attempt.
    pub(crate) fn pause_after(
        &self,
        error: RegistryError,
        attempts: &mut Attempts,
    ) -> Result<(), RegistryError> {
        self.pause(error.into(), attempts)
    }

    fn open_blob_once(
        &self,
        repository: &str,
        digest: &Digest,
        offset_bytes: u64,
    ) -> Result<BlobBody, Failed> {
        let path = format!("/v2/{repository}/blobs/{digest}");
        let mut offset = offset_bytes;
        loop {
            let response =
                self.send(repository, Access::Pull, &Target::Path(&path), &mut |http, url| {
                    let request = http.get(url);
                    if offset > 0 {
                        request.header(RANGE, format!("bytes={offset}-"))
                    } else {
                        request
                    }
                })?;
            let registry = self.name().to_owned();
            let pace = Pace::new(self.settings.timeout);
            match response.status() {
                StatusCode::OK => {
                    return Ok(BlobBody { response, registry, offset_bytes: 0, pace });
                }
                StatusCode::PARTIAL_CONTENT if starts_at(&response, offset) => {
                    return Ok(BlobBody { response, registry, offset_bytes: offset, pace });
                }
                // What is there of it cannot be its beginning.
                StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if offset > 0 => {
                    offset = 0;
                }
                _ => {
                    let scope = (repository, Access::Pull);
                    let missing = |_, _| RegistryError::NoBlob {
                        registry,
                        repository: repository.to_owned(),
                        digest: digest.to_string(),
                    };
                    return Err(self.refused(response, scope, missing).into());
                }
            }
        }
    }

    /// The manifests that name this one as their subject; none where the registry knows of none.
    pub(crate) fn referrers(
        &self,
        repository: &str,
        digest: &Digest,
    ) -> Result<OciImageIndex, RegistryError> {
        let path = format!("/v2/{repository}/referrers/{digest}");
        let found = self.retrying(|| {
            let response =
                self.send(repository, Access::Pull, &Target::Path(&path), &mut |http, url| {
                    http.get(url).header(ACCEPT, OCI_IMAGE_INDEX_MEDIA_TYPE)
                })?;
            if response.status() != StatusCode::OK {
                return Ok(None);
            }
            let timeout = self.settings.timeout;
            let what = "a list of referrers";
            Ok(Some(body::read(response, what, MANIFEST_BYTES_MAX, self.name(), timeout)?))
        })?;
        // A registry without that interface may answer with anything, a page for people too.
        let index = found.and_then(|bytes| serde_json::from_slice::<OciImageIndex>(&bytes).ok());
        let bytes = match index {
            Some(index) => return Ok(index),
            // Registries without that interface keep the list under a tag.
            None => match self.manifest(repository, &digest.to_string().replace(':', "-")) {
                Ok(manifest) => manifest.bytes,
                Err(error) if error.is_missing() => return Ok(no_referrers()),
                Err(error) => return Err(error),
            },
        };
        serde_json::from_slice(&bytes)
            .map_err(|error| self.protocol(format!("an invalid list of referrers: {error}")))
    }
}

fn no_referrers() -> OciImageIndex {
    OciImageIndex {
        schema_version: 2,
        media_type: Some(OCI_IMAGE_INDEX_MEDIA_TYPE.to_owned()),
        manifests: Vec::new(),
        artifact_type: None,
        annotations: None,
    }
}

/// Whether a part begins where it was asked for: `Content-Range: bytes 5-9/10`.
fn starts_at(response: &Response, offset_bytes: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let start = range.and_then(|range| range.trim().strip_prefix("bytes ")?.split_once('-'));
    start.is_some_and(|(start, _)| start.parse() == Ok(offset_bytes))
}
