//! One clock for both ends: CLOCK_MONOTONIC, the same in all processes of a machine.

use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, Timespec, clock_gettime};

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
    let until = Timespec {
        tv_sec: (deadline_ns / NS_PER_SECOND).cast_signed(),
        tv_nsec: (deadline_ns % NS_PER_SECOND).cast_signed(),
    };
    while clock_nanosleep_absolute(ClockId::Monotonic, &until) == Err(rustix::io::Errno::INTR) {}
}
