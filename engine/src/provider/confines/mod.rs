//! What a provider is confined to by `limits`, `no_new_privs` and `sandbox`, made ready for the
//! kernel before anything is started.
//!
//! Whatever can be found out beforehand is an error of [`Confines::new`]: nothing is started, and
//! nothing is ever confined less than was asked for. What is left for the child to do between fork
//! and exec are a few system calls. The kernel has all that the provider starts inherit them.

#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

use std::io;
use std::path::PathBuf;

#[cfg(target_os = "linux")]
pub(crate) use linux::Confines;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::Confines;

/// Why a provider cannot be started with its limits and sandbox.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum ConfineError {
    #[error("`limits`, `no_new_privs` and `sandbox` need Linux; this system is {0}")]
    OtherSystem(&'static str),
    #[error("`{name} = {wanted}` is more than DStream itself may have: its hard limit is {hard}")]
    LowerHardLimit { name: &'static str, wanted: u64, hard: u64 },
    #[error("a `sandbox` needs version {needed} of Landlock, which this kernel does not have")]
    NoLandlock { needed: i32 },
    #[error("a `sandbox` needs version {needed} of Landlock, which is switched off in this kernel")]
    LandlockOff { needed: i32 },
    #[error(
        "a `sandbox` needs version {needed} of Landlock to hold back {what}; this kernel has version {found}"
    )]
    OldLandlock { needed: i32, found: i32, what: &'static str },
    #[error("`{}`, which its `sandbox` names, cannot be opened", path.display())]
    Path { path: PathBuf, source: io::Error },
    #[error("`{}`, which its `sandbox` names, is about DStream, not about the provider", .0.display())]
    OwnProcess(PathBuf),
    #[error("the kernel does not take the rules of its `sandbox`")]
    Rules(#[source] io::Error),
}

impl ConfineError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::OtherSystem(_) => "take them out of the block for this system",
            Self::LowerHardLimit { .. } => {
                "lower it in the `limits` block, or raise the hard limit of DStream (`ulimit -H`, a service's `Limit…=`)"
            }
            Self::NoLandlock { .. } => {
                "use Linux 6.7 or newer, built with CONFIG_SECURITY_LANDLOCK (6.2 is enough with `network = true`; a container can have it refused), or take the `sandbox` out"
            }
            Self::LandlockOff { .. } => {
                "add `landlock` to the kernel's parameter `lsm=`, or take the `sandbox` out"
            }
            Self::OldLandlock { found: ..3, .. } => {
                "use Linux 6.7 or newer (6.2 is enough with `network = true`), or take the `sandbox` out"
            }
            Self::OldLandlock { .. } => {
                "use Linux 6.7 or newer, or let the provider have the network: `network = true`"
            }
            Self::Path { .. } => {
                "paths are relative to the folder of the HCL file and have to be there before the start"
            }
            Self::OwnProcess(_) => {
                "name `/proc` if the provider has to see itself; it then sees all processes of its user, with their environment"
            }
            Self::Rules(_) => "take the `sandbox` out, and report this with the kernel's version",
        }
    }
}
