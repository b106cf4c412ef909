//! What a reference led to when it was last asked for.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Cache, CacheError, at};
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
        let text = fs::read(self.record_path(reference)).ok()?;
        let record: Record = serde_json::from_slice(&text).ok()?;
        (record.reference == reference).then_some(record)
    }

    /// Notes what a reference led to. What was noted of the same manifest before stays.
    pub(crate) fn keep_record(&self, mut record: Record) -> Result<(), CacheError> {
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
    /// If the folder cannot be read. A file that is no record is passed over.
    pub fn records(&self) -> Result<Vec<Record>, CacheError> {
        let folder = self.root.join("references");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(at("reading", &folder)(error)),
        };
        let texts = entries.flatten().filter_map(|entry| fs::read(entry.path()).ok());
        let mut records: Vec<Record> =
            texts.filter_map(|text| serde_json::from_slice(&text).ok()).collect();
        records.sort_by(|one, other| one.reference.cmp(&other.reference));
        Ok(records)
    }

    pub(super) fn discard_record(&self, reference: &str) -> Result<(), CacheError> {
        let path = self.record_path(reference);
        fs::remove_file(&path).map_err(at("removing", &path))
    }
}
