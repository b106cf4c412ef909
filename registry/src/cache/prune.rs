//! Making room.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Cache, CacheError, Record, at};
use crate::artifact::{Artifact, Content, Digest};
use dstream_files::TEMPORARY_PREFIX;

/// What stays.
#[derive(Debug, Clone, Default)]
pub struct Keep {
    /// References, whole: what they have led to here.
    pub references: BTreeSet<String>,
    /// Manifests, with all that they name.
    pub manifests: BTreeSet<Digest>,
    /// Executables.
    pub executables: BTreeSet<Digest>,
}

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

impl Cache {
    /// Removes what nothing to keep needs; with `dry_run`, only says what that is. Waits until
    /// nobody fetches, and calls `waiting` if it has to; a process that wants to fetch meanwhile
    /// waits for it.
    ///
    /// # Errors
    ///
    /// If a file cannot be removed.
    pub fn prune(
        &self,
        keep: &Keep,
        dry_run: bool,
        waiting: impl FnOnce(),
    ) -> Result<Pruned, CacheError> {
        let mut pruned = Pruned::default();
        if !self.root.exists() {
            return Ok(pruned);
        }
        let _alone = match dry_run {
            true => None,
            false => Some(self.lock_alone(&self.in_use_path(), waiting)?),
        };
        let mut needed: BTreeSet<String> = keep.executables.iter().map(name_of).collect();
        let mut manifests: Vec<Digest> = keep.manifests.iter().cloned().collect();
        for record in self.records()? {
            if keep.references.contains(&record.reference) {
                needed.insert(self.record_name(&record.reference));
                needed.extend(executables(&record));
                manifests.extend(Digest::parse(&record.manifest));
            } else {
                pruned.references.push(record.reference);
            }
        }
        self.follow(manifests, &mut needed);

        let kinds =
            ["references", "blobs", "signatures", "unpacked", "executables", "partial", "locks"];
        for kind in kinds {
            for path in files(&self.root.join(kind))? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                if !needed.contains(&*name) && is_ours(kind, &name) {
                    pruned.remove(&path, dry_run)?;
                }
            }
        }
        Ok(pruned)
    }

    /// Notes the names of everything that manifests lead to.
    fn follow(&self, mut manifests: Vec<Digest>, needed: &mut BTreeSet<String>) {
        while let Some(digest) = manifests.pop() {
            if !needed.insert(name_of(&digest)) {
                continue;
            }
            let artifact = self.blob(&digest).and_then(|bytes| Artifact::read(&bytes).ok());
            match artifact.map(|artifact| artifact.content) {
                Some(Content::Layers { offers, metadata }) => {
                    needed.extend(metadata.iter().map(|layer| name_of(&layer.digest)));
                    for offer in &offers {
                        needed.insert(name_of(&offer.layer.digest));
                        needed.extend(self.unpacked(&offer.layer.digest).as_ref().map(name_of));
                    }
                }
                Some(Content::Index(entries)) => {
                    manifests.extend(entries.into_iter().map(|entry| entry.digest));
                }
                None => {}
            }
        }
    }
}

fn executables(record: &Record) -> impl Iterator<Item = String> {
    let digests = record.executables.values().map(|executable| Digest::parse(&executable.digest));
    digests.flatten().map(|digest| name_of(&digest))
}

/// The name of a digest's file or folder.
fn name_of(digest: &Digest) -> String {
    format!("{}-{}", digest.algorithm(), digest.hex())
}

/// Whether a name is one that the cache gives: whatever else somebody has put there is not touched.
fn is_ours(kind: &str, name: &str) -> bool {
    let is_digest = || {
        let digest = name.split_once('-').map(|(algorithm, hex)| format!("{algorithm}:{hex}"));
        digest.is_some_and(|digest| Digest::parse(&digest).is_ok())
    };
    let is_record = || {
        let hex = name.strip_suffix(".json").filter(|_| kind == "references");
        hex.is_some_and(|hex| Digest::parse(&format!("sha256:{hex}")).is_ok())
    };
    name.starts_with(TEMPORARY_PREFIX) || is_digest() || is_record()
}

impl Pruned {
    /// Removes a file, or a folder with all that is in it. Symbolic links are removed, not followed.
    fn remove(&mut self, path: &Path, dry_run: bool) -> Result<(), CacheError> {
        let done = |outcome: io::Result<()>| match outcome {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(at("removing", path)(error))
            }
            _ => Ok(()),
        };
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => return done(Err(error)),
        };
        if metadata.is_dir() {
            for inner in files(path)? {
                self.remove(&inner, dry_run)?;
            }
            return if dry_run { Ok(()) } else { done(fs::remove_dir(path)) };
        }
        // A lock has no bytes, and nobody thinks of it as a file of theirs.
        if metadata.len() > 0 {
            self.freed_bytes += metadata.len();
            self.files += 1;
        }
        if dry_run { Ok(()) } else { done(fs::remove_file(path)) }
    }
}

/// What is in a folder; nothing if that is a symbolic link to one.
fn files(folder: &Path) -> Result<Vec<PathBuf>, CacheError> {
    if fs::symlink_metadata(folder).is_ok_and(|metadata| metadata.is_symlink()) {
        return Ok(Vec::new());
    }
    match fs::read_dir(folder) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(at("reading", folder)(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::cache::RecordedExecutable;

    fn executable(cache: &Cache, bytes: &[u8]) -> (Digest, PathBuf) {
        let mut temporary = cache.new_executable().unwrap();
        temporary.file().write_all(bytes).unwrap();
        let digest = Digest::sha256_of(bytes);
        let path = cache.keep_executable(temporary, &digest).unwrap();
        (digest, path)
    }

    fn note(cache: &Cache, reference: &str, manifest: &Digest, executable: &Digest) {
        let recorded = RecordedExecutable { digest: executable.to_string(), size_bytes: 3 };
        let record = Record {
            reference: reference.to_owned(),
            manifest: manifest.to_string(),
            fetched_at: jiff::Timestamp::now(),
            executables: [("linux_amd64".to_owned(), recorded)].into(),
        };
        cache.keep_record(record).unwrap();
    }

    #[test]
    fn what_is_named_or_locked_stays() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let (named, named_path) = executable(&cache, b"one");
        let (locked, locked_path) = executable(&cache, b"two");
        let (_, other_path) = executable(&cache, b"other");
        let [first, second] = [b"first", b"secnd"].map(|bytes| {
            let digest = Digest::sha256_of(bytes);
            cache.keep_blob(&digest, bytes).unwrap();
            digest
        });
        note(&cache, "r.io/a:v1", &first, &named);
        note(&cache, "r.io/b:v1", &second, &named);
        let keep = Keep {
            references: ["r.io/a:v1".to_owned()].into(),
            manifests: [second.clone()].into(),
            executables: [locked].into(),
        };
        let would = cache.prune(&keep, true, || {}).unwrap();
        assert!(other_path.exists());
        let done = cache.prune(&keep, false, || panic!("nobody is there")).unwrap();
        assert_eq!(would.references, ["r.io/b:v1"]);
        assert_eq!(done.references, would.references);
        assert_eq!(done.freed_bytes, would.freed_bytes);
        assert!(named_path.exists() && locked_path.exists() && !other_path.exists());
        assert!(cache.blob(&first).is_some() && cache.blob(&second).is_some());
        assert!(cache.record("r.io/a:v1").is_some() && cache.record("r.io/b:v1").is_none());
        cache.prune(&Keep::default(), false, || {}).unwrap();
        assert!(!named_path.exists() && cache.blob(&first).is_none());
    }

    #[test]
    fn links_are_not_followed_and_strangers_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let theirs = folder.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        fs::write(theirs.join("letter"), "dear").unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let (digest, path) = executable(&cache, b"one");
        symlink(&theirs, path.with_file_name("link")).unwrap();
        symlink(&theirs, cache.root.join("blobs")).unwrap();
        symlink(&theirs, cache.root.join("executables").join(name_of(&digest).replace('a', "b")))
            .unwrap();
        fs::write(cache.root.join("executables/notes.txt"), "mine").unwrap();
        cache.prune(&Keep::default(), false, || {}).unwrap();
        assert!(!path.exists());
        assert!(theirs.join("letter").exists());
        assert!(cache.root.join("executables/notes.txt").exists());
    }

    #[test]
    fn nothing_is_pruned_while_somebody_fetches() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let (_, path) = executable(&cache, b"one");
        let fetching = cache.in_use().unwrap();
        let (reported, waits) = std::sync::mpsc::sync_channel(1);
        let pruning = std::thread::spawn({
            let cache = cache.clone();
            move || cache.prune(&Keep::default(), false, || reported.send(()).unwrap()).unwrap()
        });
        waits.recv().unwrap();
        assert!(path.exists());
        drop(fetching);
        assert_eq!(pruning.join().unwrap().files, 1);
        assert!(!path.exists());
    }
}
