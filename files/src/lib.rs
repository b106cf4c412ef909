//! Files that survive a crash and strangers: opened without following what may stand in their place,
//! replaced at once, locked against other processes.

mod lock;
mod plain_file;
mod replace;

pub use lock::LockFile;
pub use plain_file::open_plain;
pub use replace::{NewFile, Step, TEMPORARY_PREFIX, replace, sync_folder};

/// Who can open a file that is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// This user alone.
    Private,
    /// Whoever the process's umask allows.
    Shared,
}

impl Access {
    fn mode(self) -> u32 {
        match self {
            Self::Private => 0o600,
            Self::Shared => 0o666,
        }
    }
}
