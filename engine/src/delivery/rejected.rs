//! `on_invalid`: fail, drop, or keep as a dead letter.

use std::io;

use super::dead_letters::{DeadLetterError, DeadLetterFile, DeadLetters, NewLetter, new_letter};
use dstream_relay::{Disposition, Rejected, Rejects};
use dstream_task::{OnInvalid, Secrets};

/// Lines rejected one after the other that are told singly; after them, only their count is.
const TOLD_MAX: u64 = 10;

/// Carries out a task's `on_invalid`.
pub(crate) struct RejectedLines<T> {
    policy: OnInvalid,
    dead_letters: Option<DeadLetterBox>,
    told: u64,
    /// Called for the first [`TOLD_MAX`] lines, and with `last` set on the last of them.
    tell: T,
}

/// Where dead letters go, and what each says of its origin.
struct DeadLetterBox {
    file: DeadLetterFile,
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
        dead_letters: Option<DeadLetters>,
        task: &str,
        provider: &str,
        secrets: &Secrets,
        tell: T,
    ) -> Result<Self, DeadLetterError> {
        let dead_letters = match (policy, dead_letters) {
            (OnInvalid::DeadLetter, Some(letters)) => Some(DeadLetterBox {
                file: DeadLetterFile::open(letters)?,
                task: task.to_owned(),
                provider: provider.to_owned(),
                secrets: secrets.clone(),
            }),
            _ => None,
        };
        Ok(Self { policy, dead_letters, told: 0, tell })
    }
}

impl<T: FnMut(&Rejected<'_>, bool) + Send + 'static> Rejects for RejectedLines<T> {
    fn reject(&mut self, rejected: &Rejected<'_>) -> io::Result<Disposition> {
        if let Some(dead_letters) = &mut self.dead_letters {
            dead_letters.keep(rejected).map_err(DeadLetterError::into_io)?;
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

    fn settle(&mut self) -> io::Result<()> {
        let Some(dead_letters) = &mut self.dead_letters else { return Ok(()) };
        dead_letters.file.settle().map_err(DeadLetterError::into_io)
    }
}

impl DeadLetterBox {
    fn keep(&mut self, rejected: &Rejected<'_>) -> Result<(), DeadLetterError> {
        let (line_number, offset_bytes) = (Some(rejected.line_number), Some(rejected.offset_bytes));
        let Rejected { line, ref reason, truncated, cut_off, .. } = *rejected;
        let reason = self.secrets.mask(reason);
        self.file.append(&NewLetter {
            line_number,
            offset_bytes,
            truncated,
            cut_off,
            ..new_letter(&self.task, &self.provider, &reason, line)
        })
    }
}

/// The same for lines that an output has taken and gives back.
pub(crate) struct ReturnedLines<T> {
    policy: OnInvalid,
    letters: Option<DeadLetters>,
    /// There from the first letter on.
    file: Option<DeadLetterFile>,
    task: String,
    output: String,
    secrets: Secrets,
    told: u64,
    /// Called with the reasons of the first [`TOLD_MAX`], and with `last` set on the last of them.
    tell: T,
}

impl<T: FnMut(&str, bool)> ReturnedLines<T> {
    pub(crate) fn new(
        policy: OnInvalid,
        letters: Option<DeadLetters>,
        task: &str,
        output: &str,
        secrets: &Secrets,
        tell: T,
    ) -> Self {
        let (task, output, secrets) = (task.to_owned(), output.to_owned(), secrets.clone());
        Self { policy, letters, file: None, task, output, secrets, told: 0, tell }
    }

    /// Takes one line.
    ///
    /// # Errors
    ///
    /// If it cannot be kept where it should be.
    pub(crate) fn take(
        &mut self,
        line: &[u8],
        reason: &str,
    ) -> Result<Disposition, DeadLetterError> {
        let reason = self.secrets.mask(reason);
        match (self.policy, &self.letters) {
            (OnInvalid::Fail, _) => return Ok(Disposition::Stop), // its failure tells of it
            (OnInvalid::DeadLetter, Some(letters)) => {
                let file = match &mut self.file {
                    Some(file) => file,
                    none => none.insert(DeadLetterFile::open(letters.clone())?),
                };
                file.append(&new_letter(&self.task, &self.output, &reason, line))?;
            }
            (OnInvalid::Drop | OnInvalid::DeadLetter, _) => {}
        }
        if self.told < TOLD_MAX {
            self.told += 1;
            (self.tell)(&reason, self.told == TOLD_MAX);
        }
        Ok(Disposition::LeaveOut)
    }

    /// Returns when what was kept is on the disk.
    ///
    /// # Errors
    ///
    /// If that cannot be had.
    pub(crate) fn settle(&mut self) -> Result<(), DeadLetterError> {
        self.file.as_mut().map_or(Ok(()), DeadLetterFile::settle)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::sync::{Arc, Mutex};

    use super::*;
    use dstream_task::StreamOptions;

    fn rejected(line: &[u8]) -> Rejected<'_> {
        let reason = Cow::Borrowed("not a JSON object");
        let (truncated, cut_off) = (false, false);
        Rejected { line, offset_bytes: 7, line_number: 2, reason, truncated, cut_off }
    }

    #[test]
    fn a_dead_letter_holds_the_line_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead/letters.jsonl");
        let mut secrets = Secrets::default();
        secrets.add("hunter22");
        let stream = StreamOptions { dead_letter: Some(path.clone()), ..StreamOptions::default() };
        let new = || {
            let letters = DeadLetters::of(&stream);
            RejectedLines::new(OnInvalid::DeadLetter, letters, "t", "in", &secrets, |_, _| {})
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
