//! `sandbox`: which files and ports a process can still reach, by the kernel's Landlock.
//!
//! The same rights are asked for on every kernel, so that a sandbox means the same everywhere; a
//! kernel that lacks one of them is an error. What Landlock does not know of is not held back: UDP,
//! sockets other than TCP's, signals, and what was open before.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, PathBeneath, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, make_bitflags,
};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::ConfineError;
use crate::resolve::interpreter_of;
use dstream_task::Sandbox;

/// The first version in which a file that cannot be written cannot be emptied either (Linux 6.2).
const FILES_ABI: i32 = 3;
/// The first version that knows of TCP (Linux 6.7).
const NETWORK_ABI: i32 = 4;

/// What any program may read and execute: programs, libraries, and what the C library looks up when
/// it starts a program or resolves a name. What is not there is passed over. Folders with private
/// keys are not in it.
const SYSTEM_READ: &[&str] = &[
    "/bin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/sbin",
    "/usr",
    "/etc/crypto-policies",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/passwd",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/openssl.cnf",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/run/resolvconf",
    "/run/systemd/resolve",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/dev/random",
    "/dev/urandom",
];

/// What of `/proc` any program may read: language runtimes ask for processors and memory. Not all of
/// it: it has the environment of every process of the user, of DStream with its secrets too, and not
/// every kernel keeps a process behind Landlock from reading that. `/proc/self` cannot be named
/// beforehand: here it is DStream's, and each process that a provider starts has another.
const SYSTEM_PROC: &[&str] = &[
    "/proc/cpuinfo",
    "/proc/filesystems",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys",
    "/proc/uptime",
    "/proc/version",
];

/// What any program may read and write.
const SYSTEM_WRITE: &[&str] = &["/dev/full", "/dev/null", "/dev/zero"];

/// Rules that the kernel holds for us.
pub(super) struct Ruleset {
    rules: OwnedFd,
    /// What is allowed of `/proc`, held open as long as a process is behind the rules: the kernel
    /// makes a new inode when it has forgotten one there, and a rule is about an inode.
    _pinned: Vec<OwnedFd>,
}

impl Ruleset {
    /// # Errors
    ///
    /// If this kernel cannot enforce all of it, or a path is not there.
    pub(super) fn new(sandbox: &Sandbox, program: &Path) -> Result<Self, ConfineError> {
        check_abi(kernel_abi(), sandbox.network)?;
        let rules = |error: RulesetError| ConfineError::Rules(io::Error::other(error));
        let mut ruleset = empty(sandbox.network).map_err(rules)?;
        let read = AccessFs::from_read(ABI::V3);
        let write = read | changes();
        let interpreter = interpreter_of(program);
        let pinned = SYSTEM_PROC.iter().filter_map(|path| open(Path::new(path)).ok()).collect();
        let system = SYSTEM_READ.iter().chain(SYSTEM_PROC);
        let system = system.map(|path| (Path::new(path), read));
        let system = system.chain(SYSTEM_WRITE.iter().map(|path| (Path::new(path), write)));
        let system = system.chain(interpreter.iter().map(|path| (path.as_path(), read)));
        for (path, access) in system {
            // What is not there or closed to DStream is closed to the provider anyway.
            if let Ok(rule) = rule(path, access) {
                ruleset = ruleset.add_rule(rule).map_err(rules)?;
            }
        }
        let own = sandbox.read.iter().map(|path| (path.as_path(), read));
        let own = own.chain(sandbox.write.iter().map(|path| (path.as_path(), write)));
        let dstream = PathBuf::from(format!("/proc/{}", std::process::id()));
        for (path, access) in own.chain([(program, read)]) {
            let rule = rule(path, access)
                .map_err(|source| ConfineError::Path { path: path.to_owned(), source })?;
            if fs::canonicalize(path).is_ok_and(|path| path.starts_with(&dstream)) {
                return Err(ConfineError::OwnProcess(path.to_owned()));
            }
            ruleset = ruleset.add_rule(rule).map_err(rules)?;
        }
        let rules = Option::<OwnedFd>::from(ruleset);
        let rules = rules.ok_or_else(|| ConfineError::Rules(io::ErrorKind::Unsupported.into()))?;
        Ok(Self { rules, _pinned: pinned })
    }

    /// Puts the calling thread behind the rules; it must have `no_new_privs`. Async-signal-safe.
    /// The system call by itself: what the crate's own does besides is not ours to promise.
    #[expect(unsafe_code, reason = "there is no safe function for this system call alone")]
    pub(super) fn enter(&self) -> io::Result<()> {
        let handle = libc::c_long::from(self.rules.as_raw_fd());
        // SAFETY: the call takes a file descriptor, which is open, and flags; no memory of ours is
        // read or written. It can only take rights away.
        let failed = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, handle, 0_u64) } != 0;
        if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

/// What is more than reading. Devices are never made: one that root makes is a way to any disk.
fn changes() -> BitFlags<AccessFs> {
    AccessFs::from_write(ABI::V3) & !make_bitflags!(AccessFs::{MakeChar | MakeBlock})
}

/// Everything held back that is to be.
fn empty(network: bool) -> Result<RulesetCreated, RulesetError> {
    let ruleset = landlock::Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V3))?;
    let ruleset =
        if network { ruleset } else { ruleset.handle_access(AccessNet::from_all(ABI::V4))? };
    ruleset.create()
}

/// A handle to a file or folder that can be named in a rule, and neither read nor written.
fn open(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}

/// That this is allowed below a path. A file gets those of the rights that files have.
fn rule(path: &Path, access: BitFlags<AccessFs>) -> io::Result<PathBeneath<OwnedFd>> {
    let handle = open(path)?;
    let folder = fs::File::from(handle.try_clone()?).metadata()?.is_dir();
    let access = if folder { access } else { access & AccessFs::from_file(ABI::V3) };
    Ok(PathBeneath::new(handle, access))
}

/// The version of Landlock that the kernel has.
#[expect(unsafe_code, reason = "the crate keeps the version to itself")]
fn kernel_abi() -> Result<i32, Errno> {
    const VERSION: u64 = 1; // LANDLOCK_CREATE_RULESET_VERSION
    let nothing = std::ptr::null::<libc::c_void>();
    // SAFETY: with this flag, no attributes and the size 0 the call reads and makes nothing; it
    // returns a number.
    let found =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0_usize, VERSION) };
    let failed = || Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::NOSYS);
    i32::try_from(found).ok().filter(|&version| version > 0).ok_or_else(failed)
}

fn check_abi(found: Result<i32, Errno>, network: bool) -> Result<(), ConfineError> {
    let needed = if network { FILES_ABI } else { NETWORK_ABI };
    match found {
        Ok(found) if found >= needed => Ok(()),
        Ok(found) => {
            let what = if found < FILES_ABI { "all changes of files" } else { "the network" };
            Err(ConfineError::OldLandlock { needed, found, what })
        }
        Err(Errno::OPNOTSUPP) => Err(ConfineError::LandlockOff { needed }),
        Err(_) => Err(ConfineError::NoLandlock { needed }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kernel_lacks_is_said_with_what_to_do() {
        let refused = |found, network| {
            let error = check_abi(found, network).unwrap_err();
            format!("{error}; {}", error.hint())
        };
        assert!(check_abi(Ok(4), false).is_ok() && check_abi(Ok(9), false).is_ok());
        assert!(check_abi(Ok(3), true).is_ok());
        for (found, network, expected) in [
            (
                Ok(3),
                false,
                "a `sandbox` needs version 4 of Landlock to hold back the network; this kernel has \
                 version 3; use Linux 6.7 or newer, or let the provider have the network: `network \
                 = true`",
            ),
            (
                Ok(2),
                true,
                "a `sandbox` needs version 3 of Landlock to hold back all changes of files; this \
                 kernel has version 2; use Linux 6.7 or newer (6.2 is enough with `network = \
                 true`), or take the `sandbox` out",
            ),
            (
                Err(Errno::OPNOTSUPP),
                true,
                "a `sandbox` needs version 3 of Landlock, which is switched off in this kernel; \
                 add `landlock` to the kernel's parameter `lsm=`, or take the `sandbox` out",
            ),
        ] {
            assert_eq!(refused(found, network), expected);
        }
        assert!(refused(Err(Errno::NOSYS), false).contains("CONFIG_SECURITY_LANDLOCK"));
    }

    /// A typing error in the list would only show where a program needs the path.
    #[test]
    fn what_every_program_may_reach_is_absolute_and_named_once() {
        let all: Vec<_> = SYSTEM_READ.iter().chain(SYSTEM_PROC).chain(SYSTEM_WRITE).collect();
        let once: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(all.len(), once.len());
        assert!(all.iter().all(|path| path.starts_with('/') && !path.ends_with('/')));
    }
}
