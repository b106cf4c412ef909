//! The providers that DStream ships inside its own binary. Each still runs as a process of its own
//! and talks only the protocol.

mod console;
mod counter;
mod dead_letters;
mod file;
mod generate;
mod indent;
mod null;
mod position;

use std::process::ExitCode;

pub use dstream_protocol::Side;
pub use dstream_sdk::{ConfigProblem, ConfigStep};
use dstream_sdk::{Input, Output, input, output};
use serde_json::{Map, Value};

/// A built-in provider.
#[derive(Debug, Clone, Copy)]
pub struct ProviderInfo {
    /// Its name in `provider = "…"`, which an input and an output may share.
    pub name: &'static str,
    /// Which block may name it.
    pub side: Side,
    /// What it is for, in one line.
    pub summary: &'static str,
    run: fn() -> ExitCode,
    check: Check,
}

type Check = fn(&Map<String, Value>) -> Result<(), ConfigProblem>;

const fn an_input<I: Input>(name: &'static str, summary: &'static str) -> ProviderInfo {
    let (run, check) = (input::run::<I>, input::check::<I>);
    ProviderInfo { name, side: Side::Input, summary, run, check }
}

const fn an_output<O: Output>(name: &'static str, summary: &'static str) -> ProviderInfo {
    let (run, check) = (output::run::<O>, output::check::<O>);
    ProviderInfo { name, side: Side::Output, summary, run, check }
}

/// All of them.
pub const PROVIDERS: &[ProviderInfo] = &[
    an_input::<counter::Counter>("counter", "counts up, one envelope an interval"),
    an_input::<generate::Generate>(
        "generate",
        "writes made-up envelopes, as fast as they are taken or at a rate",
    ),
    an_input::<file::FileInput>("file", "reads the lines of files, and follows them as they grow"),
    an_output::<console::Console>("console", "prints envelopes for people"),
    an_output::<file::FileOutput>(
        "file",
        "writes envelopes to files, rotated and compressed if asked for",
    ),
    an_output::<null::Null>("null", "counts envelopes and discards them"),
];

/// Those that DStream itself puts into a run: no configuration can name them.
const INTERNAL: &[ProviderInfo] =
    &[an_input::<dead_letters::DeadLetters>("dead-letters", "writes the lines of dead letters")];

/// Is the provider of that side and name, on this process's stdin and stdout. None if there is no
/// such one.
pub fn run(side: Side, name: &str) -> Option<ExitCode> {
    find(side, name).map(|provider| (provider.run)())
}

/// What the provider of that side and name would say of this config before it opens anything.
///
/// # Errors
///
/// The first thing that is wrong with it, and where.
pub fn check(side: Side, name: &str, config: &Map<String, Value>) -> Result<(), ConfigProblem> {
    find(side, name).map_or(Ok(()), |provider| (provider.check)(config))
}

fn find(side: Side, name: &str) -> Option<&'static ProviderInfo> {
    let mut all = PROVIDERS.iter().chain(INTERNAL);
    all.find(|provider| provider.side == side && provider.name == name)
}
