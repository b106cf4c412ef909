//! Letters taken out of the files, to be sent again or forgotten.
//!
//! ```text
//! orders.jsonl.replay.1      claimed, the oldest
//! orders.jsonl.replay.2
//! orders.jsonl.replay.kept   what has failed again
//! orders.jsonl.replay.lock   locked while they are claimed
//! orders.jsonl.replay.state  checkpoints of the replay
//! ```
//!
//! The files are renamed, so that what fails meanwhile goes into new ones. They hold the letters of
//! other tasks, too, which are passed over, and stay when the others are removed: each file is replaced
//! by what is left of it, in one step. Whenever that is broken off, every letter is in a file that the
//! next claim takes, and none is there twice.
//!
//! What fails again is kept apart, and becomes the newest of the claimed files when all is done. Then
//! its former letters are removed; if that is broken off, these are there beside it.

use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use dstream_files::{Access, LockFile, NewFile, sync_folder};

use super::letter::{Letter, can_be_sent, letter_line};
use super::reader::Entry;
use super::writer;
use super::{DeadLetterError, DeadLetters, names};

/// Letters of one task that nobody else has. Dropped, they stay for the next claim.
#[derive(Debug)]
pub struct Claim {
    letters: DeadLetters,
    task: String,
    wanted: Wanted,
    /// The name that they were taken from.
    name: PathBuf,
    files: Vec<PathBuf>,
    counts: ClaimCounts,
    state: PathBuf,
    kept: PathBuf,
    _lock: ClaimLock,
}

/// How many letters a claim has found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClaimCounts {
    /// Those that it has.
    pub letters: u64,
    /// Bytes of these, as they are kept.
    pub bytes: u64,
    /// Bytes of the longest line in them.
    pub line_bytes_max: usize,
    /// Others of the task, which cannot be sent: they hold only a part of their line, or one that
    /// would be taken for a checkpoint.
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
        let is_wanted = is_of_task && (wanted == Wanted::All || can_be_sent(letter));
        if is_wanted {
            let line_bytes = letter_line(letter).map_or(0, |line| line.len());
            self.letters += 1;
            self.bytes += bytes;
            self.line_bytes_max = self.line_bytes_max.max(line_bytes);
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
        writer::check_kind(&name)?;
        if names::claims(&name)?.is_empty() && names::older(&name)?.is_empty() && is_empty(&name)? {
            return Ok(None);
        }
        let lock = ClaimLock::take(&names::of_replay(&name, "lock"))?;
        let kept = names::of_replay(&name, "kept");
        forget(&kept)?; // its letters' former selves are all there
        rename(&name)?;
        let mut counts = ClaimCounts::default();
        let mut files = Vec::new();
        for file in names::claimed(&name)? {
            let before = counts.letters;
            self.open(std::slice::from_ref(&file))?.each(|entry| {
                is_wanted(entry, task, wanted, &mut counts);
                Ok::<_, io::Error>(())
            })?;
            if counts.letters > before {
                files.push(file);
            }
        }
        let state = names::of_replay(&name, "state");
        let (letters, task) = (self.clone(), task.to_owned());
        let claim = Claim { letters, task, wanted, name, files, counts, state, kept, _lock: lock };
        Ok((counts != ClaimCounts::default()).then_some(claim))
    }
}

fn is_wanted(entry: &Entry<'_>, task: &str, wanted: Wanted, counts: &mut ClaimCounts) -> bool {
    let bytes = entry.place.length() + 1;
    entry.letter.as_ref().is_some_and(|letter| counts.count(task, wanted, letter, bytes))
}

fn forget(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn is_empty(name: &Path) -> Result<bool, DeadLetterError> {
    match fs::metadata(name) {
        Ok(metadata) => Ok(!metadata.is_file() || metadata.len() == 0),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// The file that letters are written to, under the lock that its writers take.
fn locked(name: &Path) -> Result<File, DeadLetterError> {
    loop {
        let file = writer::open(name)?;
        writer::lock(&file);
        if writer::is_at(&file, name)? {
            return Ok(file);
        }
    }
}

/// Gives all files the names of claimed ones.
fn rename(name: &Path) -> Result<(), DeadLetterError> {
    let newest = locked(name)?;
    let mut number = names::claims(name)?.last().copied().unwrap_or(0);
    let mut files = names::older(name)?;
    if newest.metadata()?.len() > 0 {
        files.push(name.to_owned());
    }
    for file in files {
        number = after(number)?;
        fs::rename(file, names::claim(name, number))?;
    }
    Ok(())
}

/// Gives claimed files the names that they had, unless there are others by now.
fn rename_back(name: &Path) -> Result<(), DeadLetterError> {
    let newest = locked(name)?;
    if newest.metadata()?.len() > 0 || !names::older(name)?.is_empty() {
        return Ok(());
    }
    for (index, file) in names::claimed(name)?.into_iter().rev().enumerate() {
        let older = || names::with_ending(name, index);
        fs::rename(file, if index == 0 { name.to_owned() } else { older() })?;
    }
    Ok(())
}

fn after(number: u32) -> io::Result<u32> {
    let full = || {
        io::Error::other(
            "there are no more numbers for its files: rename those that end in .replay. and a number",
        )
    };
    number.checked_add(1).ok_or_else(full)
}

impl Claim {
    /// What it has found.
    pub fn counts(&self) -> ClaimCounts {
        self.counts
    }

    /// The files that have letters of it, in order, those of others between them.
    pub(crate) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Bytes of the longest letter: what is longer is none.
    pub(crate) fn letter_bytes_max(&self) -> u64 {
        self.letters.letter_bytes_max
    }

    /// A folder for the checkpoints of the replay.
    pub(crate) fn state_folder(&self) -> &Path {
        &self.state
    }

    /// Where letters go that fail again. They count when the others are [removed](Self::remove).
    pub(crate) fn kept(&self) -> &Path {
        &self.kept
    }

    /// Removes them: they have been sent, or nobody wants them. Those that were kept once more are
    /// on the disk before.
    ///
    /// # Errors
    ///
    /// If that cannot be had, or a file not be changed; what is left stays for the next claim.
    pub fn remove(self) -> Result<(), DeadLetterError> {
        let folder = self.name.parent().unwrap_or(Path::new(""));
        match File::open(&self.kept) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            file => {
                file?.sync_data()?;
                let number = names::claims(&self.name)?.last().copied().unwrap_or(0);
                fs::rename(&self.kept, names::claim(&self.name, after(number)?))?;
                sync_folder(folder)?;
            }
        }
        self.files.iter().try_for_each(|file| self.remove_from(file))?;
        Ok(sync_folder(folder)?)
    }

    /// Replaces a file by what is left of it.
    fn remove_from(&self, path: &Path) -> Result<(), DeadLetterError> {
        let letters = self.letters.open(&[path.to_owned()])?;
        let mut new = NewFile::beside(path, Access::Shared)?;
        let mut file = BufWriter::new(new.file());
        let mut is_empty = true;
        letters.each(|entry| {
            if !is_wanted(entry, &self.task, self.wanted, &mut ClaimCounts::default()) {
                is_empty = false;
                io::copy(&mut letters.text(&entry.place), &mut file)?;
                file.write_all(b"\n")?;
            }
            Ok::<_, io::Error>(())
        })?;
        file.flush()?;
        drop(file);
        if is_empty {
            fs::remove_file(path)?
        } else {
            new.keep(path)?
        }
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // If there still is one, its letters' former selves are all there.
        let _ = forget(&self.kept);
        // Claimed or not, they are where the next claim takes them.
        let _ = rename_back(&self.name);
    }
}

/// A lock file with this process's id in it, removed at the end.
#[derive(Debug)]
struct ClaimLock(LockFile);

impl ClaimLock {
    fn take(path: &Path) -> Result<Self, DeadLetterError> {
        loop {
            let mut lock = LockFile::open(path, Access::Shared)?;
            if !lock.try_lock()? {
                return Err(DeadLetterError::Claimed { holder: lock.holder() });
            }
            // An earlier holder may have removed it between opening and locking.
            if lock.is_in_place() {
                lock.note_holder()?;
                return Ok(Self(lock));
            }
        }
    }
}

impl Drop for ClaimLock {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.0.path());
    }
}

#[cfg(test)]
mod tests {
    use super::super::letter::read_letter;
    use std::io::Read as _;

    use super::super::writer::DeadLetterFile;
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
                    let line = letter_line(letter).unwrap().into_owned();
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

    /// The letters that it is about, as they stand in its files.
    fn in_claim(claim: &Claim) -> Vec<String> {
        let mut all = Vec::new();
        let letters = claim.letters.open(claim.files()).unwrap();
        letters
            .each(|entry| {
                if is_wanted(entry, &claim.task, claim.wanted, &mut ClaimCounts::default()) {
                    let mut text = String::new();
                    letters.text(&entry.place).read_to_string(&mut text)?;
                    all.push(text);
                }
                Ok::<_, io::Error>(())
            })
            .unwrap();
        all
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
        let line_bytes_max = 1;
        assert_eq!(claim.counts(), ClaimCounts { letters: 10, bytes, line_bytes_max, parts: 2 });
        // Nobody else can, but what fails meanwhile is kept, and all are still there to be seen.
        let refused = letters.claim("b", Wanted::All).unwrap_err();
        let holder = Some(std::process::id());
        assert!(matches!(refused, DeadLetterError::Claimed { holder: found } if found == holder));
        write(&letters, &[letter("a", "new", "")]);
        let number = |number: usize| format!("a {number}");
        let mut expected: Vec<String> = (0..5).map(number).collect();
        expected.extend(rest.map(str::to_owned));
        expected.extend((5..10).map(number));
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
    fn what_failed_again_counts_when_the_rest_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let letters = letters(folder.path());
        write(&letters, &[letter("a", "1", ""), letter("b", "2", "")]);
        let again = || letter("a", "again", "") + "\n";
        for _ in 0..3 {
            let claim = letters.claim("a", Wanted::Whole).unwrap().unwrap();
            fs::write(claim.kept(), again()).unwrap();
            assert_eq!(all(&letters), ["a 1", "b 2"]);
            // However it is given up.
            std::mem::forget(claim);
            fs::remove_file(folder.path().join("letters.replay.lock")).unwrap();
            let claim = letters.claim("a", Wanted::Whole).unwrap().unwrap();
            fs::write(claim.kept(), again()).unwrap();
            drop(claim);
            assert_eq!(all(&letters), ["a 1", "b 2"]);
        }
        let claim = letters.claim("a", Wanted::Whole).unwrap().unwrap();
        fs::write(claim.kept(), again()).unwrap();
        claim.remove().unwrap();
        assert_eq!(all(&letters), ["b 2", "a again"]);
    }

    #[test]
    fn numbers_that_have_run_out_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let letters = letters(folder.path());
        fs::write(folder.path().join("letters.replay.4294967295"), "").unwrap();
        write(&letters, &[letter("a", "1", "")]);
        let refused = letters.claim("a", Wanted::All).unwrap_err().to_string();
        assert!(refused.contains("no more numbers"), "{refused}");
        assert_eq!(all(&letters), ["a 1"]);
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
            assert_eq!(read_letter(text.as_bytes()), None, "{text}");
        }
        let cut = letter("t", "x", ",\"cut_off\":true");
        assert!(!can_be_sent(&read_letter(cut.as_bytes()).unwrap()));
        assert!(can_be_sent(&read_letter(letter("t", "x", ",\"more\":1").as_bytes()).unwrap()));
    }
}
