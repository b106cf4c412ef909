//! The command line into a provider, its first line out of it, and what an output prints.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

use memchr::{memchr, memchr_iter, memrchr};

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

/// What a provider has printed up to the end of its first line, or more.
pub(crate) struct FirstLine {
    /// Everything read so far.
    pub(crate) bytes: Vec<u8>,
    /// Where the first line ends, its newline included; none if the provider closed its stdout
    /// before, or if the line is too long to be a handshake.
    pub(crate) line_end: Option<usize>,
}

/// Sends the command to an input, gives its stdin to `commanded`, then reads its first line.
pub(crate) fn greet_input(
    stdin: OwnedFd,
    stdout: &mut File,
    command: &str,
    commanded: impl FnOnce(OwnedFd),
) -> FirstLine {
    let mut stdin = File::from(stdin);
    // A provider that does not read its command is an old one, or dead: its exit says which.
    let _ = stdin.write_all(command.as_bytes());
    commanded(stdin.into());
    read_first_line(stdout)
}

/// Reads an output's first line, hands it to `greeted`, which says how many of the bytes read are
/// not for the terminal, and prints the rest and all that follows, but for the lines that `is_told`
/// takes. Once the terminal refuses
/// something, `refused` is called and nothing more is printed, but all is read: an output must not
/// block because nobody wants to see what it prints.
pub(crate) fn greet_output(
    mut stdout: &File,
    terminal: &Terminal,
    greeted: impl FnOnce(&FirstLine) -> usize,
    mut is_told: Option<impl FnMut(&[u8]) -> bool>,
    refused: impl FnOnce(),
) {
    let first = read_first_line(&mut stdout);
    let taken = greeted(&first);
    let mut pending = first.bytes;
    pending.drain(..taken);
    let mut begins_line = true;
    let mut refused = Some(refused);
    let mut print = |bytes: &[u8]| {
        if !bytes.is_empty() && refused.is_some() && terminal.print(bytes).is_err() {
            refused.take().into_iter().for_each(|refused| refused());
        }
    };
    loop {
        // Whole lines as soon as there are any, a very long line in pieces.
        let whole = match memrchr(b'\n', &pending) {
            Some(at) => at + 1,
            None if pending.len() >= HANDSHAKE_BYTES_MAX => pending.len(),
            None => 0,
        };
        if let Some(is_told) = &mut is_told {
            // What is told by lines of their own is not for the terminal.
            let mut line_start = 0;
            let mut printed = 0;
            for newline in memchr_iter(b'\n', &pending[..whole]) {
                let line = line_start..newline + 1;
                line_start = line.end;
                // The rest of a line that was printed in pieces is none.
                if std::mem::replace(&mut begins_line, true) && is_told(&pending[line.clone()]) {
                    print(&pending[printed..line.start]);
                    printed = line.end;
                }
            }
            begins_line &= line_start == whole;
            print(&pending[printed..whole]);
        } else {
            print(&pending[..whole]);
        }
        pending.drain(..whole);
        if read_more(&mut stdout, &mut pending) == 0 {
            break;
        }
    }
    if !pending.is_empty() {
        print(&pending);
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
