//! How far each file has been read: what a checkpoint holds.

use std::collections::{BTreeMap, HashMap};

use dstream_sdk::{ProviderError, log};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::identity::{FileId, fingerprint};

/// Files that are remembered though they are not being read. Beyond it the one that was done with
/// first is forgotten, and would be read again if it were found again.
const REMEMBERED_MAX: usize = 10_000;

/// Bytes of what is remembered, as it stands in a checkpoint; half of what DStream takes.
const REMEMBERED_BYTES_MAX: usize = 2 << 20;

/// Bytes of a position in a checkpoint besides its path, at most.
const POSITION_BYTES: usize = 320;

/// The form of a checkpoint.
const VERSION: u64 = 1;

/// A file, and how far it has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Where it was when it was first seen.
    pub(crate) path: String,
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) fingerprint: String,
    pub(crate) fingerprint_bytes: usize,
    /// Where the next line begins, in the uncompressed stream.
    pub(crate) offset: u64,
    /// How many lines end before it. None if the file was not read from its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lines: Option<u64>,
    /// The size of the file, as it lies there, if it was read to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) finished_bytes: Option<u64>,
    /// What stood at the offset without a newline, if it has been passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rest: Option<Rest>,
}

/// The last line of a file, that had no newline when it was passed on. If it has got one since, it
/// is done with; if it has got longer, the line comes again, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rest {
    bytes: usize,
    fingerprint: String,
}

impl Rest {
    pub(crate) fn new(line: &[u8]) -> Self {
        Self { bytes: line.len(), fingerprint: fingerprint(line) }
    }

    /// Whether it was this line.
    pub(crate) fn is(&self, line: &[u8]) -> bool {
        self.bytes == line.len() && self.fingerprint == fingerprint(line)
    }
}

impl Position {
    pub(crate) fn id(&self) -> FileId {
        FileId { device: self.device, inode: self.inode }
    }

    /// Bytes that it takes in a checkpoint, or somewhat more.
    fn bytes(&self) -> usize {
        serde_json::to_string(&self.path).map_or(0, |path| path.len()) + POSITION_BYTES
    }
}

#[derive(Serialize)]
struct Saying<'a> {
    version: u64,
    files: Vec<&'a Position>,
}

#[derive(Deserialize)]
struct Said {
    files: Vec<Position>,
}

/// The files that are not being read at the moment, the one done with first in front.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    positions: BTreeMap<u64, Position>,
    ages: HashMap<FileId, u64>,
    bytes: usize,
    next_age: u64,
    has_forgotten: bool,
}

impl Remembered {
    /// What a checkpoint says.
    pub(crate) fn parse(checkpoint: Value) -> Result<Self, ProviderError> {
        let version = checkpoint.get("version").and_then(Value::as_u64);
        if version != Some(VERSION) {
            return Err(ProviderError::config(format!(
                "the checkpoint is not one of this file input (its `version` is not {VERSION}); \
                 remove it to start over"
            )));
        }
        let Said { files } = serde_json::from_value(checkpoint).map_err(|error| {
            ProviderError::config(format!(
                "the checkpoint cannot be understood: {error}; remove it to start over"
            ))
        })?;
        let mut remembered = Self::default();
        files.into_iter().for_each(|position| remembered.insert(position));
        Ok(remembered)
    }

    pub(crate) fn insert(&mut self, position: Position) {
        let age = self.next_age;
        self.next_age += 1;
        if let Some(old) = self.ages.insert(position.id(), age) {
            self.bytes -= self.positions.remove(&old).map_or(0, |old| old.bytes());
        }
        self.bytes += position.bytes();
        self.positions.insert(age, position);
        while (self.positions.len() > REMEMBERED_MAX || self.bytes > REMEMBERED_BYTES_MAX)
            && let Some((_, oldest)) = self.positions.pop_first()
        {
            self.ages.remove(&oldest.id());
            self.bytes -= oldest.bytes();
            if !std::mem::replace(&mut self.has_forgotten, true) {
                log::warn!(
                    "more than {} files have been read, and no more can be remembered: the oldest are \
                     forgotten, and a later run that still finds them reads them again; move \
                     finished files away",
                    self.positions.len()
                );
            }
        }
    }

    /// Takes out the position of a file. A device may have got another number when the machine
    /// started again: then inode and path have to be the same.
    pub(crate) fn take(&mut self, id: FileId, path: &str) -> Option<Position> {
        let age = self.ages.get(&id).copied().or_else(|| {
            let same = |it: &&Position| it.inode == id.inode && it.path == path;
            self.positions.values().find(same).and_then(|it| self.ages.get(&it.id()).copied())
        })?;
        let position = self.positions.remove(&age)?;
        self.bytes -= position.bytes();
        self.ages.remove(&position.id());
        Some(position)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Position> {
        self.positions.values()
    }

    /// The checkpoint that says this, and how far the files are that are being read.
    pub(crate) fn checkpoint<'a>(
        &'a self,
        reading: impl IntoIterator<Item = &'a Position>,
    ) -> impl Serialize + 'a {
        Saying { version: VERSION, files: self.iter().chain(reading).collect() }
    }
}

#[cfg(test)]
mod tests {
    use dstream_sdk::ErrorClass;
    use serde_json::json;

    use super::*;

    fn position(inode: u64) -> Position {
        Position {
            path: format!("/logs/{inode}"),
            device: 1,
            inode,
            fingerprint: "00".to_owned(),
            fingerprint_bytes: 0,
            offset: 7,
            lines: Some(2),
            finished_bytes: Some(7),
            rest: None,
        }
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_written() {
        let mut remembered = Remembered::default();
        remembered.insert(position(1));
        remembered.insert(position(2));
        remembered.insert(position(1));
        let rest = Some(Rest::new(b"cut"));
        let open = Position { lines: None, finished_bytes: None, rest, ..position(3) };
        let value = serde_json::to_value(remembered.checkpoint([&open])).unwrap();
        let mut read = Remembered::parse(value).unwrap();
        let inodes: Vec<_> = read.iter().map(|position| position.inode).collect();
        assert_eq!(inodes, [2, 1, 3]);
        let id = |device, inode| FileId { device, inode };
        assert_eq!(read.take(id(9, 3), "/other"), None);
        assert_eq!(read.take(id(9, 3), "/logs/3"), Some(open));
        assert_eq!(read.take(id(1, 3), "/logs/3"), None);
    }

    #[test]
    fn what_is_no_checkpoint_of_this_input_is_refused() {
        for wrong in [
            json!(7),
            json!({}),
            json!({ "version": 2, "files": [] }),
            json!({ "version": 1 }),
            json!({ "version": 1, "files": [{ "path": "x" }] }),
            json!({ "version": 1, "files": [{ "path": "x", "device": -1 }] }),
        ] {
            let error = Remembered::parse(wrong).unwrap_err();
            assert_eq!(error.class(), ErrorClass::Config);
            assert!(error.to_string().contains("checkpoint"), "{error}");
        }
    }

    #[test]
    fn the_one_done_with_first_is_forgotten() {
        let mut remembered = Remembered::default();
        let most = REMEMBERED_BYTES_MAX / position(0).bytes();
        (0..9_000).for_each(|inode| remembered.insert(position(inode)));
        let count = remembered.iter().count();
        assert!(count > most - 100 && count < 9_000, "{count} of {most}");
        let text = serde_json::to_string(&remembered.checkpoint([])).unwrap();
        assert!(text.len() <= REMEMBERED_BYTES_MAX, "{} bytes", text.len());
        assert_eq!(remembered.take(FileId { device: 1, inode: 0 }, ""), None);
        assert!(remembered.take(FileId { device: 1, inode: 8_999 }, "").is_some());
        (0..9_000).for_each(|inode| drop(remembered.take(FileId { device: 1, inode }, "")));
        assert_eq!(remembered.bytes, 0);
    }
}
