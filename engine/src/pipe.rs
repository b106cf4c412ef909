//! What the standard library does not offer for pipes.

use std::fs::File;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::limits::{KILLED_PIPE_WAIT, PIPE_BYTES};

/// Asks for a pipe of [`PIPE_BYTES`]; what the system refuses costs speed only.
#[cfg(feature = "run")]
pub(crate) fn widen(pipe: impl std::os::fd::AsFd) {
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE_BYTES);
    #[cfg(not(target_os = "linux"))]
    let _ = (pipe, PIPE_BYTES);
}

/// Whether `file` is a pipe.
pub(crate) fn is_pipe(file: &File) -> bool {
    rustix::fs::fstat(file)
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_fifo())
}

/// Whether any process holds the writing end of `pipe`.
pub(crate) fn has_writers(pipe: &File) -> bool {
    let mut pipe = [PollFd::new(pipe, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    // A pipe without writers is hung up (poll(2)), whatever is still in it.
    poll(&mut pipe, Some(&now)).is_ok() && !pipe[0].revents().contains(PollFlags::HUP)
}

/// Wakes a thread that is blocked in a read of `pipe`, whose writers will neither write nor leave;
/// the thread has been told to throw away what it reads.
///
/// Reading through `poll` would cost every wake-up a system call more, for a case that needs a
/// process that has escaped from its group. Instead the pipe is opened once more, for writing, and
/// one byte wakes the reader.
#[cfg(target_os = "linux")]
pub(crate) fn wake_reader(pipe: &File) {
    use rustix::fs::{Mode, OFlags};
    use std::os::fd::AsRawFd;

    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // A full pipe refuses the byte, but then its reader is not blocked.
    if let Ok(writer) = rustix::fs::open(path, flags, Mode::empty()) {
        let _ = rustix::io::write(&writer, b"\n");
    }
}

/// Where the system offers no way to wake it, the thread goes on with the next byte that comes.
#[cfg(not(target_os = "linux"))]
pub(crate) fn wake_reader(_pipe: &File) {}

/// Bytes that can be read from `pipe` at once.
pub(crate) fn unread_bytes(pipe: &File) -> u64 {
    rustix::io::ioctl_fionread(pipe).unwrap_or(0)
}

/// Frees a thread that is blocked in a write to `pipe`, whose readers will neither read nor leave,
/// by reading in their place until `is_free`. Returns the lines and bytes that were read.
#[cfg(target_os = "linux")]
pub(crate) fn free_writer(pipe: &File, is_free: impl Fn() -> bool) -> (u64, u64) {
    use rustix::fs::{Mode, OFlags};
    use std::os::fd::AsRawFd;
    use std::time::{Duration, Instant};

    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(reader) = rustix::fs::open(path, flags, Mode::empty()) else {
        return (0, 0);
    };
    let deadline = Instant::now() + KILLED_PIPE_WAIT;
    let (mut lines, mut bytes) = (0, 0);
    let mut buffer = vec![0; PIPE_BYTES];
    while !is_free() && Instant::now() < deadline {
        match rustix::io::read(&reader, &mut buffer) {
            Ok(count) if count > 0 => {
                lines += memchr::memchr_iter(b'\n', &buffer[..count]).count() as u64;
                bytes += count as u64;
            }
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
    }
    (lines, bytes)
}

/// Where the system offers no way to free it, the thread stays until its readers have gone.
#[cfg(not(target_os = "linux"))]
pub(crate) fn free_writer(_pipe: &File, _is_free: impl Fn() -> bool) -> (u64, u64) {
    (0, 0)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn a_held_pipe_is_known_and_its_reader_can_be_woken() {
        let (reader, writer) = std::io::pipe().unwrap();
        let reader = File::from(OwnedFd::from(reader));
        assert!(has_writers(&reader));
        std::thread::scope(|scope| {
            let read = scope.spawn(|| (&reader).read(&mut [0; 8]).unwrap());
            wake_reader(&reader);
            assert_eq!(read.join().unwrap(), 1);
        });
        drop(writer);
        assert!(!has_writers(&reader));
    }
}
