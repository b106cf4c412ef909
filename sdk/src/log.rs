//! Log lines on stderr, `LEVEL message`: DStream adds the provider's name and the time.
//!
//! The least severe level that is written comes from `DSTREAM_LOG_LEVEL` (debug, info, warn, error;
//! info where it is not set).

use std::fmt;
use std::io::Write;
use std::sync::OnceLock;

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For whoever develops the provider.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is not as it should be.
    Warn,
    /// Something has failed.
    Error,
}

impl Level {
    fn parse(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "debug" => Some(Self::Debug),
            "info" => Some(Self::Info),
            "warn" | "warning" => Some(Self::Warn),
            "error" => Some(Self::Error),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }
}

/// Writes one line if its level is wanted.
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    static WANTED: OnceLock<Level> = OnceLock::new();
    let wanted = *WANTED.get_or_init(|| {
        let word = std::env::var("DSTREAM_LOG_LEVEL").unwrap_or_default();
        Level::parse(&word).unwrap_or(Level::Info)
    });
    if level >= wanted {
        let line = format!("{} {message}\n", level.word());
        // Nothing can be done about a closed stderr.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}

/// Logs at debug level, with the arguments of `format!`.
pub fn debug(message: fmt::Arguments<'_>) {
    write(Level::Debug, message);
}

/// Logs at info level.
pub fn info(message: fmt::Arguments<'_>) {
    write(Level::Info, message);
}

/// Logs at warn level.
pub fn warn(message: fmt::Arguments<'_>) {
    write(Level::Warn, message);
}

/// Logs at error level.
pub fn error(message: fmt::Arguments<'_>) {
    write(Level::Error, message);
}
