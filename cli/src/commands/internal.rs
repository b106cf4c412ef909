//! What `dstream` starts itself as: a built-in provider, or the guard. Not for people.

use std::ffi::OsStr;
use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use dstream_builtin::Side;
use dstream_engine::provider::{guard_main, name_process};

use crate::exit;
use crate::failures::Problem;

/// The word before a built-in provider's side and name.
pub(crate) const PROVIDER: &str = "__provider";
/// The word that makes this process the guard.
pub(crate) const GUARD: &str = "__guard";

/// Is a built-in provider.
pub(crate) fn provider(side: &OsStr, name: &OsStr) -> ExitCode {
    name_process(&format!("ds:{}", name.display()));
    let known = side.to_str().and_then(Side::parse).zip(name.to_str());
    let status = known.and_then(|(side, name)| dstream_builtin::run(side, name));
    status.unwrap_or_else(|| {
        let (side, name) = (side.display(), name.display());
        Problem::new(format!("there is no built-in {side} provider `{name}`")).print();
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
