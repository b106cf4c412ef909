//! Waking a thread that is blocked in a read of a pipe whose writers will neither write nor leave.
//!
//! Reading through `poll` would cost every wake-up a system call more, for a case that needs a
//! process that has escaped from its group. Instead the pipe is opened once more, for writing, and
//! one byte wakes the reader, which has been told to throw it away.

use std::fs::File;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Whether any process holds the writing end of `pipe`.
pub(super) fn has_writers(pipe: &File) -> bool {
    let mut pipe = [PollFd::new(pipe, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    // A pipe without writers is hung up (poll(2)), whatever is still in it.
    poll(&mut pipe, Some(&now)).is_ok() && !pipe[0].revents().contains(PollFlags::HUP)
}

#[cfg(target_os = "linux")]
pub(super) fn reader_of(pipe: &File) {
    use rustix::fs::{Mode, OFlags};
    use std::os::fd::AsRawFd;

    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // A full pipe refuses the byte, but then its reader is not blocked.
    if let Ok(writer) = rustix::fs::open(path, flags, Mode::empty()) {
        let _ = rustix::io::write(&writer, b"\n");
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn reader_of(_pipe: &File) {}
