//! A contiguous slice of whole lines: the unit that moves.

use std::sync::Arc;

use super::block::{Block, BlockPool};
use super::meter::Moment;

/// Whole lines, each with its newline, at the start of a block that is shared by all its writers.
/// Dropping a batch brings its reference to the block home.
pub(super) struct Batch {
    /// There until `drop` takes it.
    block: Option<Arc<Block>>,
    bytes: usize,
    lines: u64,
    /// When its last bytes were read.
    pub(super) read: Moment,
    pool: Arc<BlockPool>,
}

impl Batch {
    /// The first `bytes` of `block`, which are `lines` lines.
    pub(super) fn new(block: Arc<Block>, bytes: usize, lines: u64, pool: &Arc<BlockPool>) -> Self {
        Self { block: Some(block), bytes, lines, read: Moment::default(), pool: Arc::clone(pool) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.block.as_ref().map_or(&[], |block| &block.bytes()[..self.bytes])
    }

    pub(super) fn lines(&self) -> u64 {
        self.lines
    }
}

impl Clone for Batch {
    fn clone(&self) -> Self {
        Self { block: self.block.clone(), pool: Arc::clone(&self.pool), ..*self }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.pool.give(block);
        }
    }
}
