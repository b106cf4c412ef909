//! Bytes in, batches of whole lines out. What every transport that sees the bytes shares.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use memchr::{memchr, memchr_iter};

use super::batch::Batch;
use super::block::BlockPool;
use super::check::{Disposition, LineCheck, Rejected, Rejects, Verdict};
use super::line_buffer::LineBuffer;
use super::meter::Moment;
use super::shared::Shared;
use crate::limits::BLOCK_BYTES;

/// Why nothing more is read although the input has not ended.
#[derive(Debug)]
pub enum Refusal {
    /// [`Rejects`] said to stop at this line.
    Line {
        /// Which line of the stream, from 1.
        line_number: u64,
        /// Where it begins, in bytes from the start of the stream.
        offset_bytes: u64,
        /// Why it was rejected.
        reason: Cow<'static, str>,
    },
    /// [`Rejects`] could not keep a line.
    NotKept(io::Error),
    /// This line was to be a mark and cannot be one; nobody was asked.
    Mark {
        /// Which line of the stream, from 1.
        line_number: u64,
        /// Where it begins, in bytes from the start of the stream.
        offset_bytes: u64,
        /// Why it cannot.
        reason: Cow<'static, str>,
    },
}

/// What came of some bytes: lines to write, a reason to stop, both or neither.
#[derive(Default)]
pub(super) struct Framed {
    /// What comes before the batch where there are marks: lines and marks, in order.
    before: Vec<Batch>,
    batch: Option<Batch>,
    /// Whether the batch is, byte for byte, what was unfinished before and what was read after it.
    pub(super) intact: bool,
    pub(super) refusal: Option<Refusal>,
}

impl Framed {
    /// When the bytes were read.
    pub(super) fn set_read(&mut self, read: Moment) {
        self.before.iter_mut().chain(&mut self.batch).for_each(|batch| batch.read = read);
    }

    /// How many lines are to be written.
    pub(super) fn lines(&self) -> u64 {
        self.before.iter().chain(&self.batch).map(Batch::lines).sum()
    }

    /// What is to be written, in order.
    pub(super) fn take_batches(&mut self) -> impl Iterator<Item = Batch> + use<> {
        std::mem::take(&mut self.before).into_iter().chain(self.batch.take())
    }
}

/// Splits what is read into batches, with every line checked.
pub(super) struct Framer<C> {
    buffer: LineBuffer,
    check: C,
    rejects: Box<dyn Rejects>,
    line_bytes_max: usize,
    shared: Arc<Shared>,
    /// The place of the first byte in the buffer.
    line_number: u64,
    offset_bytes: u64,
    /// Bytes read so far of a line over the limit, which is being passed over up to its newline.
    passing_over: Option<u64>,
}

impl<C: LineCheck> Framer<C> {
    pub(super) fn new(
        pool: Arc<BlockPool>,
        check: C,
        rejects: Box<dyn Rejects>,
        line_bytes_max: usize,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            buffer: LineBuffer::new(pool),
            check,
            rejects,
            line_bytes_max,
            shared,
            line_number: 1,
            offset_bytes: 0,
            passing_over: None,
        }
    }

    /// As if so many lines of so many bytes had been framed before.
    #[cfg(test)]
    pub(super) fn after(mut self, lines: u64, bytes: u64) -> Self {
        (self.line_number, self.offset_bytes) = (lines + 1, bytes);
        self
    }

    /// Where the next read goes; never empty.
    pub(super) fn free_mut(&mut self) -> &mut [u8] {
        // Room for the longest line, its newline, and one more byte that shows it is too long.
        self.buffer.free_mut(self.line_bytes_max.saturating_add(BLOCK_BYTES))
    }

    /// Whether more than half of what may be queued is.
    pub(super) fn is_scarce(&self) -> bool {
        self.buffer.is_scarce()
    }

    /// Takes `count` bytes at the front of [`Self::free_mut`] as read.
    pub(super) fn advance(&mut self, count: usize) -> Framed {
        self.shared.counters.bytes_read.fetch_add(count as u64, Relaxed);
        let mut end = self.buffer.advance(count);
        let mut cut = false;
        if let Some(passed) = self.passing_over {
            let Some(newline) = memchr(b'\n', self.buffer.unfinished()) else {
                self.passing_over = Some(passed + count as u64);
                self.buffer.truncate(0);
                return Framed::default();
            };
            self.passing_over = None;
            self.offset_bytes += passed;
            self.leave(newline + 1, 1);
            end = end.map(|end| end - newline - 1).filter(|&end| end > 0);
            cut = true;
        }
        let mut framed = end.map_or_else(Framed::default, |end| self.take_lines(end));
        framed.intact &= !cut;
        if framed.refusal.is_none() && self.buffer.unfinished().len() > self.line_bytes_max {
            framed.refusal = self.pass_over();
        }
        framed
    }

    /// Bytes of the line that is not finished yet.
    pub(super) fn unfinished_bytes(&self) -> usize {
        self.buffer.unfinished().len()
    }

    /// The source has ended: what is left is a line without its newline, or nothing. Another source
    /// may follow.
    pub(super) fn finish(&mut self) -> Framed {
        if let Some(passed) = self.passing_over.take() {
            self.offset_bytes += passed;
            self.line_number += 1;
            return Framed::default();
        }
        let cut_off = self.buffer.unfinished();
        if cut_off.is_empty() {
            return Framed::default();
        }
        let length = cut_off.len();
        if self.check.is_mark(cut_off) && !self.check.is_whole(cut_off) {
            // Nothing of the stream is lost with it.
            self.leave_cut_off(length);
            return Framed::default();
        }
        if self.check.is_whole(cut_off) {
            self.free_mut()[0] = b'\n';
            self.buffer.advance(1);
            let framed = self.take_lines(length + 1);
            self.offset_bytes -= 1;
            // Its newline is nowhere but here.
            return Framed { intact: false, ..framed };
        }
        let reason = Cow::Borrowed("the stream ended in the middle of the line");
        let whole = Whole::CutOff;
        let refusal = self.reject(0..length, self.line_number, self.offset_bytes, reason, whole);
        self.leave_cut_off(length);
        // The stream is over: there is nothing left to stop.
        let refusal = refusal.filter(|refusal| matches!(refusal, Refusal::NotKept(_)));
        Framed { refusal, ..Framed::default() }
    }

    fn leave_cut_off(&mut self, length: usize) {
        self.buffer.truncate(0);
        self.offset_bytes += length as u64;
        self.line_number += 1;
    }

    /// The first `end` bytes are whole lines: checks them and takes out those that pass.
    fn take_lines(&mut self, end: usize) -> Framed {
        let (lines, first_odd) = self.count_passing(end);
        let Some((odd, verdict)) = first_odd else {
            self.line_number += lines;
            self.offset_bytes += end as u64;
            let batch = Some(self.buffer.take(end, end, lines));
            return Framed { batch, intact: true, ..Framed::default() };
        };
        self.sift(odd, verdict, lines, end)
    }

    /// How many lines pass from the start on; where the first that does not begins, and what is to
    /// become of it.
    fn count_passing(&mut self, end: usize) -> (u64, Option<(usize, Verdict)>) {
        let bytes = self.buffer.lines(end);
        if self.check.passes_all() && end <= self.line_bytes_max {
            return (memchr_iter(b'\n', bytes).count() as u64, None);
        }
        let (mut start, mut lines) = (0, 0);
        for newline in memchr_iter(b'\n', bytes) {
            let verdict = judge(&mut self.check, &bytes[start..newline], self.line_bytes_max);
            if verdict != Verdict::Pass {
                return (lines, Some((start, verdict)));
            }
            start = newline + 1;
            lines += 1;
        }
        (lines, None)
    }

    /// Goes on from the first line that does not pass, at `start` after `passed` lines: moves
    /// what passes to the front.
    fn sift(&mut self, mut start: usize, first: Verdict, passed: u64, end: usize) -> Framed {
        let (first_line, first_offset) = (self.line_number, self.offset_bytes);
        let (mut kept, mut lines, mut seen) = (start, passed, passed);
        let mut refusal = None;
        let mut marks = Vec::new();
        let mut first = Some(first); // a line is judged once: to find a mark is to count it
        while start < end && refusal.is_none() {
            let rest = &self.buffer.lines(end)[start..];
            let length = memchr(b'\n', rest).unwrap_or(rest.len());
            let judge = || judge(&mut self.check, &rest[..length], self.line_bytes_max);
            match first.take().unwrap_or_else(judge) {
                Verdict::Pass => {
                    self.buffer.lines_mut(end).copy_within(start..=start + length, kept);
                    kept += length + 1;
                    lines += 1;
                }
                Verdict::Blank => {
                    self.shared.counters.lines_blank.fetch_add(1, Relaxed);
                }
                Verdict::Filtered => {
                    self.shared.counters.lines_filtered.fetch_add(1, Relaxed);
                }
                Verdict::Invalid(reason) => {
                    let offset = first_offset + start as u64;
                    let line = start..start + length.min(self.line_bytes_max);
                    let whole = if length > line.len() { Whole::Truncated } else { Whole::Yes };
                    refusal = self.reject(line, first_line + seen, offset, reason, whole);
                }
                Verdict::Mark(text) => match self.rejects.settle() {
                    Ok(()) => marks.push((kept, lines, text)),
                    Err(error) => refusal = Some(Refusal::NotKept(error)),
                },
                Verdict::BadMark(reason) => {
                    let (line_number, offset_bytes) =
                        (first_line + seen, first_offset + start as u64);
                    refusal = Some(Refusal::Mark { line_number, offset_bytes, reason });
                }
            }
            start += length + 1;
            seen += 1;
        }
        self.line_number = first_line + seen;
        self.offset_bytes = first_offset + start as u64;
        if lines == 0 {
            self.buffer.discard(start);
            let before = marks.into_iter().map(|(_, _, text)| Batch::mark(text)).collect();
            return Framed { before, batch: None, intact: false, refusal };
        }
        let whole = self.buffer.take(kept, start, lines);
        if marks.is_empty() {
            return Framed { before: Vec::new(), batch: Some(whole), intact: false, refusal };
        }
        // However many marks there are, all parts are of one block: the reader must not wait for a
        // block that nobody has been given yet.
        let (mut before, mut from) = (Vec::new(), (0, 0));
        for (at, count, text) in marks {
            if at > from.0 {
                before.push(whole.part(from.0..at, count - from.1));
            }
            before.push(Batch::mark(text));
            from = (at, count);
        }
        let batch = (kept > from.0).then(|| whole.part(from.0..kept, lines - from.1));
        Framed { before, batch, intact: false, refusal }
    }

    /// The unfinished line is already too long: rejects it and passes over the rest of it.
    fn pass_over(&mut self) -> Option<Refusal> {
        let read = self.buffer.unfinished().len();
        let reason = too_long(self.line_bytes_max);
        let (line_number, offset_bytes) = (self.line_number, self.offset_bytes);
        let refusal = if self.check.is_mark(self.buffer.unfinished()) {
            Some(Refusal::Mark { line_number, offset_bytes, reason })
        } else {
            let shown = 0..self.line_bytes_max;
            self.reject(shown, line_number, offset_bytes, reason, Whole::Truncated)
        };
        self.passing_over = Some(read as u64);
        self.buffer.truncate(0);
        refusal
    }

    fn reject(
        &mut self,
        line: std::ops::Range<usize>,
        line_number: u64,
        offset_bytes: u64,
        reason: Cow<'static, str>,
        whole: Whole,
    ) -> Option<Refusal> {
        let rejected = Rejected {
            line: &self.buffer.unfinished()[line],
            offset_bytes,
            line_number,
            reason,
            truncated: whole == Whole::Truncated,
            cut_off: whole == Whole::CutOff,
        };
        let outcome = self.rejects.reject(&rejected);
        match outcome {
            Ok(disposition) => {
                self.shared.counters.lines_rejected.fetch_add(1, Relaxed);
                (disposition == Disposition::Stop).then_some(Refusal::Line {
                    line_number,
                    offset_bytes,
                    reason: rejected.reason,
                })
            }
            Err(error) => Some(Refusal::NotKept(error)),
        }
    }

    fn leave(&mut self, end: usize, lines: u64) {
        self.buffer.discard(end);
        self.offset_bytes += end as u64;
        self.line_number += lines;
    }
}

/// Whether all of a rejected line is there.
#[derive(PartialEq)]
enum Whole {
    Yes,
    Truncated,
    CutOff,
}

/// What is to become of a line without its newline.
fn judge(check: &mut impl LineCheck, line: &[u8], line_bytes_max: usize) -> Verdict {
    if line.len() <= line_bytes_max {
        check.check(line)
    } else if check.is_mark(line) {
        Verdict::BadMark(too_long(line_bytes_max))
    } else {
        Verdict::Invalid(too_long(line_bytes_max))
    }
}

fn too_long(line_bytes_max: usize) -> Cow<'static, str> {
    Cow::Owned(format!("longer than max_line ({line_bytes_max} bytes)"))
}
