//! Fixed-size memory, and where it goes home to.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::meter::{Meter, Phase};
use crate::limits::{BLOCK_BYTES, BLOCKS_MIN, OVERSIZE_BLOCKS_MAX};

/// A piece of memory that lines are read into.
pub(super) struct Block {
    bytes: Vec<u8>,
    /// Made for one line longer than a block; freed instead of pooled.
    oversize: bool,
}

/// A block that only its holder can see, so that it may be written.
pub(super) struct Lease {
    block: Arc<Block>,
}

impl Lease {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.block.bytes
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.block_mut().bytes
    }

    /// Gives up writing, so that the block can be seen from many places.
    pub(super) fn share(self) -> Arc<Block> {
        self.block
    }

    fn block_mut(&mut self) -> &mut Block {
        Arc::get_mut(&mut self.block).expect("a lease is the only owner of its block")
    }
}

impl Block {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The blocks of one relay: a fixed number, allocated when first needed and then used again.
///
/// Its size is the bound on what is between the pipes, and so the only backpressure there is: a
/// reader without a block waits here until a writer has brought one home. The most recently
/// returned block goes out first, so that a stream that needs few blocks stays in the cache.
///
/// Every holder of a shared block brings home its own reference ([`BlockPool::give`]); the last
/// one to arrive is the only one and thereby writable again, the others are dropped. That needs no
/// count of our own and no unsafe code.
pub(super) struct BlockPool {
    state: Mutex<State>,
    came_home: Condvar,
    blocks_count: usize,
    /// Pooled blocks that nobody holds, for a look without the lock.
    free: AtomicUsize,
    /// Notified when its reader waits for a block: then the outputs keep the stream waiting.
    meter: Arc<Meter>,
}

struct State {
    /// Pooled blocks that nobody else holds.
    home: Vec<Arc<Block>>,
    /// Pooled blocks that may still be allocated.
    unborn: usize,
    /// Oversize blocks that exist.
    oversize: usize,
    /// Threads that wait for a block.
    waiting: usize,
}

/// Pooled blocks of a buffer of `bytes`.
pub(super) fn blocks_in(bytes: usize) -> usize {
    (bytes / BLOCK_BYTES).max(BLOCKS_MIN)
}

impl BlockPool {
    /// A pool of `bytes` in all, rounded up to [`BLOCKS_MIN`] blocks.
    pub(super) fn new(bytes: usize, meter: Arc<Meter>) -> Self {
        let blocks_count = blocks_in(bytes);
        let state = State {
            // Nothing is allocated later.
            home: Vec::with_capacity(blocks_count),
            unborn: blocks_count,
            oversize: 0,
            waiting: 0,
        };
        let free = AtomicUsize::new(blocks_count);
        Self { state: Mutex::new(state), came_home: Condvar::new(), blocks_count, free, meter }
    }

    /// Whether more than half of the blocks are held.
    pub(super) fn is_scarce(&self) -> bool {
        self.free.load(Relaxed) < self.blocks_count / 2
    }

    /// A block of [`BLOCK_BYTES`]; waits for one to come home if all are out.
    pub(super) fn lease(&self) -> Lease {
        let mut state = self.lock();
        let block = loop {
            if let Some(block) = state.home.pop() {
                break block;
            }
            if state.unborn > 0 {
                state.unborn -= 1;
                break Arc::new(Block { bytes: vec![0; BLOCK_BYTES], oversize: false });
            }
            state = self.wait(state);
        };
        self.free.store(state.free(), Relaxed);
        Lease { block }
    }

    /// A writable block of at least `bytes_min` that begins with the first `kept` bytes of
    /// `lease`. Waits while [`OVERSIZE_BLOCKS_MAX`] such blocks exist.
    pub(super) fn enlarge(&self, mut lease: Lease, kept: usize, bytes_min: usize) -> Lease {
        if lease.block.oversize {
            let bytes = &mut lease.block_mut().bytes;
            bytes.reserve_exact(bytes_min.saturating_sub(bytes.len()));
            bytes.resize(bytes_min, 0);
            return lease;
        }
        let mut state = self.lock();
        while state.oversize >= OVERSIZE_BLOCKS_MAX {
            state = self.wait(state);
        }
        state.oversize += 1;
        drop(state);
        let mut bytes = Vec::with_capacity(bytes_min);
        bytes.extend_from_slice(&lease.bytes()[..kept]);
        bytes.resize(bytes_min, 0);
        self.give(lease.share());
        Lease { block: Arc::new(Block { bytes, oversize: true }) }
    }

    /// Brings one reference home.
    pub(super) fn give(&self, mut block: Arc<Block>) {
        let mut state = self.lock();
        // Under the lock: of several holders who come at once, one is the last.
        if Arc::get_mut(&mut block).is_none() {
            return drop(block);
        }
        if block.oversize {
            state.oversize -= 1;
            drop(block);
        } else {
            state.home.push(block);
            self.free.store(state.free(), Relaxed);
        }
        let is_awaited = state.waiting > 0;
        drop(state);
        // A system call each time, even if nobody waits.
        if is_awaited {
            self.came_home.notify_one();
        }
    }

    /// Pooled blocks that nobody holds, and oversize ones that somebody does.
    #[cfg(test)]
    pub(super) fn free_and_oversize(&self) -> (usize, usize) {
        let state = self.lock();
        (state.free(), state.oversize)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing inside can be left half-changed by a panic, so a poisoned lock is as good as any.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.meter.enter(Phase::Output);
        state.waiting += 1;
        let mut state = self.came_home.wait(state).unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        self.meter.enter(Phase::Work);
        state
    }
}

impl State {
    /// Pooled blocks that nobody holds.
    fn free(&self) -> usize {
        self.unborn + self.home.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool_of(blocks_count: usize) -> BlockPool {
        BlockPool::new(blocks_count * BLOCK_BYTES, Arc::new(Meter::new(0, false)))
    }

    #[test]
    fn a_block_is_used_again_only_when_its_last_holder_brought_it_home() {
        let pool = pool_of(BLOCKS_MIN);
        let mut lease = pool.lease();
        lease.bytes_mut()[0] = 7;
        let address = lease.bytes().as_ptr();
        let (one, two) = {
            let block = lease.share();
            (Arc::clone(&block), block)
        };
        pool.give(one);
        assert_ne!(pool.lease().share().bytes().as_ptr(), address);
        pool.give(two);
        assert_eq!(pool.lease().bytes().as_ptr(), address);
    }

    #[test]
    fn the_block_that_came_home_last_goes_out_first() {
        let pool = pool_of(BLOCKS_MIN);
        let (one, two) = (pool.lease(), pool.lease());
        let hot = two.bytes().as_ptr();
        pool.give(one.share());
        pool.give(two.share());
        assert_eq!(pool.lease().bytes().as_ptr(), hot);
    }

    #[test]
    fn an_empty_pool_makes_its_reader_wait_for_a_writer() {
        let pool = pool_of(0);
        let mut out: Vec<_> = (0..BLOCKS_MIN).map(|_| pool.lease().share()).collect();
        assert_eq!(pool.free_and_oversize(), (0, 0));
        let last = out.pop().unwrap();
        let address = last.bytes().as_ptr() as usize;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.lease().bytes().as_ptr() as usize);
            pool.give(last);
            assert_eq!(waiting.join().unwrap(), address);
        });
    }

    #[test]
    fn oversize_blocks_are_freed_when_home_and_bounded_in_number() {
        let pool = pool_of(0);
        let mut first = pool.lease();
        first.bytes_mut()[..3].copy_from_slice(b"abc");
        let large = pool.enlarge(first, 3, 2 * BLOCK_BYTES);
        assert_eq!(&large.bytes()[..3], b"abc");
        let larger = pool.enlarge(large, 3, 3 * BLOCK_BYTES);
        assert_eq!((larger.bytes().len(), &larger.bytes()[..3]), (3 * BLOCK_BYTES, &b"abc"[..]));
        let second = pool.enlarge(pool.lease(), 0, 2 * BLOCK_BYTES);
        pool.give(larger.share());
        let third = pool.enlarge(pool.lease(), 0, 2 * BLOCK_BYTES);
        pool.give(second.share());
        pool.give(third.share());
        assert_eq!(pool.free_and_oversize(), (BLOCKS_MIN, 0));
        assert_eq!(pool.lease().bytes().len(), BLOCK_BYTES);
    }
}
