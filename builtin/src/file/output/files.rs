//! All files that are being written.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dstream_sdk::ProviderError;

use super::durable::{Fsync, failed};
use super::names::{self, folder};
use super::pack::Compress;
use super::writing::Writing;

/// Files that are open at a time. Beyond it the one that has waited longest for a line is finished.
const OPEN_MAX: usize = 100;

/// How files are written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Settings {
    pub(crate) compress: Compress,
    pub(crate) fsync: Fsync,
    pub(crate) rotate_bytes: Option<u64>,
    pub(crate) rotate_lines: Option<u64>,
    pub(crate) rotate_time: Option<Duration>,
}

impl Settings {
    pub(crate) fn rotates(&self) -> bool {
        self.rotate_bytes.is_some() || self.rotate_lines.is_some() || self.rotate_time.is_some()
    }

    /// Whether there is a new file each time, with a number in its name.
    pub(crate) fn is_numbered(&self) -> bool {
        self.rotates() || self.compress != Compress::None
    }

    fn is_full(&self, file: &Writing, next_bytes: u64) -> bool {
        self.rotate_lines.is_some_and(|most| file.lines >= most)
            || self.rotate_bytes.is_some_and(|most| file.bytes + next_bytes > most)
            || self.is_old(file)
    }

    fn is_old(&self, file: &Writing) -> bool {
        self.rotate_time.is_some_and(|most| file.begun.elapsed() >= most)
    }
}

pub(crate) struct Files {
    settings: Settings,
    open: HashMap<PathBuf, Writing>,
    uses: u64,
}

impl Files {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, open: HashMap::new(), uses: 0 }
    }

    pub(crate) fn fsync(&self) -> Fsync {
        self.settings.fsync
    }

    /// Takes one line, with or without its newline, or several where none of them can fill the file.
    pub(crate) fn add(&mut self, base: &Path, lines: &[u8]) -> Result<(), ProviderError> {
        let newline: &[u8] = if lines.ends_with(b"\n") { b"" } else { b"\n" };
        let bytes = (lines.len() + newline.len()) as u64;
        self.file(base, bytes)?.add(lines, newline)
    }

    /// Why there can be no file of this name, if that is because of the name: it is too long, a folder
    /// has it, or a file is where a folder should be.
    pub(crate) fn refuses(&self, base: &Path) -> Option<String> {
        if self.open.contains_key(base) {
            return None;
        }
        // Longer than what it would be called while it is written.
        let longest = names::partial(&names::numbered(base, 1, self.settings.compress));
        let longest = if self.settings.is_numbered() { longest.as_path() } else { base };
        let why = match fs::symlink_metadata(longest) {
            Err(error) => {
                matches!(error.kind(), ErrorKind::InvalidFilename | ErrorKind::NotADirectory)
                    .then(|| error.to_string())
            }
            Ok(_) => None,
        };
        let is_folder =
            || (!self.settings.is_numbered() && base.is_dir()).then(|| "it is a folder".to_owned());
        why.or_else(is_folder).map(|why| format!("there can be no file {}: {why}", base.display()))
    }

    fn file(&mut self, base: &Path, next_bytes: u64) -> Result<&mut Writing, ProviderError> {
        let settings = self.settings;
        let mut number = 1;
        let full = |file: &Writing| file.lines > 0 && settings.is_full(file, next_bytes);
        if self.open.get(base).is_some_and(full)
            && let Some(file) = self.open.remove(base)
        {
            number = file.number + 1;
            file.finish()?;
        }
        if !self.open.contains_key(base) {
            if self.open.len() >= OPEN_MAX {
                self.finish_least_used()?;
            }
            let file = if settings.is_numbered() {
                if number == 1 && folder(base).exists() {
                    let highest = names::highest(base);
                    number =
                        1 + highest.map_err(|error| failed("list the folder of", base, &error))?;
                }
                Writing::create(base, number, settings.compress, settings.fsync)?
            } else {
                Writing::append_to(base, settings.fsync)?
            };
            self.open.insert(base.to_owned(), file);
        }
        self.uses += 1;
        let file = self.open.get_mut(base).ok_or_else(|| ProviderError::permanent("no file"))?;
        file.used = self.uses;
        Ok(file)
    }

    fn finish_least_used(&mut self) -> Result<(), ProviderError> {
        let least = self.open.iter().min_by_key(|(_, file)| file.used);
        let least = least.map(|(base, _)| base.clone());
        match least.and_then(|base| self.open.remove(&base)) {
            Some(file) => file.finish(),
            None => Ok(()),
        }
    }

    /// Finishes those whose time has come.
    pub(crate) fn finish_old(&mut self) -> Result<(), ProviderError> {
        let settings = self.settings;
        self.open
            .extract_if(|_, file| settings.is_old(file))
            .try_for_each(|(_, file)| file.finish())
    }

    pub(crate) fn finish_all(&mut self) -> Result<(), ProviderError> {
        self.open.drain().try_for_each(|(_, file)| file.finish())
    }

    /// Hands to the kernel what can be.
    pub(crate) fn put(&mut self) -> Result<(), ProviderError> {
        self.open.values_mut().try_for_each(Writing::put)
    }

    /// Makes all that was taken lasting.
    pub(crate) fn sync(&mut self) -> Result<(), ProviderError> {
        self.open.values_mut().try_for_each(Writing::sync)
    }
}
