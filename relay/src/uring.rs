//! Reads and writes through io_uring, by tokio-uring: a file that has a runtime of its own.
//!
//! tokio-uring does not cancel an operation that is dropped: it would go on to swallow bytes. So
//! none ever is: every call here waits until its only operation has completed, one thread owns one
//! descriptor with one runtime, and whoever wants to end a wait wakes it through the pipe
//! (`pipe::wake_reader`), as with any other transport.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use io_uring::opcode;
use io_uring::squeue::Entry;
use io_uring::types::Fd;
use tokio_uring::{OneshotOutputTransform, Runtime, UnsubmittedOneshot};

use super::pump::Source;
use crate::pipe;

/// Entries of a ring: one operation at a time, and the runtime's own wake-up.
const RING_ENTRIES: u32 = 4;

/// The first kernel whose io_uring reads pipes without a thread behind it and without missing
/// their end (liburing issue 665 was seen on 5.18).
const KERNEL_MIN: (u32, u32) = (6, 1);

/// The offset that means "where the file is": pipes have no other.
const CURRENT_OFFSET: u64 = u64::MAX;

/// Whether this process may use io_uring: containers and sysctls deny it.
pub(super) fn is_available() -> bool {
    is_recent(&rustix::system::uname().release().to_string_lossy())
        // Not `Runtime::new`, which leaks what it has when it fails.
        && io_uring::IoUring::new(RING_ENTRIES).is_ok()
}

fn is_recent(release: &str) -> bool {
    let mut numbers = release.split(|byte: char| !byte.is_ascii_digit());
    let mut next = || numbers.next().and_then(|digits| digits.parse::<u32>().ok());
    matches!((next(), next()), (Some(major), Some(minor)) if (major, minor) >= KERNEL_MIN)
}

/// A pipe that is read or written through a ring. Not to be sent to another thread.
pub(super) struct RingFile {
    file: Arc<File>,
    runtime: Runtime,
}

impl RingFile {
    /// Makes a ring for `file`, for the calling thread.
    ///
    /// # Errors
    ///
    /// If the system has no ring to give.
    pub(super) fn new(file: Arc<File>) -> io::Result<Self> {
        let runtime = Runtime::new(tokio_uring::builder().entries(RING_ENTRIES))?;
        Ok(Self { file, runtime })
    }

    fn fd(&self) -> Fd {
        Fd(self.file.as_raw_fd())
    }

    /// Carries out one operation. It has completed, and touches no memory any more, when this
    /// returns; should that ever fail to be so, the process ends rather than let the kernel write
    /// into memory that is used for something else.
    fn complete(&self, operation: Entry) -> io::Result<usize> {
        let bomb = AbortOnUnwind;
        let result = self
            .runtime
            .block_on(async { UnsubmittedOneshot::new((), Count, operation).submit().await });
        std::mem::forget(bomb);
        result
    }
}

/// Ends the process when it is dropped.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// What a completed operation returns: a count, or an error.
struct Count;

impl OneshotOutputTransform for Count {
    type Output = io::Result<usize>;
    type StoredData = ();

    fn transform_oneshot_output(self, (): (), completed: io_uring::cqueue::Entry) -> Self::Output {
        let result = completed.result();
        usize::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result))
    }
}

/// Lengths of one operation are 32 bits; what is beyond comes with the next.
fn length_of(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

impl Source for RingFile {
    fn unread_bytes(&self) -> usize {
        pipe::unread_bytes(&self.file)
    }

    fn is_filling(&self) -> bool {
        pipe::is_filling(&self.file)
    }
}

impl Read for RingFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // `buffer` is borrowed until the operation has completed.
        let read = opcode::Read::new(self.fd(), buffer.as_mut_ptr(), length_of(buffer.len()));
        self.complete(read.offset(CURRENT_OFFSET).build())
    }
}

impl Write for RingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let write = opcode::Write::new(self.fd(), bytes.as_ptr(), length_of(bytes.len()));
        self.complete(write.offset(CURRENT_OFFSET).build())
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        // `IoSlice` has the layout of an iovec on Unix, says its documentation.
        let vectors = slices.as_ptr().cast();
        let write = opcode::Writev::new(self.fd(), vectors, length_of(slices.len()));
        self.complete(write.offset(CURRENT_OFFSET).build())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_told_apart() {
        for (release, recent) in [
            ("6.1.0-18-amd64", true),
            ("6.18", true),
            ("10.0.1", true),
            ("6.0.19", false),
            ("5.15.0", false),
            ("", false),
            ("six", false),
        ] {
            assert_eq!(is_recent(release), recent, "{release}");
        }
    }
}
