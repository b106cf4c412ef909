//! Writes envelopes of one size to stdout: as fast as they are taken, or so many a second.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use dstream_load::{
    Generated, Pattern, Usage, arguments, monotonic_ns, sleep_until_ns, write_report, write_stamp,
};

/// Writes envelopes of one exact size to stdout. Without arguments it is a DStream provider, and takes them from
/// `config.arguments` of its command.
#[derive(Parser)]
struct Arguments {
    /// Bytes of each line, its newline included.
    #[arg(long, default_value_t = 515)]
    line_bytes: usize,
    /// How many lines.
    #[arg(long)]
    lines: u64,
    /// What goes into a write: as many whole lines as 64 KiB hold, or one line.
    #[arg(long, value_enum, default_value_t = Writes::Bulk)]
    writes: Writes,
    /// Lines a second, each with the time at which it was written in its metadata, one a write.
    #[arg(long)]
    rate: Option<u64>,
    /// Where to say how it went.
    #[arg(long)]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Writes {
    Bulk,
    Line,
}

fn main() -> ExitCode {
    match generate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            let _ = writeln!(io::stderr(), "ERROR load-generate: {what}");
            ExitCode::FAILURE
        }
    }
}

fn generate() -> Result<(), String> {
    // Rust's own stdout looks for newlines in what goes through it.
    let stdout = io::stdout().as_fd().try_clone_to_owned().map_err(|error| error.to_string())?;
    let mut stdout = File::from(stdout);
    let given = arguments(std::env::args_os(), io::stdin(), &mut stdout);
    let arguments = Arguments::parse_from(given.map_err(|error| error.to_string())?);
    let pattern = Pattern::new(arguments.line_bytes, arguments.rate.is_some())?;

    let start_ns = monotonic_ns();
    let written = match (arguments.rate, arguments.writes) {
        (Some(rate), _) => paced(&mut stdout, &pattern, arguments.lines, rate.max(1)),
        (None, Writes::Bulk) => bulk(&mut stdout, &pattern, arguments.lines),
        (None, Writes::Line) => line_by_line(&mut stdout, &pattern, arguments.lines),
    };
    let seconds = (monotonic_ns() - start_ns) as f64 / 1e9;
    written.map_err(|error| format!("stdout: {error}"))?;

    let generated = Generated {
        lines: arguments.lines,
        bytes: arguments.lines * arguments.line_bytes as u64,
        seconds,
        usage: Usage::own(),
    };
    match arguments.report {
        Some(path) => write_report(&path, &generated).map_err(|error| error.to_string()),
        None => Ok(()),
    }
}

fn bulk(stdout: &mut File, pattern: &Pattern, lines: u64) -> io::Result<()> {
    let writes = lines / pattern.lines() as u64;
    for _ in 0..writes {
        stdout.write_all(pattern.bytes())?;
    }
    let rest = usize::try_from(lines % pattern.lines() as u64).unwrap_or_default();
    stdout.write_all(&pattern.bytes()[..rest * pattern.line_bytes()])
}

fn line_by_line(stdout: &mut File, pattern: &Pattern, lines: u64) -> io::Result<()> {
    for index in 0..lines {
        stdout.write_all(pattern.line(index))?;
    }
    Ok(())
}

fn paced(stdout: &mut File, pattern: &Pattern, lines: u64, rate: u64) -> io::Result<()> {
    let mut line = Vec::with_capacity(pattern.line_bytes());
    let stamp = pattern.stamp().unwrap_or_default();
    let start_ns = monotonic_ns();
    for index in 0..lines {
        // From the start, not from the line before: being late once does not lower the rate.
        sleep_until_ns(start_ns + index * 1_000_000_000 / rate);
        line.clear();
        line.extend_from_slice(pattern.line(index));
        write_stamp(&mut line[stamp.clone()], monotonic_ns());
        stdout.write_all(&line)?;
    }
    Ok(())
}
