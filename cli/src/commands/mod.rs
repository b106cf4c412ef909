//! One file for each command.

mod completions;
mod context;
mod dlq;
mod internal;
mod lifecycle;
mod list;
mod provider;
mod run;
mod state;
mod validate;
mod version;

use std::io::{self, Write};
use std::process::ExitCode;

use dstream_protocol::Command as ProviderCommand;

use crate::arguments::{Arguments, Command};
use crate::{exit, logging};

pub(crate) use completions::{COMPLETE, task_candidates};
pub(crate) use internal::{GUARD, PROVIDER, guard, provider as builtin_provider};

/// Carries out a command line.
pub(crate) fn dispatch(arguments: Arguments) -> ExitCode {
    let global = &arguments.global;
    logging::start(global);
    match &arguments.command {
        Command::Run(arguments) => run::run(global, arguments),
        Command::List { json } => list::list(global, *json),
        Command::Init(lifecycle) => lifecycle::ask(global, lifecycle, ProviderCommand::Init),
        Command::Plan(lifecycle) => lifecycle::ask(global, lifecycle, ProviderCommand::Plan),
        Command::Status(lifecycle) => lifecycle::ask(global, lifecycle, ProviderCommand::Status),
        Command::Destroy { lifecycle, yes } => lifecycle::destroy(global, lifecycle, *yes),
        Command::State(command) => state::state(global, command),
        Command::Dlq(command) => dlq::dlq(global, command),
        Command::Provider(command) => provider::provider(global, command),
        Command::Validate { json } => validate::validate(global, *json),
        Command::Version { json } => version::version(*json),
        Command::Completions { shell } => completions::completions(*shell),
    }
}

/// Prints a command's result. Whoever reads it may have left, which is a normal end.
fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(exit::FAILED),
        _ => ExitCode::from(exit::SUCCESS),
    }
}
