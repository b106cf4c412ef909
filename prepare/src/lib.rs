//! What tasks need before they can run: the providers that they name by reference, and configs that
//! these take. Every front end gets its policy from here. Knows no HCL and starts no processes.

mod config_schema;
mod providers;

pub use config_schema::{ConfigSchema, Finding, FindingKind, SchemaError, diagnose};
pub use providers::{
    ConfigCheck, LockPolicy, NotLocked, PrepareError, Prepared, prepare, publish, references,
};
