//! Files one after the other, each to its end.

use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;

use dstream_sdk::{EnvelopeWriter, ProviderError, Stop, log};

use super::format::Format;
use super::identity::FileId;
use super::moved::moved;
use super::patterns::Patterns;
use super::position::Remembered;
use super::reading::{Opened, Pause, Reading};

/// Reads all files that are there now.
pub(crate) fn read(
    patterns: &Patterns,
    format: Format,
    mut remembered: Remembered,
    from_end: bool,
    out: &mut EnvelopeWriter,
    stop: &Stop,
) -> Result<(), ProviderError> {
    let listed = listed(patterns.expand()?);
    if listed.is_empty() {
        log::warn!("path: no file is found");
    }
    let found: HashSet<FileId> = listed.iter().map(|(_, id)| *id).collect();
    let moved = moved(patterns, &remembered, &found);
    for path in moved.into_iter().chain(listed.into_iter().map(|(path, _)| path)) {
        if stop.is_requested() {
            break;
        }
        let mut reading = match Reading::open(&path, &mut remembered)? {
            Opened::Reading(reading) => reading,
            Opened::Finished(position) => {
                remembered.insert(position);
                continue;
            }
        };
        if from_end {
            reading.go_to_end()?;
        } else {
            loop {
                match reading.write_lines(out, format, stop, u64::MAX) {
                    Ok(Pause::Turn) => {}
                    Ok(Pause::End) => break,
                    Err(error) => return Err(give_up(error, out, &remembered, &mut reading)),
                }
                let is_stopped = stop.is_requested();
                if out.is_checkpoint_due() || is_stopped {
                    out.checkpoint(&remembered.checkpoint([&reading.position(false)]))?;
                }
                if is_stopped {
                    return Ok(());
                }
            }
            if let Err(error) = reading.write_rest(out, format) {
                return Err(give_up(error, out, &remembered, &mut reading));
            }
        }
        remembered.insert(reading.position(true));
    }
    Ok(out.checkpoint(&remembered.checkpoint([]))?)
}

/// What came before a line that cannot be passed on need not come again.
fn give_up(
    error: ProviderError,
    out: &mut EnvelopeWriter,
    remembered: &Remembered,
    reading: &mut Reading,
) -> ProviderError {
    let position = reading.position(false);
    // If that cannot be said, either, it comes again.
    let _ = out.checkpoint(&remembered.checkpoint([&position]));
    error
}

/// The regular files among the paths, each once whatever its names. One that has gone since is
/// left out.
fn listed(paths: Vec<PathBuf>) -> Vec<(PathBuf, FileId)> {
    let mut seen = HashSet::new();
    let file = |path: PathBuf| {
        let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        let id = FileId::of(&metadata);
        seen.insert(id).then_some((path, id))
    };
    paths.into_iter().filter_map(file).collect()
}
