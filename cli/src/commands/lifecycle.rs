//! `dstream init`, `plan`, `status` and `destroy`.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use crossbeam_channel::never;
use dstream_config::Settings;
use dstream_engine::run::{LifecycleOutcome, run_lifecycle};
use dstream_prepare::LockPolicy;
use dstream_protocol::{Command, LifecycleResult};
use dstream_task::Task;
use serde_json::Value;

use super::context::Host;
use crate::arguments::{Global, Lifecycle};
use crate::failures::Problem;
use crate::signals::Stops;
use crate::{configuration, exit, registry};

pub(super) fn ask(global: &Global, lifecycle: &Lifecycle, command: Command) -> ExitCode {
    match configuration::task(global, &lifecycle.task) {
        Ok((task, settings)) => carry_out(global, &task, &settings, command, lifecycle.json),
        Err(_) => ExitCode::from(exit::USAGE),
    }
}

pub(super) fn destroy(global: &Global, lifecycle: &Lifecycle, yes: bool) -> ExitCode {
    let Ok((task, settings)) = configuration::task(global, &lifecycle.task) else {
        return ExitCode::from(exit::USAGE);
    };
    if !yes && !io::stdin().is_terminal() {
        Problem::new(format!("destroying what task `{}` has needs a yes", task.name))
            .hint("there is no terminal to ask on: give --yes")
            .print();
        return ExitCode::from(exit::USAGE);
    }
    if !yes && !confirmed(&task) {
        let _ = writeln!(io::stderr(), "nothing was destroyed");
        return ExitCode::from(exit::FAILED);
    }
    carry_out(global, &task, &settings, Command::Destroy, lifecycle.json)
}

fn confirmed(task: &Task) -> bool {
    let outputs: Vec<&str> = task.outputs.iter().map(|output| output.name.as_str()).collect();
    let mut stderr = io::stderr();
    let _ = write!(
        stderr,
        "Remove everything that task \"{}\" has created in {}? Only `yes` is a yes: ",
        task.name,
        outputs.join(", ")
    );
    let _ = stderr.flush();
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes"
}

fn carry_out(
    global: &Global,
    task: &Task,
    settings: &Settings,
    command: Command,
    json: bool,
) -> ExitCode {
    let tasks = std::slice::from_ref(task);
    let provided = match registry::provide(global, settings, tasks, LockPolicy::Optional) {
        Ok(provided) => provided,
        Err(status) => return ExitCode::from(status),
    };
    let state = configuration::state_store(global, settings);
    let prepared =
        Host::new(global, None, provided, state).and_then(|host| Ok((host, Stops::listen(1)?)));
    let (host, (_, stop)) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => {
            Problem::new(format!("cannot prepare {command}")).cause(error.to_string()).print();
            return ExitCode::from(exit::FAILED);
        }
    };
    let stop = stop.into_iter().next().unwrap_or_else(never);
    let context = host.context(stop, Arc::new(host.notices(task, false)));
    let mut failed = false;
    let done = run_lifecycle(task, command, &context, |outcome| {
        let text =
            if json { one_line(&outcome.raw) } else { render(outcome, io::stdout().is_terminal()) };
        super::print(&text);
        if let Some(error) = &outcome.result.error {
            failed = true;
            Problem::new(format!("{command} failed in output `{}`", outcome.output))
                .cause(error.as_str())
                .print();
        }
    });
    match done {
        Err(failure) => exit::of_lifecycle(&failure).into(),
        Ok(()) => ExitCode::from(if failed { exit::FAILED } else { exit::SUCCESS }),
    }
}

/// The answer as it came, on one line.
fn one_line(raw: &str) -> String {
    let joined: Vec<&str> = raw.lines().collect();
    format!("{}\n", joined.join(""))
}

fn render(outcome: &LifecycleOutcome, coloured: bool) -> String {
    let LifecycleResult { status, message, resources, changes, metadata, .. } = &outcome.result;
    let style = |color: AnsiColor| if coloured { color.on_default() } else { Style::new() };
    let bold = if coloured { Style::new().bold() } else { Style::new() };
    let mut text = format!("{bold}{}{bold:#}: {status}", outcome.output);
    if let Some(message) = message {
        text.push_str(&format!(": {message}"));
    }
    text.push('\n');
    for change in changes {
        let (sign, color) = match change.action.as_str() {
            "create" | "add" => ('+', AnsiColor::Green),
            "delete" | "destroy" | "remove" => ('-', AnsiColor::Red),
            _ => ('~', AnsiColor::Yellow),
        };
        let style = style(color);
        let resource = one(&change.resource);
        text.push_str(&format!("  {style}{sign} {} {resource}{style:#}\n", change.action));
    }
    if !changes.is_empty() {
        let of = |signs: &[&str]| {
            changes.iter().filter(|change| signs.contains(&change.action.as_str())).count()
        };
        let (created, deleted) = (of(&["create", "add"]), of(&["delete", "destroy", "remove"]));
        let changed = changes.len() - created - deleted;
        text.push_str(&format!(
            "  {created} to create, {changed} to change, {deleted} to delete\n"
        ));
    }
    for resource in resources {
        text.push_str(&format!("  • {}\n", one(resource)));
    }
    if let Some(Value::Object(fields)) = metadata {
        for (name, value) in fields {
            text.push_str(&format!("  {name} = {}\n", one(value)));
        }
    }
    text
}

/// A value as short as it can be said: a text as it is, an object by its name and its other
/// fields.
fn one(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let name = ["name", "id"]
                .into_iter()
                .find(|key| fields.get(*key).is_some_and(Value::is_string));
            let mut parts: Vec<String> = name.iter().map(|key| one(&fields[*key])).collect();
            let others = fields.iter().filter(|(key, _)| Some(key.as_str()) != name);
            parts.extend(others.map(|(key, value)| format!("{key}={}", one(value))));
            parts.join(" ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_shows_what_is_added_changed_and_removed() {
        let raw = r#"{"status":"ok","message":"3 changes","changes":[
            {"action":"create","resource":{"type":"queue","name":"orders"}},
            {"action":"update","resource":"topic"},
            {"action":"delete","resource":{"id":"x","size":3}}],"metadata":{"region":"eu"}}"#;
        let result = LifecycleResult::decode(raw.as_bytes()).unwrap();
        let outcome = LifecycleOutcome { output: "bus".into(), result, raw: raw.into() };
        assert_eq!(
            render(&outcome, false),
            "bus: ok: 3 changes\n  + create orders type=queue\n  ~ update topic\n  - delete x size=3\n  \
             1 to create, 1 to change, 1 to delete\n  region = eu\n"
        );
        assert_eq!(one_line(raw).lines().count(), 1);
    }
}
