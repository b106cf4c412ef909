//! Everything a DStream run needs, as a library: it prints nothing, exits nothing and reads neither
//! arguments nor environment by itself. `ARCHITECTURE.md` at the repository's root is the map.

mod limits;
mod pipe;
pub mod relay;

#[cfg(feature = "run")]
pub mod artifact;
#[cfg(feature = "run")]
pub mod cache;
#[cfg(feature = "run")]
pub mod config;
#[cfg(feature = "run")]
pub mod config_schema;
#[cfg(feature = "run")]
pub mod delivery;
#[cfg(feature = "run")]
pub mod fetch;
#[cfg(feature = "run")]
mod filter;
#[cfg(feature = "run")]
pub mod json;
#[cfg(feature = "run")]
pub mod layout;
#[cfg(feature = "run")]
pub mod lock;
#[cfg(feature = "run")]
mod plain_file;
#[cfg(feature = "run")]
pub mod protocol;
#[cfg(feature = "run")]
pub mod provider;
#[cfg(feature = "run")]
pub mod registry;
#[cfg(feature = "run")]
pub mod resolve;
#[cfg(feature = "run")]
pub mod run;
#[cfg(feature = "run")]
pub mod signature;
#[cfg(feature = "run")]
pub mod stats;
