//! Resource limits, `no_new_privs` and Landlock.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::ConfineError;
use super::landlock::Ruleset;
use crate::resolve::ResolvedProvider;
use dstream_task::{Confinement, ResourceLimits};

/// What one provider is confined to. Holds for any number of starts; to be kept as long as a process
/// of it lives.
pub(crate) struct Confines {
    limits: Vec<Limit>,
    no_new_privs: bool,
    ruleset: Option<Ruleset>,
}

#[derive(Clone, Copy)]
struct Limit {
    resource: Resource,
    soft: u64,
    hard: u64,
}

impl Confines {
    /// # Errors
    ///
    /// If the kernel could not hold the provider to all of it.
    pub(crate) fn new(
        confinement: &Confinement,
        provider: &ResolvedProvider,
    ) -> Result<Self, ConfineError> {
        let sandbox = confinement.sandbox.as_ref();
        let ruleset =
            sandbox.map(|sandbox| Ruleset::new(sandbox, &provider.program)).transpose()?;
        Ok(Self {
            limits: limits(&confinement.limits)?,
            no_new_privs: confinement.no_new_privs || ruleset.is_some(),
            ruleset,
        })
    }

    /// The limit that the kernel does not hold this user to, if there is one.
    pub(crate) fn without_effect(&self) -> Option<&'static str> {
        let processes = self.limits.iter().any(|limit| limit.resource == Resource::Nproc);
        (processes && rustix::process::getuid().is_root()).then_some("processes")
    }

    /// Confines the calling process, for good. Async-signal-safe: it makes system calls, and neither
    /// allocates nor locks.
    pub(crate) fn enter(&self) -> io::Result<()> {
        for limit in &self.limits {
            let value = Rlimit { current: Some(limit.soft), maximum: Some(limit.hard) };
            setrlimit(limit.resource, value)?;
        }
        if self.no_new_privs {
            rustix::thread::set_no_new_privs(true)?;
        }
        self.ruleset.as_ref().map_or(Ok(()), Ruleset::enter)
    }
}

/// The limits to set. None is above what DStream itself could have: root could raise it, and would
/// give a provider more than whoever limited DStream wanted.
fn limits(wanted: &ResourceLimits) -> Result<Vec<Limit>, ConfineError> {
    let all = [
        ("memory", Resource::As, wanted.memory_bytes),
        ("open_files", Resource::Nofile, wanted.open_files),
        ("cpu_seconds", Resource::Cpu, wanted.cpu_seconds),
        ("processes", Resource::Nproc, wanted.processes),
    ];
    let mut limits = Vec::new();
    for (name, resource, wanted) in all {
        let Some(wanted) = wanted else { continue };
        let hard_here = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        if hard_here < wanted {
            return Err(ConfineError::LowerHardLimit { name, wanted, hard: hard_here });
        }
        // With both at the same second the kernel kills at once, and nobody could tell why. So
        // SIGXCPU comes first, and SIGKILL for who lives on.
        let grace = if resource == Resource::Cpu { 1 } else { 0 };
        limits.push(Limit { resource, soft: wanted, hard: (wanted + grace).min(hard_here) });
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_above_the_hard_one_is_refused_and_one_at_it_is_not() {
        let Some(hard) = getrlimit(Resource::Nofile).maximum else {
            return; // nothing is above it
        };
        let wanted = |count| ResourceLimits { open_files: Some(count), ..Default::default() };
        let found = limits(&wanted(hard)).unwrap();
        assert_eq!((found[0].soft, found[0].hard), (hard, hard));
        let error = limits(&wanted(hard + 1)).err().unwrap();
        assert_eq!(
            error.to_string(),
            format!(
                "`open_files = {}` is more than DStream itself may have: its hard limit is {hard}",
                hard + 1
            )
        );
        assert!(limits(&ResourceLimits::default()).unwrap().is_empty());
    }

    #[test]
    fn a_process_is_told_of_its_cpu_seconds_before_it_is_killed() {
        let wanted = ResourceLimits { cpu_seconds: Some(1), ..Default::default() };
        let found = limits(&wanted).unwrap()[0];
        let hard_here = getrlimit(Resource::Cpu).maximum.unwrap_or(u64::MAX);
        assert_eq!((found.soft, found.hard), (1, 2.min(hard_here)));
    }
}
