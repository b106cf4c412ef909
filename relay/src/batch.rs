//! A contiguous slice of whole lines: the unit that moves.

use std::ops::Range;
use std::sync::Arc;

use super::block::{Block, BlockPool};
use super::meter::Moment;

/// Whole lines, each with its newline, in a block that is shared by all its writers; or a mark
/// between them. Dropping a batch brings its reference to the block home.
#[derive(Clone)]
pub(super) struct Batch {
    memory: Memory,
    place: Range<usize>,
    lines: u64,
    /// When its last bytes were read.
    pub(super) read: Moment,
}

#[derive(Clone)]
enum Memory {
    Block(Home),
    Mark(Arc<[u8]>),
}

/// A reference to a block that comes home when it is dropped.
struct Home {
    /// There until `drop` takes it.
    block: Option<Arc<Block>>,
    pool: Arc<BlockPool>,
}

impl Batch {
    /// The first `bytes` of `block`, which are `lines` lines.
    pub(super) fn new(block: Arc<Block>, bytes: usize, lines: u64, pool: &Arc<BlockPool>) -> Self {
        let memory = Memory::Block(Home { block: Some(block), pool: Arc::clone(pool) });
        Self { memory, place: 0..bytes, lines, read: Moment::default() }
    }

    /// Some of its bytes, which are so many lines.
    pub(super) fn part(&self, place: Range<usize>, lines: u64) -> Self {
        Self { place, lines, ..self.clone() }
    }

    /// What is behind its first `bytes`, which are so many lines.
    pub(super) fn after(&self, bytes: usize, lines: u64) -> Self {
        self.part(self.place.start + bytes..self.place.end, self.lines - lines)
    }

    /// A mark in the stream, which no line of it is.
    pub(super) fn mark(text: Box<[u8]>) -> Self {
        let (place, memory) = (0..text.len(), Memory::Mark(text.into()));
        Self { memory, place, lines: 0, read: Moment::default() }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match &self.memory {
            Memory::Block(Home { block, .. }) => {
                block.as_ref().map_or(&[], |block| &block.bytes()[self.place.clone()])
            }
            Memory::Mark(text) => text,
        }
    }

    /// How many of so many of its bytes count.
    pub(super) fn counted(&self, bytes: usize) -> u64 {
        if matches!(self.memory, Memory::Mark(_)) { 0 } else { bytes as u64 }
    }

    pub(super) fn lines(&self) -> u64 {
        self.lines
    }
}

impl Clone for Home {
    fn clone(&self) -> Self {
        Self { block: self.block.clone(), pool: Arc::clone(&self.pool) }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(block) = self.block.take() {
            self.pool.give(block);
        }
    }
}
