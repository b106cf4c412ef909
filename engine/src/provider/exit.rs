//! How a process ended.

use std::fmt;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderExit {
    /// It left with this exit status.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
}

impl ProviderExit {
    /// Whether it says that all is well.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }

    /// Whether it is what a process that has used up its processor time ends with: death by the
    /// signal for that, or the status a shell gives to it.
    pub fn is_out_of_cpu(self) -> bool {
        matches!(self, Self::Code(152) | Self::Signal(24))
    }

    /// Whether it is what a process that was asked to stop leaves with: success, death by the
    /// signal it was asked with, or the status a shell gives to that.
    pub fn is_stop(self) -> bool {
        matches!(self, Self::Code(0 | 129 | 130 | 143) | Self::Signal(1 | 2 | 15))
    }
}

impl fmt::Display for ProviderExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => match name(number) {
                Some(name) => write!(f, "killed by {name}"),
                None => write!(f, "killed by signal {number}"),
            },
        }
    }
}

/// The numbers that are the same on every Unix (POSIX `kill` names the first; the rest agree on
/// Linux and macOS).
fn name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        _ => return None,
    })
}
