//! A plain relay of two threads: one reads whole lines into blocks, the other writes them. It is the least that
//! DStream's `portable` and `uring` have to do; it checks, counts and limits nothing.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Bytes of a block, and of the longest line.
const BLOCK_BYTES: usize = 256 * 1024;

/// Blocks in all: one is read into, one is written, the others wait between.
const BLOCKS: usize = 4;

/// A block and how many bytes at its front are whole lines.
type Lines = (Vec<u8>, usize);

fn main() -> io::Result<()> {
    // Rust's own stdin and stdout have buffers.
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let (full, lines) = sync_channel(BLOCKS);
    let (empty, blocks) = sync_channel(BLOCKS);
    for _ in 0..BLOCKS {
        let _ = empty.send(vec![0; BLOCK_BYTES]);
    }
    let reader = thread::spawn(move || read(stdin, &blocks, &full));
    write(stdout, &lines, &empty)?;
    reader.join().unwrap_or_else(|_| Err(io::ErrorKind::Other.into()))
}

fn read(mut stdin: File, blocks: &Receiver<Vec<u8>>, full: &SyncSender<Lines>) -> io::Result<()> {
    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
    let mut block = blocks.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
    let mut filled = 0;
    loop {
        let count = stdin.read(&mut block[filled..])?;
        if count == 0 {
            // What is left is the end without its newline, or a line longer than a block.
            return full.send((block, filled)).map_err(gone);
        }
        let newline = memchr::memrchr(b'\n', &block[filled..filled + count]);
        let end = newline.map(|newline| filled + newline + 1);
        filled += count;
        let Some(end) = end else { continue };
        let mut next = blocks.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
        next[..filled - end].copy_from_slice(&block[end..filled]);
        full.send((block, end)).map_err(gone)?;
        (block, filled) = (next, filled - end);
    }
}

fn write(mut stdout: File, lines: &Receiver<Lines>, empty: &SyncSender<Vec<u8>>) -> io::Result<()> {
    for (block, end) in lines {
        stdout.write_all(&block[..end])?;
        // The reader that has ended needs no block.
        let _ = empty.send(block);
    }
    Ok(())
}
