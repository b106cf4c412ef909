//! Cursors over the block that is being read into. Does no I/O and knows only of newlines.

use std::sync::Arc;

use memchr::memrchr;

use super::batch::Batch;
use super::block::{BlockPool, Lease};
use crate::limits::BLOCK_BYTES;

/// A block with an unfinished line at its front and free space behind it.
///
/// Invariant: `filled ≤ capacity`, and outside of [`LineBuffer::advance`]'s caller no newline is
/// in `..filled`: whole lines are taken out as soon as they are found, so that only new bytes are
/// ever searched.
pub(super) struct LineBuffer {
    lease: Option<Lease>,
    filled: usize,
    pool: Arc<BlockPool>,
}

impl LineBuffer {
    pub(super) fn new(pool: Arc<BlockPool>) -> Self {
        let lease = Some(pool.lease());
        Self { lease, filled: 0, pool }
    }

    /// Whether more than half of the blocks are held.
    pub(super) fn is_scarce(&self) -> bool {
        self.pool.is_scarce()
    }

    /// Bytes of the unfinished line.
    pub(super) fn unfinished(&self) -> &[u8] {
        &self.lease().bytes()[..self.filled]
    }

    /// Where the next read goes: never empty, never more than [`BLOCK_BYTES`], so that what
    /// follows the last newline fits into a pooled block. A block that one unfinished line fills
    /// whole is replaced by one of up to `bytes_max`, which must be more than is filled.
    pub(super) fn free_mut(&mut self, bytes_max: usize) -> &mut [u8] {
        if self.filled == self.lease().bytes().len() {
            assert!(bytes_max > self.filled, "a line over the limit is not read on");
            let bytes = (self.filled * 2).min(bytes_max);
            if let Some(lease) = self.lease.take() {
                self.lease = Some(self.pool.enlarge(lease, self.filled, bytes));
            }
        }
        let filled = self.filled;
        let free = &mut self.lease_mut().bytes_mut()[filled..];
        let length = free.len().min(BLOCK_BYTES);
        &mut free[..length]
    }

    /// Takes `count` bytes at the front of [`Self::free_mut`] as read. Returns where the last
    /// newline among them ends, if there is one: everything before is whole lines.
    pub(super) fn advance(&mut self, count: usize) -> Option<usize> {
        let (start, end) = (self.filled, self.filled + count);
        assert!(end <= self.lease().bytes().len(), "more was read than there was room for");
        self.filled = end;
        memrchr(b'\n', &self.lease().bytes()[start..end]).map(|at| start + at + 1)
    }

    /// The first `end` bytes.
    pub(super) fn lines(&self, end: usize) -> &[u8] {
        &self.lease().bytes()[..end]
    }

    /// The first `end` bytes, to take lines out of.
    pub(super) fn lines_mut(&mut self, end: usize) -> &mut [u8] {
        &mut self.lease_mut().bytes_mut()[..end]
    }

    /// Forgets the first `end` bytes.
    pub(super) fn discard(&mut self, end: usize) {
        let filled = self.filled;
        self.lease_mut().bytes_mut().copy_within(end..filled, 0);
        self.filled = filled - end;
    }

    /// Forgets what is behind the first `end` bytes.
    pub(super) fn truncate(&mut self, end: usize) {
        self.filled = self.filled.min(end);
    }

    /// Takes the first `kept` bytes, `lines` lines, out as a batch and forgets what is between
    /// them and `end`; what is behind `end` moves to the front of the next block, which is the
    /// only copy in user space on a line's way. Waits for a block if all are out.
    pub(super) fn take(&mut self, kept: usize, end: usize, lines: u64) -> Batch {
        let mut next = self.pool.lease();
        let rest = &self.lease().bytes()[end..self.filled];
        next.bytes_mut()[..rest.len()].copy_from_slice(rest);
        self.filled -= end;
        let full = self.lease.replace(next).expect("a line buffer always has a block");
        Batch::new(full.share(), kept, lines, &self.pool)
    }

    fn lease(&self) -> &Lease {
        self.lease.as_ref().expect("a line buffer always has a block")
    }

    fn lease_mut(&mut self) -> &mut Lease {
        self.lease.as_mut().expect("a line buffer always has a block")
    }
}

impl Drop for LineBuffer {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            self.pool.give(lease.share());
        }
    }
}
