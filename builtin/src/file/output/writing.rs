//! A file that is being written.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
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
            let size = metadata.len();
            if size == 0 {
                fsync.folder_of(base)?; // it may be new
            } else if metadata.is_file() {
                let mut last = [0];
                file.read_exact_at(&mut last, size - 1)?;
                if last != *b"\n" {
                    // Nobody knows whose it is: it is not cut off.
                    log::warn!(
                        "{}: ended in the middle of a line: a newline was added",
                        base.display()
                    );
                    file.write_all(b"\n")?;
                }
            }
            Ok(file)
        };
        let file = opened().map_err(|error| failed("open", base, &error))?;
        Ok(Self::new(base.to_owned(), None, 0, file, Compress::None, fsync))
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
                // Who tidies up may have taken it for left behind before it was locked.
                Ok(file) if !lock(&file) || !is_at(&file, &path) => None,
                Ok(file) if !finished.exists() => {
                    fsync.folder_of(&path).map_err(|error| failed("create", &path, &error))?;
                    let finished = Some(finished);
                    return Ok(Self::new(path, finished, number, file, compress, fsync));
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
    ) -> Self {
        Self {
            path,
            finished,
            number,
            file,
            packer: Packer::new(compress),
            fsync,
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
        let is_plain = self.packer.is_plain();
        let bytes = self.packer.packed();
        let mut written = 0;
        while written < bytes.len() {
            match self.file.write(&bytes[written..]) {
                Ok(count) if count > 0 => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                failure => {
                    let error = failure.err().unwrap_or_else(|| io::ErrorKind::WriteZero.into());
                    let newline = bytes[..written].iter().rposition(|byte| *byte == b'\n');
                    let whole = newline.filter(|_| is_plain).map_or(0, |newline| newline + 1);
                    bytes.clear();
                    self.take_back((written - whole) as u64);
                    return Err(failed("write", &self.path, &error));
                }
            }
        }
        bytes.clear();
        Ok(())
    }

    /// Takes back the last so many bytes, half a line, that were written just now: unless somebody else
    /// has written behind them, whose lines are not to be touched.
    fn take_back(&mut self, bytes: u64) {
        let size = self.file.metadata().map(|metadata| metadata.len());
        // After a write that appends, that is the end of what it has written.
        let end = self.file.stream_position();
        if let (Ok(size), Ok(end)) = (size, end)
            && bytes > 0
            && size == end
        {
            let _ = self.file.set_len(end - bytes);
        }
    }

    /// What is removed while it is written is nowhere: it must not be taken as delivered.
    fn check_there(&self) -> Result<(), ProviderError> {
        let metadata = self.file.metadata();
        if metadata.is_ok_and(|metadata| metadata.is_file() && metadata.nlink() == 0) {
            let path = self.path.display();
            return Err(ProviderError::transient(format!(
                "{path} was removed while it was written"
            )));
        }
        Ok(())
    }

    /// Makes all that was taken lasting.
    pub(crate) fn sync(&mut self) -> Result<(), ProviderError> {
        if self.is_synced {
            return Ok(());
        }
        self.packer.end_member().map_err(|error| failed("compress for", &self.path, &error))?;
        self.put()?;
        self.fsync.file(&self.file).map_err(|error| failed("sync", &self.path, &error))?;
        self.check_there()?;
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

fn is_at(file: &File, path: &Path) -> bool {
    let held = file.metadata();
    let there = fs::symlink_metadata(path);
    matches!((held, there), (Ok(held), Ok(there))
        if (held.dev(), held.ino()) == (there.dev(), there.ino()))
}

/// Says that somebody is at it. False if somebody else is; a file system without locks does not
/// know.
pub(crate) fn lock(file: &File) -> bool {
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}
