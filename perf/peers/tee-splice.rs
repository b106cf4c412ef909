//! A plain relay that leaves the bytes in the kernel: looks at a copy of what is in its stdin (`tee`), and moves the
//! whole lines of it to its stdout (`splice`). It is the least that DStream's `splice` has to do; it checks, counts and
//! limits nothing.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, pipe, splice, tee};

/// Bytes of a look, and of the pipe that holds it.
const LOOK_BYTES: usize = 1024 * 1024;

fn main() -> io::Result<()> {
    // Rust's own stdin and stdout have buffers.
    let mut stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let (copies, copier) = pipe()?;
    let mut copies = File::from(copies);
    fcntl_setpipe_size(&copier, LOOK_BYTES)?;
    let mut look = vec![0; LOOK_BYTES];
    let none = SpliceFlags::empty();
    loop {
        let count = tee(&stdin, &copier, LOOK_BYTES, none)?;
        if count == 0 {
            return Ok(());
        }
        copies.read_exact(&mut look[..count])?;
        let Some(newline) = memchr::memrchr(b'\n', &look[..count]) else {
            // An unfinished line would be there at once at the next look: it goes on as it is.
            stdin.read_exact(&mut look[..count])?;
            stdout.write_all(&look[..count])?;
            continue;
        };
        let mut left = newline + 1;
        while left > 0 {
            left -= splice(&stdin, None, &stdout, None, left, none)?;
        }
    }
}
