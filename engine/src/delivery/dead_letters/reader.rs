//! Letters out of files.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use memchr::memchr;

use super::letter::{Letter, read_letter};
use super::{DeadLetterError, DeadLetters, names, writer};

/// Bytes that are read at a time.
const READ_BYTES: usize = 64 * 1024;

/// The letters that there were at one moment. What happens to the files later changes nothing.
#[derive(Debug)]
pub struct Letters {
    files: Vec<Opened>,
    letter_bytes_max: u64,
}

#[derive(Debug)]
struct Opened {
    file: File,
    length: u64,
}

/// Where a line of a file stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    file: usize,
    bytes: Range<u64>,
}

impl Place {
    /// How many bytes it has, without its newline.
    pub fn length(&self) -> u64 {
        self.bytes.end - self.bytes.start
    }
}

/// A line of a file.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Where it stands.
    pub place: Place,
    /// The letter; `None` if it is none: torn, changed by hand, or longer than any that the task
    /// writes.
    pub letter: Option<Letter<'a>>,
}

impl DeadLetters {
    /// Looks at the letters, from the oldest file to the newest; those that a replay has claimed and
    /// not brought to its end are the oldest.
    ///
    /// # Errors
    ///
    /// If a file is there and cannot be read.
    pub fn letters(&self) -> Result<Letters, DeadLetterError> {
        let name = names::real(&self.path);
        writer::check_kind(&name)?;
        // Nothing is renamed meanwhile; without the file there is nothing to be locked.
        let _locked = lock_shared(&name)?;
        let mut paths = names::claimed(&name)?;
        paths.extend(names::older(&name)?);
        paths.push(name);
        self.open(&paths)
    }

    /// The letters in these files, as far as they are there.
    pub(super) fn open(&self, paths: &[PathBuf]) -> Result<Letters, DeadLetterError> {
        let mut files = Vec::new();
        for path in paths {
            if let Some(file) = open(path)? {
                files.push(Opened { length: file.metadata()?.len(), file });
            }
        }
        Ok(Letters { files, letter_bytes_max: self.letter_bytes_max })
    }
}

/// Locks the file of this name against those who write and rename.
fn lock_shared(name: &Path) -> io::Result<Option<File>> {
    loop {
        let Some(file) = open(name)? else { return Ok(None) };
        let _ = file.lock_shared();
        if writer::is_at(&file, name)? {
            return Ok(Some(file));
        }
    }
}

/// Opens a file, if there is one. A named pipe would be waited for, and a device keeps nothing.
fn open(path: &Path) -> io::Result<Option<File>> {
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => return Ok(None),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl Letters {
    /// How many files there are.
    pub fn files_count(&self) -> usize {
        self.files.iter().filter(|file| file.length > 0).count()
    }

    /// Calls `each` with every line, in order, but for blank ones.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or `each` says so.
    pub fn each<E: From<io::Error>>(
        &self,
        mut each: impl FnMut(&Entry<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut text = Vec::new();
        for (index, Opened { file, length }) in self.files.iter().enumerate() {
            let mut file = file;
            file.seek(SeekFrom::Start(0))?;
            let mut file = BufReader::with_capacity(READ_BYTES, file.take(*length));
            let mut start = 0;
            while let Some(taken) = next_line(&mut file, &mut text, self.letter_bytes_max)? {
                let end = start + taken.length;
                let is_all = taken.length <= self.letter_bytes_max;
                if !(is_all && text.trim_ascii().is_empty()) {
                    let letter = if is_all { read_letter(&text) } else { None };
                    each(&Entry { place: Place { file: index, bytes: start..end }, letter })?;
                }
                start = end + u64::from(taken.newline);
            }
        }
        Ok(())
    }

    /// Reads a line again, to hand it over as it is.
    pub fn text(&self, place: &Place) -> impl Read + use<'_> {
        Text { file: &self.files[place.file].file, bytes: place.bytes.clone() }
    }
}

struct Taken {
    /// Without the newline.
    length: u64,
    newline: bool,
}

/// Reads a line, of which no more is kept than `most` and a read; `None` at the end.
fn next_line(file: &mut impl BufRead, text: &mut Vec<u8>, most: u64) -> io::Result<Option<Taken>> {
    text.clear();
    let mut length = 0;
    loop {
        let read = match file.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        if read.is_empty() {
            return Ok((length > 0).then_some(Taken { length, newline: false }));
        }
        let newline = memchr(b'\n', read);
        let count = newline.unwrap_or(read.len());
        if length <= most {
            text.extend_from_slice(&read[..count]);
        }
        length += count as u64;
        file.consume(count + usize::from(newline.is_some()));
        if newline.is_some() {
            return Ok(Some(Taken { length, newline: true }));
        }
    }
}

/// A part of a file.
struct Text<'a> {
    file: &'a File,
    bytes: Range<u64>,
}

impl Read for Text<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.bytes.end - self.bytes.start).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let count = self.file.read_at(&mut buffer[..most], self.bytes.start)?;
        self.bytes.start += count as u64;
        Ok(count)
    }
}
