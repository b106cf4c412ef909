//! A layer → an executable in the cache: downloaded once, resumed if it broke off, verified, unpacked.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use dstream_reference::Reference;

use super::source::ProviderSource;
use super::{FetchError, FetchObserver, Fetcher};
use crate::artifact::{Digest, Hasher, Layer, Packing, UnpackError, is_executable, unpack};
use crate::cache::{at, hash, open_partial};
use crate::client::Attempts;
use crate::limits::{BLOB_BYTES_PER_STALL_MIN, EXECUTABLE_BYTES_MAX};

impl Fetcher {
    /// The digest of the executable that a layer holds, once it is in the cache; and how many bytes
    /// were downloaded for that.
    pub(super) fn executable(
        &self,
        reference: &Reference,
        layer: &Layer,
    ) -> Result<(Digest, u64), FetchError> {
        if let Some(digest) = self.executable_in_cache(layer)? {
            return Ok((digest, 0));
        }
        let _locked =
            self.cache.lock(&layer.digest, || self.observer.waiting(reference.as_str()))?;
        // Another process may have been at it while we waited.
        if let Some(digest) = self.executable_in_cache(layer)? {
            return Ok((digest, 0));
        }
        let partial = self.cache.partial(&layer.digest)?;
        let source = self.source(reference)?;
        let downloaded = Download {
            reference,
            layer,
            source: &*source,
            partial: &partial,
            observer: &*self.observer,
        }
        .run()?;
        let digest = self.unpack(reference, layer, &partial)?;
        Ok((digest, downloaded))
    }

    /// The digest of the executable that a layer holds, if it is in the cache.
    pub(super) fn executable_in_cache(&self, layer: &Layer) -> Result<Option<Digest>, FetchError> {
        if self.cache.executable(&layer.digest)?.is_some() {
            return Ok(Some(layer.digest.clone()));
        }
        match self.cache.unpacked(&layer.digest) {
            Some(digest) => Ok(self.cache.executable(&digest)?.map(|_| digest)),
            None => Ok(None),
        }
    }

    /// Makes an executable of a layer that has come whole.
    fn unpack(
        &self,
        reference: &Reference,
        layer: &Layer,
        partial: &Path,
    ) -> Result<Digest, FetchError> {
        let failed = at("reading", partial);
        let mut packed = open_partial(partial).map_err(&failed)?;
        let mut start = Vec::new();
        Read::by_ref(&mut packed).take(512).read_to_end(&mut start).map_err(&failed)?;
        packed.rewind().map_err(&failed)?;
        let packing = Packing::of(&layer.media_type, layer.title.as_deref(), &start);
        if packing == Packing::PLAIN && is_executable(&start) {
            self.cache.promote(&packed, partial, &layer.digest)?;
            return Ok(layer.digest.clone());
        }
        let mut temporary = self.cache.new_executable()?;
        let unpacked = unpack(&mut packed, packing, temporary.file(), EXECUTABLE_BYTES_MAX);
        match unpacked {
            Ok(_) => {}
            // A full disk, say: what has come need not come again.
            Err(UnpackError::Read(error)) => return Err(failed(error).into()),
            Err(UnpackError::Write(error)) => {
                return Err(at("unpacking into", self.cache.root())(error).into());
            }
            // It is what its digest says, so that to fetch it again would not help.
            Err(error) => {
                let _ = fs::remove_file(partial);
                let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
                let what = format!("{error}{}", cause.unwrap_or_default());
                let (reference, hint) = (reference.clone(), error.hint());
                return Err(FetchError::Unpack { reference, what, hint });
            }
        }
        temporary.file().rewind().map_err(&failed)?;
        let digest = hash(temporary.file(), Hasher::sha256()).map_err(&failed)?;
        self.cache.keep_executable(temporary, &digest)?;
        self.cache.keep_unpacked(&layer.digest, &digest)?;
        let _ = fs::remove_file(partial);
        Ok(digest)
    }
}

/// One layer on its way into its partial file.
struct Download<'a> {
    reference: &'a Reference,
    layer: &'a Layer,
    source: &'a dyn ProviderSource,
    partial: &'a Path,
    observer: &'a dyn FetchObserver,
}

impl Download<'_> {
    /// Brings the partial file to its end and verifies it. Gives the bytes that came.
    fn run(&self) -> Result<u64, FetchError> {
        let failed = at("writing", self.partial);
        let mut file = open_partial(self.partial).map_err(&failed)?;
        let mut hasher = self.layer.digest.hasher();
        // What an earlier attempt has left counts like what comes now: the digest covers both.
        let mut have = self.hash_start(&mut file, &mut hasher).map_err(&failed)?;
        let resumed = have > 0;
        self.observer.started(self.reference.as_str(), self.layer.size_bytes, have);
        let outcome = self.fill(&mut file, &mut hasher, &mut have);
        self.observer.finished();
        let downloaded = outcome?;
        file.sync_all().map_err(&failed)?;
        let found = hasher.finish();
        if found == self.layer.digest {
            return Ok(downloaded);
        }
        drop(file);
        fs::remove_file(self.partial).map_err(&failed)?;
        if resumed {
            // The fault may lie in what was there.
            return Ok(downloaded + self.run()?);
        }
        let (reference, expected) = (self.reference.clone(), self.layer.digest.clone());
        Err(FetchError::WrongDigest { reference, expected, found })
    }

    fn hash_start(&self, file: &mut File, hasher: &mut Hasher) -> io::Result<u64> {
        let length = file.metadata()?.len();
        if length > self.layer.size_bytes {
            file.set_len(0)?;
            return Ok(0);
        }
        let mut piece = vec![0; 256 * 1024];
        loop {
            match file.read(&mut piece)? {
                0 => return Ok(length),
                read => hasher.update(&piece[..read]),
            }
        }
    }

    /// Downloads what is missing, asking again where it breaks off.
    fn fill(
        &self,
        file: &mut File,
        hasher: &mut Hasher,
        have: &mut u64,
    ) -> Result<u64, FetchError> {
        let mut downloaded = 0;
        let mut attempts = Attempts::default();
        let mut furthest = *have;
        while *have < self.layer.size_bytes {
            let error = self.fill_once(file, hasher, have, &mut downloaded, &mut attempts).err();
            // A few bytes each time are no progress, nor is the same part over and over again.
            if *have >= furthest + BLOB_BYTES_PER_STALL_MIN {
                furthest = *have;
                attempts = Attempts::default();
            }
            if let Some(error) = error {
                self.source.pause_after(error, &mut attempts)?;
            }
        }
        Ok(downloaded)
    }

    fn fill_once(
        &self,
        file: &mut File,
        hasher: &mut Hasher,
        have: &mut u64,
        downloaded: &mut u64,
        attempts: &mut Attempts,
    ) -> Result<(), FetchError> {
        let failed = at("writing", self.partial);
        let mut blob = self.source.open_blob(self.reference, self.layer, *have, attempts)?;
        if blob.offset_bytes() != *have {
            // It cannot give a part: all of it once more.
            file.set_len(0).and_then(|()| file.rewind()).map_err(&failed)?;
            *hasher = self.layer.digest.hasher();
            *have = 0;
            self.observer.restarted();
        }
        let mut piece = vec![0; 256 * 1024];
        loop {
            let length = blob.read(&mut piece)?;
            if length == 0 {
                break;
            }
            if *have + length as u64 > self.layer.size_bytes {
                drop(fs::remove_file(self.partial));
                let (reference, size_bytes) = (self.reference.clone(), self.layer.size_bytes);
                return Err(FetchError::TooLong { reference, size_bytes });
            }
            file.write_all(&piece[..length]).map_err(&failed)?;
            hasher.update(&piece[..length]);
            *have += length as u64;
            *downloaded += length as u64;
            self.observer.advanced(length as u64);
        }
        if *have < self.layer.size_bytes {
            return Err(blob.ended_early(*have, self.layer.size_bytes));
        }
        Ok(())
    }
}
