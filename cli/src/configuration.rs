//! From a file's path to its tasks; whatever is wrong with it is printed here.

use std::io;
use std::path::Path;

use dstream_builtin::{ConfigStep, PROVIDERS};
use dstream_config::{BuiltinProvider, ConfigRefusal, Document, Settings, Surroundings, TaskError};
use dstream_engine::delivery::StateStore;
use dstream_reference::listed;
use dstream_task::{Diagnostics, Reference, Side, Step, Task};
use serde_json::{Map, Value};
use tracing::warn;

use crate::arguments::Global;
use crate::diagnostics;
use crate::failures::Problem;

/// A configuration that cannot be used; what is wrong with it has been printed.
pub(crate) struct Invalid;

/// Reads the file's structure.
pub(crate) fn load(global: &Global) -> Result<(Document, Surroundings), Invalid> {
    let text = read(&global.config)?;
    let surroundings = surroundings(global);
    match Document::parse(&global.config, text, &surroundings) {
        Ok((document, warnings)) => {
            diagnostics::print(&warnings);
            Ok((document, surroundings))
        }
        Err(problems) => Err(invalid(&problems)),
    }
}

/// Evaluates one task, and what the file says of where providers come from.
pub(crate) fn task(global: &Global, name: &str) -> Result<(Task, Settings), Invalid> {
    let (document, surroundings) = load(global)?;
    match document.task(name, &surroundings) {
        Ok((task, warnings)) => {
            diagnostics::print(&warnings);
            Ok((task, settings(&document, &surroundings)?))
        }
        Err(error) => Err(refused(global, error)),
    }
}

/// Evaluates the `dstream` block. Its warnings have been reported with the tasks.
pub(crate) fn settings(
    document: &Document,
    surroundings: &Surroundings,
) -> Result<Settings, Invalid> {
    let settings = document.settings(surroundings);
    let (settings, _) = settings.map_err(|problems| invalid(&problems))?;
    warn_of_unused_policies(document, surroundings, &settings);
    Ok(settings)
}

/// Says which policies are about none of the file's providers: a misspelt one demands nothing.
fn warn_of_unused_policies(document: &Document, surroundings: &Surroundings, settings: &Settings) {
    if settings.trust.is_empty() {
        return;
    }
    // What is wrong with the references is reported where they are used.
    let Ok((references, _)) = document.references(surroundings) else { return };
    for policy in &settings.trust {
        let covers = |reference: &Reference| policy.covers(reference);
        if !references.is_empty() && !references.iter().any(covers) {
            let pattern = policy.pattern.as_str();
            warn!("`trust \"{pattern}\"` is about none of the providers that the file names");
        }
    }
}

/// Where checkpoints are kept: where the file says, else beside it.
pub(crate) fn state_store(global: &Global, settings: &Settings) -> StateStore {
    let folder = global.config.with_file_name(".dstream").join("state");
    StateStore::new(settings.state.clone().unwrap_or(folder))
}

/// All references of providers in the file, complete.
pub(crate) fn references(
    document: &Document,
    surroundings: &Surroundings,
) -> Result<Vec<Reference>, Invalid> {
    let references = document.references(surroundings);
    references.map(|(references, _)| references).map_err(|problems| invalid(&problems))
}

/// Evaluates these tasks, or all that there are; at least one.
pub(crate) fn tasks(
    global: &Global,
    names: Option<&[String]>,
) -> Result<(Vec<Task>, Settings), Invalid> {
    let (document, surroundings) = load(global)?;
    let all = document.task_names();
    if all.is_empty() {
        Problem::new(format!("{} has no tasks", global.config.display())).print();
        return Err(Invalid);
    }
    let names = names.map_or_else(|| all.clone(), <[String]>::to_vec);
    if names.is_empty() {
        let hint = format!("name one or more, or --all: dstream run {}", all[0]);
        Problem::new(format!(
            "{} has the tasks {}",
            global.config.display(),
            listed(all.iter().map(String::as_str))
        ))
        .hint(hint)
        .print();
        return Err(Invalid);
    }
    let mut twice = names.iter().enumerate().filter(|&(at, name)| {
        // The second of its kind alone, however often it is there.
        names[..at].iter().filter(|other| *other == name).count() == 1
    });
    if let Some((_, name)) = twice.next() {
        for name in std::iter::once(name).chain(twice.map(|(_, name)| name)) {
            Problem::new(format!("task `{name}` is given more than once"))
                .hint("a task runs once at a time: name it once")
                .print();
        }
        return Err(Invalid);
    }
    match document.tasks(&names, &surroundings) {
        Ok((tasks, warnings)) => {
            diagnostics::print(&warnings);
            Ok((tasks, settings(&document, &surroundings)?))
        }
        Err(errors) => {
            let refusals = errors.into_iter().map(|error| refused(global, error));
            Err(refusals.last().unwrap_or(Invalid))
        }
    }
}

fn refused(global: &Global, error: TaskError) -> Invalid {
    match error {
        TaskError::Invalid(problems) => invalid(&problems),
        TaskError::Unknown { name, nearest, known } => {
            let file = global.config.display();
            let hint = match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None if known.is_empty() => "the file has no tasks".to_owned(),
                None => format!("it has: {}", known.join(", ")),
            };
            Problem::new(format!("{file} has no task `{name}`")).hint(hint).print();
            Invalid
        }
    }
}

/// Reads the file's text.
pub(crate) fn read(path: &Path) -> Result<String, Invalid> {
    let shown = path.display();
    let problem = match std::fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => return Ok(text),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                Problem::new(format!("{shown} is not UTF-8: byte {} is wrong", at + 1))
                    .hint("save it as UTF-8")
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Problem::new(format!("there is no configuration file {shown}"))
                .hint("write one, or name another with --config FILE")
        }
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            Problem::new(format!("{shown} is a folder, not a configuration file"))
                .hint(format!("name a file in it: --config {}", path.join("dstream.hcl").display()))
        }
        Err(error) => Problem::new(format!("cannot read the configuration file {shown}"))
            .cause(error.to_string())
            .hint("check its permissions, or name another file with --config FILE"),
    };
    problem.print();
    Err(Invalid)
}

/// What the configuration may ask of the world.
pub(crate) fn surroundings(global: &Global) -> Surroundings {
    Surroundings {
        vars: global.vars.clone(),
        var_files: global.var_files.clone(),
        ..inputs_of(&global.config)
    }
}

/// What a configuration file may ask of this process and its environment.
pub(crate) fn inputs_of(config: &Path) -> Surroundings {
    let folder = config.parent().filter(|folder| !folder.as_os_str().is_empty());
    let builtins = PROVIDERS
        .iter()
        .map(|provider| BuiltinProvider { name: provider.name, side: provider.side });
    Surroundings {
        env: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        base_dir: folder.unwrap_or(Path::new("")).to_owned(),
        builtins: builtins.collect(),
        check_builtin: Some(check_builtin),
        ..Surroundings::default()
    }
}

fn check_builtin(side: Side, name: &str, config: &Map<String, Value>) -> Result<(), ConfigRefusal> {
    let step = |step| match step {
        ConfigStep::Field(name) => Step::Key(name),
        ConfigStep::Index(index) => Step::Index(index),
    };
    dstream_builtin::check(side, name, config).map_err(|problem| ConfigRefusal {
        path: problem.path.into_iter().map(step).collect(),
        message: problem.message,
    })
}

fn invalid(problems: &Diagnostics) -> Invalid {
    diagnostics::print(problems);
    Invalid
}
