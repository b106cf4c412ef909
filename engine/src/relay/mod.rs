//! Bytes from one pipe to others: pool, framing, bounded queue, transports.
//!
//! Knows nothing of HCL, OCI or JSON: what a line is worth is said by a [`LineCheck`], what
//! becomes of a bad one by [`Rejects`]. Builds without any of them
//! (`cargo check -p dstream-engine --no-default-features`).
//!
//! ```text
//! input's stdout ─▶ reader ─▶ Framer ─▶ Batch ─┬─▶ queue ─▶ writer ─▶ output's stdin
//!                     ▲                        └─▶ queue ─▶ writer ─▶ …
//!                     └────────── BlockPool ◀──────────────────┘
//! ```
//!
//! A reader fills a block, cuts it after the last newline, hands the whole lines to every writer
//! and carries the rest over. The pool is the only bound: a reader without a block waits until the
//! slowest writer has brought one home, and meanwhile the pipe fills and the input waits.

mod batch;
mod block;
mod cancel;
mod check;
mod counters;
mod framer;
mod line_buffer;
mod portable;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread;

use crossbeam_channel::bounded;

use crate::limits::{BLOCK_BYTES, BLOCKS_MIN, OVERSIZE_BLOCKS_MAX};
use crate::pipe;
use block::BlockPool;
use cancel::Cancel;
use framer::Framer;

pub use check::{Disposition, LineCheck, Rejected, Rejects, Verdict};
pub use counters::{OutputCounters, RelayCounters};
pub use framer::Refusal;

/// How a relay's reading came to its end.
#[derive(Debug)]
pub enum InputEnd {
    /// The input closed its end; everything whole was handed over.
    Ended,
    /// A line must not pass.
    Refused(Refusal),
    /// An output could not be written to.
    OutputGone,
    /// Reading failed.
    Failed(io::Error),
    /// [`Relay::cancel`] was called.
    Cancelled,
}

/// How writing to one output came to its end.
#[derive(Debug)]
pub enum OutputEnd {
    /// Everything that was handed over is written and its pipe is closed.
    Complete,
    /// Writing failed, usually because the output closed its stdin or died.
    Broken(io::Error),
}

/// What a relay tells while it runs; each end comes once.
#[derive(Debug)]
pub enum RelayEvent {
    /// Nothing more is read; the input's pipe is closed.
    InputEnd(InputEnd),
    /// Nothing more is written to this output; its pipe is closed.
    OutputEnd(usize, OutputEnd),
}

/// The bounds of a relay.
#[derive(Debug, Clone, Copy)]
pub struct RelayLimits {
    /// Bytes of the longest line, newline not counted.
    pub line_bytes_max: usize,
    /// Bytes that may be between the pipes, beyond what lines longer than a block need.
    pub buffer_bytes: usize,
}

/// A running relay. Its threads end by themselves when the input ends.
pub struct Relay {
    counters: Arc<RelayCounters>,
    cancelled: Arc<Cancel>,
    source: Weak<File>,
    sinks: Vec<Weak<File>>,
}

impl Relay {
    /// Starts to move lines from `source` to all of `sinks`, `initial` first: the bytes that were
    /// read from `source` before. `tell` is called from the relay's threads.
    ///
    /// # Errors
    ///
    /// If a thread cannot be started.
    pub fn start<C: LineCheck>(
        source: OwnedFd,
        initial: Vec<u8>,
        sinks: Vec<OwnedFd>,
        check: C,
        rejects: Box<dyn Rejects>,
        limits: RelayLimits,
        tell: impl Fn(RelayEvent) + Send + Clone + 'static,
    ) -> io::Result<Self> {
        let counters = Arc::new(RelayCounters::new(sinks.len()));
        let pool = Arc::new(BlockPool::new(limits.buffer_bytes, sinks.len()));
        // Every batch holds a block, so this queue can never be what a reader waits for.
        let queue_batches =
            (limits.buffer_bytes / BLOCK_BYTES).max(BLOCKS_MIN) + OVERSIZE_BLOCKS_MAX;
        let mut outlets = Vec::with_capacity(sinks.len());
        let mut kept_sinks = Vec::with_capacity(sinks.len());
        for (index, sink) in sinks.into_iter().enumerate() {
            let (outlet, batches) = bounded(queue_batches);
            outlets.push(outlet);
            let sink = Arc::new(File::from(sink));
            kept_sinks.push(Arc::downgrade(&sink));
            let (counters, tell) = (Arc::clone(&counters), tell.clone());
            let write = move || {
                let writing = portable::SharedFile(Arc::clone(&sink));
                let end = portable::write_all(writing, &batches, &counters.outputs[index]);
                if matches!(end, OutputEnd::Complete) {
                    counters.outputs[index].keep_rest(&sink);
                }
                drop(sink);
                tell(RelayEvent::OutputEnd(index, end));
                batches.iter().for_each(drop);
            };
            thread::Builder::new().name(format!("write-{index}")).spawn(write)?;
        }
        let source = Arc::new(File::from(source));
        let cancelled = Arc::new(Cancel::default());
        let relay = Self {
            counters: Arc::clone(&counters),
            cancelled: Arc::clone(&cancelled),
            source: Arc::downgrade(&source),
            sinks: kept_sinks,
        };
        let read = move || {
            let framer_counters = Arc::clone(&counters);
            let mut framer =
                Framer::new(pool, check, rejects, limits.line_bytes_max, framer_counters);
            let source = portable::SharedFile(source);
            let end =
                portable::read_all(source, &initial, &mut framer, &outlets, &counters, &cancelled);
            drop(outlets);
            tell(RelayEvent::InputEnd(end));
        };
        thread::Builder::new().name("read".to_owned()).spawn(read)?;
        Ok(relay)
    }

    /// What has been done so far.
    pub fn counters(&self) -> &Arc<RelayCounters> {
        &self.counters
    }

    /// Whether some process can still write to the input's pipe.
    pub fn is_source_held(&self) -> bool {
        self.source.upgrade().is_some_and(|source| pipe::has_writers(&source))
    }

    /// After an output's end that came after its [`OutputEnd::Complete`]: how many bytes it has left
    /// unread, which count as not written from now on. Where the system cannot tell, it is 0.
    pub fn settle_output(&self, index: usize) -> u64 {
        self.counters.settle(index)
    }

    /// Ends the writing to an output that has gone although something still holds its pipe open;
    /// what that something has not read counts as not written. Where the system offers no way to
    /// free a blocked write, the writing ends when the pipe does.
    pub fn abandon_output(&self, index: usize) {
        let output = &self.counters.outputs[index];
        output.abandoned.store(true, Ordering::Release);
        if let Some(sink) = self.sinks[index].upgrade() {
            let ended =
                || output.broken.load(Ordering::Acquire) || output.complete.load(Ordering::Acquire);
            let (lines, bytes) = pipe::free_writer(&sink, ended);
            self.counters.take_back(index, lines, bytes);
        }
    }

    /// Ends the reading although something still holds the input's pipe open. What was handed to
    /// the outputs is still written. Where the system offers no way to wake a blocked read, the
    /// reading ends with the next byte that comes.
    pub fn cancel(&self) {
        self.cancelled
            .request(|| self.source.upgrade().is_some_and(|source| pipe::wake_reader(&source)));
    }
}
