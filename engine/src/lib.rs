//! Everything a DStream run needs, as a library: it prints nothing, exits nothing and reads neither
//! arguments nor environment by itself. `ARCHITECTURE.md` at the repository's root is the map.

#[cfg(feature = "run")]
pub mod config;
#[cfg(feature = "run")]
pub mod resolve;
