//! The steps that transports share: a loop that reads and frames, one that writes what was framed.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::atomic::Ordering;
use std::thread;

use crossbeam_channel::Sender;
use memchr::{memchr_iter, memmem};

use super::batch::Batch;
use super::cancel::Cancelled;
use super::check::LineCheck;
use super::framer::{Framed, Framer};
use super::meter::Phase;
use super::queue::{Next, Queue};
use super::shared::Shared;
use super::{InputEnd, OutputEnd};
use crate::limits::{GATHER_PAUSE_MAX, GATHER_PAUSE_MIN, WRITE_BATCHES_MAX};

/// Reads until the input ends, hands every batch to every outlet.
///
/// Returns early when a line must not pass, when an output is gone (what its siblings were
/// already given is still written), or when the relay is cancelled and something wakes the read.
pub(super) fn read_all<C: LineCheck>(
    mut source: impl Source,
    initial: &[u8],
    framer: &mut Framer<C>,
    outlets: &[Sender<Batch>],
    shared: &Shared,
) -> InputEnd {
    let meter = &shared.meter;
    meter.enter(Phase::Work);
    if let Some(end) = feed(initial, framer, |framed| hand_over(framed, outlets, shared)) {
        return end;
    }
    loop {
        if let Some(cancelled) = shared.cancelled.requested() {
            let pass_on = |framed: Framed| hand_over(framed, outlets, shared);
            return end_cancelled(framer, 0, cancelled, &mut source, pass_on);
        }
        let_gather(&source, framer, shared);
        meter.enter(Phase::Input);
        let count = match source.read(framer.free_mut()) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return InputEnd::Failed(error),
        };
        let read = meter.enter(Phase::Work);
        let pass_on = |mut framed: Framed| {
            framed.set_read(read);
            hand_over(framed, outlets, shared)
        };
        if let Some(cancelled) = shared.cancelled.requested() {
            return end_cancelled(framer, count, cancelled, &mut source, pass_on);
        }
        if count == 0 {
            return pass_on(framer.finish()).unwrap_or(InputEnd::Ended);
        }
        if let Some(end) = pass_on(framer.advance(count)) {
            return end;
        }
    }
}

/// While the outputs are far behind, leaves what comes in its pipe until it is worth a block. A read
/// takes a whole one, however little it brings; of an input that writes line by line the pool would
/// hold but a few lines. What is queued keeps the outputs busy meanwhile.
fn let_gather<C: LineCheck>(source: &impl Source, framer: &Framer<C>, shared: &Shared) {
    let mut pause = GATHER_PAUSE_MIN;
    while framer.is_scarce() && source.is_filling() && shared.cancelled.requested().is_none() {
        shared.meter.enter(Phase::Output);
        thread::sleep(pause);
        pause = (pause * 2).min(GATHER_PAUSE_MAX);
    }
}

/// Frames bytes that were read before the relay began.
pub(super) fn feed<C: LineCheck>(
    initial: &[u8],
    framer: &mut Framer<C>,
    mut pass_on: impl FnMut(Framed) -> Option<InputEnd>,
) -> Option<InputEnd> {
    let mut rest = initial;
    while !rest.is_empty() {
        let free = framer.free_mut();
        let (now, later) = rest.split_at(rest.len().min(free.len()));
        free[..now.len()].copy_from_slice(now);
        rest = later;
        if let Some(end) = pass_on(framer.advance(now.len())) {
            return Some(end);
        }
    }
    None
}

/// Gives what was framed to every outlet; returns why the reading must end, if it must.
pub(super) fn hand_over(
    mut framed: Framed,
    outlets: &[Sender<Batch>],
    shared: &Shared,
) -> Option<InputEnd> {
    for batch in framed.take_batches() {
        shared.counters.accept(batch.lines(), batch.counted(batch.bytes().len()));
        let (last, others) = outlets.split_last()?;
        let mut gone = false;
        for outlet in others {
            gone |= outlet.send(batch.clone()).is_err();
        }
        gone |= last.send(batch).is_err();
        if gone || shared.counters.any_broken() {
            return Some(InputEnd::OutputGone);
        }
    }
    framed.refusal.map(InputEnd::Refused)
}

/// The end of a cancelled stream, of which `count` bytes have just been read: takes what was in the
/// pipe when it was cancelled and nothing that came later, however much that is. Where the reader
/// was woken, that is what stands before the mark that did it.
pub(super) fn end_cancelled<C: LineCheck>(
    framer: &mut Framer<C>,
    count: usize,
    cancelled: Cancelled,
    source: &mut impl Source,
    mut pass_on: impl FnMut(Framed) -> Option<InputEnd>,
) -> InputEnd {
    // All of it at once, a pipe's worth at most: a mark may come in pieces.
    let mut rest = framer.free_mut()[..count].to_vec();
    let unread = source.unread_bytes() as u64;
    let read = source.take(unread).read_to_end(&mut rest);
    if let Some(mark) = cancelled.woken_by
        && let Some(before) = memmem::find(&rest, &mark)
    {
        rest.truncate(before);
    }
    if let Some(end) = feed(&rest, framer, &mut pass_on) {
        return end;
    }
    if let Err(error) = read {
        return InputEnd::Failed(error);
    }
    pass_on(framer.finish()).unwrap_or(InputEnd::Cancelled)
}

/// Writes every batch that comes, several in one call where several wait, until no more can come.
/// After a failure the caller must go on with another sink, or take batches until none can come.
pub(super) fn write_all(
    mut sink: impl Write,
    queue: &mut Queue,
    shared: &Shared,
    index: usize,
) -> OutputEnd {
    let counters = &shared.counters.outputs[index];
    loop {
        match queue.next() {
            Next::Write => {}
            Next::End => break,
            Next::Detach => return OutputEnd::Broken(ErrorKind::BrokenPipe.into()),
        }
        let mut progress = Progress::default();
        if let Err(error) = write_batches(&mut sink, &queue.waiting, &mut progress, shared, index) {
            if queue.is_replaceable() {
                queue.rewind(&progress, &shared.counters, index);
            } else {
                counters.broken.store(true, Ordering::Release);
            }
            return OutputEnd::Broken(error);
        }
        queue.waiting.clear();
    }
    // Before the pipe closes: whoever sees the output leave can tell by it that it had everything.
    counters.complete.store(true, Ordering::Release);
    OutputEnd::Complete
}

/// Writes all of `batches`, in as few calls as the sink allows; after an error, `progress` says how
/// far it came.
pub(super) fn write_batches(
    sink: &mut impl Write,
    batches: &[Batch],
    progress: &mut Progress,
    shared: &Shared,
    index: usize,
) -> io::Result<()> {
    while progress.first < batches.len() {
        let written = if shared.counters.outputs[index].is_detached.load(Ordering::Acquire) {
            Err(ErrorKind::BrokenPipe.into())
        } else {
            write_some(sink, &batches[progress.first..], progress.offset_bytes)
        };
        match written {
            Ok(0) => {
                return Err(progress.broken(batches, shared, index, ErrorKind::WriteZero.into()));
            }
            Ok(count) => progress.advance(batches, count, shared, index),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(progress.broken(batches, shared, index, error)),
        }
    }
    Ok(())
}

/// How much of some batches has been written.
#[derive(Default)]
pub(super) struct Progress {
    /// The first batch that is not written whole.
    pub(super) first: usize,
    /// Bytes of it that are written.
    pub(super) offset_bytes: usize,
}

impl Progress {
    /// Takes note of `count` bytes that have just been written.
    pub(super) fn advance(
        &mut self,
        batches: &[Batch],
        count: usize,
        shared: &Shared,
        index: usize,
    ) {
        let counters = &shared.counters.outputs[index];
        let written = shared.meter.now();
        let mut left = count;
        while left > 0 {
            let batch = &batches[self.first];
            let rest = batch.bytes().len() - self.offset_bytes;
            let counted = batch.counted(left.min(rest));
            counters.bytes_written.fetch_add(counted, Ordering::Relaxed);
            if left < rest {
                self.offset_bytes += left;
                break;
            }
            counters.lines_written.fetch_add(batch.lines(), Ordering::Relaxed);
            shared.meter.record(index, batch.read, written, batch.lines());
            left -= rest;
            (self.first, self.offset_bytes) = (self.first + 1, 0);
        }
    }

    /// Counts the whole lines of the batch that was cut off.
    pub(super) fn broken(
        &self,
        batches: &[Batch],
        shared: &Shared,
        index: usize,
        error: io::Error,
    ) -> io::Error {
        let batch = &batches[self.first];
        let cut = batch.counted(self.offset_bytes) as usize;
        let lines = memchr_iter(b'\n', &batch.bytes()[..cut]).count() as u64;
        shared.counters.outputs[index].lines_written.fetch_add(lines, Ordering::Relaxed);
        error
    }
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
    /// Bytes that can be read without waiting.
    fn unread_bytes(&self) -> usize;

    /// Whether more may come, and there is room for it, without anything being read.
    fn is_filling(&self) -> bool;
}
