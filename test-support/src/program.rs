//! Programs that tests use and that DStream itself does not need.

use std::env;
use std::path::PathBuf;

/// A program, and the package of Debian that it comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Program {
    /// The file's name.
    pub name: &'static str,
    /// The package's name.
    pub package: &'static str,
}

/// The registry of the tests in `cli/tests/cli/registry`.
pub const DOCKER_REGISTRY: Program =
    Program { name: "docker-registry", package: "docker-registry" };
/// Another client of registries, which has to understand what DStream writes.
pub const SKOPEO: Program = Program { name: "skopeo", package: "skopeo" };

/// The servers that tests start. `cargo xtask test` installs and then demands them.
pub const SERVERS: &[Program] = &[DOCKER_REGISTRY];
/// What tests use where it is there.
pub const CLIENTS: &[Program] = &[SKOPEO];

impl Program {
    /// Where it is: in a folder of `PATH`, or where administrators' programs are.
    pub fn find(&self) -> Option<PathBuf> {
        let folders = env::var_os("PATH").unwrap_or_default();
        let folders = env::split_paths(&folders)
            .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from));
        folders.map(|folder| folder.join(self.name)).find(|path| path.is_file())
    }
}
