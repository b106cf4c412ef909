//! init, plan, status and destroy: the outputs alone, one after the other, one answer each.

mod talk;

use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;
use std::thread;

use crossbeam_channel::bounded;

use super::RunContext;
use super::failure::{Failure, FailureKind};
use super::member::{Prepared, failure, launch, prepare, start_guard};
use super::notice::Notice;
use crate::limits::RESULT_BYTES_MAX;
use crate::protocol::{Asked, Command, Greeting, LifecycleResult, command_line};
use crate::provider::{ProcessEvent, ProviderExit, ProviderProcess};
use dstream_task::{ProviderBlock, Task};
use talk::{EVENTS_MAX, Event, Printed, Talk, TalkEnd};

/// What one output answered.
#[derive(Debug)]
pub struct LifecycleOutcome {
    /// The output's name.
    pub output: String,
    /// Its answer. It can hold an error.
    pub result: LifecycleResult,
    /// The answer as it came, clear of secrets.
    pub raw: String,
}

/// Has every output carry out `command`. `answered` is called with each answer as it comes.
///
/// # Errors
///
/// The first output that cannot be found or confined, and nothing is started; or that cannot be
/// started, gives no answer, or exits with a status other than 0, and the outputs after it are not
/// started. An answer that holds an error also ends the row, but is
/// an answer.
pub fn run_lifecycle(
    task: &Task,
    command: Command,
    context: &RunContext,
    mut answered: impl FnMut(&LifecycleOutcome),
) -> Result<(), Box<Failure>> {
    let mut prepared = Vec::new();
    for block in &task.outputs {
        let ready = prepare(block, context);
        prepared.push(ready.map_err(|kind| fail(task, block, None, kind, context))?);
    }
    for (block, prepared) in task.outputs.iter().zip(&prepared) {
        if !ask(task, block, prepared, command, context, &mut answered)? {
            break;
        }
    }
    Ok(())
}

/// Tells a failure.
fn fail(
    task: &Task,
    block: &ProviderBlock,
    process: Option<&ProviderProcess>,
    kind: FailureKind,
    context: &RunContext,
) -> Box<Failure> {
    let failure = failure(block, process, kind, &task.secrets);
    context.observer.notice(&Notice::Failed { failure: &failure });
    Box::new(failure)
}

/// Asks one output. Returns whether the next one should be asked too.
fn ask(
    task: &Task,
    block: &ProviderBlock,
    prepared: &Prepared,
    command: Command,
    context: &RunContext,
    answered: &mut impl FnMut(&LifecycleOutcome),
) -> Result<bool, Box<Failure>> {
    let fail = |process: Option<&ProviderProcess>, kind| fail(task, block, process, kind, context);
    let mut guard = start_guard(context, None);
    let (events, inbox) = bounded(EVENTS_MAX);
    let observer = Arc::clone(&context.observer);
    let tell_events = events.clone();
    let (side, name) = (block.side, block.name.clone());
    let tell = move |event| match event {
        ProcessEvent::Log(line) => {
            observer.notice(&Notice::Log { side, provider: &name, line: &line });
        }
        ProcessEvent::LogEnded => drop(tell_events.send(Event::LogEnded)),
        ProcessEvent::Exited(exit) => drop(tell_events.send(Event::Exited(exit))),
    };
    let started = ProviderProcess::spawn(launch(block, prepared, context, task), tell);
    let (process, pipes) = started.map_err(|source| {
        fail(None, FailureKind::NotStarted { program: prepared.provider.program.clone(), source })
    })?;
    if let Some(guard) = &mut guard {
        guard.watch(process.id());
    }
    let line = command_line(command, &block.config, block.config_format, Asked::default());
    let talk = move || {
        // A provider that does not take its command is dead or dying: its exit says which.
        let _ = File::from(pipes.stdin).write_all(line.as_bytes());
        let _ = events.send(Event::Commanded);
        let mut printed = Vec::new();
        let stdout = File::from(pipes.stdout).take(RESULT_BYTES_MAX as u64 + 1);
        let whole =
            { stdout }.read_to_end(&mut printed).is_ok() && printed.len() <= RESULT_BYTES_MAX;
        let _ = events.send(Event::Printed(whole.then_some(printed)));
    };
    let talking = thread::Builder::new().name(format!("talk-{}", block.name)).spawn(talk);
    if let Err(error) = talking {
        let failure = fail(Some(&process), FailureKind::NoThread(error));
        if let Some(guard) = &mut guard {
            guard.forget(process.id());
        }
        process.reap();
        return Err(failure);
    }
    let (answer, failed) = judge(Talk::new(block, &process, context).wait(&inbox), block);
    let goes_on = answer.as_ref().is_none_or(|(result, _)| result.error.is_none());
    if let Some((result, raw)) = answer {
        let (result, raw) = (masked(result, task), masked_raw(raw, task));
        answered(&LifecycleOutcome { output: block.name.clone(), result, raw });
    }
    let failure = failed.map(|kind| fail(Some(&process), kind));
    if let Some(guard) = &mut guard {
        guard.forget(process.id());
    }
    process.reap();
    failure.map_or(Ok(goes_on), Err)
}

/// The answer in what was printed, if there is one, and why the command has failed, if it has. An
/// answer that says itself what failed needs no other failure.
fn judge(
    end: TalkEnd,
    block: &ProviderBlock,
) -> (Option<(LifecycleResult, String)>, Option<FailureKind>) {
    let (answer, failed) = judge_answer(end.exit, end.printed);
    if let Some(signal) = end.stopped {
        return (answer, Some(FailureKind::Stopped(signal)));
    }
    let deaf = end.deaf.then_some(FailureKind::NotCommanded(block.startup_timeout));
    (answer, deaf.or(failed))
}

fn judge_answer(
    exit: ProviderExit,
    printed: Printed,
) -> (Option<(LifecycleResult, String)>, Option<FailureKind>) {
    let Some(printed) = printed else {
        return (None, Some(FailureKind::LongResult(RESULT_BYTES_MAX)));
    };
    let answer = answer(&printed);
    match LifecycleResult::decode(answer) {
        Ok(result) => {
            let failed = !exit.is_success() && result.error.is_none();
            let raw = String::from_utf8_lossy(answer).into_owned();
            (Some((result, raw)), failed.then_some(FailureKind::Exited(exit)))
        }
        Err(_) if !exit.is_success() => (None, Some(FailureKind::Exited(exit))),
        Err(_) if answer.is_empty() => (None, Some(FailureKind::NoResult(exit))),
        Err(error) => (None, Some(FailureKind::BadResult(error))),
    }
}

/// The result in what was printed: everything after a ready line, or the last line of it where
/// other lines come before.
fn answer(printed: &[u8]) -> &[u8] {
    let mut rest = printed.trim_ascii();
    let first_end = rest.iter().position(|&byte| byte == b'\n').map_or(rest.len(), |at| at + 1);
    // A line that is all there is cannot be the handshake before the answer.
    if first_end < rest.len()
        && matches!(Greeting::parse(&rest[..first_end]), Greeting::Ready { .. })
    {
        rest = rest[first_end..].trim_ascii();
    }
    if serde_json::from_slice::<serde::de::IgnoredAny>(rest).is_ok() {
        return rest;
    }
    rest.rsplit(|&byte| byte == b'\n').next().unwrap_or(rest)
}

/// The answer as it came, or, where there are secrets, the same JSON without them: an escape could
/// hide one from a search in the text, and a mask could make the text no JSON.
fn masked_raw(raw: String, task: &Task) -> String {
    let secrets = &task.secrets;
    match serde_json::from_str(&raw) {
        Ok(mut value) if !secrets.is_empty() => {
            mask_value(&mut value, &|text: &mut String| *text = secrets.mask(text));
            value.to_string()
        }
        _ => raw,
    }
}

/// The same with every text in it cleared of secrets.
fn masked(mut result: LifecycleResult, task: &Task) -> LifecycleResult {
    let secrets = &task.secrets;
    if secrets.is_empty() {
        return result;
    }
    let mask = |text: &mut String| *text = secrets.mask(text);
    mask(&mut result.status);
    result.message.iter_mut().chain(&mut result.error).for_each(mask);
    let values = result.metadata.iter_mut().chain(&mut result.resources);
    values.for_each(|value| mask_value(value, &mask));
    for change in &mut result.changes {
        mask(&mut change.action);
        mask_value(&mut change.resource, &mask);
    }
    result
}

fn mask_value(value: &mut serde_json::Value, mask: &impl Fn(&mut String)) {
    match value {
        serde_json::Value::String(text) => mask(text),
        serde_json::Value::Number(number) => {
            let mut text = number.to_string();
            mask(&mut text);
            if text != number.to_string() {
                *value = text.into();
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| mask_value(item, mask)),
        serde_json::Value::Object(fields) => {
            fields.values_mut().for_each(|field| mask_value(field, mask));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_found_behind_a_ready_line_and_other_lines() {
        for (printed, expected) in [
            (r#"{"status":"ok"}"#, r#"{"status":"ok"}"#),
            ("{\"status\":\"ready\"}\n", r#"{"status":"ready"}"#),
            ("{\"status\":\"ready\"}\n{\"status\":\"ok\"}\n", r#"{"status":"ok"}"#),
            ("working\n{\"status\":\"ok\"}\n\n", r#"{"status":"ok"}"#),
            ("{\n \"status\": \"ok\"\n}\n", "{\n \"status\": \"ok\"\n}"),
            ("", ""),
        ] {
            assert_eq!(answer(printed.as_bytes()), expected.as_bytes(), "{printed}");
        }
    }

    #[test]
    fn an_exit_status_other_than_0_fails_whatever_was_answered() {
        let answer = |text: &str| Some(text.as_bytes().to_vec());
        let failed = ProviderExit::Code(2);
        let (shown, failure) = judge_answer(failed, answer(r#"{"status":"ok"}"#));
        assert!(shown.is_some() && matches!(failure, Some(FailureKind::Exited(_))));
        let (shown, failure) = judge_answer(failed, answer(r#"{"status":"error","message":"m"}"#));
        assert!(shown.is_some_and(|(result, _)| result.error.is_some()) && failure.is_none());
        let fine = ProviderExit::Code(0);
        let failure = |printed| judge_answer(fine, printed).1;
        assert!(matches!(failure(answer("")), Some(FailureKind::NoResult(_))));
        assert!(matches!(failure(answer("done")), Some(FailureKind::BadResult(_))));
        assert!(matches!(failure(None), Some(FailureKind::LongResult(_))));
        assert!(failure(answer(r#"{"status":"ok"}"#)).is_none());
    }
}
