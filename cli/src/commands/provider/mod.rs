//! `dstream provider …`.

mod inspect;
mod list;
mod lock;
mod mirror;
mod prune;
mod pull;
mod push;
mod verify;

use std::process::ExitCode;

use dstream_config::Settings;
use dstream_reference::{Reference, parse_reference};

use crate::arguments::Global;
use crate::arguments::provider::Provider;
use crate::configuration::{self, Invalid};
use crate::exit;
use crate::failures::Problem;

pub(super) fn provider(global: &Global, command: &Provider) -> ExitCode {
    let done = match command {
        Provider::Pull(arguments) => pull::pull(global, arguments),
        Provider::Push(arguments) => push::push(global, arguments),
        Provider::Inspect { reference, json } => inspect::inspect(global, reference, *json),
        Provider::List { json } => list::list(*json),
        Provider::Lock(arguments) => lock::lock(global, arguments),
        Provider::Mirror(arguments) => mirror::mirror(global, arguments),
        Provider::Prune(arguments) => prune::prune(global, arguments),
        Provider::Verify { references, json } => verify::verify(global, references, *json),
    };
    done.unwrap_or_else(ExitCode::from)
}

/// What a command works on.
struct Subjects {
    settings: Settings,
    references: Vec<Reference>,
}

impl From<Invalid> for u8 {
    fn from(_: Invalid) -> Self {
        exit::USAGE
    }
}

/// The settings of the configuration file. Where there is none, and none was named, there are none.
fn settings(global: &Global) -> Result<Settings, u8> {
    if global.config.as_os_str() == "dstream.hcl" && !global.config.exists() {
        return Ok(Settings::default());
    }
    let (document, surroundings) = configuration::load(global)?;
    Ok(configuration::settings(&document, &surroundings)?)
}

/// The references that were named; else all that the configuration has.
fn subjects(global: &Global, named: &[String]) -> Result<Subjects, u8> {
    if !named.is_empty() {
        let settings = settings(global)?;
        let references = named.iter().map(|text| reference(text, &settings));
        return Ok(Subjects { references: references.collect::<Result<_, _>>()?, settings });
    }
    let (document, surroundings) = configuration::load(global)?;
    let settings = configuration::settings(&document, &surroundings)?;
    let references = configuration::references(&document, &surroundings)?;
    if references.is_empty() {
        let file = global.config.display();
        Problem::new(format!("{file} names no provider by reference"))
            .hint("name one here, or in a block: provider_ref = \"ghcr.io/owner/provider:v1\"")
            .print();
        return Err(exit::USAGE);
    }
    Ok(Subjects { references, settings })
}

/// A reference as it was typed, completed by the default registry.
fn reference(text: &str, settings: &Settings) -> Result<Reference, u8> {
    parse_reference(text, settings.registry.as_deref()).map_err(|error| {
        let problem = Problem::new(format!("invalid reference `{text}`: {error}"));
        match error.help() {
            Some(help) => problem.hint(help),
            None => problem,
        }
        .print();
        exit::USAGE
    })
}

/// Prints a problem; gives the exit status of wrong use.
fn refuse(problem: Problem) -> u8 {
    problem.print();
    exit::USAGE
}
