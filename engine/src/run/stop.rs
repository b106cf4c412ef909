//! Why a run should stop.

/// Why a run should stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopSignal {
    /// SIGINT: someone pressed Ctrl-C.
    Interrupt,
    /// SIGTERM: a service manager asks.
    Terminate,
    /// SIGHUP: the terminal has been closed.
    Hangup,
    /// The reader of what outputs print has left.
    TerminalClosed,
    /// Another task of the same process has failed, and none is to go on without it.
    SiblingFailed,
}

impl StopSignal {
    /// Whether a person or a service manager sent it: the next one that is sent is then the second.
    pub(super) fn is_sent(self) -> bool {
        matches!(self, Self::Interrupt | Self::Terminate | Self::Hangup)
    }

    /// The word for it in a notice.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "the terminal was closed",
            Self::TerminalClosed => "nobody reads the output any more",
            Self::SiblingFailed => "another task failed",
        }
    }
}
