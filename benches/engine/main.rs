//! Benches of the engine's parts, one file a subject, and of the whole relay. `cargo xtask bench`
//! runs them in full, `cargo xtask bench --quick` each of them once.
//!
//! Names are `subject/what/size`, so that `cargo xtask bench relay/splice/515B` runs what begins
//! like that. Each bench checks what it did: a figure of something else is worth nothing.

#![expect(clippy::unwrap_used, reason = "a bench fails by it")]

mod children;
mod envelope;
mod filter;
mod framing;
mod lines;
mod meter;
mod pool;
mod relay;

use std::process::ExitCode;
use std::time::Duration;

use criterion::Criterion;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(status) = children::run(&arguments) {
        return status;
    }
    // Shorter than criterion's own: there are many, and each is a tight loop.
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    framing::benches(&mut criterion);
    envelope::benches(&mut criterion);
    filter::benches(&mut criterion);
    pool::benches(&mut criterion);
    meter::benches(&mut criterion);
    relay::benches(&mut criterion, is_quick(&arguments));
    criterion.final_summary();
    ExitCode::SUCCESS
}

/// Whether everything runs once and no time counts: what criterion makes of these arguments.
fn is_quick(arguments: &[String]) -> bool {
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    !has("--bench") || has("--test")
}
