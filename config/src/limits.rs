//! Every bound on what a configuration may be, with its reason. All are far above what people
//! write; they exist so that a wrong file ends in an error and never in a hang or a crash.

use std::time::Duration;

/// Bytes of a configuration or variable file. Far above what people write, far below what would
/// take long.
pub(super) const FILE_BYTES_MAX: usize = 1 << 20;

/// Open brackets, braces, strings and interpolations at one place. The HCL parser goes no deeper.
pub(super) const NESTING_MAX: usize = 64;

/// Items of one object as it is written. The parser compares every key with all before it; an
/// object of half a file would take it minutes.
pub(super) const OBJECT_ITEMS_MAX: usize = 5_000;

/// Template actions in one file. Each is evaluated for itself.
pub(super) const ACTIONS_MAX: usize = 10_000;

/// Bytes of one template action. How far an action goes is searched for at every `{{`.
pub(super) const ACTION_BYTES_MAX: usize = 16 << 10;

/// Tasks of one file.
pub(super) const TASKS_MAX: usize = 1_000;

/// Variables, and locals, of one file.
pub(super) const NAMES_MAX: usize = 2_000;

/// Outputs of one task: each is a process and a queue.
pub(super) const OUTPUTS_MAX: usize = 64;

/// Characters of a task's name or a label: they stand in every log line.
pub(super) const LABEL_CHARS_MAX: usize = 128;

/// Bytes that all values of one evaluation may take together, copies counted. Without it a chain
/// of locals that each double the one before would fill the memory.
pub(super) const EVALUATION_BYTES_MAX: usize = 64 << 20;

/// Syntax errors reported for one file; what follows the first few is seldom worth reading.
pub(super) const SYNTAX_ERRORS_MAX: usize = 20;

/// Problems reported for one file. Nobody reads more; each is compared with those before it.
pub(super) const PROBLEMS_MAX: usize = 500;

/// `startup_timeout`, least.
pub(super) const STARTUP_MIN: Duration = Duration::from_millis(1);
/// `startup_timeout` where the file says nothing.
pub(super) const STARTUP_DEFAULT: Duration = Duration::from_secs(30);
/// `shutdown_timeout` where the file says nothing. The least is 0: killed at once.
pub(super) const SHUTDOWN_DEFAULT: Duration = Duration::from_secs(10);
/// `startup_timeout` and `shutdown_timeout`, most: a longer wait is a hang for the person who waits.
pub(super) const TIMEOUT_MAX: Duration = Duration::from_secs(60 * 60);
/// `stall_timeout`, least: a busy machine lets nobody run for as long as that.
pub(super) const STALL_MIN: Duration = Duration::from_millis(100);
/// `stall_timeout`, and `backoff_min`, `backoff_max` and `window` of a restart, most.
pub(super) const RESTART_TIME_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// `backoff_min` and `backoff_max`, least: a restart loop without a pause takes a whole core.
pub(super) const BACKOFF_MIN: Duration = Duration::from_millis(10);
/// `max_attempts`, most; 0 stands for no limit.
pub(super) const ATTEMPTS_MAX: u64 = 1_000_000;

/// `memory` of a provider, bytes, least: no program starts in less.
pub(super) const MEMORY_BYTES_MIN: usize = 1 << 20;
/// `memory`, bytes, most: more than processors can address today, so that a limit always is one.
pub(super) const MEMORY_BYTES_MAX: usize = 1 << 48;
/// `open_files`, least: three pipes, and a few for the libraries that a program opens to start.
pub(super) const OPEN_FILES_MIN: u64 = 8;
/// `cpu_seconds` and `processes`, least: with 0 of them nothing runs.
pub(super) const RESOURCE_MIN: u64 = 1;
/// `open_files`, `cpu_seconds` and `processes`, most; of seconds these are thirty years.
pub(super) const RESOURCE_MAX: u64 = 1_000_000_000;
/// Paths of a sandbox, `read` and `write` each: every one is an open file while it is built.
pub(super) const SANDBOX_PATHS_MAX: usize = 1_000;

/// `max_line`, bytes, least: shorter envelopes than this are no use to anybody.
pub(super) const LINE_BYTES_MIN: usize = 1 << 10;
/// `max_line`, bytes, most: a line is held in memory whole.
pub(super) const LINE_BYTES_MAX: usize = 1 << 30;
/// `buffer`, bytes, least: what one pipe holds by default.
pub(super) const BUFFER_BYTES_MIN: usize = 64 << 10;
/// `buffer`, bytes, most.
pub(super) const BUFFER_BYTES_MAX: usize = 1 << 30;

/// `dead_letter_size`, bytes, least: a file for each letter would only be in the way.
pub(super) const DEAD_LETTER_BYTES_MIN: usize = 1 << 10;
/// `dead_letter_size`, bytes, most: what file systems hold in a file.
pub(super) const DEAD_LETTER_BYTES_MAX: usize = 1 << 40;
/// `dead_letter_files`, most: each is looked for when the newest is full.
pub(super) const DEAD_LETTER_FILES_MAX: u64 = 1_000;

const _: () = assert!(LINE_BYTES_MIN < BUFFER_BYTES_MIN, "one shortest line must fit the buffer");

/// Expressions within expressions, through locals and variables too. What an evaluation needs of
/// the stack is bounded by it; [`STACK_BYTES`] is what is there.
pub(super) const EVALUATION_DEPTH_MAX: usize = 1_000;

/// Expressions within expressions of a filter, `a && b && c` counted as one: lines are filtered on
/// a thread with a common stack. The parser's [`NESTING_MAX`] lets no more in today.
pub(super) const FILTER_DEPTH_MAX: usize = 100;

/// The stack that parsing and evaluating get, whatever thread asks for it. Only what is used of it
/// takes memory.
pub(super) const STACK_BYTES: usize = 64 << 20;
