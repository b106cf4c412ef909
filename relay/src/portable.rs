//! The transport that runs everywhere: plain reads and writes of a pipe, by the loops of `pump`.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;

use super::pump::Source;
use crate::pipe;

/// A file descriptor that several threads may hold; closed by the last.
pub(super) struct SharedFile(pub(super) Arc<File>);

impl SharedFile {
    /// Writes; where the pipe takes nothing, waits a moment for room, and is then to be called again.
    fn when_there_is_room(&self, write: impl Fn(&File) -> io::Result<usize>) -> io::Result<usize> {
        let written = write(&self.0);
        match written {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                pipe::wait_for_room(&self.0);
                Err(ErrorKind::Interrupted.into())
            }
            written => written,
        }
    }
}

impl Source for SharedFile {
    fn unread_bytes(&self) -> usize {
        pipe::unread_bytes(&self.0)
    }

    fn is_filling(&self) -> bool {
        pipe::is_filling(&self.0)
    }
}

impl Read for SharedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for SharedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.when_there_is_room(|mut file| file.write(bytes))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.when_there_is_room(|mut file| file.write_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
