//! Environment variables that DStream sets for a provider (P-2).

/// The level that DStream logs at: `debug`, `info`, `warn` or `error`.
pub const LOG_LEVEL: &str = "DSTREAM_LOG_LEVEL";

/// The task's name.
pub const TASK: &str = "DSTREAM_TASK";
