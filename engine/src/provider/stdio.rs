//! The command line into a provider, its first line out of it, and what an output prints.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use memchr::{memchr, memrchr};

use crate::limits::HANDSHAKE_BYTES_MAX;

/// Where outputs print: one for all of them, so that their lines do not mix.
#[derive(Clone)]
pub struct Terminal(Arc<Mutex<dyn Write + Send>>);

impl Terminal {
    /// Prints to `writer`, which should not buffer.
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(writer)))
    }

    /// Prints bytes whole, nothing of another output between them.
    ///
    /// # Errors
    ///
    /// If the writer refuses them, for example since whoever read it has left.
    pub fn print(&self, bytes: &[u8]) -> io::Result<()> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(bytes)?;
        writer.flush()
    }
}

/// How far an output is with what it prints.
#[derive(Debug, Default)]
pub(crate) struct Printing {
    /// Bytes that were read of it.
    pub(crate) bytes: AtomicU64,
    /// Whether some of it is being written to the terminal, which may take it slowly or not at all.
    pub(crate) is_blocked: AtomicBool,
}

/// What a provider has printed up to the end of its first line, or more.
pub(crate) struct FirstLine {
    /// Everything read so far.
    pub(crate) bytes: Vec<u8>,
    /// Where the first line ends, its newline included; none if the provider closed its stdout
    /// before, or if the line is too long to be a handshake.
    pub(crate) line_end: Option<usize>,
}

/// Sends the command to an input, gives its stdin to `commanded`, then reads its first line.
pub(crate) fn handshake_input(
    stdin: OwnedFd,
    stdout: &mut impl Read,
    command: &str,
    commanded: impl FnOnce(OwnedFd),
) -> FirstLine {
    let mut stdin = File::from(stdin);
    // A provider that does not read its command is an old one, or dead: its exit says which.
    let _ = stdin.write_all(command.as_bytes());
    commanded(stdin.into());
    read_first_line(stdout)
}

/// The control messages of an output: lines for DStream among those for people.
pub(crate) struct ControlLines<T, F> {
    /// The message that a line is; `None` if the line is for people.
    pub(crate) read: fn(&[u8]) -> Option<T>,
    /// Whether a line that begins like this is a message, and is read whole: up to `bytes_max`.
    pub(crate) is_awaited: fn(&[u8]) -> bool,
    pub(crate) bytes_max: usize,
    /// The message that stands for a longer line; the rest of the line is discarded.
    pub(crate) too_long: fn(usize) -> T,
    /// Takes a message after everything before it was printed, and whether it was printed: after the
    /// terminal has refused something it was not, and an acknowledgement of it does not count.
    pub(crate) take: F,
}

impl<T, F> ControlLines<T, F> {
    /// The message that a line is, with or without its newline.
    fn of(&self, line: &[u8]) -> Option<T> {
        let length = line.len() - usize::from(line.ends_with(b"\n"));
        if length > self.bytes_max && (self.is_awaited)(line) {
            return Some((self.too_long)(self.bytes_max));
        }
        (self.read)(line)
    }
}

/// Reads an output's first line and hands it to `on_first_line`, which returns how many of the bytes
/// read are not for the terminal, and which control messages to expect. Prints the rest and all that
/// follows, except control messages. Once the terminal refuses something, `refused` is called and
/// nothing more is printed, but all is read, and counted in `printing`: an output must not block
/// because nobody reads what it prints.
pub(crate) fn handshake_output<T, F: FnMut(T, bool)>(
    mut stdout: &File,
    terminal: &Terminal,
    on_first_line: impl FnOnce(&FirstLine) -> (usize, Option<ControlLines<T, F>>),
    printing: &Printing,
    refused: impl FnOnce(),
) {
    let first = read_first_line(&mut stdout);
    let (taken, control) = on_first_line(&first);
    let mut pending = first.bytes;
    pending.drain(..taken);
    let mut printed = Printed::new(terminal, printing, control, refused);
    let mut searched = 0;
    loop {
        // Whole lines as soon as there are any, a very long line in pieces.
        let whole = match memrchr(b'\n', &pending[searched..]) {
            Some(at) => searched + at + 1,
            None if pending.len() < HANDSHAKE_BYTES_MAX || printed.awaits(&pending) => 0,
            None => pending.len(),
        };
        printed.take(&pending[..whole]);
        pending.drain(..whole);
        searched = pending.len();
        match read_more(&mut stdout, &mut pending) {
            0 => break,
            count => printing.bytes.fetch_add(count as u64, Ordering::Relaxed),
        };
    }
    printed.take(&pending);
}

/// What an output prints, split into control messages and what is for people.
struct Printed<'a, T, F, R> {
    terminal: &'a Terminal,
    printing: &'a Printing,
    control: Option<ControlLines<T, F>>,
    /// There until the terminal has refused something.
    refused: Option<R>,
    /// What comes next begins a line; else it is the rest of one that was printed in pieces.
    begins_line: bool,
    /// It is the rest of one that was too long, and nobody's.
    skips: bool,
}

impl<'a, T, F: FnMut(T, bool), R: FnOnce()> Printed<'a, T, F, R> {
    fn new(
        terminal: &'a Terminal,
        printing: &'a Printing,
        control: Option<ControlLines<T, F>>,
        refused: R,
    ) -> Self {
        Self {
            terminal,
            printing,
            control,
            refused: Some(refused),
            begins_line: true,
            skips: false,
        }
    }

    /// Whether the rest of a line is needed before anything of it is taken. A line that is too long is
    /// a message already.
    fn awaits(&mut self, begun: &[u8]) -> bool {
        let is_control = |control: &&mut ControlLines<T, F>| (control.is_awaited)(begun);
        let Some(control) = self.control.as_mut().filter(is_control) else { return false };
        if !self.begins_line || self.skips {
            return false;
        }
        if begun.len() <= control.bytes_max {
            return true;
        }
        (control.take)((control.too_long)(control.bytes_max), self.refused.is_some());
        self.skips = true;
        false
    }

    /// Takes whole lines, a piece of one, or the last one without its newline.
    fn take(&mut self, bytes: &[u8]) {
        let (mut start, mut printed) = (0, 0);
        while self.control.is_some() && start < bytes.len() {
            let end = memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at + 1);
            let line = &bytes[start..end];
            let begins = std::mem::replace(&mut self.begins_line, line.ends_with(b"\n"));
            let message =
                self.control.as_ref().filter(|_| begins).and_then(|control| control.of(line));
            if self.skips {
                self.skips = !self.begins_line;
                printed = end;
            } else if let Some(message) = message {
                self.print(&bytes[printed..start]);
                printed = end;
                if let Some(control) = &mut self.control {
                    (control.take)(message, self.refused.is_some());
                }
            }
            start = end;
        }
        self.print(&bytes[printed..]);
    }

    fn print(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.refused.is_none() {
            return;
        }
        self.printing.is_blocked.store(true, Ordering::Relaxed);
        if self.terminal.print(bytes).is_err() {
            self.refused.take().into_iter().for_each(|refused| refused());
        }
        self.printing.is_blocked.store(false, Ordering::Relaxed);
    }
}

fn read_first_line(stdout: &mut impl Read) -> FirstLine {
    let mut bytes = Vec::new();
    loop {
        let searched = bytes.len();
        let count = read_more(stdout, &mut bytes);
        if let Some(at) = memchr(b'\n', &bytes[searched..]) {
            return FirstLine { line_end: Some(searched + at + 1), bytes };
        }
        if count == 0 || bytes.len() > HANDSHAKE_BYTES_MAX {
            return FirstLine { bytes, line_end: None };
        }
    }
}

/// Appends what is there, waiting for it; 0 at the end.
fn read_more(stdout: &mut impl Read, bytes: &mut Vec<u8>) -> usize {
    let filled = bytes.len();
    bytes.resize(filled + HANDSHAKE_BYTES_MAX, 0);
    let count = loop {
        match stdout.read(&mut bytes[filled..]) {
            Ok(count) => break count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break 0,
        }
    };
    bytes.truncate(filled + count);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, then nothing.
    struct Narrow(usize);

    impl Write for Narrow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_message_counts_once_everything_before_it_is_printed() {
        let read = |line: &[u8]| line.strip_prefix(b"!").map(<[u8]>::to_vec);
        for (room, counted) in [(0, 1), (4, 1), (5, 2), (10, 2), (11, 3), (100, 3)] {
            let terminal = Terminal::new(Narrow(room));
            let (mut taken, mut refused) = (0, false);
            let control = ControlLines {
                read,
                is_awaited: |_| false,
                bytes_max: 0,
                too_long: |_| Vec::new(),
                take: |_: Vec<u8>, is_shown| taken += u32::from(is_shown),
            };
            let refuses = || refused = true;
            let printing = Printing::default();
            let mut printed = Printed::new(&terminal, &printing, Some(control), refuses);
            for piece in [&b"!1\ntext\n!2\nmo"[..], b"!re\n!3\n"] {
                printed.take(piece);
            }
            assert_eq!((taken, refused), (counted, counted < 3), "room for {room} bytes");
        }
    }
    /// A long message is never printed in pieces; one that is too long is reported as that, once, and the
    /// lines after it are read as usual.
    #[test]
    fn a_long_message_is_taken_whole_or_not_at_all() {
        let read = |line: &[u8]| line.starts_with(b"!").then_some(line.len());
        for (length, expected) in [(70_000, 70_000), (200_000, 200_000), (200_002, 0), (900_000, 0)]
        {
            let long = format!("!{}\n", "x".repeat(length - 2));
            let text = ["ready\n", "text\n", &long, "more\n", &"y".repeat(100_000), "!\n!3\n"];
            let (reader, mut writer) = io::pipe().unwrap();
            let text = text.concat();
            let feed = std::thread::spawn(move || writer.write_all(text.as_bytes()).unwrap());
            let shown = Arc::new(Mutex::new(Vec::new()));
            struct Shown(Arc<Mutex<Vec<u8>>>);
            impl Write for Shown {
                fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                    self.0.lock().unwrap().extend_from_slice(bytes);
                    Ok(bytes.len())
                }
                fn flush(&mut self) -> io::Result<()> {
                    Ok(())
                }
            }
            let taken = Arc::new(Mutex::new(Vec::new()));
            let takes = Arc::clone(&taken);
            let on_first_line = move |first: &FirstLine| {
                let control = ControlLines {
                    read,
                    is_awaited: |line| line.starts_with(b"!"),
                    bytes_max: 200_000,
                    too_long: |_| 0,
                    take: move |length, _| takes.lock().unwrap().push(length),
                };
                (first.line_end.unwrap(), Some(control))
            };
            let terminal = Terminal::new(Shown(Arc::clone(&shown)));
            let stdout = File::from(OwnedFd::from(reader));
            handshake_output(&stdout, &terminal, on_first_line, &Printing::default(), || {
                panic!("refused")
            });
            feed.join().unwrap();
            assert_eq!(*taken.lock().unwrap(), [expected, 3]);
            let expected = format!("text\nmore\n{}!\n", "y".repeat(100_000));
            assert_eq!(*shown.lock().unwrap(), expected.as_bytes(), "{length}");
        }
    }
}
