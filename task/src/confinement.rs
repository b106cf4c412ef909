//! What a provider may use and reach: `limits`, `no_new_privs`, `sandbox`.

use std::path::PathBuf;

/// What a block confines its provider to, and everything that the provider starts. By default
/// nothing is confined.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Confinement {
    /// The `limits` block.
    pub limits: ResourceLimits,
    /// `no_new_privs`: no executable gives it more rights than DStream has, setuid or not. Always
    /// set where there is a sandbox.
    pub no_new_privs: bool,
    /// The `sandbox` block.
    pub sandbox: Option<Sandbox>,
}

/// The `limits` block. What is not there is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResourceLimits {
    /// `memory`: bytes of address space of each process.
    pub memory_bytes: Option<u64>,
    /// `open_files`: file descriptors of each process.
    pub open_files: Option<u64>,
    /// `cpu_seconds`: seconds of processor time of each process.
    pub cpu_seconds: Option<u64>,
    /// `processes`: processes and threads of the user, whoever started them.
    pub processes: Option<u64>,
}

/// The `sandbox` block. What it does not name is out of reach.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sandbox {
    /// `read`, joined with the HCL file's folder: files and folders that are read and executed.
    pub read: Vec<PathBuf>,
    /// `write`, joined with the HCL file's folder: the same, and what is in them is changed,
    /// created and removed.
    pub write: Vec<PathBuf>,
    /// `network`: whether TCP ports are connected to and bound.
    pub network: bool,
}
