//! Log lines on stderr: `LEVEL message`. DStream adds the provider's name and the time.
//!
//! ```
//! use dstream_sdk::log;
//!
//! log::info!("starting with interval={}ms", 250); // INFO starting with interval=250ms
//! ```
//!
//! `DSTREAM_LOG_LEVEL` (debug, info, warn, error) says which level is the least that is written;
//! info if it is not set or none of these. A message with newlines becomes one line.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::io::Write;
use std::sync::OnceLock;

use dstream_protocol::environment;

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
        match word.trim().to_ascii_lowercase().as_str() {
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

/// Whether lines of this level are written: ask before work that only a log line needs.
pub fn enabled(level: Level) -> bool {
    static LEAST: OnceLock<Level> = OnceLock::new();
    let least = LEAST.get_or_init(|| {
        let word = std::env::var(environment::LOG_LEVEL).unwrap_or_default();
        Level::parse(&word).unwrap_or(Level::Info)
    });
    level >= *least
}

/// Writes one line if its level is wanted. The macros are shorter.
pub fn write(level: Level, message: fmt::Arguments<'_>) {
    if enabled(level) {
        // Nothing can be done about a closed stderr.
        let _ = std::io::stderr().write_all(line(level, message).as_bytes());
    }
}

fn line(level: Level, message: fmt::Arguments<'_>) -> String {
    let message = message.to_string();
    let message = message.trim_end().replace("\r\n", "\\n").replace(['\n', '\r'], "\\n");
    format!("{} {message}\n", level.word())
}

/// Has a panic say what happened in one error line instead of three without a level. With
/// `RUST_BACKTRACE` the backtrace follows.
pub(crate) fn panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |place| format!(" at {place}"));
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let payload = text.unwrap_or("without a message");
        write(Level::Error, format_args!("panicked{place}: {payload}"));
        let backtrace = Backtrace::capture();
        if backtrace.status() == BacktraceStatus::Captured {
            let _ = write!(std::io::stderr(), "{backtrace}");
        }
    }));
}

/// Logs at debug level; arguments as for `format!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($argument:tt)+) => {
        $crate::log::write($crate::log::Level::Debug, ::std::format_args!($($argument)+))
    };
}

/// Logs at info level; arguments as for `format!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($argument:tt)+) => {
        $crate::log::write($crate::log::Level::Info, ::std::format_args!($($argument)+))
    };
}

/// Logs at warn level; arguments as for `format!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($argument:tt)+) => {
        $crate::log::write($crate::log::Level::Warn, ::std::format_args!($($argument)+))
    };
}

/// Logs at error level; arguments as for `format!`.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($argument:tt)+) => {
        $crate::log::write($crate::log::Level::Error, ::std::format_args!($($argument)+))
    };
}

#[doc(inline)]
pub use crate::{
    __log_debug as debug, __log_error as error, __log_info as info, __log_warn as warn,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_with_its_level_in_front() {
        assert_eq!(line(Level::Warn, format_args!("slow")), "WARN slow\n");
        assert_eq!(line(Level::Error, format_args!("a\r\nb\nc\n")), "ERROR a\\nb\\nc\n");
    }

    #[test]
    fn levels_have_an_order_and_are_read_in_any_case() {
        assert!(Level::Debug < Level::Info && Level::Info < Level::Warn);
        assert_eq!(Level::parse("Warning"), Some(Level::Warn));
        assert_eq!(Level::parse("loud"), None);
    }
}
