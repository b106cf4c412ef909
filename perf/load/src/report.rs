//! What each program says at its end.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::check::Difference;
use crate::percentiles::Percentiles;
use crate::usage::Usage;

/// What the generator has done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Generated {
    /// Lines written.
    pub lines: u64,
    /// Bytes written, newlines included.
    pub bytes: u64,
    /// From before the first write to after the last.
    pub seconds: f64,
    /// What the generator itself has cost.
    pub usage: Usage,
}

/// What the sink has seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Received {
    /// Whole lines.
    pub lines: u64,
    /// Bytes, newlines included.
    pub bytes: u64,
    /// From the first byte to the last.
    pub seconds: f64,
    /// When the first byte was there, on the machine's monotonic clock.
    pub first_byte_ns: Option<u64>,
    /// Where the stream first was another than the generator's.
    pub difference: Option<Difference>,
    /// From write to read, for stamped lines.
    pub latency: Option<Percentiles>,
    /// What the sink itself has cost.
    pub usage: Usage,
}

/// Writes a report. It is there as a whole or not at all: others wait for the file.
///
/// # Errors
///
/// When the file cannot be written.
pub fn write_report(path: &Path, report: &impl Serialize) -> io::Result<()> {
    let unfinished = path.with_extension("part");
    let mut text = serde_json::to_string(report)?;
    text.push('\n');
    fs::write(&unfinished, text)?;
    fs::rename(unfinished, path)
}
