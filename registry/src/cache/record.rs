//! What a reference led to when it was last asked for.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Cache, CacheError, at, read_regular};
use crate::artifact::Digest;

/// What a reference led to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The whole reference.
    pub reference: String,
    /// The digest of its manifest.
    pub manifest: String,
    /// When that was asked, in UTC.
    pub fetched_at: jiff::Timestamp,
    /// Its executables that were fetched, by platform (`linux_amd64`).
    pub executables: BTreeMap<String, RecordedExecutable>,
}

/// An executable that a reference led to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordedExecutable {
    /// Its digest.
    pub digest: String,
    /// Its size, in bytes.
    pub size_bytes: u64,
}

impl Cache {
    fn record_path(&self, reference: &str) -> PathBuf {
        let name = format!("{}.json", Digest::sha256_of(reference.as_bytes()).hex());
        self.root.join("references").join(name)
    }

    /// What a reference led to, if it was asked for here.
    pub fn record(&self, reference: &str) -> Option<Record> {
        let text = read_regular(&self.record_path(reference)).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        (record.reference == reference).then_some(record)
    }

    /// Notes what a reference led to. What was noted of the same manifest before stays.
    pub(crate) fn keep_record(&self, mut record: Record) -> Result<(), CacheError> {
        // Others may note other platforms of it at the same time.
        let _locked = self.lock(&Digest::sha256_of(record.reference.as_bytes()), || {})?;
        if let Some(known) = self.record(&record.reference)
            && known.manifest == record.manifest
        {
            for (platform, executable) in known.executables {
                record.executables.entry(platform).or_insert(executable);
            }
        }
        let text = serde_json::to_vec_pretty(&record).unwrap_or_default();
        self.write(&self.record_path(&record.reference), &text)
    }

    /// All records, by reference.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read. A file that is no record, or one of a reference that would
    /// have another name, is passed over.
    pub fn records(&self) -> Result<Vec<Record>, CacheError> {
        let folder = self.root.join("references");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at("reading", &folder)(error)),
        };
        let record = |path: PathBuf| {
            let record: Record = serde_json::from_slice(&read_regular(&path).ok()?).ok()?;
            (self.record_path(&record.reference) == path).then_some(record)
        };
        let mut records: Vec<Record> =
            entries.flatten().filter_map(|entry| record(entry.path())).collect();
        records.sort_by(|one, other| one.reference.cmp(&other.reference));
        Ok(records)
    }

    /// The file's name of a record.
    pub(super) fn record_name(&self, reference: &str) -> String {
        let path = self.record_path(reference);
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_note_their_platforms_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let platforms: Vec<String> = (0..16).map(|number| format!("platform_{number}")).collect();
        std::thread::scope(|scope| {
            for platform in &platforms {
                let (cache, platform) = (cache.clone(), platform.clone());
                scope.spawn(move || {
                    let recorded =
                        RecordedExecutable { digest: "sha256:1".to_owned(), size_bytes: 1 };
                    let record = Record {
                        reference: "r.io/a:v1".to_owned(),
                        manifest: "sha256:2".to_owned(),
                        fetched_at: jiff::Timestamp::now(),
                        executables: [(platform, recorded)].into(),
                    };
                    cache.keep_record(record).unwrap();
                });
            }
        });
        let mut noted: Vec<String> =
            cache.record("r.io/a:v1").unwrap().executables.into_keys().collect();
        noted.sort_by_key(|key| platforms.iter().position(|platform| platform == key));
        assert_eq!(noted, platforms);
    }

    #[test]
    fn what_is_no_record_of_its_name_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let record = Record {
            reference: "r.io/a:v1".to_owned(),
            manifest: "sha256:2".to_owned(),
            fetched_at: jiff::Timestamp::now(),
            executables: BTreeMap::new(),
        };
        cache.keep_record(record.clone()).unwrap();
        let path = cache.record_path("r.io/a:v1");
        fs::copy(&path, cache.record_path("r.io/b:v1")).unwrap();
        fs::write(cache.record_path("r.io/c:v1"), "{").unwrap();
        assert_eq!(cache.records().unwrap(), [record]);
        assert_eq!(cache.record("r.io/b:v1"), None);
        // Nothing of it is needed, the copy and the half one neither.
        cache.prune(&crate::cache::Keep::default(), false, || {}).unwrap();
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0);
    }
}
