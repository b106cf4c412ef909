//! The transport that leaves the bytes in the kernel: moved out of the input's pipe, looked at in a
//! copy, moved on into the output's pipe as the pages they are. One thread, one output.
//!
//! ```text
//! input's stdout ── splice ─▶ held ── splice ─▶ output's stdin
//!                              └─ tee ─▶ look ── read ─▶ Framer: which bytes may go on
//! ```
//!
//! `held` and `look` are pipes of our own, which nobody else locks: the input's pipe is touched
//! once for each piece and the output's once, since whoever copies into or out of a pipe keeps all
//! others from it meanwhile. An unfinished line stays in `held`.
//!
//! What may not be moved as it is, is copied instead: a batch that lines were taken out of, a line
//! too long to be held, and reads so small that three calls more would cost more than the copy.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_getpipe_size, pipe_with, splice, tee};

use super::batch::Batch;
use super::check::LineCheck;
use super::framer::{Framed, Framer};
use super::meter::{Meter, Moment, Phase};
use super::portable::SharedFile;
use super::pump::{Progress, end_cancelled, feed, write_batches};
use super::shared::Shared;
use super::{InputEnd, OutputEnd};
use crate::limits::{HELD_LINE_BYTES_MAX, SPLICE_BYTES_MIN};
use crate::pipe;

/// The place of the only output.
const OUTPUT: usize = 0;

/// A relay from one pipe to one other.
pub(super) struct Splice {
    source: Arc<File>,
    sink: Arc<File>,
    /// What has been taken from the input and not been passed on.
    held: Pipe,
    /// How much that is: the last bytes of what the framer has unfinished, which knows them all.
    held_bytes: usize,
    /// A copy of what is held while it is looked at, else empty.
    look: Pipe,
    /// Where bytes go that are in memory already.
    scratch: Box<[u8]>,
}

/// A pipe of our own.
struct Pipe {
    reader: File,
    writer: File,
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        pipe::widen(&writer);
        Ok(Self { reader: reader.into(), writer: writer.into() })
    }
}

impl Splice {
    /// Prepares to move bytes.
    ///
    /// # Errors
    ///
    /// If these descriptors, or this system, cannot do it.
    pub(super) fn new(source: &Arc<File>, sink: &Arc<File>) -> io::Result<Self> {
        let (held, look) = (Pipe::new()?, Pipe::new()?);
        let is_alike = fcntl_getpipe_size(&held.writer)? == fcntl_getpipe_size(&look.writer)?;
        if !(is_alike && pipe::is_pipe(source) && pipe::is_pipe(sink)) {
            return Err(ErrorKind::Unsupported.into());
        }
        // Of zero bytes: answers whether it may be done, and does nothing.
        tee(&held.reader, &look.writer, 0, SpliceFlags::NONBLOCK)?;
        splice(&held.reader, None, &**sink, None, 0, SpliceFlags::NONBLOCK)?;
        Ok(Self {
            source: Arc::clone(source),
            sink: Arc::clone(sink),
            held,
            held_bytes: 0,
            look,
            scratch: vec![0; HELD_LINE_BYTES_MAX].into(),
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
        let end = self.relay_until(initial, framer, shared, &mut broken);
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

    fn relay_until<C: LineCheck>(
        &mut self,
        initial: &[u8],
        framer: &mut Framer<C>,
        shared: &Shared,
        broken: &mut Option<io::Error>,
    ) -> InputEnd {
        let mut settle = |step: io::Result<Option<InputEnd>>| {
            step.unwrap_or_else(|error| {
                *broken = Some(error);
                Some(InputEnd::OutputGone)
            })
        };
        shared.meter.enter(Phase::Work);
        if let Some(end) = feed(initial, framer, |framed| settle(self.pass_on(framed, 0, shared))) {
            return end;
        }
        let mut by_splice = false;
        loop {
            let mut cancelled = shared.cancelled.requested();
            let (mut count, mut read) = (0, Moment::default());
            let mut carried_bytes = 0;
            if cancelled.is_none() {
                shared.meter.enter(Phase::Input);
                let kept = self.make_room(framer.unfinished_bytes(), by_splice);
                carried_bytes = framer.unfinished_bytes() - self.held_bytes;
                let free = framer.free_mut();
                let taken = kept.and_then(|()| self.take(free, by_splice, &shared.meter));
                (count, read) = match taken {
                    Ok(taken) => taken,
                    Err(error) => return InputEnd::Failed(error),
                };
                by_splice = count >= SPLICE_BYTES_MIN;
                cancelled = shared.cancelled.requested();
            }
            // What comes after a cancelling is read past what is held: all of it is copied.
            if cancelled.is_some()
                && let Err(error) = self.release(self.held_bytes)
            {
                return InputEnd::Failed(error);
            }
            let cancelled = cancelled.map(|it| (it, SharedFile(Arc::clone(&self.source))));
            let mut pass_on = |mut framed: Framed| {
                framed.set_read(read);
                settle(self.pass_on(framed, carried_bytes, shared))
            };
            if let Some((cancelled, mut source)) = cancelled {
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

    /// Waits for bytes and puts them into `free`; those that come by splice are also held. Returns
    /// how many, 0 at the end of the input, and when they came.
    fn take(
        &mut self,
        free: &mut [u8],
        by_splice: bool,
        meter: &Meter,
    ) -> io::Result<(usize, Moment)> {
        if !by_splice {
            let count = again(|| (&*self.source).read(free))?;
            return Ok((count, meter.enter(Phase::Work)));
        }
        let (source, held, most) = (&*self.source, &self.held, free.len());
        let no_flags = SpliceFlags::empty();
        let count = again(|| Ok(splice(source, None, &held.writer, None, most, no_flags)?))?;
        let read = meter.enter(Phase::Work);
        if count == 0 {
            return Ok((0, read));
        }
        let known_bytes = self.held_bytes;
        self.held_bytes += count;
        let copied =
            again(|| Ok(tee(&held.reader, &self.look.writer, self.held_bytes, no_flags)?))?;
        if copied < self.held_bytes {
            return Err(ErrorKind::UnexpectedEof.into()); // both pipes are of one size
        }
        self.look.reader.read_exact(&mut self.scratch[..known_bytes])?;
        self.look.reader.read_exact(&mut free[..count])?;
        Ok((count, read))
    }

    /// Passes on what was framed; `carried_bytes` of it, at its front, are only in memory.
    fn pass_on(
        &mut self,
        mut framed: Framed,
        carried_bytes: usize,
        shared: &Shared,
    ) -> io::Result<Option<InputEnd>> {
        for batch in framed.take_batches() {
            shared.counters.accept(batch.lines(), batch.counted(batch.bytes().len()));
            shared.meter.enter(Phase::Output);
            if framed.intact && self.held_bytes > 0 {
                self.move_on(&batch, carried_bytes, shared)?;
            } else {
                self.release(self.held_bytes)?;
                let (mut sink, mut progress) = (&*self.sink, Progress::default());
                let batches = slice::from_ref(&batch);
                write_batches(&mut sink, batches, &mut progress, shared, OUTPUT)?;
            }
        }
        Ok(framed.refusal.map(InputEnd::Refused))
    }

    /// Moves a batch whose bytes are the first that are held, behind `carried_bytes` that are not.
    fn move_on(&mut self, batch: &Batch, carried_bytes: usize, shared: &Shared) -> io::Result<()> {
        let batches = slice::from_ref(batch);
        let mut progress = Progress::default();
        while progress.first == 0 {
            let rest = &batch.bytes()[progress.offset_bytes..];
            let carried_left = carried_bytes.saturating_sub(progress.offset_bytes);
            let moved = if shared.counters.outputs[OUTPUT].is_detached.load(Ordering::Acquire) {
                Err(ErrorKind::BrokenPipe.into())
            } else if carried_left > 0 {
                again(|| (&*self.sink).write(&rest[..carried_left]))
            } else {
                let (from, to) = (&self.held.reader, &*self.sink);
                again(|| Ok(splice(from, None, to, None, rest.len(), SpliceFlags::empty())?))
            };
            let moved = moved.and_then(|count| match count {
                0 => Err(ErrorKind::WriteZero.into()),
                count => Ok(count),
            });
            match moved {
                Ok(count) => progress.advance(batches, count, shared, OUTPUT),
                Err(error) => return Err(progress.broken(batches, shared, OUTPUT, error)),
            }
        }
        self.held_bytes -= batch.bytes().len() - carried_bytes;
        Ok(())
    }

    /// Lets go of what is held where it may not stay: it is not what is unfinished, since that is
    /// passed over; it is too much; or what comes next would not be behind it.
    fn make_room(&mut self, unfinished_bytes: usize, by_splice: bool) -> io::Result<()> {
        let may_stay = by_splice
            && self.held_bytes <= unfinished_bytes.min(self.scratch.len())
            && pipe::has_room(&self.held.writer);
        if self.held_bytes == 0 || may_stay { Ok(()) } else { self.release(self.held_bytes) }
    }

    /// Takes the first `bytes` out of what is held; they are in memory.
    fn release(&mut self, bytes: usize) -> io::Result<()> {
        let mut left = bytes;
        while left > 0 {
            let most = left.min(self.scratch.len());
            self.held.reader.read_exact(&mut self.scratch[..most])?;
            left -= most;
        }
        self.held_bytes -= bytes;
        Ok(())
    }
}

/// Repeats a call that a signal has interrupted.
fn again<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}
