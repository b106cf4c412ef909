//! One suite for all transports: the same bytes through real pipes, whatever moves them.
//!
//! Every case is made from a seed, which a failure names.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod breaks;
mod harness;
mod replaced;
mod streams;
