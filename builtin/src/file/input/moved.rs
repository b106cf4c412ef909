//! Files that were rotated away while nobody read: what an earlier run knew under a name that now
//! belongs to another file, or to none.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};

use dstream_sdk::log;

use super::identity::FileId;
use super::patterns::Patterns;
use super::position::{Position, Remembered};

/// Entries of a folder that are looked at.
const ENTRIES_MAX: usize = 100_000;

/// Where the remembered files are now that are not found under the patterns, but lie beside where
/// they were. The one done with first comes first.
pub(crate) fn moved(
    patterns: &Patterns,
    remembered: &Remembered,
    found: &HashSet<FileId>,
) -> Vec<PathBuf> {
    let is_lost = |position: &&Position| {
        !found.contains(&position.id()) && patterns.matches(Path::new(&position.path))
    };
    let lost: Vec<&Position> = remembered.iter().filter(is_lost).collect();
    let mut wanted: BTreeMap<&Path, HashSet<u64>> = BTreeMap::new();
    for position in &lost {
        let folder = Path::new(&position.path).parent().unwrap_or(Path::new(""));
        wanted.entry(folder).or_default().insert(position.inode);
    }
    let mut places = BTreeMap::new();
    for (folder, inodes) in wanted {
        let is_here = folder.as_os_str().is_empty();
        let Ok(entries) = fs::read_dir(if is_here { Path::new(".") } else { folder }) else {
            continue;
        };
        for entry in entries.take(ENTRIES_MAX).flatten() {
            if inodes.contains(&entry.ino())
                && let Ok(metadata) = entry.metadata()
                && metadata.is_file()
            {
                places.insert(FileId::of(&metadata), folder.join(entry.file_name()));
            }
        }
    }
    let place = |position: &Position| {
        let place = places.get(&position.id()).cloned();
        if place.is_none() && position.finished_bytes.is_none() {
            let Position { path, offset, .. } = position;
            log::warn!(
                "{path}: the file that was read to offset {offset} is no longer in its folder; \
                 what was added to it after that was not read"
            );
        }
        place
    };
    lost.into_iter().filter_map(place).collect()
}
