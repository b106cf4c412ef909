//! One provider process: spawn, first line, logs, exit, stop. Knows nothing of what flows through
//! it.

mod confines;
mod exit;
mod guard;
mod log;
mod process;
mod stdio;

pub use confines::ConfineError;
pub(crate) use confines::Confines;
pub use exit::ProviderExit;
pub use guard::{Guard, guard_main, name_process};
pub(crate) use process::{Launch, Pipes, ProcessEvent, ProviderProcess};
pub use stdio::Terminal;
pub(crate) use stdio::{ControlLines, FirstLine, Printing, handshake_input, handshake_output};
