//! What the `dstream` block says of where providers come from.

use std::path::PathBuf;

use dstream_reference::{Mirror, TrustPolicy};

/// The `dstream` block.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// `registry`: completes short references.
    pub registry: Option<String>,
    /// `mirror`: read from in the place of every reference's own registry.
    pub mirror: Option<Mirror>,
    /// `insecure_registries`: hosts, with their ports, that may be spoken to in plain HTTP.
    pub insecure_registries: Vec<String>,
    /// `ca_file`: certificates trusted besides the system's; joined with the HCL file's folder.
    pub ca_file: Option<PathBuf>,
    /// `state`: where checkpoints are kept; joined with the HCL file's folder.
    pub state: Option<PathBuf>,
    /// `trust` blocks: whose signatures are asked for.
    pub trust: Vec<TrustPolicy>,
}
