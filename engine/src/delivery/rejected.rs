//! `on_invalid`: fail, drop, or keep as a dead letter.

use std::io;

use super::dead_letters::{DeadLetterError, DeadLetterFile, DeadLetters, NewLetter, new_letter};
use dstream_relay::{Disposition, Rejected, Rejects};
use dstream_task::{OnInvalid, Secrets};

/// Lines left out one after the other that are reported singly; after them, only their count is.
const REPORTED_MAX: u64 = 10;

/// What becomes of lines that are left out, wherever they come from.
struct LeftOut {
    policy: OnInvalid,
    letters: Option<DeadLetters>,
    /// Open from the first letter on, or from the beginning.
    file: Option<DeadLetterFile>,
    task: String,
    provider: String,
    /// Not for the line itself, which is kept as it is.
    secrets: Secrets,
    reported: u64,
}

impl LeftOut {
    fn new(
        policy: OnInvalid,
        letters: Option<DeadLetters>,
        task: &str,
        provider: &str,
        secrets: &Secrets,
    ) -> Self {
        let letters = letters.filter(|_| policy == OnInvalid::DeadLetter);
        let (task, provider, secrets) = (task.to_owned(), provider.to_owned(), secrets.clone());
        Self { policy, letters, file: None, task, provider, secrets, reported: 0 }
    }

    /// The dead-letter file, if lines are kept.
    fn file(&mut self) -> Result<Option<&mut DeadLetterFile>, DeadLetterError> {
        if let (None, Some(letters)) = (&self.file, &self.letters) {
            self.file = Some(DeadLetterFile::open(letters.clone())?);
        }
        Ok(self.file.as_mut())
    }

    /// Keeps a line where lines are kept. `describe` adds what is known of where it stood.
    fn keep(
        &mut self,
        line: &[u8],
        reason: &str,
        describe: impl FnOnce(&mut NewLetter<'_>),
    ) -> Result<(), DeadLetterError> {
        self.file()?;
        let Some(file) = &mut self.file else { return Ok(()) };
        let reason = self.secrets.mask(reason);
        let mut letter = new_letter(&self.task, &self.provider, &reason, line);
        describe(&mut letter);
        file.append(&letter)
    }

    /// Reports a line, unless enough were; `report` is called with whether it is the last.
    fn report(&mut self, report: impl FnOnce(&Secrets, bool)) {
        if self.reported < REPORTED_MAX {
            self.reported += 1;
            report(&self.secrets, self.reported == REPORTED_MAX);
        }
    }

    fn settle(&mut self) -> Result<(), DeadLetterError> {
        self.file.as_mut().map_or(Ok(()), DeadLetterFile::settle)
    }
}

/// Carries out a task's `on_invalid` for lines of the input.
pub(crate) struct RejectedLines<T> {
    left_out: LeftOut,
    /// Called for the first lines, and with `true` for the last of them.
    report: T,
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
        letters: Option<DeadLetters>,
        task: &str,
        provider: &str,
        secrets: &Secrets,
        report: T,
    ) -> Result<Self, DeadLetterError> {
        let mut left_out = LeftOut::new(policy, letters, task, provider, secrets);
        left_out.file()?;
        Ok(Self { left_out, report })
    }
}

impl<T: FnMut(&Rejected<'_>, bool) + Send + 'static> Rejects for RejectedLines<T> {
    fn reject(&mut self, rejected: &Rejected<'_>) -> io::Result<Disposition> {
        let kept = self.left_out.keep(rejected.line, &rejected.reason, |letter| {
            letter.line_number = Some(rejected.line_number);
            letter.offset_bytes = Some(rejected.offset_bytes);
            letter.truncated = rejected.truncated;
            letter.cut_off = rejected.cut_off;
        });
        kept.map_err(DeadLetterError::into_io)?;
        if self.left_out.policy == OnInvalid::Fail && !rejected.cut_off {
            return Ok(Disposition::Stop); // its failure reports it
        }
        self.left_out.report(|_, last| (self.report)(rejected, last));
        Ok(Disposition::LeaveOut)
    }

    fn settle(&mut self) -> io::Result<()> {
        self.left_out.settle().map_err(DeadLetterError::into_io)
    }
}

/// The same for lines that an output has taken and gives back.
pub(crate) struct ReturnedLines<T> {
    left_out: LeftOut,
    /// Called with the reasons of the first lines, and with `true` for the last of them.
    report: T,
}

impl<T: FnMut(&str, bool)> ReturnedLines<T> {
    /// Opens the dead-letter file with the first letter.
    pub(crate) fn new(
        policy: OnInvalid,
        letters: Option<DeadLetters>,
        task: &str,
        output: &str,
        secrets: &Secrets,
        report: T,
    ) -> Self {
        Self { left_out: LeftOut::new(policy, letters, task, output, secrets), report }
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
        if self.left_out.policy == OnInvalid::Fail {
            return Ok(Disposition::Stop); // its failure reports it
        }
        self.left_out.keep(line, reason, |_| {})?;
        self.left_out.report(|secrets, last| (self.report)(&secrets.mask(reason), last));
        Ok(Disposition::LeaveOut)
    }

    /// Returns when what was kept is on the disk.
    ///
    /// # Errors
    ///
    /// If that cannot be had.
    pub(crate) fn settle(&mut self) -> Result<(), DeadLetterError> {
        self.left_out.settle()
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
    fn dropped_lines_are_reported_singly_only_at_first() {
        let reported = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&reported);
        let tell = move |_: &Rejected<'_>, last| seen.lock().unwrap().push(last);
        let mut lines =
            RejectedLines::new(OnInvalid::Drop, None, "t", "in", &Secrets::default(), tell)
                .unwrap();
        for _ in 0..2 * REPORTED_MAX {
            assert_eq!(lines.reject(&rejected(b"x")).unwrap(), Disposition::LeaveOut);
        }
        let reported = reported.lock().unwrap();
        assert_eq!(reported.len(), REPORTED_MAX as usize);
        assert_eq!(reported.iter().filter(|&&last| last).count(), 1);
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
