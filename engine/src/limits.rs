//! Every limit of a run: number, unit, reason, and what happens when it is hit.
//!
//! Limits that a task sets itself (`max_line`, `buffer`, the timeouts) have their bounds where they
//! are used and their defaults in `config`.

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

/// How long a process that an output left behind may keep a pipe of it open.
pub(crate) const KILLED_PIPE_WAIT: Duration = Duration::from_millis(500);

/// How often the pipe of an output that has gone is read in its place, until the writing to it,
/// which something blocks, has left it.
pub(crate) const DRAIN_EVERY: Duration = Duration::from_millis(5);

/// How long an output that has overrun its grace has between SIGTERM and SIGKILL, to close what
/// it holds open.
pub(crate) const LAST_CALL: Duration = Duration::from_secs(1);

/// How often a slow end is reported: who is still running and how long is left.
pub(crate) const SLOW_END_REPORT_EVERY: Duration = Duration::from_secs(5);

/// A guard that ends sooner is not replaced: the next one would not live longer.
pub(crate) const GUARD_LIFE_MIN: Duration = Duration::from_millis(100);

/// How long providers have between SIGTERM and SIGKILL when DStream itself has died.
pub(crate) const GUARD_GRACE: Duration = Duration::from_secs(2);
