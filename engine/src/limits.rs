//! Every limit of the engine: number, unit, reason, and what happens when it is hit.
//!
//! Limits that a task sets itself (`max_line`, `buffer`, the timeouts) have their bounds here and
//! their defaults in `config`.

use std::time::Duration;

/// Bytes of one pooled block, and so of the largest single read. A quarter of the pipe's
/// [`PIPE_BYTES`]: large enough that the cost of a system call vanishes, small enough that the two
/// or three blocks in use at a time stay in a core's second-level cache.
pub(crate) const BLOCK_BYTES: usize = 256 * 1024;

/// Blocks of the smallest pool: one that is filled, one to carry an unfinished line over into, one
/// that is being written, one that waits. A smaller `buffer` is rounded up to this.
pub(crate) const BLOCKS_MIN: usize = 4;

/// Blocks beyond the pool that may exist for lines longer than [`BLOCK_BYTES`]: one being read and
/// one being written, which is the "2 × `max_line`" of the memory promise.
pub(crate) const OVERSIZE_BLOCKS_MAX: usize = 2;

/// Bytes asked of the kernel for each pipe to and from a provider; it may give less (an
/// unprivileged user is bound by /proc/sys/fs/pipe-max-size), which costs speed and nothing else.
pub(crate) const PIPE_BYTES: usize = 1024 * 1024;

/// Bytes of a read below which the next one is copied instead of spliced: to copy so little costs
/// less than the two system calls more that it takes to move it.
pub(crate) const SPLICE_BYTES_MIN: usize = 16 * 1024;

/// Bytes of an unfinished line that stay in a pipe of the splice transport; a longer one is copied,
/// since every look at a pipe begins with what is known already.
pub(crate) const HELD_LINE_BYTES_MAX: usize = 64 * 1024;

/// How long a reader leaves its pipe alone at first, and at most, when its outputs are far behind and
/// there is little in it: short enough that a queue that is written in one go is not missed by more
/// than that took.
pub(crate) const GATHER_PAUSE_MIN: Duration = Duration::from_micros(50);
/// See [`GATHER_PAUSE_MIN`].
pub(crate) const GATHER_PAUSE_MAX: Duration = Duration::from_millis(10);

/// Batches that one `writev` takes together. More would not help: the queue is rarely longer,
/// since a reader that waits for its writer finds larger reads afterwards.
pub(crate) const WRITE_BATCHES_MAX: usize = 64;

/// How long threads at a pipe have to notice that both its ends were killed.
pub(crate) const KILLED_PIPE_WAIT: Duration = Duration::from_millis(500);

/// The longest latency that is told apart, an hour; a longer one counts as this. Lower bound and
/// digits make a histogram of some 200 KiB for each output.
pub(crate) const LATENCY_US_MAX: u64 = 3_600_000_000;

const _: () = assert!(BLOCK_BYTES <= PIPE_BYTES);
const _: () = assert!(BLOCKS_MIN >= 3);

#[cfg(feature = "run")]
pub(crate) use run::*;

#[cfg(feature = "run")]
mod run {
    use std::time::Duration;

    /// Bytes of a first line that can still be a handshake. A longer one is data.
    pub(crate) const HANDSHAKE_BYTES_MAX: usize = 64 * 1024;

    /// Restarts in a [`RESTART_WINDOW`] where a policy names no `max_attempts`.
    pub(crate) const RESTART_ATTEMPTS: u32 = 5;

    /// `window` of a restart policy that names none.
    pub(crate) const RESTART_WINDOW: Duration = Duration::from_secs(600);

    /// `backoff_min` of a restart policy that names none: the wait before the first restart.
    pub(crate) const RESTART_BACKOFF_MIN: Duration = Duration::from_secs(1);

    /// `backoff_max` of a restart policy that names none: no wait is longer.
    pub(crate) const RESTART_BACKOFF_MAX: Duration = Duration::from_secs(30);

    /// Bytes of an input's checkpoint. Kept in memory a few times over and in the state's file; real
    /// ones have some hundred, those of thousands of files some hundred thousand.
    pub(crate) const CHECKPOINT_BYTES_MAX: usize = 4 * 1024 * 1024;

    /// Checkpoints that may be on their way to the outputs and back. Beyond it every second one is
    /// forgotten: an acknowledgement of it then counts for the one before it.
    pub(crate) const CHECKPOINTS_MAX: usize = 1024;

    /// Bytes of checkpoints that may be on their way to the outputs: of the longest, the oldest and
    /// the newest.
    pub(crate) const CHECKPOINTS_BYTES_MAX: usize = 2 * CHECKPOINT_BYTES_MAX;

    /// Bytes of a task's state file: the largest checkpoint, escaped, and what is said of it.
    pub(crate) const STATE_BYTES_MAX: u64 = 16 * 1024 * 1024;

    /// How long the built-in provider of a replay may take to start: as any where nothing is said.
    pub(crate) const REPLAY_STARTUP_TIMEOUT: Duration = Duration::from_secs(30);

    /// Bytes of the reason with which an output gives a line back; the rest of it is cut.
    pub(crate) const REJECT_REASON_BYTES_MAX: usize = 4 * 1024;

    /// Bytes of what an output says to give a line back, beyond six times `max_line`: so long can
    /// a line become by escapes, a control character being `\u0001`. What is longer is an error.
    pub(crate) const REJECT_MARGIN_BYTES: usize = 64 * 1024;

    /// Bytes of one log line of a provider that are passed on; the rest is cut, and the cut is
    /// said.
    pub(crate) const LOG_LINE_BYTES_MAX: usize = 16 * 1024;

    /// Last log lines of a provider that are kept for the report of its failure.
    pub(crate) const LOG_TAIL_LINES: usize = 10;

    /// Bytes of a lifecycle result (plan, status, …). A longer one is an error.
    pub(crate) const RESULT_BYTES_MAX: usize = 16 * 1024 * 1024;

    /// How long an output that need not say ready may stay silent before lines are sent to it.
    /// Nobody notices it, and an output that speaks later is still understood.
    pub(crate) const SILENT_OUTPUT_GRACE: Duration = Duration::from_millis(100);

    /// How long a dead provider's last log lines are waited for, where something it started still
    /// holds its stderr.
    pub(crate) const LAST_WORDS_WAIT: Duration = Duration::from_millis(250);

    /// How long the exit of a provider that closed a pipe is waited for, so that its exit status is
    /// reported and not only the closed pipe.
    pub(crate) const BROKEN_PIPE_WAIT: Duration = Duration::from_millis(400);

    /// How long a process that an input left behind may keep its stdout open.
    pub(crate) const HELD_PIPE_WAIT: Duration = Duration::from_secs(1);

    /// How long an output that has overrun its grace has between SIGTERM and SIGKILL, to close what
    /// it holds open.
    pub(crate) const LAST_CALL: Duration = Duration::from_secs(1);

    /// How often a slow end is reported: who is still running and how long is left.
    pub(crate) const SLOW_END_REPORT_EVERY: Duration = Duration::from_secs(5);

    /// How long providers have between SIGTERM and SIGKILL when DStream itself has died.
    pub(crate) const GUARD_GRACE: Duration = Duration::from_secs(2);

    /// Depth of nesting of a line. Under `validate = "full"` a deeper line is invalid; for a filter,
    /// what lies deeper is null. Bounds the stack of whatever walks over a line's values.
    pub(crate) const JSON_DEPTH_MAX: usize = 127;

    /// Bytes of a line up to which the memory it was parsed in is kept for the next one. A parsed
    /// line can take twenty times its length; that of a longer line is given back at once.
    pub(crate) const JSON_SCRATCH_LINE_BYTES_KEPT: usize = super::BLOCK_BYTES;

    /// How long a connection to a registry may take to come about.
    pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    /// Redirects that are followed for one request. Registries send blobs from elsewhere, one hop.
    pub(crate) const REDIRECTS_MAX: usize = 5;

    /// Further attempts at one request; each part of a blob that has come starts the count anew.
    pub(crate) const RETRIES_MAX: u32 = 5;

    /// The longest wait before the first further attempt; it doubles with each.
    pub(crate) const RETRY_BASE: Duration = Duration::from_millis(200);

    /// The longest wait between attempts that nobody asked for.
    pub(crate) const RETRY_PAUSE_MAX: Duration = Duration::from_secs(5);

    /// The longest `Retry-After` that is waited for; a longer one is an error that says so.
    pub(crate) const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

    /// Bytes of a manifest, of an index and of a list of referrers: what registries accept.
    pub(crate) const MANIFEST_BYTES_MAX: u64 = 4 * 1024 * 1024;

    /// Bytes of a token service's answer. Real ones have a few thousand.
    pub(crate) const TOKEN_BODY_BYTES_MAX: u64 = 256 * 1024;

    /// Bytes of an error's body that are looked at.
    pub(crate) const ERROR_BODY_BYTES_MAX: u64 = 64 * 1024;

    /// Bytes of a provider.json.
    pub(crate) const METADATA_BYTES_MAX: u64 = 1024 * 1024;

    /// Bytes of one blob, and of the executable unpacked from it: an executable beyond it is none.
    pub(crate) const EXECUTABLE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

    /// Bytes a blob has to bring in the time of a stall, or it counts as stalled: a server that
    /// sends a byte now and then is not sending.
    pub(crate) const BLOB_BYTES_PER_STALL_MIN: u64 = 1024;

    /// The slowest upload that is waited for.
    pub(crate) const UPLOAD_BYTES_PER_S_MIN: u64 = 32 * 1024;

    /// How long ago a file must have been changed for its times to show a further change. File systems
    /// and kernels keep times in ticks of up to two seconds.
    pub(crate) const RACILY_CLEAN: Duration = Duration::from_secs(2);

    /// Signatures of one manifest that are looked at.
    pub(crate) const SIGNATURES_MAX: usize = 50;

    /// Bytes of a signed text. Real ones have some three hundred.
    pub(crate) const SIGNED_BYTES_MAX: u64 = 64 * 1024;

    /// Bytes of a lock file: hundreds of thousands of references.
    pub(crate) const LOCK_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

    /// Layers of a manifest, and manifests of an index, that are looked at.
    pub(crate) const DESCRIPTORS_MAX: usize = 1000;

    /// Entries of an archive that holds a provider, headers included. More is an error: it would
    /// be a whole system's files, read to the end for one of them.
    pub(crate) const ARCHIVE_ENTRIES_MAX: usize = 1024;

    /// Bytes of a pax header or a long name in such an archive, which are kept in memory. A longer
    /// one is an error. What is that long are attributes of macOS.
    pub(crate) const ARCHIVE_HEADER_BYTES_MAX: u64 = 1024 * 1024;

    /// Names of an archive's files that an error lists; of the rest it says how many they are.
    pub(crate) const ARCHIVE_NAMES_SHOWN_MAX: usize = 10;

    /// Largest window of a zstd frame, as a power of two: 128 MiB, which is what the `zstd` program
    /// takes without being told to take more, and what its highest level makes. Bounds the memory
    /// of unpacking; a larger one is an error.
    pub(crate) const ZSTD_WINDOW_LOG_MAX: u32 = 27;

    /// Bytes of an image layout's `index.json`, which is read whole. Room for some 40 000 entries;
    /// a larger one is an error.
    pub(crate) const LAYOUT_INDEX_BYTES_MAX: u64 = 16 * 1024 * 1024;

    const _: () = assert!(super::PIPE_BYTES > HANDSHAKE_BYTES_MAX);
}
