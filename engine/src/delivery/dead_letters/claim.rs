//! Letters taken out of the files, to be sent again or forgotten.
//!
//! ```text
//! orders.jsonl.replay.1      claimed, the oldest
//! orders.jsonl.replay.2
//! orders.jsonl.replay.lock   locked while they are
//! orders.jsonl.replay.state  checkpoints of the replay
//! ```
//!
//! The files are renamed, so that what fails meanwhile goes into new ones. Then whatever was not
//! wanted is put back, letter by letter. Whenever that is broken off, every letter is in a file that
//! the next claim takes; those that had been put back are there twice.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::letter::Letter;
use super::reader::Entry;
use super::writer::{self, DeadLetterFile};
use super::{DeadLetterError, DeadLetters, names};

/// Letters of one task that nobody else has. Dropped, they stay for the next claim.
#[derive(Debug)]
pub struct Claim {
    /// The name that they were taken from.
    name: PathBuf,
    files: Vec<PathBuf>,
    counts: ClaimCounts,
    state: PathBuf,
    _lock: Lock,
}

/// How many letters a claim has found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClaimCounts {
    /// Those that it has.
    pub letters: u64,
    /// Bytes of these, as they are kept.
    pub bytes: u64,
    /// Others of the task, which hold only a part of their line.
    pub parts: u64,
}

/// Which letters of a task are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// All of them.
    All,
    /// Those that can be sent.
    Whole,
}

impl ClaimCounts {
    /// Counts a letter, if it is of this task. Gives whether it is wanted.
    pub fn count(&mut self, task: &str, wanted: Wanted, letter: &Letter<'_>, bytes: u64) -> bool {
        let is_of_task = letter.task == task;
        let is_wanted = is_of_task && (wanted == Wanted::All || letter.is_whole());
        if is_wanted {
            self.letters += 1;
            self.bytes += bytes;
        } else {
            self.parts += u64::from(is_of_task);
        }
        is_wanted
    }
}

impl DeadLetters {
    /// Takes hold of a task's letters; `None` if it has none. Those of an earlier claim that was not
    /// brought to its end are among them.
    ///
    /// # Errors
    ///
    /// If somebody else has claimed letters of these files, or they cannot be read or written.
    pub fn claim(&self, task: &str, wanted: Wanted) -> Result<Option<Claim>, DeadLetterError> {
        let name = names::real(&self.path);
        if names::claims(&name)?.is_empty() && names::older(&name)?.is_empty() && is_empty(&name)? {
            return Ok(None);
        }
        let lock = Lock::take(names::of_replay(&name, "lock"))?;
        rename(&name)?;
        let mut counts = ClaimCounts::default();
        let mut files = Vec::new();
        for file in names::claimed(&name)? {
            let before = counts.letters;
            self.put_back_unwanted(&file, task, wanted, &mut counts)?;
            if counts.letters > before {
                files.push(file);
            }
        }
        let state = names::of_replay(&name, "state");
        let claim = Claim { name, files, counts, state, _lock: lock };
        Ok((counts != ClaimCounts::default()).then_some(claim))
    }

    /// Leaves in a claimed file only what is wanted.
    fn put_back_unwanted(
        &self,
        path: &Path,
        task: &str,
        wanted: Wanted,
        counts: &mut ClaimCounts,
    ) -> Result<(), DeadLetterError> {
        let letters = self.open(&[path.to_owned()])?;
        let is_wanted = |counts: &mut ClaimCounts, entry: &Entry<'_>| {
            let bytes = entry.place.length() + 1;
            let letter = entry.letter.as_ref();
            letter.is_some_and(|letter| counts.count(task, wanted, letter, bytes))
        };
        let (before, mut goes) = (counts.letters, false);
        letters.each(|entry| {
            goes |= !is_wanted(counts, entry);
            Ok::<_, io::Error>(())
        })?;
        if !goes {
            return Ok(());
        }
        let mut back = DeadLetterFile::open(self.clone())?;
        let rest = names::with_ending(path, "new");
        let mut file = BufWriter::new(File::create(&rest)?);
        letters.each(|entry| {
            let mut text = letters.text(&entry.place);
            if !is_wanted(&mut ClaimCounts::default(), entry) {
                return back.append_text(entry.place.length(), &mut text);
            }
            io::copy(&mut text, &mut file)?;
            Ok(file.write_all(b"\n")?)
        })?;
        back.settle()?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        if counts.letters > before {
            fs::rename(&rest, path)?;
        } else {
            fs::remove_file(path)?;
            fs::remove_file(&rest)?;
        }
        Ok(())
    }
}

fn is_empty(name: &Path) -> Result<bool, DeadLetterError> {
    match fs::metadata(name) {
        Ok(metadata) => Ok(!metadata.is_file() || metadata.len() == 0),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Gives all files the names of claimed ones, under the lock that whoever writes takes.
fn rename(name: &Path) -> Result<(), DeadLetterError> {
    let newest = loop {
        let file = writer::open(name)?;
        writer::lock(&file);
        if writer::is_at(&file, name)? {
            break file;
        }
    };
    let mut number = names::claims(name)?.last().copied().unwrap_or(0);
    let mut files = names::older(name)?;
    if newest.metadata()?.len() > 0 {
        files.push(name.to_owned());
    }
    for file in files {
        number = number.saturating_add(1);
        fs::rename(file, names::claim(name, number))?;
    }
    Ok(())
}

impl Claim {
    /// What it has found.
    pub fn counts(&self) -> ClaimCounts {
        self.counts
    }

    /// The files with the letters and nothing else, in order.
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// A folder for the checkpoints of whoever sends them.
    pub(crate) fn state_folder(&self) -> &Path {
        &self.state
    }

    /// Removes them: they have been sent, or nobody wants them. Those that were kept once more are
    /// on the disk before.
    ///
    /// # Errors
    ///
    /// If that cannot be had, or a file not be removed; what is left stays for the next claim.
    pub fn remove(self) -> io::Result<()> {
        for path in names::older(&self.name)?.iter().chain([&self.name]) {
            match File::open(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                file => file?.sync_data()?,
            }
        }
        writer::sync_folder(self.name.parent().unwrap_or(Path::new("")))?;
        self.files.iter().try_for_each(fs::remove_file)
    }
}

/// A file that one process at a time has, with its id in it.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    /// Held, not used.
    _file: File,
}

impl Lock {
    fn take(path: PathBuf) -> Result<Self, DeadLetterError> {
        loop {
            let mut options = File::options();
            let mut file =
                options.create(true).truncate(false).read(true).write(true).open(&path)?;
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    let mut text = String::new();
                    let _ = Read::take(&mut file, 32).read_to_string(&mut text);
                    return Err(DeadLetterError::Claimed { holder: text.trim().parse().ok() });
                }
                locked => locked.map_err(io::Error::from)?,
            }
            // Whoever had it before removes it when he is done.
            if writer::is_at(&file, &path)? {
                file.set_len(0)?;
                file.seek(SeekFrom::Start(0))?;
                file.write_all(format!("{}\n", std::process::id()).as_bytes())?;
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(folder: &Path) -> DeadLetters {
        let path = folder.join("letters");
        DeadLetters { path, file_bytes_max: 400, files_max: 9, letter_bytes_max: 10_000 }
    }

    fn letter(task: &str, line: &str, more: &str) -> String {
        format!(
            "{{\"time\":\"2026-11-23T10:00:00Z\",\"task\":{task:?},\"provider\":\"in\",\"reason\":\"r\",\"line\":{line:?}{more}}}"
        )
    }

    fn write(letters: &DeadLetters, lines: &[String]) {
        let mut file = DeadLetterFile::open(letters.clone()).unwrap();
        for line in lines {
            file.append_text(line.len() as u64, &mut line.as_bytes()).unwrap();
        }
    }

    /// What of each line can be known, in order.
    fn all(letters: &DeadLetters) -> Vec<String> {
        let mut all = Vec::new();
        let snapshot = letters.letters().unwrap();
        let each = |entry: &Entry<'_>| {
            all.push(match &entry.letter {
                Some(letter) => {
                    let line = letter.line().unwrap().into_owned();
                    format!("{} {}", letter.task, String::from_utf8(line).unwrap())
                }
                None => {
                    let mut text = String::new();
                    snapshot.text(&entry.place).read_to_string(&mut text).unwrap();
                    text
                }
            });
            Ok::<_, io::Error>(())
        };
        snapshot.each(each).unwrap();
        all
    }

    fn in_claim(claim: &Claim) -> Vec<String> {
        let texts = claim.files().iter().map(|file| fs::read_to_string(file).unwrap());
        let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
        texts.flat_map(lines).collect()
    }

    #[test]
    fn a_claim_takes_what_is_wanted_and_leaves_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let letters = letters(folder.path());
        assert!(letters.claim("a", Wanted::All).unwrap().is_none());
        assert!(!folder.path().join("letters").exists(), "to ask changes nothing");
        let of_a: Vec<String> =
            (0..10).map(|number| letter("a", &number.to_string(), "")).collect();
        let part = letter("a", "part", ",\"truncated\":true");
        let two = letter("a", "two\nlines", "");
        let torn = "{\"time\":\"20".to_owned();
        let other = letter("b", "other", "");
        let long = letter("a", &"x".repeat(20_000), "");
        write(&letters, &of_a[..5]);
        write(&letters, &[part, torn.clone(), other, two, long.clone()]);
        write(&letters, &of_a[5..]);
        let rest = ["a part", &torn, "b other", "a two\nlines", &long];
        let claim = letters.claim("a", Wanted::Whole).unwrap().unwrap();
        assert_eq!(in_claim(&claim), of_a);
        let bytes = of_a.iter().map(|line| line.len() as u64 + 1).sum();
        assert_eq!(claim.counts(), ClaimCounts { letters: 10, bytes, parts: 2 });
        // Nobody else can, but what fails meanwhile is kept, and all are still there to be seen.
        let refused = letters.claim("b", Wanted::All).unwrap_err();
        let holder = Some(std::process::id());
        assert!(matches!(refused, DeadLetterError::Claimed { holder: found } if found == holder));
        write(&letters, &[letter("a", "new", "")]);
        let mut expected: Vec<String> = (0..10).map(|number| format!("a {number}")).collect();
        expected.extend(rest.map(str::to_owned));
        expected.push("a new".to_owned());
        assert_eq!(all(&letters), expected);
        // Given up, they are the first of the next one.
        drop(claim);
        let claim = letters.claim("a", Wanted::Whole).unwrap().unwrap();
        assert_eq!(in_claim(&claim).len(), 11);
        assert_eq!(in_claim(&claim)[..10], of_a);
        claim.remove().unwrap();
        assert_eq!(all(&letters), rest);
        let claim = letters.claim("a", Wanted::All).unwrap().unwrap();
        assert_eq!((claim.counts().letters, claim.counts().parts), (2, 0));
        claim.remove().unwrap();
        assert_eq!(all(&letters), [&torn, "b other", &long]);
        assert!(letters.claim("a", Wanted::All).unwrap().is_none());
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = names.filter(|name| name.to_string_lossy().contains("replay")).collect();
        assert_eq!(left, [""; 0], "nothing of the claims is left");
    }

    #[test]
    fn another_task_finds_its_letters_in_a_claim_that_was_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let letters = letters(folder.path());
        write(&letters, &[letter("a", "1", ""), letter("b", "2", ""), letter("a", "3", "")]);
        drop(letters.claim("a", Wanted::Whole).unwrap().unwrap());
        letters.claim("b", Wanted::Whole).unwrap().unwrap().remove().unwrap();
        assert_eq!(all(&letters), ["a 1", "a 3"]);
    }

    #[test]
    fn what_is_no_letter_is_none() {
        for text in [
            "",
            "null",
            "[\"2026-11-23T10:00:00Z\",\"t\",\"in\",\"r\",1,2,false,false,\"x\",null]",
            "{\"time\":\"yesterday\",\"task\":\"t\",\"provider\":\"p\",\"reason\":\"r\",\"line\":\"x\"}",
            "{\"time\":\"2026-11-23T10:00:00Z\",\"task\":\"t\",\"provider\":\"p\",\"reason\":\"r\"}",
            "{\"time\":\"2026-11-23T10:00:00Z\",\"task\":\"t\",\"provider\":\"p\",\"reason\":\"r\",\"line_base64\":\"?\"}",
        ] {
            assert_eq!(Letter::parse(text.as_bytes()), None, "{text}");
        }
        let cut = letter("t", "x", ",\"cut_off\":true");
        assert!(!Letter::parse(cut.as_bytes()).unwrap().is_whole());
        assert!(Letter::parse(letter("t", "x", ",\"more\":1").as_bytes()).unwrap().is_whole());
    }
}
