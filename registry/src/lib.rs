//! Provider reference → verified local executable: client, cache, layout, lock file, signatures, trust;
//! also publishing. Knows no tasks and starts no processes.

pub mod artifact;
pub mod cache;
pub mod client;
pub mod fetch;
pub mod layout;
mod limits;
pub mod lock;
pub mod signature;
