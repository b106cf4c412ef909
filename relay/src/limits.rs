//! Every limit of the relay: number, unit, reason, and what happens when it is hit.

use std::time::Duration;

/// Bytes of one pooled block, and so of the largest single read. A quarter of the pipe's
/// [`PIPE_BYTES`]: large enough that the cost of a system call vanishes, small enough that the two
/// or three blocks in use at a time stay in a core's second-level cache.
pub const BLOCK_BYTES: usize = 256 * 1024;

/// Blocks of the smallest pool: one that is filled, one to carry an unfinished line over into, one
/// that is being written, one that waits. A smaller `buffer` is rounded up to this.
pub const BLOCKS_MIN: usize = 4;

/// Blocks beyond the pool that may exist for lines longer than [`BLOCK_BYTES`]: one being read and
/// one being written, which is the "2 × `max_line`" of the memory promise.
pub const OVERSIZE_BLOCKS_MAX: usize = 2;

/// Bytes asked of the kernel for each pipe to and from a provider; it may give less (an
/// unprivileged user is bound by /proc/sys/fs/pipe-max-size), which costs speed and nothing else.
pub const PIPE_BYTES: usize = 1024 * 1024;

/// Bytes of a read below which the next one is copied instead of spliced: to copy so little costs
/// less than the two system calls more that it takes to move it.
pub const SPLICE_BYTES_MIN: usize = 16 * 1024;

/// Bytes of an unfinished line that stay in a pipe of the splice transport; a longer one is copied,
/// since every look at a pipe begins with what is known already.
pub const HELD_LINE_BYTES_MAX: usize = 64 * 1024;

/// How long a reader leaves its pipe alone at first, and at most, when its outputs are far behind and
/// there is little in it: short enough that a queue that is written in one go is not missed by more
/// than that took.
pub const GATHER_PAUSE_MIN: Duration = Duration::from_micros(50);
/// See [`GATHER_PAUSE_MIN`].
pub const GATHER_PAUSE_MAX: Duration = Duration::from_millis(10);

/// Batches that one `writev` takes together. More would not help: the queue is rarely longer,
/// since a reader that waits for its writer finds larger reads afterwards.
pub const WRITE_BATCHES_MAX: usize = 64;

/// How long a writer waits for room in its pipe before it looks whether it is to leave it.
pub const ROOM_WAIT: Duration = Duration::from_millis(100);

/// The longest latency that is recorded exactly, an hour; a longer one counts as this. Lower bound and
/// digits make a histogram of some 200 KiB for each output.
pub const LATENCY_US_MAX: u64 = 3_600_000_000;

const _: () = assert!(BLOCK_BYTES <= PIPE_BYTES);
const _: () = assert!(BLOCKS_MIN >= 3);
