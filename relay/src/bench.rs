//! Single steps of the relay, for benchmarks: framing, the pool, a queue, a meter. They change with the
//! relay, so nothing but `benches/` should use them.

use std::io;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::batch::Batch;
use super::block::BlockPool;
use super::check::{Disposition, LineCheck, Rejected, Rejects};
use super::framer::Framer;
use super::meter::{Meter, Moment, Phase};
use super::pump;
use super::shared::Shared;
use crate::limits;

/// Bytes of a block.
pub const BLOCK_BYTES: usize = limits::BLOCK_BYTES;

/// The longest line; that of a task which says nothing.
const LINE_BYTES_MAX: usize = 16 << 20;

/// Blocks of a pool; as many as a task has which says nothing.
const BLOCKS: usize = 32;

/// What is between a read and a queue: framing and the check.
pub struct Framing<C> {
    framer: Framer<C>,
}

impl<C: LineCheck> Framing<C> {
    /// At the start of a stream.
    pub fn new(check: C) -> Self {
        let shared = Arc::new(Shared::new(1, false));
        let pool = Arc::new(BlockPool::new(0, Arc::clone(&shared.meter)));
        Self { framer: Framer::new(pool, check, Box::new(LeaveOut), LINE_BYTES_MAX, shared) }
    }

    /// Copies `bytes` in, which stands for a read, and frames them. Returns how many lines come out.
    pub fn feed(&mut self, bytes: &[u8]) -> u64 {
        let mut lines = 0;
        pump::feed(bytes, &mut self.framer, |framed| {
            lines += framed.lines();
            None
        });
        lines
    }

    /// Frames the first `count` bytes of what was in the block before, without a copy. Two blocks
    /// take turns, so that [`Self::feed`] must have had the same whole lines twice.
    pub fn frame_again(&mut self, count: usize) -> u64 {
        self.framer.free_mut();
        self.framer.advance(count).lines()
    }
}

struct LeaveOut;

impl Rejects for LeaveOut {
    fn reject(&mut self, _rejected: &Rejected<'_>) -> io::Result<Disposition> {
        Ok(Disposition::LeaveOut)
    }
}

/// The blocks of a relay.
pub struct Pool {
    pool: Arc<BlockPool>,
    outputs_count: usize,
}

impl Pool {
    /// A pool for that many outputs.
    pub fn new(outputs_count: usize) -> Self {
        let meter = Arc::new(Meter::new(outputs_count, false));
        Self { pool: Arc::new(BlockPool::new(BLOCKS * BLOCK_BYTES, meter)), outputs_count }
    }

    /// One block goes out, is shared by all outputs, and comes home.
    pub fn turn(&self) -> usize {
        let batch = self.batch();
        let others: usize = (1..self.outputs_count).map(|_| batch.clone().bytes().len()).sum();
        others + batch.bytes().len()
    }

    /// As [`Self::turn`], `turns` times from one thread through a queue to another.
    pub fn hand_over(&self, turns: u64) -> usize {
        let (outlet, batches): (Sender<Batch>, Receiver<Batch>) = bounded(BLOCKS);
        thread::scope(|scope| {
            let writer = scope.spawn(move || batches.iter().map(|batch| batch.bytes().len()).sum());
            for _ in 0..turns {
                if outlet.send(self.batch()).is_err() {
                    break;
                }
            }
            drop(outlet);
            writer.join().unwrap_or(0)
        })
    }

    fn batch(&self) -> Batch {
        Batch::new(self.pool.lease().share(), 1, 1, &self.pool)
    }
}

/// What a relay that measures does besides.
pub struct Metering {
    meter: Meter,
    read: Moment,
}

impl Metering {
    /// Of a relay with one output.
    pub fn new() -> Self {
        let meter = Meter::new(1, true);
        let read = meter.now();
        Self { meter, read }
    }

    /// Around each read: the wait begins, the wait is over.
    pub fn read(&mut self) {
        self.meter.enter(Phase::Input);
        self.read = self.meter.enter(Phase::Work);
    }

    /// After each write: the time, and the latency of its lines.
    pub fn write(&self, lines: u64) {
        self.meter.record(0, self.read, self.meter.now(), lines);
    }

    /// How many lines were recorded.
    pub fn lines(&self) -> u64 {
        let mut sum = Meter::empty_histogram();
        self.meter.add_latency_us_to(&mut sum);
        sum.len()
    }
}

impl Default for Metering {
    fn default() -> Self {
        Self::new()
    }
}
