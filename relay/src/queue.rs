//! What waits for one writer: batches, and what is to become of a pipe that nobody reads any more.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, Release};

use crossbeam_channel::{Receiver, select};

use super::batch::Batch;
use super::counters::RelayCounters;
use super::pump::Progress;
use crate::limits::WRITE_BATCHES_MAX;

/// What a writer is to do about its pipe.
pub(super) enum Order {
    /// Leave it: its reader has gone, or is to leave.
    Detach,
    /// Go on with this one.
    Replace(Arc<File>),
}

/// The end of a queue that a writer has.
pub(super) struct Queue {
    batches: Receiver<Batch>,
    /// There where a pipe that breaks can be replaced.
    orders: Option<Receiver<Order>>,
    /// Came before it was asked for.
    next_sink: Option<Arc<File>>,
    /// Taken out and not written yet.
    pub(super) waiting: Vec<Batch>,
}

/// What comes next for a writer.
pub(super) enum Next {
    /// There are batches to write.
    Write,
    /// There will be no more.
    End,
    /// The pipe is to be left.
    Detach,
}

impl Queue {
    pub(super) fn new(batches: Receiver<Batch>, orders: Option<Receiver<Order>>) -> Self {
        let waiting = Vec::with_capacity(WRITE_BATCHES_MAX);
        Self { batches, orders, next_sink: None, waiting }
    }

    pub(super) fn is_replaceable(&self) -> bool {
        self.orders.is_some()
    }

    /// Waits for batches, unless some are left from before.
    pub(super) fn next(&mut self) -> Next {
        if !self.waiting.is_empty() {
            return Next::Write;
        }
        let batch = loop {
            let Some(orders) = &self.orders else { break self.batches.recv() };
            select! {
                recv(self.batches) -> batch => break batch,
                recv(orders) -> order => match order {
                    Ok(order) => {
                        if let Order::Replace(sink) = order {
                            self.next_sink = Some(sink);
                        }
                        return Next::Detach;
                    }
                    Err(_) => self.orders = None, // whoever could replace it has gone
                },
            }
        };
        let Ok(batch) = batch else { return Next::End };
        self.waiting.push(batch);
        self.waiting.extend(self.batches.try_iter().take(WRITE_BATCHES_MAX - 1));
        Next::Write
    }

    /// Begins anew with the line in which the writing broke off.
    pub(super) fn rewind(&mut self, progress: &Progress, counters: &RelayCounters, index: usize) {
        self.waiting.drain(..progress.first);
        let Some(batch) = self.waiting.first_mut() else { return };
        let written = &batch.bytes()[..progress.offset_bytes];
        let start = memchr::memrchr(b'\n', written).map_or(0, |newline| newline + 1);
        let lines = memchr::memchr_iter(b'\n', &written[..start]).count() as u64;
        let cut_bytes = batch.counted(written.len() - start);
        let output = &counters.outputs[index];
        output.bytes_written.fetch_sub(cut_bytes, Relaxed);
        output.bytes_cut.store(cut_bytes, Relaxed);
        *batch = batch.after(start, lines);
    }

    /// Waits for another pipe; `None` if there will be none.
    pub(super) fn next_sink(
        &mut self,
        counters: &RelayCounters,
        index: usize,
    ) -> Option<Arc<File>> {
        let output = &counters.outputs[index];
        while self.next_sink.is_none() {
            match self.orders.as_ref()?.recv() {
                Ok(Order::Detach) => {} // it has found out by itself
                Ok(Order::Replace(sink)) => self.next_sink = Some(sink),
                Err(_) => {
                    output.broken.store(true, Release);
                    return None;
                }
            }
        }
        counters.settle(index);
        counters.lose(index);
        output.bytes_before.store(output.bytes_written.load(Relaxed), Relaxed);
        output.is_detached.store(false, Release);
        self.next_sink.take()
    }

    /// Takes what still comes and forgets it: each holds a block that the reader may be waiting for.
    pub(super) fn drain(&mut self) {
        self.waiting.clear();
        self.batches.iter().for_each(drop);
    }
}

/// The same error once more.
pub(super) fn same(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}
