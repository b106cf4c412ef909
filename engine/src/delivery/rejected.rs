//! `on_invalid`: fail, drop, or keep in a dead-letter file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use crate::config::{OnInvalid, Secrets};
use crate::relay::{Disposition, Rejected, Rejects};

/// Lines rejected one after the other that are told singly; after them, only their count is.
const TOLD_MAX: u64 = 10;

/// Bytes of one write to a dead-letter file.
const WRITE_BYTES: usize = 64 * 1024;

/// Why dead letters cannot be kept in a file.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// It is there and of another kind, which is named.
    #[error("it is {0}, not a file")]
    NotAFile(&'static str),
    /// The system refuses it.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Carries out a task's `on_invalid`.
pub(crate) struct RejectedLines<T> {
    policy: OnInvalid,
    dead_letters: Option<DeadLetterFile>,
    told: u64,
    /// Called for the first [`TOLD_MAX`] lines, and with `last` set on the last of them.
    tell: T,
}

/// Where dead letters go, and what each says of its origin.
struct DeadLetterFile {
    file: File,
    task: String,
    provider: String,
    /// Not for the line itself, which is kept as it is.
    secrets: Secrets,
}

impl<T: FnMut(&Rejected<'_>, bool) + Send + 'static> RejectedLines<T> {
    /// Opens the dead-letter file where there is one, so that a wrong path is known before
    /// anything is started.
    ///
    /// # Errors
    ///
    /// If the file or its folder cannot be made or written.
    pub(crate) fn new(
        policy: OnInvalid,
        dead_letters: Option<&Path>,
        task: &str,
        provider: &str,
        secrets: &Secrets,
        tell: T,
    ) -> Result<Self, DeadLetterError> {
        let dead_letters = match (policy, dead_letters) {
            (OnInvalid::DeadLetter, Some(path)) => {
                let (task, provider) = (task.to_owned(), provider.to_owned());
                Some(DeadLetterFile { file: open(path)?, task, provider, secrets: secrets.clone() })
            }
            _ => None,
        };
        Ok(Self { policy, dead_letters, told: 0, tell })
    }
}

impl<T: FnMut(&Rejected<'_>, bool) + Send + 'static> Rejects for RejectedLines<T> {
    fn reject(&mut self, rejected: &Rejected<'_>) -> io::Result<Disposition> {
        if let Some(dead_letters) = &mut self.dead_letters {
            dead_letters.keep(rejected)?;
        }
        if self.policy == OnInvalid::Fail && !rejected.cut_off {
            return Ok(Disposition::Stop); // its failure tells of it
        }
        if self.told < TOLD_MAX {
            self.told += 1;
            (self.tell)(rejected, self.told == TOLD_MAX);
        }
        Ok(Disposition::LeaveOut)
    }
}

impl DeadLetterFile {
    /// One JSON line for one line, the line itself unchanged: as text, or in base64 where it is
    /// not UTF-8. Written in pieces, so that a long line is not held twice; meanwhile the file is
    /// locked, since other tasks may write to it.
    fn keep(&mut self, rejected: &Rejected<'_>) -> io::Result<()> {
        let line = std::str::from_utf8(rejected.line);
        let letter = DeadLetter {
            time: jiff::Timestamp::now(),
            task: &self.task,
            provider: &self.provider,
            reason: &self.secrets.mask(&rejected.reason),
            line_number: rejected.line_number,
            offset_bytes: rejected.offset_bytes,
            line: line.ok(),
            line_base64: line.is_err().then_some(rejected.line),
        };
        // Where files cannot be locked, only a long letter can mix with another.
        let locked = self.file.lock();
        let mut file = BufWriter::with_capacity(WRITE_BYTES, &self.file);
        let written = serde_json::to_writer(&mut file, &letter)
            .map_err(io::Error::from)
            .and_then(|()| file.write_all(b"\n"))
            .and_then(|()| file.flush());
        drop(file);
        if locked.is_ok() {
            let _ = self.file.unlock();
        }
        written
    }
}

/// Opens or makes the file, and its folder. Opening a named pipe would wait for its reader, and
/// writing to it later could: that is refused, and so is everything else that is no file. A device
/// neither waits nor ends.
fn open(path: &Path) -> Result<File, DeadLetterError> {
    match std::fs::metadata(path).map(|metadata| metadata.file_type()) {
        Ok(kind) if kind.is_fifo() => return Err(DeadLetterError::NotAFile("a named pipe")),
        Ok(kind) if kind.is_socket() => return Err(DeadLetterError::NotAFile("a socket")),
        Ok(kind) if kind.is_dir() => return Err(DeadLetterError::NotAFile("a folder")),
        _ => {}
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    Ok(OpenOptions::new().create(true).append(true).open(path)?)
}

/// A line of a dead-letter file (`docs/protocol.md`).
#[derive(Serialize)]
struct DeadLetter<'a> {
    #[serde(serialize_with = "as_text")]
    time: jiff::Timestamp,
    task: &'a str,
    provider: &'a str,
    reason: &'a str,
    line_number: u64,
    offset_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_base64")]
    line_base64: Option<&'a [u8]>,
}

fn as_text<S: Serializer>(time: &jiff::Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

fn as_base64<S: Serializer>(line: &Option<&[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Base64Display::new(line.unwrap_or_default(), &STANDARD))
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::sync::{Arc, Mutex};

    use super::*;

    fn rejected(line: &[u8]) -> Rejected<'_> {
        let reason = Cow::Borrowed("not a JSON object");
        Rejected { line, offset_bytes: 7, line_number: 2, reason, cut_off: false }
    }

    #[test]
    fn a_dead_letter_holds_the_line_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead/letters.jsonl");
        let mut secrets = Secrets::default();
        secrets.add("hunter22");
        let new = || {
            RejectedLines::new(OnInvalid::DeadLetter, Some(&path), "t", "in", &secrets, |_, _| {})
        };
        for line in [&b"say \"hi\"\\"[..], b"\xff\0"] {
            let disposition = new().unwrap().reject(&rejected(line)).unwrap();
            assert_eq!(disposition, Disposition::LeaveOut);
        }
        let reason = Cow::Borrowed("not an object but `hunter22`");
        new().unwrap().reject(&Rejected { reason, ..rejected(b"hunter22") }).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let letters: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(letters[0]["line"], "say \"hi\"\\");
        assert_eq!(letters[0]["line_number"], 2);
        assert_eq!(letters[0]["provider"], "in");
        assert_eq!(letters[1]["line_base64"], "/wA=");
        // A reason is DStream's own text; a line is the stream.
        assert_eq!(letters[2]["reason"], "not an object but `(secret)`");
        assert_eq!(letters[2]["line"], "hunter22");
        assert_eq!(letters.len(), 3);
    }

    #[test]
    fn only_files_are_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(matches!(open(&pipe), Err(DeadLetterError::NotAFile("a named pipe"))));
        assert!(matches!(open(folder.path()), Err(DeadLetterError::NotAFile("a folder"))));
        assert!(open(Path::new("/dev/null")).is_ok());
    }

    #[test]
    fn dropped_lines_are_told_singly_only_at_first() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&told);
        let tell = move |_: &Rejected<'_>, last| seen.lock().unwrap().push(last);
        let mut lines =
            RejectedLines::new(OnInvalid::Drop, None, "t", "in", &Secrets::default(), tell)
                .unwrap();
        for _ in 0..2 * TOLD_MAX {
            assert_eq!(lines.reject(&rejected(b"x")).unwrap(), Disposition::LeaveOut);
        }
        let told = told.lock().unwrap();
        assert_eq!(told.len(), TOLD_MAX as usize);
        assert_eq!(told.iter().filter(|&&last| last).count(), 1);
    }

    #[test]
    fn fail_stops_at_a_line_but_not_at_the_cut_off_end() {
        let mut lines =
            RejectedLines::new(OnInvalid::Fail, None, "t", "in", &Secrets::default(), |_, _| {})
                .unwrap();
        assert_eq!(lines.reject(&rejected(b"x")).unwrap(), Disposition::Stop);
        let end = Rejected { cut_off: true, ..rejected(b"{") };
        assert_eq!(lines.reject(&end).unwrap(), Disposition::LeaveOut);
    }
}
