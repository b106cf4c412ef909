//! What comes out of a layer's compression, counted.

use std::cell::{Cell, RefCell};
use std::io::{self, Read, Write};

use super::{Compression, UnpackError};
use crate::limits::ZSTD_WINDOW_LOG_MAX;

/// Bytes of one copy.
const CHUNK_BYTES: usize = 64 * 1024;

/// The layer's own bytes. Remembers whether reading them failed, since what a decompressor returns
/// does not tell a broken disk from broken bytes.
pub(super) struct Watched<'a> {
    blob: RefCell<&'a mut dyn Read>,
    failed: Cell<bool>,
}

impl<'a> Watched<'a> {
    pub(super) fn new(blob: &'a mut dyn Read) -> Self {
        Self { blob: RefCell::new(blob), failed: Cell::new(false) }
    }
}

impl Read for &Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.blob.borrow_mut().read(buffer);
        if result.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            self.failed.set(true);
        }
        result
    }
}

/// The unpacked bytes, at most so many of them.
pub(super) struct Contents<'a> {
    bytes: Box<dyn Read + 'a>,
    blob: &'a Watched<'a>,
    compression: Option<Compression>,
    /// Bytes that may still come.
    left: u64,
    bytes_max: u64,
}

impl<'a> Contents<'a> {
    pub(super) fn open(
        blob: &'a Watched<'a>,
        compression: Option<Compression>,
        bytes_max: u64,
    ) -> Result<Self, UnpackError> {
        let bytes: Box<dyn Read + 'a> = match compression {
            None => Box::new(blob),
            Some(Compression::Gzip) => Box::new(flate2::read::MultiGzDecoder::new(blob)),
            Some(Compression::Zstd) => {
                let corrupt = |error| UnpackError::Corrupt(Compression::Zstd, error);
                let mut decoder = zstd::Decoder::new(blob).map_err(corrupt)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(corrupt)?;
                Box::new(decoder)
            }
        };
        Ok(Self { bytes, blob, compression, left: bytes_max, bytes_max })
    }

    /// Whether so many bytes may still come.
    pub(super) fn expect(&self, bytes: u64) -> Result<(), UnpackError> {
        if bytes > self.left { Err(UnpackError::TooLarge(self.bytes_max)) } else { Ok(()) }
    }

    /// Reads some bytes; none is the end.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, UnpackError> {
        // At the limit one byte is asked for all the same: whether it is there decides.
        let mut probe = [0];
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = if self.left == 0 { &mut probe[..] } else { &mut buffer[..room] };
        let count = loop {
            match self.bytes.read(buffer) {
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(error)),
            }
        };
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => return Err(UnpackError::TooLarge(self.bytes_max)),
        }
        Ok(count)
    }

    fn failure(&self, error: io::Error) -> UnpackError {
        match self.compression {
            Some(compression) if !self.blob.failed.get() => match error.kind() {
                io::ErrorKind::UnexpectedEof => UnpackError::Truncated("compressed bytes"),
                _ => UnpackError::Corrupt(compression, error),
            },
            _ => UnpackError::Read(error),
        }
    }

    /// Fills the buffer as far as there are bytes.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, UnpackError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..])? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(filled)
    }

    /// Copies exactly so many bytes.
    pub(super) fn copy(&mut self, bytes: u64, to: &mut dyn Write) -> Result<(), UnpackError> {
        self.expect(bytes)?;
        let mut chunk = vec![0; CHUNK_BYTES.min(usize::try_from(bytes).unwrap_or(CHUNK_BYTES))];
        let mut missing = bytes;
        while missing > 0 {
            let room = usize::try_from(missing).unwrap_or(CHUNK_BYTES).min(chunk.len());
            match self.read(&mut chunk[..room])? {
                0 => return Err(UnpackError::Truncated("tar archive")),
                count => {
                    to.write_all(&chunk[..count]).map_err(UnpackError::Write)?;
                    missing -= count as u64;
                }
            }
        }
        Ok(())
    }

    /// Copies what is left, and says how much it was.
    pub(super) fn copy_all(&mut self, to: &mut dyn Write) -> Result<u64, UnpackError> {
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut copied = 0;
        loop {
            match self.read(&mut chunk)? {
                0 => return Ok(copied),
                count => {
                    to.write_all(&chunk[..count]).map_err(UnpackError::Write)?;
                    copied += count as u64;
                }
            }
        }
    }

    /// Reads to the end; whether it was all zeros.
    pub(super) fn only_zeros_left(&mut self) -> Result<bool, UnpackError> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match self.read(&mut chunk)? {
                0 => return Ok(true),
                count if chunk[..count].iter().any(|&byte| byte != 0) => return Ok(false),
                _ => {}
            }
        }
    }
}
