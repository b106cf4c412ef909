//! Files that survive a crash and strangers: opened without following what may stand in their place.

mod plain_file;

pub use plain_file::open_plain;
