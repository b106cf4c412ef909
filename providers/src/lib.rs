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

use std::fmt;
use std::process::ExitCode;

use dstream_sdk::{input, output};

/// Which block may name a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// `input`.
    Input,
    /// `output`.
    Output,
}

impl Side {
    /// Its word: `input` or `output`.
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
}

/// All of them.
pub const PROVIDERS: &[ProviderInfo] = &[
    ProviderInfo {
        name: "counter",
        side: Side::Input,
        summary: "counts up, one envelope an interval",
        run: input::run::<counter::Counter>,
    },
    ProviderInfo {
        name: "generate",
        side: Side::Input,
        summary: "writes made-up envelopes, as fast as they are taken or at a rate",
        run: input::run::<generate::Generate>,
    },
    ProviderInfo {
        name: "file",
        side: Side::Input,
        summary: "reads the lines of files, and follows them as they grow",
        run: input::run::<file::FileInput>,
    },
    ProviderInfo {
        name: "console",
        side: Side::Output,
        summary: "prints envelopes for people",
        run: output::run::<console::Console>,
    },
    ProviderInfo {
        name: "file",
        side: Side::Output,
        summary: "writes envelopes to files, rotated and compressed if asked for",
        run: output::run::<file::FileOutput>,
    },
    ProviderInfo {
        name: "null",
        side: Side::Output,
        summary: "counts envelopes and discards them",
        run: output::run::<null::Null>,
    },
];

/// Those that DStream itself puts into a run: no configuration can name them.
const INTERNAL: &[ProviderInfo] = &[ProviderInfo {
    name: "dead-letters",
    side: Side::Input,
    summary: "writes the lines of dead letters",
    run: input::run::<dead_letters::DeadLetters>,
}];

/// Is the provider of that side and name, on this process's stdin and stdout. None if there is no
/// such one.
pub fn run(side: Side, name: &str) -> Option<ExitCode> {
    let fits = |provider: &&ProviderInfo| provider.side == side && provider.name == name;
    PROVIDERS.iter().chain(INTERNAL).find(fits).map(|provider| (provider.run)())
}
