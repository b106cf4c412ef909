//! What a configuration may ask of the world, handed in so that the engine reads nothing itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Map, Value};

use dstream_task::{Side, Step};

/// A provider that is part of the `dstream` binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuiltinProvider {
    /// Its name in `provider = "…"`.
    pub name: &'static str,
    /// Which block may name it.
    pub side: Side,
}

/// What a built-in provider has against its `config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigRefusal {
    /// The way to what is wrong; empty where that is more than one field.
    pub path: Vec<Step>,
    /// A lower-case sentence.
    pub message: String,
}

/// Asks the built-in provider of that side and name about its `config`, without starting it.
pub type CheckBuiltin = fn(Side, &str, &Map<String, Value>) -> Result<(), ConfigRefusal>;

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
    /// Whether their configs are as they should be; `None` leaves that to their start.
    pub check_builtin: Option<CheckBuiltin>,
    /// The time that `now`, `date` and `timestamp` see; `None` takes the system's clock and zone.
    pub now: Option<jiff::Zoned>,
}
