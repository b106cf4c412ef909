//! The transport that runs everywhere: plain reads and writes, a thread for each.

use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crossbeam_channel::{Receiver, Sender};
use memchr::memchr_iter;

use super::batch::Batch;
use super::cancel::Cancel;
use super::check::LineCheck;
use super::counters::{OutputCounters, RelayCounters};
use super::framer::{Framed, Framer};
use super::{InputEnd, OutputEnd};
use crate::limits::WRITE_BATCHES_MAX;
use crate::pipe;

/// Reads until the input ends, hands every batch to every outlet.
///
/// Returns early when a line must not pass, when an output is gone (what its siblings were
/// already given is still written), or when `cancelled` is set and something wakes the read.
pub(super) fn read_all<C: LineCheck>(
    mut source: impl Source,
    initial: &[u8],
    framer: &mut Framer<C>,
    outlets: &[Sender<Batch>],
    counters: &RelayCounters,
    cancelled: &Cancel,
) -> InputEnd {
    let hand_over = |framed: Framed| -> Option<InputEnd> {
        if let Some(batch) = framed.batch {
            counters.lines_accepted.fetch_add(batch.lines(), Ordering::Relaxed);
            counters.bytes_accepted.fetch_add(batch.bytes().len() as u64, Ordering::Relaxed);
            let (last, others) = outlets.split_last()?;
            let mut gone = false;
            for outlet in others {
                gone |= outlet.send(batch.clone()).is_err();
            }
            gone |= last.send(batch).is_err();
            if gone || counters.any_broken() {
                return Some(InputEnd::OutputGone);
            }
        }
        framed.refusal.map(InputEnd::Refused)
    };
    let mut rest = initial;
    while !rest.is_empty() {
        let free = framer.free_mut();
        let (now, later) = rest.split_at(rest.len().min(free.len()));
        free[..now.len()].copy_from_slice(now);
        rest = later;
        if let Some(end) = hand_over(framer.advance(now.len())) {
            return end;
        }
    }
    loop {
        let count = match source.read(framer.free_mut()) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return InputEnd::Failed(error),
        };
        // What was written before the cancelling is still taken.
        if let Some(woken) = cancelled.requested()
            && source.is_empty()
        {
            return end_cancelled(framer, count.saturating_sub(usize::from(woken)), hand_over);
        }
        if count == 0 {
            return hand_over(framer.finish()).unwrap_or(InputEnd::Ended);
        }
        if let Some(end) = hand_over(framer.advance(count)) {
            return end;
        }
    }
}

/// The last read of a cancelled stream, without the newline that woke the reader: it must not
/// complete a line that was cut off.
fn end_cancelled<C: LineCheck>(
    framer: &mut Framer<C>,
    count: usize,
    hand_over: impl Fn(Framed) -> Option<InputEnd>,
) -> InputEnd {
    let end = if count > 0 { hand_over(framer.advance(count)) } else { None };
    end.or_else(|| hand_over(framer.finish())).unwrap_or(InputEnd::Cancelled)
}

/// Writes every batch that comes, several in one call where several wait, until no more can come.
/// After a failure the caller must go on taking batches until none can come: each holds a block
/// that the reader may be waiting for.
pub(super) fn write_all(
    mut sink: impl Write,
    batches: &Receiver<Batch>,
    counters: &OutputCounters,
) -> OutputEnd {
    let mut waiting: Vec<Batch> = Vec::with_capacity(WRITE_BATCHES_MAX);
    while let Ok(batch) = batches.recv() {
        waiting.push(batch);
        waiting.extend(batches.try_iter().take(WRITE_BATCHES_MAX - 1));
        if let Err(error) = write_batches(&mut sink, &waiting, counters) {
            counters.broken.store(true, Ordering::Release);
            return OutputEnd::Broken(error);
        }
        waiting.clear();
    }
    // Before the pipe closes: whoever sees the output leave can tell by it that it had everything.
    counters.complete.store(true, Ordering::Release);
    OutputEnd::Complete
}

fn write_batches(
    sink: &mut impl Write,
    batches: &[Batch],
    counters: &OutputCounters,
) -> io::Result<()> {
    let (mut first, mut offset) = (0, 0);
    while first < batches.len() {
        let written = if counters.abandoned.load(Ordering::Acquire) {
            Err(ErrorKind::BrokenPipe.into())
        } else {
            write_some(sink, &batches[first..], offset)
        };
        let written = match written {
            Ok(0) => Err(ErrorKind::WriteZero.into()),
            Ok(written) => Ok(written),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let mut left = match written {
            Ok(written) => written,
            Err(error) => {
                let cut = &batches[first].bytes()[..offset];
                let lines = memchr_iter(b'\n', cut).count() as u64;
                counters.lines_written.fetch_add(lines, Ordering::Relaxed);
                return Err(error);
            }
        };
        counters.bytes_written.fetch_add(left as u64, Ordering::Relaxed);
        while left > 0 {
            let rest = batches[first].bytes().len() - offset;
            if left < rest {
                offset += left;
                break;
            }
            counters.lines_written.fetch_add(batches[first].lines(), Ordering::Relaxed);
            left -= rest;
            (first, offset) = (first + 1, 0);
        }
    }
    Ok(())
}

/// One system call for what is left of the first batch and all the others.
fn write_some(sink: &mut impl Write, batches: &[Batch], offset: usize) -> io::Result<usize> {
    if let [batch] = batches {
        return sink.write(&batch.bytes()[offset..]);
    }
    let mut slices = [IoSlice::new(&[]); WRITE_BATCHES_MAX];
    let mut offset = offset;
    for (slice, batch) in slices.iter_mut().zip(batches) {
        *slice = IoSlice::new(&batch.bytes()[offset..]);
        offset = 0;
    }
    sink.write_vectored(&slices[..batches.len().min(WRITE_BATCHES_MAX)])
}

/// Where bytes come from.
pub(super) trait Source: Read {
    /// Whether a read would have to wait.
    fn is_empty(&self) -> bool;
}

/// A file descriptor that several threads may hold; closed by the last.
pub(super) struct SharedFile(pub(super) Arc<File>);

impl Source for SharedFile {
    fn is_empty(&self) -> bool {
        pipe::unread_bytes(&self.0) == 0
    }
}

impl Read for SharedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for SharedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self.0).write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
