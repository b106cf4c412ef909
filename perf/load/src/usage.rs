//! What processes have cost, as the kernel counts it.

use std::ops::Sub;

use nix::sys::resource::{Usage as Resources, UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// CPU time and context switches. Threads that have ended are counted too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// User and system time.
    pub cpu_seconds: f64,
    /// Voluntary (it waited) and involuntary (it was pushed aside).
    pub context_switches: f64,
}

impl Usage {
    /// Of this process since its start.
    #[must_use]
    pub fn own() -> Self {
        getrusage(UsageWho::RUSAGE_SELF).map(|resources| Self::from(&resources)).unwrap_or_default()
    }

    /// Of all children that were waited for, and of those that they have waited for. The difference between two readings
    /// around a `wait` is what `wait4` says of that child.
    #[must_use]
    pub fn children() -> Self {
        getrusage(UsageWho::RUSAGE_CHILDREN)
            .map(|resources| Self::from(&resources))
            .unwrap_or_default()
    }
}

impl From<&Resources> for Usage {
    fn from(resources: &Resources) -> Self {
        let seconds = |time: nix::sys::time::TimeVal| {
            time.tv_sec() as f64 + time.tv_usec() as f64 / 1_000_000.0
        };
        let switches =
            resources.voluntary_context_switches() + resources.involuntary_context_switches();
        Self {
            cpu_seconds: seconds(resources.user_time()) + seconds(resources.system_time()),
            context_switches: switches as f64,
        }
    }
}

impl Sub for Usage {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds - other.cpu_seconds,
            context_switches: self.context_switches - other.context_switches,
        }
    }
}

impl std::ops::Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            context_switches: self.context_switches + other.context_switches,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_child_counts_once_it_was_waited_for() {
        let before = Usage::children();
        Command::new("true").status().unwrap();
        let child = Usage::children() - before;
        assert!(child.cpu_seconds > 0.0, "{child:?}");
        assert!(child.context_switches >= 1.0, "{child:?}");
    }
}
