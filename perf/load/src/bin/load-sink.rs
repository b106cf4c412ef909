//! Reads the generator's lines from stdin, checks them and says how long they took.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use dstream_load::{
    Check, Pattern, Percentiles, Received, Usage, arguments, monotonic_ns, write_report,
};

/// Reads what `load-generate` writes. Without arguments it is a DStream provider, and takes them from
/// `config.arguments` of its command.
#[derive(Parser)]
struct Arguments {
    /// Bytes of each line, its newline included.
    #[arg(long, default_value_t = 515)]
    line_bytes: usize,
    /// How many lines there will be. The report is written when they are there, even if stdin stays open.
    #[arg(long)]
    lines: u64,
    /// Lines have the time at which they were written.
    #[arg(long)]
    stamped: bool,
    /// Leave the latency of so many first lines out: a relay may take its time to start.
    #[arg(long, default_value_t = 0, requires = "stamped")]
    skip_lines: usize,
    /// Bytes of a read, at most.
    #[arg(long, default_value_t = 64 * 1024)]
    read_bytes: usize,
    /// Rest so long after each read, as a slow destination would.
    #[arg(long, default_value_t = 0)]
    pause_us: u64,
    /// Where to say how it went.
    #[arg(long)]
    report: Option<PathBuf>,
}

fn main() -> ExitCode {
    match receive() {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            let _ = writeln!(io::stderr(), "ERROR load-sink: {what}");
            ExitCode::FAILURE
        }
    }
}

fn receive() -> Result<(), String> {
    // Rust's own stdin has a buffer, and copies.
    let stdin = io::stdin().as_fd().try_clone_to_owned().map_err(|error| error.to_string())?;
    let mut stdin = File::from(stdin);
    let given = arguments(std::env::args_os(), &mut stdin, io::stdout());
    let arguments = Arguments::parse_from(given.map_err(|error| error.to_string())?);
    let pattern = Pattern::new(arguments.line_bytes, arguments.stamped)?;
    let bytes_expected = arguments.lines * arguments.line_bytes as u64;

    let stamped_lines = if arguments.stamped { arguments.lines } else { 0 };
    let mut check = Check::new(pattern, usize::try_from(stamped_lines).unwrap_or_default());
    let mut buffer = vec![0; arguments.read_bytes.max(1)];
    let mut first_ns = None;
    let mut last_ns = 0;
    loop {
        let count = match stdin.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("stdin: {error}")),
        };
        last_ns = monotonic_ns();
        first_ns.get_or_insert(last_ns);
        let before = check.bytes();
        check.take(&buffer[..count], last_ns);
        if before < bytes_expected && check.bytes() >= bytes_expected {
            // Some relays never end by themselves: whoever waits for this file then ends them.
            report(&arguments, &check, first_ns, last_ns)?;
        }
        if arguments.pause_us > 0 {
            thread::sleep(Duration::from_micros(arguments.pause_us));
        }
    }
    report(&arguments, &check, first_ns, last_ns)
}

fn report(
    arguments: &Arguments,
    check: &Check,
    first_byte_ns: Option<u64>,
    last_ns: u64,
) -> Result<(), String> {
    let Some(path) = &arguments.report else { return Ok(()) };
    let received = Received {
        lines: check.lines(),
        bytes: check.bytes(),
        seconds: (last_ns - first_byte_ns.unwrap_or(last_ns)) as f64 / 1e9,
        first_byte_ns,
        difference: check.difference(),
        latency: Percentiles::of(check.latencies_ns().iter().skip(arguments.skip_lines).copied()),
        usage: Usage::own(),
    };
    write_report(path, &received).map_err(|error| format!("{}: {error}", path.display()))
}
