//! One clock for both ends: CLOCK_MONOTONIC, the same in all processes of a machine.

use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

const NS_PER_SECOND: u64 = 1_000_000_000;

/// Nanoseconds since the machine's start.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // The kernel never gives negative values for this clock.
    now.tv_sec.unsigned_abs() * NS_PER_SECOND + now.tv_nsec.unsigned_abs()
}

/// Sleeps until the clock shows `deadline_ns`; returns at once when it is past.
pub fn sleep_until_ns(deadline_ns: u64) {
    thread::sleep(Duration::from_nanos(deadline_ns.saturating_sub(monotonic_ns())));
}
