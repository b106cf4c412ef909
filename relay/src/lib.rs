//! Bytes from one pipe to others: pool, framing, bounded queue, transports.
//!
//! Knows nothing of HCL, OCI or JSON: what a line is worth is said by a [`LineCheck`], what
//! becomes of a bad one by [`Rejects`]. Builds without any of them.
//!
//! Every transport (`portable`, `uring`, `splice`) has what it reads cut into batches of whole,
//! checked lines by the same `Framer`, over blocks of a fixed pool; they differ in how bytes come in
//! and go out. Two of them read and write in threads of their own:
//!
//! ```text
//! input's stdout ─▶ reader ─▶ Framer ─▶ Batch ─┬─▶ queue ─▶ writer ─▶ output's stdin
//!                     ▲                        └─▶ queue ─▶ writer ─▶ …
//!                     └────────── BlockPool ◀──────────────────┘
//! ```
//!
//! A reader fills a block, cuts it after the last newline, hands the whole lines to every writer
//! and carries the rest over. The pool is the bound: a reader without a block waits until the
//! slowest writer has brought one home, and meanwhile the pipe fills and the input waits. `splice`
//! looks at a copy and moves the bytes themselves from pipe to pipe, in one thread; its bound is
//! the pipes.

mod batch;
pub mod bench;
mod block;
mod cancel;
mod check;
mod counters;
mod event;
mod framer;
pub mod limits;
mod line_buffer;
mod meter;
pub mod pipe;
mod portable;
mod pump;
mod queue;
mod setup;
mod shared;
#[cfg(target_os = "linux")]
mod splice;
mod transport;
#[cfg(target_os = "linux")]
mod uring;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use crate::limits::{BLOCK_BYTES, OVERSIZE_BLOCKS_MAX};
use block::{BlockPool, blocks_in};
use crossbeam_channel::{Sender, unbounded};
use framer::Framer;
use queue::Order;
use setup::{Orders, Setup};
use shared::Shared;

pub use check::{Disposition, LineCheck, Rejected, Rejects, Verdict};
pub use counters::{OutputCounters, RelayCounters};
pub use event::{InputEnd, OutputEnd, RelayEvent};
pub use framer::Refusal;
pub use meter::{Meter, Phase};
pub use transport::Transport;

/// How a relay works.
#[derive(Debug, Clone, Copy)]
pub struct RelayOptions {
    /// Bytes of the longest line, newline not counted.
    pub line_bytes_max: usize,
    /// Bytes that may be between the pipes, beyond what lines longer than a block need.
    pub buffer_bytes: usize,
    /// The way that is wanted; one that cannot be had falls back to [`Transport::Portable`].
    pub transport: Transport,
    /// Whether times are measured: what [`Relay::meter`] tells.
    pub measure: bool,
    /// Whether an end whose process has gone can be replaced by another: the relay then waits for
    /// what becomes of it, and does not go by [`Transport::Splice`].
    pub replaceable: bool,
    /// Whether somebody looks how far the outputs are: what was written is then counted as it goes into
    /// a pipe, also while a write waits for room.
    pub watched: bool,
}

/// The two sides of a relay, and what is done between them.
pub struct RelayEnds<C> {
    /// The pipe that is read.
    pub source: OwnedFd,
    /// Bytes that were read from it before.
    pub initial: Vec<u8>,
    /// The pipes that are written; each gets every line.
    pub sinks: Vec<OwnedFd>,
    /// What a line must be.
    pub check: C,
    /// Where lines go that are not.
    pub rejects: Box<dyn Rejects>,
}

/// A running relay. Its threads end by themselves when the input ends.
pub struct Relay {
    shared: Arc<Shared>,
    transport: Transport,
    queue_bytes_max: usize,
    source: Weak<File>,
    sinks: Vec<Weak<File>>,
    /// There as long as another source can come.
    sources: Option<Sender<(Arc<File>, Vec<u8>)>>,
    /// There as long as another sink can come, one for each.
    orders: Vec<Option<Sender<Order>>>,
}

impl Relay {
    /// Starts to move lines from the source to all of the sinks. `tell` is called from the relay's
    /// threads.
    ///
    /// # Errors
    ///
    /// If a thread cannot be started.
    pub fn start<C: LineCheck>(
        ends: RelayEnds<C>,
        options: RelayOptions,
        tell: impl Fn(RelayEvent) + Send + Clone + 'static,
    ) -> io::Result<Self> {
        let sinks: Vec<Arc<File>> =
            ends.sinks.into_iter().map(|sink| Arc::new(File::from(sink))).collect();
        let source = Arc::new(File::from(ends.source));
        let shared = Arc::new(Shared::new(sinks.len(), options.measure));
        let meter = Arc::clone(&shared.meter);
        let pool = Arc::new(BlockPool::new(options.buffer_bytes, meter));
        let framer = Framer::new(
            pool,
            ends.check,
            ends.rejects,
            options.line_bytes_max,
            Arc::clone(&shared),
        );
        #[allow(clippy::disallowed_methods, reason = "one order for each restart")]
        let (orders, sources) = if options.replaceable {
            let (sources, next_sources) = unbounded();
            let (orders, next_sinks) =
                sinks.iter().map(|_| unbounded()).map(|(order, next)| (Some(order), next)).unzip();
            (orders, Some((sources, Orders { sources: next_sources, sinks: next_sinks })))
        } else {
            (Vec::new(), None)
        };
        let (sources, next) = sources.unzip();
        let mut relay = Self {
            sources,
            orders,
            shared: Arc::clone(&shared),
            transport: Transport::Portable,
            queue_bytes_max: blocks_in(options.buffer_bytes) * BLOCK_BYTES,
            source: Arc::downgrade(&source),
            sinks: sinks.iter().map(Arc::downgrade).collect(),
        };
        // Every batch but marks and the parts around them holds a block of its own, so that this queue
        // is not what a reader waits for.
        let queue_batches = blocks_in(options.buffer_bytes) + OVERSIZE_BLOCKS_MAX;
        let (initial, orders) = (ends.initial, next);
        let watched = options.watched;
        let setup =
            Setup { source, initial, sinks, framer, queue_batches, shared, orders, watched };
        relay.transport = setup.spawn(options.transport, tell)?;
        Ok(relay)
    }

    /// How the bytes are moved.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// Bytes that may be between the pipes, lines longer than a block left aside.
    pub fn queue_bytes_max(&self) -> usize {
        self.queue_bytes_max
    }

    /// What has been done so far.
    pub fn counters(&self) -> &RelayCounters {
        &self.shared.counters
    }

    /// Where the time has gone so far.
    pub fn meter(&self) -> &Meter {
        &self.shared.meter
    }

    /// Whether some process can still write to the input's pipe.
    pub fn is_source_held(&self) -> bool {
        self.source.upgrade().is_some_and(|source| pipe::has_writers(&source))
    }

    /// Bytes in the pipe of the source that have not been read; `None` if it has ended.
    pub fn source_unread_bytes(&self) -> Option<u64> {
        self.source.upgrade().map(|source| pipe::unread_bytes(&source) as u64)
    }

    /// Bytes in the pipe of a sink that nobody has read yet, after its end, too, where the system can
    /// tell.
    pub fn sink_unread_bytes(&self, index: usize) -> u64 {
        match self.sinks[index].upgrade() {
            Some(sink) => pipe::unread_bytes(&sink) as u64,
            None => self.shared.counters.outputs[index].rest_bytes(),
        }
    }

    /// After an output's process has ended: how many lines and bytes it has left unread of the pipe
    /// that the relay has left; they count as not written from now on. Where the system cannot tell, none.
    /// Of a pipe that the relay has not left yet they are read out, and counted when it has.
    pub fn settle_output(&self, index: usize) -> (u64, u64) {
        if self.sinks[index].strong_count() == 0 {
            return self.shared.counters.settle(index);
        }
        self.drain_output(index);
        (0, 0)
    }

    /// Reads what is in the pipe of an output that has gone, in its place: a write that something
    /// blocks, which holds the pipe and does not read it, goes on. Does not wait; to be repeated until
    /// the writing has left the pipe. Where the system offers no way, the writing ends when the pipe
    /// does.
    pub fn drain_output(&self, index: usize) {
        if let Some(sink) = self.sinks[index].upgrade() {
            self.shared.counters.outputs[index].drain(&sink);
        }
    }

    /// After [`RelayEvent::SourceEnded`]: goes on with the lines of another source, of which `initial`
    /// was read before.
    pub fn replace_source(&mut self, source: OwnedFd, initial: Vec<u8>) {
        let source = Arc::new(File::from(source));
        self.source = Arc::downgrade(&source);
        if let Some(sources) = &self.sources {
            // If it is not read, the reading has ended for another reason, which is reported.
            let _ = sources.send((source, initial));
        }
    }

    /// There will be no other source: when this one has ended, the input has.
    pub fn end_source(&mut self) {
        self.sources = None;
    }

    /// Has the writing leave the pipe of an output that has gone, or is to leave: what it has not
    /// begun to write waits for another sink. Answered by [`RelayEvent::SinkBroken`] or
    /// [`RelayEvent::OutputEnd`], unless that has been reported already; where sinks cannot be replaced, with
    /// the next line.
    pub fn detach_output(&self, index: usize) {
        self.shared.counters.outputs[index].is_detached.store(true, Ordering::Release);
        if let Some(Some(orders)) = self.orders.get(index) {
            let _ = orders.send(Order::Detach);
        }
    }

    /// Goes on with another sink, beginning with the first line that was not written whole. What was
    /// written and not read before is lost. Usually after [`RelayEvent::SinkBroken`], which is reported
    /// in any case.
    pub fn replace_sink(&mut self, index: usize, sink: OwnedFd) {
        let sink = Arc::new(File::from(sink));
        self.sinks[index] = Arc::downgrade(&sink);
        if let Some(Some(orders)) = self.orders.get(index) {
            let _ = orders.send(Order::Replace(sink));
        }
    }

    /// There will be no other sink: when the pipe of this one breaks, the output has ended.
    pub fn end_sink(&mut self, index: usize) {
        if let Some(orders) = self.orders.get_mut(index) {
            *orders = None;
        }
    }

    /// Ends the reading although something still holds the input's pipe open. What was handed to
    /// the outputs is still written. Where the system offers no way to wake a blocked read, the
    /// reading ends with the next byte that comes.
    pub fn cancel(&self) {
        self.shared.cancelled.request(|mark| {
            self.source.upgrade().is_some_and(|source| pipe::wake_reader(&source, mark))
        });
    }
}
