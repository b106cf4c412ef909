//! What the standard library does not offer for pipes.

use std::collections::hash_map::RandomState;
use std::fs::File;
use std::hash::BuildHasher;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::limits::{BLOCK_BYTES, PIPE_BYTES, ROOM_WAIT};

/// Asks for a pipe of [`PIPE_BYTES`]; what the system refuses costs speed only.
pub fn widen(pipe: impl std::os::fd::AsFd) {
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE_BYTES);
    #[cfg(not(target_os = "linux"))]
    let _ = (pipe, PIPE_BYTES);
}

/// Whether `file` is a pipe.
pub fn is_pipe(file: &File) -> bool {
    rustix::fs::fstat(file)
        .is_ok_and(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode).is_fifo())
}

/// Whether a write to `pipe` would not have to wait.
pub fn has_room(pipe: &File) -> bool {
    let mut pipe = [PollFd::new(pipe, PollFlags::OUT)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut pipe, Some(&now)).is_ok() && pipe[0].revents().contains(PollFlags::OUT)
}

/// Has a write to `pipe` return with what there is room for, and not wait for more. Its other end is as it
/// was.
pub fn set_nonblocking(pipe: &File) {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    // If it cannot be had, a write waits.
    let _ = fcntl_getfl(pipe).and_then(|flags| fcntl_setfl(pipe, flags | OFlags::NONBLOCK));
}

/// Waits until there is room in `pipe`, or nobody reads it, but no longer than [`ROOM_WAIT`].
pub fn wait_for_room(pipe: &File) {
    let most = Timespec { tv_sec: 0, tv_nsec: ROOM_WAIT.subsec_nanos().into() };
    let _ = poll(&mut [PollFd::new(pipe, PollFlags::OUT)], Some(&most));
}

/// Whether any process holds the writing end of `pipe`.
pub fn has_writers(pipe: &File) -> bool {
    let mut pipe = [PollFd::new(pipe, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    // A pipe without writers is hung up (poll(2)), whatever is still in it.
    poll(&mut pipe, Some(&now)).is_ok() && !pipe[0].revents().contains(PollFlags::HUP)
}

/// Whether more may come into `pipe` although nothing is read: it has writers, and less is in it than
/// is worth a read of its own, or than its pages are sure to hold: a write that does not fit into the
/// last of them begins another.
pub fn is_filling(pipe: &File) -> bool {
    unread_bytes(pipe) < (capacity_bytes(pipe) / 4).min(BLOCK_BYTES) && has_writers(pipe)
}

#[cfg(target_os = "linux")]
fn capacity_bytes(pipe: &File) -> usize {
    rustix::pipe::fcntl_getpipe_size(pipe).unwrap_or(0)
}

/// The least that systems have.
#[cfg(not(target_os = "linux"))]
fn capacity_bytes(_pipe: &File) -> usize {
    16 * 1024
}

/// What [`wake_reader`] writes: 16 bytes by chance, which nobody else can have written.
pub type Mark = [u8; 16];

/// A mark of its own.
pub fn new_mark() -> Mark {
    let chance = RandomState::new(); // seeded by the system
    (u128::from(chance.hash_one(0)) << 64 | u128::from(chance.hash_one(1))).to_ne_bytes()
}

/// Wakes a thread that is blocked in a read of `pipe`, whose writers will neither write nor leave;
/// the thread has been asked to discard what it reads from the mark on.
///
/// Reading through `poll` would cost every wake-up a system call more, for a case that needs a
/// process that has escaped from its group. Instead the pipe is opened once more, for writing, and
/// a mark wakes the reader; so little is written as a whole (pipe(7)). Where there are bytes in the
/// pipe its reader is not blocked: then there is none. Returns whether it was written.
#[cfg(target_os = "linux")]
pub fn wake_reader(pipe: &File, mark: &Mark) -> bool {
    use rustix::fs::{Mode, OFlags};
    use std::os::fd::AsRawFd;

    if unread_bytes(pipe) > 0 {
        return false;
    }
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty())
        .is_ok_and(|writer| rustix::io::write(&writer, mark) == Ok(mark.len()))
}

/// Where the system offers no way to wake it, the thread goes on with the next byte that comes.
#[cfg(not(target_os = "linux"))]
pub fn wake_reader(_pipe: &File, _mark: &Mark) -> bool {
    false
}

/// Bytes that can be read from `pipe` at once.
pub fn unread_bytes(pipe: &File) -> usize {
    rustix::io::ioctl_fionread(pipe).map_or(0, |bytes| usize::try_from(bytes).unwrap_or(0))
}

/// A reading end of a pipe to another process, held to know what that process has left unread.
/// While it is held a write to the pipe does not fail although nobody reads: it is opened once all
/// is written.
#[derive(Debug)]
pub struct Rest(File);

impl Rest {
    /// The rest of the pipe whose writing end this is; none where the system cannot tell.
    pub fn of(pipe: &File) -> Option<Self> {
        open_reader(pipe).map(Self)
    }

    /// Bytes that have not been read yet.
    pub fn unread_bytes(&self) -> u64 {
        unread_bytes(&self.0) as u64
    }

    /// Lines and bytes that have not been read; they are read here. To be asked when nobody else
    /// will read them.
    pub fn take(self) -> (u64, u64) {
        let mut taken = (0, 0);
        drain(&self.0, &mut vec![0; PIPE_BYTES], &mut taken);
        taken
    }
}

/// Opens the pipe once more, for reading what is there without waiting.
#[cfg(target_os = "linux")]
fn open_reader(pipe: &File) -> Option<File> {
    use rustix::fs::{FileType, Mode, OFlags};
    use std::os::fd::AsRawFd;

    let stat = rustix::fs::fstat(pipe).ok()?;
    if !FileType::from_raw_mode(stat.st_mode).is_fifo() {
        return None;
    }
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).ok().map(File::from)
}

#[cfg(not(target_os = "linux"))]
fn open_reader(_pipe: &File) -> Option<File> {
    None
}

/// Reads what is there, and counts its lines and bytes.
fn drain(pipe: &File, buffer: &mut [u8], (lines, bytes): &mut (u64, u64)) {
    loop {
        match rustix::io::read(pipe, &mut *buffer) {
            Ok(count) if count > 0 => {
                *lines += memchr::memchr_iter(b'\n', &buffer[..count]).count() as u64;
                *bytes += count as u64;
            }
            Err(rustix::io::Errno::INTR) => {}
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn a_held_pipe_is_known_and_its_reader_can_be_woken() {
        let (reader, writer) = std::io::pipe().unwrap();
        let reader = File::from(OwnedFd::from(reader));
        assert!(has_writers(&reader));
        std::thread::scope(|scope| {
            let mark = new_mark();
            assert_ne!(mark, new_mark());
            let read = scope.spawn(|| {
                let mut buffer = [0; 32];
                let count = (&reader).read(&mut buffer).unwrap();
                buffer[..count].to_vec()
            });
            assert!(wake_reader(&reader, &mark));
            assert_eq!(read.join().unwrap(), mark);
        });
        drop(writer);
        // What another test starts has a copy of it until its exec.
        while has_writers(&reader) {
            std::thread::yield_now();
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_pipe_with_bytes_in_it_takes_none_to_wake_its_reader() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"half a line").unwrap();
        let reader = File::from(OwnedFd::from(reader));
        let full = unread_bytes(&reader);
        assert!(!wake_reader(&reader, &new_mark()));
        assert_eq!(unread_bytes(&reader), full);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_left_in_a_pipe_is_known_after_both_its_ends_have_gone() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut writer = File::from(OwnedFd::from(writer));
        writer.write_all(b"one\ntwo\nthree\n").unwrap();
        reader.read_exact(&mut [0; 6]).unwrap();
        let rest = Rest::of(&writer).unwrap();
        drop((reader, writer));
        assert_eq!(rest.take(), (2, 8));
        assert!(Rest::of(&tempfile::tempfile().unwrap()).is_none());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_blocked_writer_goes_on_when_the_pipe_is_read_in_place_of_its_reader() {
        let (reader, writer) = std::io::pipe().unwrap();
        let writer = File::from(OwnedFd::from(writer));
        // More than a pipe holds.
        let line = b"a line of twenty by\n";
        let bytes = line.repeat(200_000);
        let taken = std::thread::scope(|scope| {
            let write = scope.spawn(|| (&writer).write_all(&bytes).unwrap());
            let mut taken = (0, 0);
            let take = |taken: &mut (u64, u64)| {
                let (lines, bytes) = Rest::of(&writer).unwrap().take();
                *taken = (taken.0 + lines, taken.1 + bytes);
            };
            while !write.is_finished() {
                take(&mut taken);
                std::thread::yield_now();
            }
            take(&mut taken);
            taken
        });
        assert_eq!(taken, (200_000, bytes.len() as u64));
        drop(reader);
    }
}
