//! The `dstream` command: arguments in, rendering out. No data passes through it.

mod arguments;
mod commands;
mod configuration;
mod diagnostics;
mod exit;
mod failures;
mod logging;
mod notices;
mod plural;
mod registry;
mod signals;
mod stats;
mod table;
mod visible;

use std::ffi::OsStr;
use std::process::ExitCode;

use clap_complete::CompleteEnv;
use mimalloc::MiMalloc;

/// For the built-in providers too, which are this program: many small pieces, from several threads.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    // DStream starts itself for these; they must be up within a millisecond or two.
    let mut args = std::env::args_os().skip(1);
    match (args.next().as_deref().and_then(OsStr::to_str), args.next(), args.next()) {
        (Some(commands::PROVIDER), Some(side), Some(name)) => {
            return commands::builtin_provider(&side, &name);
        }
        (Some(commands::GUARD), None, None) => return commands::guard(),
        _ => {}
    }
    signals::outlive_file_limit();
    CompleteEnv::with_factory(arguments::command).var(commands::COMPLETE).complete();
    commands::dispatch(arguments::parse())
}
