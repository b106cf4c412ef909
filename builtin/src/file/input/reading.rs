//! A file that is being read: which one it is, and where in it.

use std::fs::File;
use std::io::{self, Seek};
use std::path::Path;
use std::time::SystemTime;

use dstream_sdk::{EnvelopeWriter, Lines, ProviderError, Stop, log};

use super::format::{self, Format};
use super::identity::FileId;
use super::position::{Position, Remembered, Rest};
use super::source::Source;
use crate::file::tail::{LastNewline, after_last_newline};

/// Bytes of a file's buffer while lines are shorter than that.
const BUFFER_BYTES: usize = 64 << 10;

/// Why reading has paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pause {
    /// No more is there at the moment.
    End,
    /// A checkpoint is due, a stop is asked for, or others should have their turn.
    Turn,
}

/// What has become of a file since its end was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    Grown,
    /// It is shorter than what was read of it, or begins differently.
    WrittenAnew,
}

/// What opening has brought.
pub(crate) enum Opened {
    Reading(Box<Reading>),
    /// A compressed file that was read to its end and is as it was: nothing is decompressed for it.
    Finished(Position),
}

/// An open file.
pub(crate) struct Reading {
    /// Where it was when it was first seen.
    path: String,
    id: FileId,
    lines: Lines<Source>,
    /// How many lines end before the next. None if that is not known.
    count: Option<u64>,
    /// How many bytes a fingerprint was made of, and the fingerprint.
    fingerprint: Option<(usize, String)>,
    /// The line without a newline that was passed on and stood where the next one begins.
    rest: Option<Rest>,
    /// Where a line begins that was read and could not be passed on.
    refused: Option<u64>,
    /// When it had last been changed when it was looked at.
    modified: Option<SystemTime>,
}

impl Reading {
    /// Opens a file and goes on where it was left, if it was read before.
    pub(crate) fn open(path: &Path, remembered: &mut Remembered) -> Result<Opened, ProviderError> {
        let shown = path.to_string_lossy().into_owned();
        let failed = |error| failed(&shown, &error);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let (id, size) = (FileId::of(&metadata), metadata.len());
        let mut source = Source::open(file).map_err(failed)?;
        let reading = |path, lines, count, rest| {
            let (fingerprint, refused, modified) = (None, None, None);
            let reading = Self { path, id, lines, count, fingerprint, rest, refused, modified };
            Opened::Reading(Box::new(reading))
        };
        let from_the_beginning = |source, path| reading(path, lines(source, 0), Some(0), None);
        let Some(position) = remembered.take(id, &shown) else {
            return Ok(from_the_beginning(source, shown));
        };
        let (offset, most) = (position.offset, position.fingerprint_bytes);
        match source.raw().head.fingerprint(most) {
            Some(now) if now != position.fingerprint => {
                log::warn!(
                    "{shown}: starts with other bytes than when it was last read: reading it from the start"
                );
                return Ok(from_the_beginning(source, shown));
            }
            Some(_) if source.is_compressed() && position.finished_bytes == Some(size) => {
                return Ok(Opened::Finished(position));
            }
            Some(_) if source.skip_to(offset).map_err(failed)? => {
                // Under the name that its earlier lines have.
                let Position { path, lines: count, rest, .. } = position;
                return Ok(reading(path, lines(source, offset), count, rest));
            }
            _ => log::warn!(
                "{shown}: is shorter than what was read of it before: reading it from the start"
            ),
        }
        let source = rewound(&source).map_err(failed)?;
        Ok(from_the_beginning(source, shown))
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn id(&self) -> FileId {
        self.id
    }

    pub(crate) fn is_compressed(&self) -> bool {
        self.lines.source().is_compressed()
    }

    /// Where the next line begins.
    pub(crate) fn offset(&self) -> u64 {
        self.lines.offset()
    }

    /// Bytes of the file, as it lies there, that have been read.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.lines.source().raw().position
    }

    /// The file itself.
    pub(crate) fn file(&self) -> &File {
        &self.lines.source().raw().file
    }

    /// Writes whole lines, some `most` bytes of them.
    pub(crate) fn write_lines(
        &mut self,
        out: &mut EnvelopeWriter,
        format: Format,
        stop: &Stop,
        most: u64,
    ) -> Result<Pause, ProviderError> {
        let start = self.lines.offset();
        while !out.is_checkpoint_due() && !stop.is_requested() && self.lines.offset() - start < most
        {
            let Some(line) = self.lines.next_line().map_err(|error| failed(&self.path, &error))?
            else {
                self.lines.release();
                return Ok(Pause::End);
            };
            let number = self.count.map(|count| count + 1);
            let has_come = self.rest.take().is_some_and(|rest| rest.is(line.bytes));
            if !has_come {
                let (offset, written) =
                    (line.offset, format::write(out, format, &self.path, number, &line));
                if written.is_err() {
                    self.refused = Some(offset);
                }
                written?;
            }
            self.count = number;
        }
        Ok(Pause::Turn)
    }

    /// Writes what stands behind the last newline, at the end of a file that is not followed. Its
    /// position stays before it: the file may grow all the same.
    pub(crate) fn write_rest(
        &mut self,
        out: &mut EnvelopeWriter,
        format: Format,
    ) -> Result<(), ProviderError> {
        let before = self.rest.take();
        if let Some(line) = self.lines.unfinished() {
            if !before.is_some_and(|rest| rest.is(line.bytes)) {
                let number = self.count.map(|count| count + 1);
                format::write(out, format, &self.path, number, &line)?;
            }
            self.rest = Some(Rest::new(line.bytes));
        }
        Ok(())
    }

    /// Leaves out all whole lines that are there.
    pub(crate) fn go_to_end(&mut self) -> Result<(), ProviderError> {
        let ended = || {
            let mut source = rewound(self.lines.source())?;
            let offset = match &mut source {
                Source::Plain(raw) => after_last_newline(&raw.file)?,
                compressed => {
                    let mut last = LastNewline::default();
                    io::copy(compressed, &mut last)?;
                    last.after()
                }
            };
            if !source.is_compressed() {
                source.skip_to(offset)?;
            }
            Ok(lines(source, offset))
        };
        self.lines = ended().map_err(|error| failed(&self.path, &error))?;
        (self.count, self.rest) = (None, None);
        Ok(())
    }

    /// What has become of a plain file whose end was reached.
    pub(crate) fn change(&mut self) -> io::Result<Change> {
        let raw = self.lines.source().raw();
        let metadata = raw.file.metadata()?;
        let modified = metadata.modified().ok();
        let is_touched =
            self.modified.replace(modified.unwrap_or(SystemTime::UNIX_EPOCH)) != modified;
        Ok(match metadata.len().cmp(&raw.position) {
            std::cmp::Ordering::Less => Change::WrittenAnew,
            // Other lines can be just as long.
            std::cmp::Ordering::Equal if is_touched && !raw.head.is_of(&raw.file)? => {
                Change::WrittenAnew
            }
            std::cmp::Ordering::Equal => Change::None,
            // It may have been emptied, and then have got more than there was.
            std::cmp::Ordering::Greater if raw.head.is_of(&raw.file)? => Change::Grown,
            std::cmp::Ordering::Greater => Change::WrittenAnew,
        })
    }

    /// From the beginning, with what is there now.
    pub(crate) fn begin_anew(&mut self) -> io::Result<()> {
        self.lines = lines(rewound(self.lines.source())?, 0);
        self.count = Some(0);
        (self.fingerprint, self.rest) = (None, None);
        Ok(())
    }

    /// How far it has been read.
    pub(crate) fn position(&mut self, is_finished: bool) -> Position {
        let head = &self.lines.source().raw().head;
        let known = head.bytes().len();
        let (fingerprint_bytes, fingerprint) = match self.fingerprint.take() {
            Some(fingerprint) if fingerprint.0 == known => fingerprint,
            _ => (known, head.fingerprint(known).unwrap_or_default()),
        };
        self.fingerprint = Some((fingerprint_bytes, fingerprint.clone()));
        Position {
            path: self.path.clone(),
            device: self.id.device,
            inode: self.id.inode,
            fingerprint,
            fingerprint_bytes,
            offset: self.refused.unwrap_or(self.lines.offset()),
            lines: self.count,
            finished_bytes: is_finished.then_some(self.lines.source().raw().position),
            rest: self.rest.clone(),
        }
    }
}

fn lines(source: Source, offset: u64) -> Lines<Source> {
    Lines::new(source, offset, BUFFER_BYTES)
}

/// The same file from its beginning.
fn rewound(source: &Source) -> io::Result<Source> {
    let mut file = source.raw().file.try_clone()?;
    file.rewind()?;
    Source::open(file)
}

/// What the kernel refuses may work later; what is in the file will not change.
pub(crate) fn failed(path: &str, error: &io::Error) -> ProviderError {
    let message = format!("cannot read {path}: {error}");
    match error.raw_os_error() {
        Some(_) => ProviderError::transient(message),
        None => ProviderError::permanent(message),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_position_fits_only_the_file_it_was_made_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one\ntwo\nthree\n").unwrap();
        let open = |remembered: &mut Remembered| match Reading::open(&path, remembered).unwrap() {
            Opened::Reading(reading) => reading,
            Opened::Finished(_) => panic!("it is not compressed"),
        };
        let mut reading = open(&mut Remembered::default());
        let mut out = EnvelopeWriter::new(io::sink());
        let pause = reading.write_lines(&mut out, Format::Auto, &Stop::new(), 5).unwrap();
        assert_eq!((pause, reading.offset()), (Pause::Turn, 8));
        let position = reading.position(false);
        assert_eq!((position.offset, position.lines, position.fingerprint_bytes), (8, Some(2), 14));
        for (text, offset) in [
            ("one\ntwo\nthree\n", 8),
            ("one\ntwo\nthree\nfour\n", 8),
            ("one\ntwo\nthreE\nfour\n", 0),
            ("one\ntwo\n", 0),
            ("", 0),
        ] {
            let mut remembered = Remembered::default();
            remembered.insert(position.clone());
            fs::write(&path, text).unwrap();
            let mut reading = open(&mut remembered);
            assert_eq!(reading.offset(), offset, "{text}");
            let pause = reading.write_lines(&mut out, Format::Auto, &Stop::new(), 100).unwrap();
            assert_eq!((pause, reading.offset()), (Pause::End, text.len() as u64));
        }
    }
}
