//! Making room.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{Cache, CacheError, TEMPORARY, at};
use crate::artifact::{Artifact, Content, Digest};

/// What was removed, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// The references that are no longer there.
    pub references: Vec<String>,
    /// Bytes that the removed files had.
    pub freed_bytes: u64,
    /// How many files.
    pub files: u64,
}

/// How old what is half there has to be, so that nobody is at work on it.
const ABANDONED: Duration = Duration::from_secs(3600);

impl Cache {
    /// Removes what none of the references to keep needs; with `dry_run`, only says what that is.
    ///
    /// Another process may need something at the same moment: it fetches it again.
    ///
    /// # Errors
    ///
    /// If a file cannot be removed.
    pub fn prune(
        &self,
        keep: &dyn Fn(&super::Record) -> bool,
        dry_run: bool,
    ) -> Result<Pruned, CacheError> {
        let mut pruned = Pruned::default();
        let mut needed = BTreeSet::new();
        for record in self.records()? {
            if keep(&record) {
                self.needs(&record, &mut needed);
                continue;
            }
            if !dry_run {
                self.discard_record(&record.reference)?;
            }
            pruned.references.push(record.reference);
        }
        for kind in ["blobs", "signatures", "executables", "unpacked", "partial"] {
            for path in files(&self.root.join(kind))? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if needed.contains(&*name) {
                    continue;
                }
                let half = kind == "partial" || name.starts_with(TEMPORARY);
                if half && !is_abandoned(&path) && !(kind == "partial" && self.is_unlocked(&name)) {
                    continue;
                }
                pruned.remove(&path, dry_run)?;
            }
        }
        Ok(pruned)
    }

    /// The names of everything that a record leads to.
    fn needs(&self, record: &super::Record, needed: &mut BTreeSet<String>) {
        let mut need = |digest: &Digest| {
            needed.insert(format!("{}-{}", digest.algorithm(), digest.hex()));
        };
        for executable in record.executables.values() {
            if let Ok(digest) = Digest::parse(&executable.digest) {
                need(&digest);
            }
        }
        let mut manifests: Vec<Digest> = Digest::parse(&record.manifest).into_iter().collect();
        while let Some(digest) = manifests.pop() {
            need(&digest);
            let artifact = self.blob(&digest).and_then(|bytes| Artifact::read(&bytes).ok());
            match artifact.map(|artifact| artifact.content) {
                Some(Content::Layers { offers, metadata }) => {
                    offers.iter().for_each(|offer| need(&offer.layer.digest));
                    metadata.iter().for_each(|layer| need(&layer.digest));
                }
                Some(Content::Index(entries)) => {
                    manifests.extend(entries.into_iter().map(|entry| entry.digest));
                }
                None => {}
            }
        }
    }

    /// Whether nobody is fetching a layer, by the name that its files have.
    fn is_unlocked(&self, name: &str) -> bool {
        let Ok(file) = fs::File::open(self.root.join("locks").join(name)) else { return true };
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok()
    }
}

impl Pruned {
    fn remove(&mut self, path: &Path, dry_run: bool) -> Result<(), CacheError> {
        if path.is_dir() {
            for inner in files(path)? {
                self.remove(&inner, dry_run)?;
            }
            if !dry_run {
                fs::remove_dir(path).map_err(at("removing", path))?;
            }
            return Ok(());
        }
        self.freed_bytes += fs::metadata(path).map_or(0, |metadata| metadata.len());
        self.files += 1;
        match if dry_run { Ok(()) } else { fs::remove_file(path) } {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(at("removing", path)(error))
            }
            _ => Ok(()),
        }
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, CacheError> {
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(at("reading", folder)(error)),
    }
}

fn is_abandoned(path: &Path) -> bool {
    let changed = fs::metadata(path).and_then(|metadata| metadata.modified());
    changed.is_ok_and(|changed| {
        SystemTime::now().duration_since(changed).is_ok_and(|age| age > ABANDONED)
    })
}
