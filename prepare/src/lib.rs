//! What tasks need before they can run: whether the configs of their providers are what these expect.
//! Knows no HCL and starts no processes.

mod config_schema;

pub use config_schema::{ConfigSchema, Finding, FindingKind, SchemaError, diagnose};
