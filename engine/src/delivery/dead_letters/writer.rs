//! Letters into the file, and the file out of the way when it is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use dstream_files::sync_folder;
use serde::Serialize;

use super::names::with_ending;
use super::{DeadLetterError, DeadLetters};

/// Bytes of one write to a dead-letter file.
const WRITE_BYTES: usize = 64 * 1024;

/// An open dead-letter file. There may be several of one path, in other tasks and processes.
pub(crate) struct DeadLetterFile {
    letters: DeadLetters,
    /// The name whose file is written to, where its files take turns. A device has none: it does
    /// not fill.
    turns: Option<PathBuf>,
    file: File,
    /// How long the file was when this had written to it. If it is not any more, somebody else has
    /// written, and may have died half-way.
    length_left: u64,
    /// Letters were written to it that the next power failure may take.
    is_unsettled: bool,
    /// Folders in which names are that it may take: the file's own, and those that were made.
    unsettled_folders: Vec<PathBuf>,
}

impl DeadLetterFile {
    /// Opens or makes the file, and its folder.
    ///
    /// # Errors
    ///
    /// If that cannot be, or if it is there and no file.
    pub(crate) fn open(letters: DeadLetters) -> Result<Self, DeadLetterError> {
        // Before it is opened, which makes them. Whoever has made the file may not have settled it.
        let mut unsettled_folders = unmade_above(&letters.path);
        let file = open(&letters.path)?;
        let turns = if file.metadata()?.is_file() { name_of(&letters.path, &file)? } else { None };
        unsettled_folders.extend(turns.as_deref().and_then(folder_of));
        Ok(Self { letters, turns, file, length_left: 0, is_unsettled: false, unsettled_folders })
    }

    /// Returns when what was written is on the disk. Costs nothing where nothing was.
    ///
    /// # Errors
    ///
    /// If the system cannot promise it.
    pub(crate) fn settle(&mut self) -> Result<(), DeadLetterError> {
        if !std::mem::take(&mut self.is_unsettled) {
            return Ok(());
        }
        self.file.sync_data()?;
        for folder in std::mem::take(&mut self.unsettled_folders) {
            sync_folder(&folder)?;
        }
        Ok(())
    }

    /// Writes a letter, one line of JSON, in pieces, so that a long one is not held twice; meanwhile
    /// the file is locked.
    ///
    /// # Errors
    ///
    /// If that fails, or if all files are full. Nothing of the letter is kept then.
    pub(crate) fn append(&mut self, letter: &impl Serialize) -> Result<(), DeadLetterError> {
        let mut length = Length(0);
        serde_json::to_writer(&mut length, letter).map_err(io::Error::from)?;
        self.append_with(length.0, |file| Ok(serde_json::to_writer(file, letter)?))
    }

    /// Writes a line of another file as it is, of so many bytes without its newline.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    #[cfg(test)]
    pub(super) fn append_text(
        &mut self,
        length: u64,
        text: &mut impl io::Read,
    ) -> Result<(), DeadLetterError> {
        self.append_with(length, |file| io::copy(text, file).map(drop))
    }

    fn append_with(
        &mut self,
        length: u64,
        write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
    ) -> Result<(), DeadLetterError> {
        let room = self.lock_with_room(length + 1);
        let written = room.and_then(|before| self.write(before, write));
        // Where files cannot be locked, only long letters can mix with others.
        let _ = self.file.unlock();
        written
    }

    /// Locks the file that has the name now, and in which there is room for so many bytes. Gives how
    /// many it has.
    fn lock_with_room(&mut self, bytes: u64) -> Result<u64, DeadLetterError> {
        loop {
            lock(&self.file);
            let Some(name) = &self.turns else { return Ok(0) };
            if is_at(&self.file, name)? {
                let length = self.file.metadata()?.len();
                // One letter that is larger than a file may be has a file of its own.
                if length == 0 || length.saturating_add(bytes) <= self.letters.file_bytes_max {
                    return Ok(length);
                }
                self.letters.move_on(name)?;
            }
            let next = open(name)?;
            self.unsettled_folders.extend(folder_of(name));
            if std::mem::take(&mut self.is_unsettled) {
                self.file.sync_data()?; // later it cannot be reported
            }
            self.file = next;
            self.length_left = 0;
        }
    }

    fn write(
        &mut self,
        before: u64,
        write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
    ) -> Result<(), DeadLetterError> {
        let is_torn = before != self.length_left && before > 0 && {
            let mut last = [0];
            self.file.read_exact_at(&mut last, before - 1)?;
            last != *b"\n"
        };
        let mut file = BufWriter::with_capacity(WRITE_BYTES, &self.file);
        let written = if is_torn { file.write_all(b"\n") } else { Ok(()) }
            .and_then(|()| write(&mut file))
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.flush());
        let (_, _) = file.into_parts(); // what could not be written is not tried again
        if self.turns.is_some() {
            match &written {
                Ok(()) => {
                    self.length_left = self.file.metadata()?.len();
                    self.is_unsettled = true;
                }
                // Half a letter is of no use; if it stays all the same, the next one knows.
                Err(_) => drop(self.file.set_len(before)),
            }
        }
        Ok(written?)
    }
}

impl DeadLetters {
    /// Gives the full file the next name, and the others theirs, so that there is room for one. Only
    /// for whoever has locked the file of this name.
    fn move_on(&self, name: &Path) -> Result<(), DeadLetterError> {
        let numbered = |number: u32| with_ending(name, number);
        let is_free = |number: &u32| {
            fs::symlink_metadata(numbered(*number))
                .is_err_and(|error| error.kind() == ErrorKind::NotFound)
        };
        let Some(free) = (1..self.files_max).find(is_free) else {
            return Err(DeadLetterError::Full {
                files: self.files_max,
                bytes: self.file_bytes_max,
            });
        };
        for number in (1..free).rev() {
            fs::rename(numbered(number), numbered(number + 1))?;
        }
        Ok(fs::rename(name, numbered(1))?)
    }
}

/// Refuses what can hold no letters.
pub(super) fn check_kind(path: &Path) -> Result<(), DeadLetterError> {
    match fs::metadata(path).map(|metadata| metadata.file_type()) {
        Ok(kind) if kind.is_fifo() => Err(DeadLetterError::NotAFile("a named pipe")),
        Ok(kind) if kind.is_socket() => Err(DeadLetterError::NotAFile("a socket")),
        Ok(kind) if kind.is_dir() => Err(DeadLetterError::NotAFile("a folder")),
        _ => Ok(()),
    }
}

/// Opens or makes a file, and its folder. Opening a named pipe would wait for its reader, and
/// writing to it later could: that is refused, and so is everything else that is no file. A device
/// neither waits nor ends.
pub(super) fn open(path: &Path) -> Result<File, DeadLetterError> {
    check_kind(path)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    Ok(OpenOptions::new().create(true).append(true).read(true).open(path)?)
}

/// The folder of a file.
fn folder_of(path: &Path) -> Option<PathBuf> {
    path.parent().map(Path::to_owned)
}

/// The folders in which others will be made, for a file to be made.
fn unmade_above(path: &Path) -> Vec<PathBuf> {
    let unmade = path
        .ancestors()
        .skip(1)
        .take_while(|folder| *folder != Path::new("") && matches!(fs::exists(folder), Ok(false)));
    unmade.filter_map(folder_of).collect()
}

/// The file's own name, behind symbolic links: that is the one to be changed. None if it has lost
/// it.
fn name_of(path: &Path, file: &File) -> io::Result<Option<PathBuf>> {
    if !fs::symlink_metadata(path)?.is_symlink() {
        return Ok(Some(path.to_owned()));
    }
    let Ok(name) = fs::canonicalize(path) else { return Ok(None) };
    Ok(is_at(file, &name)?.then_some(name))
}

/// Whether the file has this name.
pub(super) fn is_at(file: &File, name: &Path) -> io::Result<bool> {
    let here = file.metadata()?;
    match fs::metadata(name) {
        Ok(there) => Ok((there.dev(), there.ino()) == (here.dev(), here.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Waits for the lock. Some file systems have none; there is nothing to be done about it.
pub(super) fn lock(file: &File) {
    while let Err(error) = file.lock()
        && error.kind() == ErrorKind::Interrupted
    {}
}

/// How long a text is.
struct Length(u64);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::thread;

    use serde::Serializer;
    use serde::ser::{Error as _, SerializeSeq as _};

    use super::*;

    fn letters(path: &Path, file_bytes_max: u64, files_max: u32) -> DeadLetters {
        DeadLetters { path: path.to_owned(), file_bytes_max, files_max, letter_bytes_max: 1 << 20 }
    }

    fn read(path: &Path, ending: &str) -> String {
        fs::read_to_string(format!("{}{ending}", path.display())).unwrap()
    }

    #[test]
    fn full_files_take_turns_until_all_are_full() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead/letters.jsonl");
        // Room for two texts of four bytes, which quotes and newline make seven.
        let mut file = DeadLetterFile::open(letters(&path, 15, 3)).unwrap();
        let large = "larger than a file may be";
        for text in ["aaaa", "bbbb", "cccc", large] {
            file.append(&text).unwrap();
        }
        let full = file.append(&"dddd").unwrap_err();
        assert_eq!(full.to_string(), "all 3 files have their 15 bytes");
        assert_eq!(read(&path, ".2"), "\"aaaa\"\n\"bbbb\"\n");
        assert_eq!(read(&path, ".1"), "\"cccc\"\n");
        assert_eq!(read(&path, ""), format!("\"{large}\"\n"));
        // Whatever has made room, the names are filled from the newest on.
        fs::remove_file(with_ending(&path, 1)).unwrap();
        file.append(&"dddd").unwrap();
        assert_eq!(read(&path, ".2"), "\"aaaa\"\n\"bbbb\"\n");
        assert_eq!(read(&path, ".1"), format!("\"{large}\"\n"));
        assert_eq!(read(&path, ""), "\"dddd\"\n");

        let only = folder.path().join("only");
        let mut file = DeadLetterFile::open(letters(&only, 8, 1)).unwrap();
        file.append(&"aaaa").unwrap();
        assert!(matches!(file.append(&"b"), Err(DeadLetterError::Full { files: 1, .. })));
        assert_eq!(read(&only, ""), "\"aaaa\"\n");
    }

    #[test]
    fn what_is_written_is_settled_once_with_the_folders_that_were_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/letters");
        assert_eq!(unmade_above(&path), [folder.path().join("a"), folder.path().to_owned()]);
        assert!(unmade_above(Path::new("letters")).is_empty());
        let mut file = DeadLetterFile::open(letters(&path, 2, 9)).unwrap();
        file.settle().unwrap();
        assert_eq!(file.unsettled_folders.len(), 3, "no letter, no reason to wait for a disk");
        file.append(&1).unwrap();
        assert!(file.is_unsettled);
        file.settle().unwrap();
        assert!(!file.is_unsettled && file.unsettled_folders.is_empty());
        // A new file, a new name.
        file.append(&2).unwrap();
        file.append(&3).unwrap();
        assert!(file.is_unsettled && !file.unsettled_folders.is_empty());
        file.settle().unwrap();
    }

    #[test]
    fn several_writers_lose_nothing_and_mix_nothing() {
        const EACH: usize = 500;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letters");
        let writers: Vec<_> = ["a", "b", "c", "d"]
            .map(|name| {
                let mut file = DeadLetterFile::open(letters(&path, 4096, 100)).unwrap();
                thread::spawn(move || {
                    for number in 0..EACH {
                        file.append(&(name, number, "x".repeat(number % 90))).unwrap();
                    }
                })
            })
            .into();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        let mut of_each = std::collections::BTreeMap::<String, Vec<usize>>::new();
        let files = fs::read_dir(folder.path()).unwrap().count();
        for number in (0..files).rev() {
            let ending = if number == 0 { String::new() } else { format!(".{number}") };
            let text = read(&path, &ending);
            assert!(text.len() <= 4096, "{} bytes", text.len());
            for line in text.lines() {
                let (name, number, _): (String, usize, String) =
                    serde_json::from_str(line).unwrap();
                of_each.entry(name).or_default().push(number);
            }
        }
        assert_eq!(of_each.len(), 4);
        for numbers in of_each.values() {
            assert_eq!(*numbers, (0..EACH).collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_a_dead_writer_has_left_unfinished_stays_a_line_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letters");
        fs::write(&path, "{\"hal").unwrap();
        let mut file = DeadLetterFile::open(letters(&path, 1000, 2)).unwrap();
        file.append(&1).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"f").unwrap();
        file.append(&2).unwrap();
        file.append(&3).unwrap();
        assert_eq!(read(&path, ""), "{\"hal\n1\n{\"f\n2\n3\n");
    }

    #[test]
    fn half_a_letter_that_cannot_be_written_is_taken_back() {
        /// Fails when it has been written for the most part; not when only its length is asked for.
        struct Half(Cell<u32>);
        impl Serialize for Half {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut parts = serializer.serialize_seq(None)?;
                parts.serialize_element(&"x".repeat(2 * WRITE_BYTES))?;
                self.0.set(self.0.get() + 1);
                if self.0.get() > 1 { Err(S::Error::custom("on purpose")) } else { parts.end() }
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letters");
        let mut file = DeadLetterFile::open(letters(&path, 1 << 20, 2)).unwrap();
        file.append(&1).unwrap();
        assert!(file.append(&Half(Cell::new(0))).is_err());
        assert_eq!(read(&path, ""), "1\n");
        file.append(&2).unwrap();
        assert_eq!(read(&path, ""), "1\n2\n");
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_takes_turns() {
        let folder = tempfile::tempdir().unwrap();
        let (link, path) = (folder.path().join("link"), folder.path().join("disk/letters"));
        fs::create_dir(folder.path().join("disk")).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mut file = DeadLetterFile::open(letters(&link, 2, 2)).unwrap();
        file.append(&1).unwrap();
        file.append(&2).unwrap();
        assert_eq!((read(&path, ".1"), read(&link, "")), ("1\n".to_owned(), "2\n".to_owned()));
    }

    #[test]
    fn only_files_are_opened_and_devices_do_not_fill() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(matches!(open(&pipe), Err(DeadLetterError::NotAFile("a named pipe"))));
        assert!(matches!(open(folder.path()), Err(DeadLetterError::NotAFile("a folder"))));
        let null = letters(Path::new("/dev/null"), 1, 1);
        let mut null = DeadLetterFile::open(null).unwrap();
        null.append(&"more than a byte").unwrap();
        null.append(&"and once more").unwrap();
    }
}
