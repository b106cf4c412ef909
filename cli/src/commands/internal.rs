//! What `dstream` starts itself as: a built-in provider, or the guard. Not for people.

use std::ffi::OsStr;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dstream_engine::provider::{guard_main, name_process};

use crate::exit;
use crate::failures::Problem;

/// The word before a built-in provider's name.
pub(crate) const PROVIDER: &str = "__provider";
/// The word that makes this process the guard.
pub(crate) const GUARD: &str = "__guard";

/// Is a built-in provider.
pub(crate) fn provider(name: &OsStr) -> ExitCode {
    name_process(&format!("ds:{}", name.display()));
    let status = name.to_str().and_then(dstream_providers::run);
    status.unwrap_or_else(|| {
        Problem::new(format!("there is no built-in provider `{}`", name.display())).print();
        ExitCode::from(exit::USAGE)
    })
}

/// Is the guard: outlives DStream by a moment and ends what it left behind.
pub(crate) fn guard() -> ExitCode {
    // Taken note of and otherwise overlooked: the guard leaves when DStream has.
    let seen = Arc::new(AtomicBool::new(false));
    for signal in
        [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP]
    {
        let _ = signal_hook::flag::register(signal, Arc::clone(&seen));
    }
    guard_main(io::stdin().lock());
    ExitCode::from(exit::SUCCESS)
}
