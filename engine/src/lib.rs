//! The life of a task, as a library: provider processes, the stream between them, what is delivered.
//! It prints nothing, exits nothing and reads neither arguments nor environment by itself.
//! `ARCHITECTURE.md` at the repository's root is the map.

pub mod delivery;
mod limits;
pub mod protocol;
pub mod provider;
pub mod resolve;
pub mod run;
pub mod stats;
