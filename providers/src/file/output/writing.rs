//! A file that is being written.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use dstream_sdk::{ProviderError, log};

use super::durable::{Fsync, failed};
use super::names::{self, folder};
use super::pack::{Compress, Packer};

/// Bytes that are gathered before they are written.
const WRITE_BYTES: usize = 256 << 10;

/// An open file. Only whole lines are handed to the kernel.
pub(crate) struct Writing {
    path: PathBuf,
    /// What it will be called.
    finished: Option<PathBuf>,
    /// That of its name; 0 if it has none.
    pub(crate) number: u64,
    file: File,
    packer: Packer,
    fsync: Fsync,
    /// Bytes on disk.
    file_bytes: u64,
    is_synced: bool,
    /// What it has taken, line by line where that matters, and the bytes before they are compressed.
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    pub(crate) begun: Instant,
    /// When it was last written to, counted in lines.
    pub(crate) used: u64,
}

impl Writing {
    /// A file of just this name, appended to.
    pub(crate) fn append_to(base: &Path, fsync: Fsync) -> Result<Self, ProviderError> {
        let opened = || {
            fsync.create_folders(folder(base))?;
            let mut file = OpenOptions::new().read(true).append(true).create(true).open(base)?;
            let metadata = file.metadata()?;
            let mut size = metadata.len();
            if size == 0 {
                fsync.folder_of(base)?; // it may be new
            } else if metadata.is_file() {
                let mut last = [0];
                file.read_exact_at(&mut last, size - 1)?;
                if last != *b"\n" {
                    // Nobody knows whose it is: it is not cut off.
                    log::warn!(
                        "{}: ended in the middle of a line, which was ended",
                        base.display()
                    );
                    file.write_all(b"\n")?;
                    size += 1;
                }
            }
            Ok((file, size))
        };
        let (file, size) = opened().map_err(|error| failed("open", base, &error))?;
        Ok(Self::new(base.to_owned(), None, 0, file, Compress::None, fsync, size))
    }

    /// A new file with the first free number from `number` on.
    pub(crate) fn create(
        base: &Path,
        mut number: u64,
        compress: Compress,
        fsync: Fsync,
    ) -> Result<Self, ProviderError> {
        fsync
            .create_folders(folder(base))
            .map_err(|error| failed("create the folder of", base, &error))?;
        loop {
            let finished = names::numbered(base, number, compress);
            let path = names::partial(&finished);
            let created = OpenOptions::new().read(true).append(true).create_new(true).open(&path);
            let error = match created {
                // Whoever has made the unfinished file has reserved the name of the finished one.
                Ok(file) if !finished.exists() => {
                    lock(&file);
                    fsync.folder_of(&path).map_err(|error| failed("create", &path, &error))?;
                    let finished = Some(finished);
                    return Ok(Self::new(path, finished, number, file, compress, fsync, 0));
                }
                Ok(_) => fs::remove_file(&path).err(),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
                Err(error) => Some(error),
            };
            if let Some(error) = error {
                return Err(failed("create", &path, &error));
            }
            number += 1;
        }
    }

    fn new(
        path: PathBuf,
        finished: Option<PathBuf>,
        number: u64,
        file: File,
        compress: Compress,
        fsync: Fsync,
        file_bytes: u64,
    ) -> Self {
        Self {
            path,
            finished,
            number,
            file,
            packer: Packer::new(compress),
            fsync,
            file_bytes,
            is_synced: true,
            lines: 0,
            bytes: 0,
            begun: Instant::now(),
            used: 0,
        }
    }

    /// Takes one line or several, and the newline that the last may lack.
    pub(crate) fn add(&mut self, lines: &[u8], newline: &[u8]) -> Result<(), ProviderError> {
        self.packer
            .add(lines)
            .and_then(|()| self.packer.add(newline))
            .and_then(|()| self.packer.end_large_member())
            .map_err(|error| failed("compress for", &self.path, &error))?;
        self.lines += 1;
        self.bytes += (lines.len() + newline.len()) as u64;
        self.is_synced = false;
        if self.packer.packed().len() >= WRITE_BYTES { self.put() } else { Ok(()) }
    }

    /// Hands to the kernel what can be.
    pub(crate) fn put(&mut self) -> Result<(), ProviderError> {
        let bytes = self.packer.packed();
        let written = self.file.write_all(bytes);
        let count = bytes.len() as u64;
        bytes.clear();
        match written {
            Ok(()) => {
                self.file_bytes += count;
                Ok(())
            }
            Err(error) => {
                // Half a line may be there; but what another process has appended stays.
                let size = self.file.metadata().map_or(0, |metadata| metadata.len());
                if size > self.file_bytes && size <= self.file_bytes + count {
                    let _ = self.file.set_len(self.file_bytes);
                }
                Err(failed("write", &self.path, &error))
            }
        }
    }

    /// Makes all that was taken lasting.
    pub(crate) fn sync(&mut self) -> Result<(), ProviderError> {
        if self.is_synced {
            return Ok(());
        }
        self.packer.end_member().map_err(|error| failed("compress for", &self.path, &error))?;
        self.put()?;
        self.fsync.file(&self.file).map_err(|error| failed("sync", &self.path, &error))?;
        self.is_synced = true;
        Ok(())
    }

    /// Nothing more comes: makes it lasting, under its name.
    pub(crate) fn finish(mut self) -> Result<(), ProviderError> {
        self.sync()?;
        let Some(finished) = self.finished else { return Ok(()) };
        fs::rename(&self.path, &finished)
            .and_then(|()| self.fsync.folder_of(&finished))
            .map_err(|error| failed("finish", &finished, &error))
    }
}

/// Says that somebody is at it. False if somebody else is; a file system without locks does not
/// know.
pub(crate) fn lock(file: &File) -> bool {
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}
