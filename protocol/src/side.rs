//! The two ends of a stream.

use std::fmt;

/// Which end of the stream a provider is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// It writes the stream.
    Input,
    /// It reads the stream.
    Output,
}

impl Side {
    /// Reads `input` or `output`.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "input" => Some(Self::Input),
            "output" => Some(Self::Output),
            _ => None,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Input => "input",
            Self::Output => "output",
        })
    }
}
