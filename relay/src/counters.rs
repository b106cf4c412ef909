//! What a relay has done so far, readable at any time from any thread.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::pipe::Rest;

/// Counts of one relay. Each is written by one thread only, once per batch.
#[derive(Debug, Default)]
pub struct RelayCounters {
    /// Bytes read from the input, newlines included.
    pub bytes_read: AtomicU64,
    /// Lines handed to the outputs.
    pub lines_accepted: AtomicU64,
    /// Bytes of those lines, newlines included.
    pub bytes_accepted: AtomicU64,
    /// Blank lines, left out.
    pub lines_blank: AtomicU64,
    /// Sound lines that the task does not want, left out.
    pub lines_filtered: AtomicU64,
    /// Lines that failed the check, were too long, or were cut off by the end of the stream.
    pub lines_rejected: AtomicU64,
    /// One for each output, in the task's order.
    pub outputs: Box<[OutputCounters]>,
}

/// Counts of one output of a relay.
#[derive(Debug, Default)]
pub struct OutputCounters {
    /// Whole lines written to its pipe.
    pub lines_written: AtomicU64,
    /// Bytes written to its pipe, those of a line it did not get whole included.
    pub bytes_written: AtomicU64,
    /// Set just before its pipe is closed because everything has been written.
    pub complete: AtomicBool,
    /// Set when writing to it has failed for good.
    pub broken: AtomicBool,
    /// Lines that were in the pipe of a process that has gone, and that another has taken the place
    /// of: neither written nor to be written.
    pub lines_lost: AtomicU64,
    /// Their bytes.
    pub bytes_lost: AtomicU64,
    /// Lines that were taken back out of its pipe, and are not lost yet.
    pub lines_unread: AtomicU64,
    /// Their bytes.
    pub bytes_unread: AtomicU64,
    /// Bytes of a line that broke off in the pipe, and that comes again.
    pub(super) bytes_cut: AtomicU64,
    /// What had been written before there was this pipe.
    pub(super) bytes_before: AtomicU64,
    /// Set to have its writer leave the pipe.
    pub(super) is_detached: AtomicBool,
    /// What it has not read of its pipe, once the relay has left that.
    rest: Mutex<Option<Rest>>,
    /// Lines that were read out of its pipe in its place, and are not counted as unread yet.
    lines_drained: AtomicU64,
    /// Their bytes.
    bytes_drained: AtomicU64,
}

impl OutputCounters {
    /// Whole lines that were written to its pipe and not read out of it in its place, and bytes.
    pub fn written(&self) -> (u64, u64) {
        let left = |written: &AtomicU64, drained: &AtomicU64| {
            written.load(Relaxed).saturating_sub(drained.load(Relaxed))
        };
        (
            left(&self.lines_written, &self.lines_drained),
            left(&self.bytes_written, &self.bytes_drained),
        )
    }

    /// Remembers what is in a pipe that the relay leaves; between the last write and the closing of
    /// `sink`.
    pub(super) fn leave(&self, sink: &File) {
        *self.rest.lock().unwrap_or_else(PoisonError::into_inner) = Rest::of(sink);
    }

    /// Reads what is in a pipe in the place of an output that has gone. What is blocked in a write to
    /// it goes on.
    pub(super) fn drain(&self, sink: &File) {
        let (lines, bytes) = Rest::of(sink).map_or((0, 0), Rest::take);
        self.lines_drained.fetch_add(lines, Relaxed);
        self.bytes_drained.fetch_add(bytes, Relaxed);
    }

    /// Of what was left in a pipe, what the relay had written there, `cut_bytes` of the beginning of a
    /// line among it: an output that has read nothing has left its command, too, which is a line.
    pub(super) fn without_command(&self, (lines, bytes): (u64, u64), cut_bytes: u64) -> (u64, u64) {
        let before = self.bytes_before.load(Relaxed);
        let written = self.bytes_written.load(Relaxed).saturating_sub(before) + cut_bytes;
        if bytes > written { (lines.saturating_sub(1), written) } else { (lines, bytes) }
    }

    /// Bytes that an output that has got everything has not read yet.
    pub(super) fn rest_bytes(&self) -> u64 {
        let rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
        rest.as_ref().map_or(0, Rest::unread_bytes)
    }
}

impl RelayCounters {
    pub(super) fn new(outputs_count: usize) -> Self {
        let outputs = (0..outputs_count).map(|_| OutputCounters::default()).collect();
        Self { outputs, ..Self::default() }
    }

    /// Lines and their bytes are on their way to the outputs.
    pub(super) fn accept(&self, lines: u64, bytes: u64) {
        self.lines_accepted.fetch_add(lines, Relaxed);
        self.bytes_accepted.fetch_add(bytes, Relaxed);
    }

    pub(super) fn any_broken(&self) -> bool {
        self.outputs.iter().any(|output| output.broken.load(Acquire))
    }

    /// Takes back what an output that has ended has left in the pipe that the relay has left. Returns
    /// lines and bytes.
    pub(super) fn settle(&self, index: usize) -> (u64, u64) {
        let output = &self.outputs[index];
        let rest = output.rest.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (lines, bytes) = rest.map_or((0, 0), Rest::take);
        let left = (
            lines + output.lines_drained.swap(0, Relaxed),
            bytes + output.bytes_drained.swap(0, Relaxed),
        );
        // The beginning of a line that broke off is not counted as written.
        let cut_bytes = output.bytes_cut.swap(0, Relaxed);
        let (lines, bytes) = output.without_command(left, cut_bytes);
        let bytes = bytes - cut_bytes.min(bytes);
        for (counter, unread) in [(&output.lines_written, lines), (&output.bytes_written, bytes)] {
            let _ = counter.fetch_update(Relaxed, Relaxed, |all| Some(all.saturating_sub(unread)));
        }
        output.lines_unread.fetch_add(lines, Relaxed);
        output.bytes_unread.fetch_add(bytes, Relaxed);
        (lines, bytes)
    }

    /// What was taken back will not be written: there is another pipe.
    pub(super) fn lose(&self, index: usize) {
        let output = &self.outputs[index];
        output.lines_lost.fetch_add(output.lines_unread.swap(0, Relaxed), Relaxed);
        output.bytes_lost.fetch_add(output.bytes_unread.swap(0, Relaxed), Relaxed);
    }

    /// Lines that were accepted and neither (wholly) written to output `index` nor lost, and their
    /// bytes.
    pub fn unwritten(&self, index: usize) -> (u64, u64) {
        let output = &self.outputs[index];
        let left = |accepted: &AtomicU64, written: &AtomicU64, lost: &AtomicU64| {
            accepted.load(Relaxed).saturating_sub(written.load(Relaxed) + lost.load(Relaxed))
        };
        (
            left(&self.lines_accepted, &output.lines_written, &output.lines_lost),
            left(&self.bytes_accepted, &output.bytes_written, &output.bytes_lost),
        )
    }
}
