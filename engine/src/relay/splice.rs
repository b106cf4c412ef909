//! The transport that leaves the bytes in the kernel: looked at through a copy of the input's pipe,
//! moved to the output's pipe as the pages they are. One thread, one output.
//!
//! ```text
//!                ┌─ tee ──▶ pipe of our own ── read ──▶ Framer: which bytes may pass
//! input's stdout ┤
//!                └─ splice ─────────────────────────────────────▶ output's stdin
//! ```
//!
//! What may not be moved as it is, is copied instead: a batch that lines were taken out of, the
//! front of a line whose end came later, and reads so small that two calls more would cost more
//! than the copy.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice, tee};

use super::check::LineCheck;
use super::framer::{Framed, Framer};
use super::meter::Phase;
use super::portable::{Progress, end_cancelled, feed, write_batches};
use super::shared::Shared;
use super::{InputEnd, OutputEnd};
use crate::limits::SPLICE_BYTES_MIN;
use crate::pipe;

/// The place of the only output.
const OUTPUT: usize = 0;

/// A relay from one pipe to one other.
pub(super) struct Splice {
    source: Arc<File>,
    sink: Arc<File>,
    /// Both ends of the pipe that is looked at, empty between two looks.
    look: (File, OwnedFd),
    /// Where bytes go that are in memory already.
    scratch: Box<[u8]>,
}

/// Bytes that were put into the framer.
#[derive(Clone, Copy)]
struct Taken {
    bytes: usize,
    /// They are also still in the input's pipe.
    pending: bool,
}

impl Splice {
    /// Prepares to move bytes.
    ///
    /// # Errors
    ///
    /// If these descriptors, or this system, cannot do it.
    pub(super) fn new(source: &Arc<File>, sink: &Arc<File>) -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        pipe::widen(&writer);
        // Of zero bytes: answers whether it may be done, and does nothing.
        tee(&**source, &writer, 0, SpliceFlags::NONBLOCK)?;
        splice(&reader, None, &**sink, None, 0, SpliceFlags::NONBLOCK)?;
        if !(pipe::is_pipe(source) && pipe::is_pipe(sink)) {
            return Err(ErrorKind::Unsupported.into());
        }
        Ok(Self {
            source: Arc::clone(source),
            sink: Arc::clone(sink),
            look: (reader.into(), writer),
            scratch: vec![0; SPLICE_BYTES_MIN].into(),
        })
    }

    /// Moves everything until the input ends, a line must not pass, the output is gone, or the
    /// relay is cancelled.
    pub(super) fn relay_all<C: LineCheck>(
        mut self,
        initial: &[u8],
        framer: &mut Framer<C>,
        shared: &Shared,
    ) -> (InputEnd, OutputEnd) {
        let mut broken = None;
        let mut settle = |step: io::Result<Option<InputEnd>>| {
            step.unwrap_or_else(|error| {
                broken = Some(error);
                Some(InputEnd::OutputGone)
            })
        };
        shared.meter.enter(Phase::Work);
        let mut end = feed(initial, framer, |framed| settle(self.copy(framed, shared)));
        let mut by_tee = false;
        let end = loop {
            if let Some(end) = end {
                break end;
            }
            let carried_bytes = framer.unfinished_bytes();
            shared.meter.enter(Phase::Input);
            let taken = match self.take(framer.free_mut(), by_tee) {
                Ok(taken) => taken,
                Err(error) => break InputEnd::Failed(error),
            };
            let read = shared.meter.enter(Phase::Work);
            by_tee = taken.bytes >= SPLICE_BYTES_MIN;
            let mut copy = |mut framed: Framed| {
                framed.set_read(read);
                settle(self.copy(framed, shared))
            };
            if let Some(woken) = shared.cancelled.requested()
                && self.has_taken_all(taken)
            {
                break end_cancelled(framer, taken.bytes.saturating_sub(usize::from(woken)), copy);
            }
            if taken.bytes == 0 {
                break copy(framer.finish()).unwrap_or(InputEnd::Ended);
            }
            let mut framed = framer.advance(taken.bytes);
            end = if taken.pending {
                framed.set_read(read);
                settle(self.move_on(framed, carried_bytes, taken.bytes, shared))
            } else {
                copy(framed)
            };
        };
        let output = &shared.counters.outputs[OUTPUT];
        let output_end = match broken {
            Some(error) => {
                output.broken.store(true, Ordering::Release);
                OutputEnd::Broken(error)
            }
            None => {
                output.complete.store(true, Ordering::Release);
                OutputEnd::Complete
            }
        };
        (end, output_end)
    }

    /// Waits for bytes and puts them into `free`: a copy of them if `by_tee`, else themselves.
    /// 0 bytes are the end of the input.
    fn take(&mut self, free: &mut [u8], by_tee: bool) -> io::Result<Taken> {
        loop {
            let taken = if by_tee {
                let (reader, writer) = &mut self.look;
                match tee(&*self.source, writer, free.len(), SpliceFlags::empty()) {
                    Ok(bytes) => reader.read_exact(&mut free[..bytes]).map(|()| bytes),
                    Err(error) => Err(error.into()),
                }
            } else {
                (&*self.source).read(free)
            };
            match taken {
                Ok(bytes) => return Ok(Taken { bytes, pending: by_tee }),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether the input's pipe held nothing but `taken`.
    fn has_taken_all(&self, taken: Taken) -> bool {
        let pending_bytes = if taken.pending { taken.bytes } else { 0 };
        pipe::unread_bytes(&self.source) == pending_bytes as u64
    }

    /// Writes what was framed from memory.
    fn copy(&self, framed: Framed, shared: &Shared) -> io::Result<Option<InputEnd>> {
        if let Some(batch) = framed.batch {
            shared.counters.accept(batch.lines(), batch.bytes().len() as u64);
            shared.meter.enter(Phase::Output);
            write_batches(&mut &*self.sink, slice::from_ref(&batch), shared, OUTPUT)?;
        }
        Ok(framed.refusal.map(InputEnd::Refused))
    }

    /// Moves what was framed from the input's pipe, which still holds the last `pending_bytes` that
    /// were read, behind `carried_bytes` that it no longer holds; afterwards it holds none of them.
    fn move_on(
        &mut self,
        framed: Framed,
        carried_bytes: usize,
        pending_bytes: usize,
        shared: &Shared,
    ) -> io::Result<Option<InputEnd>> {
        let Framed { batch: Some(batch), intact: true, refusal } = framed else {
            self.discard(pending_bytes)?;
            return self.copy(framed, shared);
        };
        shared.counters.accept(batch.lines(), batch.bytes().len() as u64);
        shared.meter.enter(Phase::Output);
        let batches = slice::from_ref(&batch);
        let mut progress = Progress::default();
        while progress.first == 0 {
            let rest = &batch.bytes()[progress.offset_bytes..];
            let carried_left = carried_bytes.saturating_sub(progress.offset_bytes);
            let moved = if shared.counters.outputs[OUTPUT].abandoned.load(Ordering::Acquire) {
                Err(ErrorKind::BrokenPipe.into())
            } else if carried_left > 0 {
                (&*self.sink).write(&rest[..carried_left])
            } else {
                let (from, to) = (&*self.source, &*self.sink);
                splice(from, None, to, None, rest.len(), SpliceFlags::empty()).map_err(Errno::into)
            };
            match moved {
                Ok(0) => {
                    return Err(progress.broken(
                        batches,
                        shared,
                        OUTPUT,
                        ErrorKind::WriteZero.into(),
                    ));
                }
                Ok(count) => progress.advance(batches, count, shared, OUTPUT),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(progress.broken(batches, shared, OUTPUT, error)),
            }
        }
        self.discard(pending_bytes - (batch.bytes().len() - carried_bytes))?;
        Ok(refusal.map(InputEnd::Refused))
    }

    /// Takes bytes out of the input's pipe that are in memory already.
    fn discard(&mut self, bytes: usize) -> io::Result<()> {
        let mut left = bytes;
        while left > 0 {
            let most = left.min(self.scratch.len());
            match (&*self.source).read(&mut self.scratch[..most]) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => left -= count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
