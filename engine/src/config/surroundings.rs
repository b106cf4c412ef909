//! What a configuration may ask of the world, handed in so that the engine reads nothing itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::Side;

/// A provider that is part of the `dstream` binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltinProvider {
    /// Its name in `provider = "…"`.
    pub name: &'static str,
    /// Which block may name it.
    pub side: Side,
}

/// Everything from outside the file that its values can depend on.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The environment: `env`, `expandenv`, and `DSTREAM_VAR_name` for variables.
    pub env: BTreeMap<String, String>,
    /// `--var name=value`, in order; the last one wins.
    pub vars: Vec<(String, String)>,
    /// `--var-file`, in order; later files win, `vars` win over files.
    pub var_files: Vec<PathBuf>,
    /// The folder of the HCL file: `provider_path` and `file("…")` are relative to it.
    pub base_dir: PathBuf,
    /// The built-in providers there are.
    pub builtins: Vec<BuiltinProvider>,
    /// The time that `now`, `date` and `timestamp` see; `None` takes the system's clock and zone.
    pub now: Option<jiff::Zoned>,
}
