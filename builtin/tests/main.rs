//! The providers as processes: what comes in on stdin, what goes out on stdout and stderr, and the
//! exit status. Where a new test goes: the file of its provider; what holds for all of them, or for
//! the SDK's side of the protocol, goes into `every_provider`.
//!
//! No test waits for a time to pass: a provider that should wait is given an hour.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod console;
mod counter;
mod every_provider;
mod file_input;
mod file_output;
mod generate;
mod null;
mod process;
