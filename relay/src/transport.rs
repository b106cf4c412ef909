//! Which way the bytes are moved.

use std::fmt;

/// A way to move bytes. All give the same result; they differ in speed and in what they need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transport {
    /// The fastest one that can do what is asked.
    #[default]
    Auto,
    /// Bytes stay in the kernel and are looked at in a copy: Linux, one output.
    Splice,
    /// Reads and writes through io_uring, a thread for each: Linux.
    Uring,
    /// Plain reads and writes, a thread for each: everywhere.
    Portable,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Splice => "splice",
            Self::Uring => "uring",
            Self::Portable => "portable",
        })
    }
}
