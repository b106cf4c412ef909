//! Writing: blobs, manifests.

use std::io::{Cursor, Read};

use reqwest::blocking::{Body, Response};
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{StatusCode, Url};

use super::authorization::Access;
use super::error::Failed;
use super::exchange::Target;
use super::{Registry, RegistryError};
use crate::artifact::Digest;
use crate::limits::UPLOAD_BYTES_PER_S_MIN;

impl Registry {
    /// Whether a repository has a blob.
    pub(crate) fn has_blob(
        &self,
        repository: &str,
        digest: &Digest,
    ) -> Result<bool, RegistryError> {
        let path = format!("/v2/{repository}/blobs/{digest}");
        self.retrying(|| {
            let response =
                self.send(repository, Access::Push, &Target::Path(&path), &mut |http, url| {
                    http.head(url)
                })?;
            Ok(response.status() == StatusCode::OK)
        })
    }

    /// Puts a blob into a repository. `open` gives its bytes, anew for each attempt.
    pub(crate) fn push_blob<R: Read + Send + 'static>(
        &self,
        repository: &str,
        digest: &Digest,
        size_bytes: u64,
        mut open: impl FnMut() -> std::io::Result<R>,
    ) -> Result<(), RegistryError> {
        let path = format!("/v2/{repository}/blobs/uploads/");
        let allowed = self.settings.timeout
            + std::time::Duration::from_secs(size_bytes / UPLOAD_BYTES_PER_S_MIN);
        self.retrying(|| {
            let response =
                self.send(repository, Access::Push, &Target::Path(&path), &mut |http, url| {
                    http.post(url).header(CONTENT_LENGTH, 0)
                })?;
            if response.status() != StatusCode::ACCEPTED {
                return Err(self.not_written(response, repository));
            }
            let mut location = self.location(&response)?;
            location.query_pairs_mut().append_pair("digest", &digest.to_string());
            let mut unreadable = None;
            let response = self.send(
                repository,
                Access::Push,
                &Target::Location(location),
                &mut |http, url| {
                    let request = http
                        .put(url)
                        .timeout(allowed)
                        .header(CONTENT_TYPE, "application/octet-stream");
                    match open() {
                        Ok(reader) => request.body(Body::sized(reader, size_bytes)),
                        Err(error) => {
                            unreadable = Some(error);
                            request
                        }
                    }
                },
            );
            if let Some(error) = unreadable {
                return Err(self.protocol(format!("(nothing was sent: {error})")).into());
            }
            let response = response?;
            match response.status() {
                StatusCode::CREATED => Ok(()),
                _ => Err(self.not_written(response, repository)),
            }
        })
    }

    /// Puts a few bytes into a repository; gives how many were not there.
    pub(crate) fn push_bytes(&self, repository: &str, bytes: &[u8]) -> Result<u64, RegistryError> {
        let digest = Digest::sha256_of(bytes);
        if self.has_blob(repository, &digest)? {
            return Ok(0);
        }
        let size_bytes = bytes.len() as u64;
        self.push_blob(repository, &digest, size_bytes, || Ok(Cursor::new(bytes.to_vec())))?;
        Ok(size_bytes)
    }

    /// Puts a manifest under a tag or its digest.
    pub(crate) fn push_manifest(
        &self,
        repository: &str,
        name: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<(), RegistryError> {
        let path = format!("/v2/{repository}/manifests/{name}");
        self.retrying(|| {
            let response =
                self.send(repository, Access::Push, &Target::Path(&path), &mut |http, url| {
                    http.put(url).header(CONTENT_TYPE, media_type).body(bytes.to_vec())
                })?;
            match response.status() {
                StatusCode::CREATED | StatusCode::OK => Ok(()),
                _ => Err(self.not_written(response, repository)),
            }
        })
    }

    /// Where to go on with an upload. It may be another host; only the registry itself gets our
    /// credentials.
    fn location(&self, response: &Response) -> Result<Url, RegistryError> {
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let location = location.and_then(|location| response.url().join(location).ok());
        let location = location.ok_or_else(|| self.protocol("an upload without a place for it"))?;
        if response.url().scheme() == "https" && location.scheme() != "https" {
            return Err(self.protocol("an upload that leaves HTTPS"));
        }
        Ok(location)
    }

    fn not_written(&self, response: Response, repository: &str) -> Failed {
        let registry = self.name().to_owned();
        let missing = |sent, _| RegistryError::NoRepository {
            registry,
            repository: repository.to_owned(),
            sent,
        };
        self.refused(response, (repository, Access::Push), missing).into()
    }
}
