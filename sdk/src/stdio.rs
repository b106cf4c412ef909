//! The process's own stdin and stdout, as the SDK needs them.

use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, Read, Write};
use std::os::fd::AsFd;

use dstream_protocol::CommandLine;
use rustix::event::{PollFd, PollFlags, poll};

use crate::error::{ClosedStdout, ProviderError};
use crate::lines::Lines;

/// Bytes of the buffer for stdin while lines are shorter than that.
const BUFFER_BYTES: usize = 256 << 10;

/// Reads the command line.
pub(crate) fn command_line(stdin: &mut Lines<Stdin>) -> Result<CommandLine<'_>, ProviderError> {
    CommandLine::decode(stdin.next_line_or_rest()?)
        .map_err(|error| ProviderError::config(error.to_string()))
}

/// Stdout without the line buffer of the standard library, which would make every line a write of
/// its own. Errors of a closed pipe are [`ClosedStdout`].
#[derive(Debug)]
pub(crate) struct Stdout(File);

impl Stdout {
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self(File::from(io::stdout().as_fd().try_clone_to_owned()?)))
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => ClosedStdout::error(),
            _ => error,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // every write goes to the kernel
    }
}

/// Stdin without a buffer: [`Lines`] has one, and `poll` does not see what lies in a second one.
#[derive(Debug)]
pub(crate) struct Stdin(File);

impl Stdin {
    /// Its lines.
    pub(crate) fn lines() -> io::Result<Lines<Self>> {
        let stdin = Self(File::from(io::stdin().as_fd().try_clone_to_owned()?));
        Ok(Lines::new(stdin, 0, BUFFER_BYTES))
    }

    /// The same, ending when a stop is asked for.
    pub(crate) fn until(self, bell: PipeReader) -> StoppableStdin {
        StoppableStdin { stdin: self, bell, is_cut: false }
    }
}

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// Stdin that ends when the stream does, or as soon as a stop is asked for.
#[derive(Debug)]
pub(crate) struct StoppableStdin {
    stdin: Stdin,
    bell: PipeReader,
    is_cut: bool,
}

impl StoppableStdin {
    /// Whether it was the stop that ended it.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl Read for StoppableStdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ends = [
            PollFd::new(&self.stdin.0, PollFlags::IN),
            PollFd::new(&self.bell, PollFlags::IN), // hanging up is reported without being asked for
        ];
        poll(&mut ends, None)?;
        if !ends[1].revents().is_empty() {
            self.is_cut = true;
            return Ok(0);
        }
        self.stdin.read(buffer)
    }
}
