//! Files that grow, as `tail -F` reads them: by name, across rotation, in turn.
//!
//! A file is kept open while it may grow, also when it has lost its name: whoever writes to it may
//! go on for a while. The file that has got its name is read when the old one has been.

use std::collections::{HashMap, HashSet};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dstream_sdk::{EnvelopeWriter, ProviderError, Stop, log};

use super::format::Format;
use super::identity::FileId;
use super::moved::moved;
use super::patterns::Patterns;
use super::position::{Position, Remembered};
use super::reading::{Change, Opened, Pause, Reading, failed};

/// Files that are open at a time; common limits of a process are at 1024. Beyond it the one that
/// has not grown for longest is closed until it changes.
const OPEN_MAX: usize = 512;

/// Bytes of one file before it is the next one's turn.
const TURN_BYTES: u64 = 256 << 10;

/// How long a file without a name may be silent before it is closed.
const NAMELESS_SILENCE: Duration = Duration::from_secs(60);

/// What tells that a closed file has not changed: its size, and when content and inode changed.
type Stamp = (u64, [i64; 4]);

fn stamp(metadata: &Metadata) -> Stamp {
    let times = [metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()];
    (metadata.len(), times)
}

/// A file that is open.
struct Followed {
    reading: Box<Reading>,
    /// Its end has been reached since it was last looked at.
    is_at_end: bool,
    /// It was found under the patterns when they were last looked at.
    has_name: bool,
    grew_at: Instant,
}

pub(crate) struct Follower {
    patterns: Patterns,
    format: Format,
    remembered: Remembered,
    files: Vec<Followed>,
    /// Files that are not opened again before they change.
    resting: HashMap<FileId, Stamp>,
    /// There is something that no checkpoint has said yet.
    is_ahead: bool,
}

impl Follower {
    pub(crate) fn new(patterns: Patterns, format: Format, remembered: Remembered) -> Self {
        let (files, resting) = (Vec::new(), HashMap::new());
        Self { patterns, format, remembered, files, resting, is_ahead: false }
    }

    /// Reads until a stop is asked for.
    pub(crate) fn run(
        mut self,
        out: &mut EnvelopeWriter,
        stop: &Stop,
        poll_interval: Duration,
        from_end: bool,
    ) -> Result<(), ProviderError> {
        self.open_moved()?;
        self.look_for_files(from_end)?;
        if from_end {
            // Or what comes before the next checkpoint would be left out by the next run.
            self.checkpoint(out)?;
        }
        let mut looked = Instant::now();
        while !stop.is_requested() {
            let is_idle = !self.turns(out, stop)?;
            if is_idle {
                if self.is_ahead {
                    self.checkpoint(out)?;
                }
                if out.pause(stop, poll_interval)? {
                    break;
                }
            }
            if is_idle || looked.elapsed() >= poll_interval {
                // In this order: what a file got before it lost its name is seen, and read before
                // what is in the file that has its name now.
                self.look_for_files(false)?;
                self.look_at_open_files()?;
                looked = Instant::now();
            }
        }
        self.checkpoint(out)
    }

    /// Gives each file that has more its turn. Returns whether there was any.
    fn turns(&mut self, out: &mut EnvelopeWriter, stop: &Stop) -> Result<bool, ProviderError> {
        let mut any = false;
        for at in 0..self.files.len() {
            let (before, rest) = self.files.split_at_mut(at);
            let Some(file) = rest.first_mut() else { break };
            let path = file.reading.path();
            // Lines of the one that had this name come first.
            let waits = before.iter().any(|it| !it.is_at_end && it.reading.path() == path);
            if file.is_at_end || waits {
                continue;
            }
            any = true;
            let offset = file.reading.offset();
            let pause = match file.reading.write_lines(out, self.format, stop, TURN_BYTES) {
                Ok(pause) => pause,
                Err(error) => {
                    // What came before it need not come again.
                    let _ = self.checkpoint(out);
                    return Err(error);
                }
            };
            file.is_at_end = pause == Pause::End;
            if file.reading.offset() > offset {
                file.grew_at = Instant::now();
                self.is_ahead = true;
            }
            if out.is_checkpoint_due() {
                self.checkpoint(out)?;
            }
            if stop.is_requested() {
                break;
            }
        }
        Ok(any)
    }

    fn checkpoint(&mut self, out: &mut EnvelopeWriter) -> Result<(), ProviderError> {
        let open: Vec<Position> =
            self.files.iter_mut().map(|file| file.reading.position(false)).collect();
        out.checkpoint(&self.remembered.checkpoint(&open))?;
        self.is_ahead = false;
        Ok(())
    }

    /// Finds out which files have changed since their end was reached, and closes those that nobody
    /// writes to any more.
    fn look_at_open_files(&mut self) -> Result<(), ProviderError> {
        for file in &mut self.files {
            if !file.is_at_end {
                continue;
            }
            let Followed { reading, is_at_end, grew_at, .. } = file;
            let path = reading.path().to_owned();
            match reading.change().map_err(|error| failed(&path, &error))? {
                Change::None => continue,
                Change::Grown => {}
                Change::WrittenAnew => {
                    log::warn!("{path}: was truncated or rewritten: reading it from the start");
                    reading.begin_anew().map_err(|error| failed(&path, &error))?;
                    self.is_ahead = true;
                }
            }
            (*is_at_end, *grew_at) = (false, Instant::now());
        }
        let is_done = |file: &Followed| {
            !file.has_name && file.is_at_end && file.grew_at.elapsed() > NAMELESS_SILENCE
        };
        for at in (0..self.files.len()).rev() {
            if is_done(&self.files[at]) {
                self.close(at);
            }
        }
        Ok(())
    }

    /// Opens what the patterns find and is not open.
    fn look_for_files(&mut self, from_end: bool) -> Result<(), ProviderError> {
        let found = |path: PathBuf| {
            let metadata = fs::metadata(&path).ok().filter(Metadata::is_file)?;
            Some((path, FileId::of(&metadata), stamp(&metadata)))
        };
        let found: Vec<_> = self.patterns.expand()?.into_iter().filter_map(found).collect();
        let ids: HashSet<FileId> = found.iter().map(|(_, id, _)| *id).collect();
        let mut seen = HashSet::new();
        for file in &mut self.files {
            file.has_name = ids.contains(&file.reading.id());
            seen.insert(file.reading.id());
        }
        self.resting.retain(|id, _| ids.contains(id));
        for (path, id, stamp) in found {
            // One that was just closed is among those seen, too.
            if !seen.insert(id) || self.resting.get(&id) == Some(&stamp) {
                continue;
            }
            if self.files.len() >= OPEN_MAX && !self.close_most_silent() {
                continue; // until one of the others has been read
            }
            self.resting.remove(&id);
            self.open(&path, stamp, from_end);
        }
        Ok(())
    }

    /// Opens what an earlier run has left under a name that it has lost since.
    fn open_moved(&mut self) -> Result<(), ProviderError> {
        let paths = self.patterns.expand()?;
        let id = |path: &PathBuf| fs::metadata(path).ok().map(|metadata| FileId::of(&metadata));
        let found: HashSet<FileId> = paths.iter().filter_map(id).collect();
        for path in moved(&self.patterns, &self.remembered, &found).into_iter().take(OPEN_MAX / 2) {
            if let Ok(metadata) = fs::metadata(&path) {
                self.open(&path, stamp(&metadata), false);
            }
        }
        Ok(())
    }

    /// Opens one. What cannot be read is left out until it changes.
    fn open(&mut self, path: &Path, stamp: Stamp, from_end: bool) {
        let opened = Reading::open(path, &mut self.remembered).and_then(|mut opened| {
            if let Opened::Reading(reading) = &mut opened
                && from_end
                && !reading.is_compressed()
            {
                reading.go_to_end()?;
            }
            Ok(opened)
        });
        match opened {
            Ok(Opened::Reading(mut reading)) if reading.is_compressed() => {
                log::warn!(
                    "{}: is compressed, and skipped: only plain files can be followed",
                    path.display()
                );
                if reading.offset() > 0 {
                    self.remembered.insert(reading.position(false));
                }
                self.resting.insert(reading.id(), stamp);
            }
            Ok(Opened::Reading(reading)) => {
                let grew_at = Instant::now();
                self.files.push(Followed { reading, is_at_end: false, has_name: true, grew_at });
            }
            Ok(Opened::Finished(position)) => {
                self.resting.insert(position.id(), stamp);
                self.remembered.insert(position);
            }
            Err(_) if !path.exists() => {} // it has gone just now
            Err(error) => {
                log::warn!("{error}; skipped until it changes");
                if let Ok(metadata) = fs::metadata(path) {
                    self.resting.insert(FileId::of(&metadata), stamp);
                }
            }
        }
    }

    /// Makes room for another file. Returns whether there was one with nothing to read.
    fn close_most_silent(&mut self) -> bool {
        let silent = self.files.iter().enumerate().filter(|(_, file)| file.is_at_end);
        let most = silent.min_by_key(|(_, file)| (file.has_name, file.grew_at)).map(|(at, _)| at);
        most.is_some_and(|at| self.close(at))
    }

    /// Closes a file that has been read to its end, unless it has just grown.
    fn close(&mut self, at: usize) -> bool {
        let reading = &mut self.files[at].reading;
        let Ok(metadata) = reading.file().metadata() else { return false };
        if metadata.len() != reading.read_bytes() {
            return false;
        }
        self.remembered.insert(reading.position(true));
        self.resting.insert(reading.id(), stamp(&metadata));
        self.files.remove(at);
        true
    }
}
