//! init, plan, status and destroy: the outputs alone, one after the other, one answer each.

use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, at, bounded, never};

use super::RunContext;
use super::failure::{Failure, FailureKind};
use super::notice::Notice;
use super::prepare::{Prepared, launch, prepare, start_guard};
use super::states::{Action, CommandStates, CutShort, ProviderEvent, Rules};
use crate::limits::RESULT_BYTES_MAX;
use crate::protocol::{Asked, Command, Greeting, LifecycleResult, command_line};
use crate::provider::{Pipes, ProcessEvent, ProviderExit, ProviderProcess};
use dstream_task::{ProviderBlock, Task};

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

/// Reports a failure.
fn fail(
    task: &Task,
    block: &ProviderBlock,
    process: Option<&ProviderProcess>,
    kind: FailureKind,
    context: &RunContext,
) -> Box<Failure> {
    let failure = Failure::new(block, process, kind, &task.secrets);
    context.observer.notice(&Notice::Failed { failure: &failure });
    Box::new(failure)
}

/// What the threads of an output have to say.
enum Message {
    Event(ProviderEvent),
    /// More of its stdout.
    Printing(Vec<u8>),
    /// Its stdout has ended, or is too long.
    Printed,
}

/// How many messages may wait.
const MESSAGES_MAX: usize = 4;

/// How much of an answer is read at once.
const PIECE_BYTES: usize = 64 * 1024;

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
    let mut guard = start_guard(context, None, || {});
    let (messages, inbox) = bounded(MESSAGES_MAX);
    let (observer, report) = (Arc::clone(&context.observer), messages.clone());
    let (side, name) = (block.side, block.name.clone());
    let on_event = move |event| match event {
        ProcessEvent::Log(line) => {
            observer.notice(&Notice::Log { side, provider: &name, line: &line });
        }
        ProcessEvent::LogEnded => drop(report.send(Message::Event(ProviderEvent::LogEnded))),
        ProcessEvent::Exited(exit) => {
            let event = ProviderEvent::Exited { exit, complete: false };
            drop(report.send(Message::Event(event)));
        }
    };
    let started = ProviderProcess::spawn(launch(block, prepared, context, task), on_event);
    let (process, pipes) = started.map_err(|source| {
        fail(None, FailureKind::NotStarted { program: prepared.provider.program.clone(), source })
    })?;
    if let Some(guard) = &mut guard {
        guard.watch(process.id());
    }
    let line = command_line(command, &block.config, block.config_format, Asked::default());
    let mut goes_on = true;
    let failure = match send_command(&block.name, pipes, line, messages) {
        Err(error) => Some(FailureKind::NoThread(error)),
        Ok(()) => {
            let (states, exit, printed) = wait(block, &process, context, &inbox);
            let (answer, failed) = evaluate_answer(exit, printed);
            if let Some((result, raw)) = answer {
                let (result, raw) = (masked(result, task), masked_raw(raw, task));
                let outcome = LifecycleOutcome { output: block.name.clone(), result, raw };
                answered(&outcome);
                goes_on = outcome.result.error.is_none();
            }
            match states.cut_short() {
                Some(CutShort::Stopped(signal)) => Some(FailureKind::Stopped(signal)),
                Some(CutShort::NotCommanded) => {
                    Some(FailureKind::NotCommanded(block.startup_timeout))
                }
                None => failed,
            }
        }
    };
    let failure = failure.map(|kind| fail(Some(&process), kind));
    if let Some(guard) = &mut guard {
        guard.forget(process.id());
    }
    process.reap();
    failure.map_or(Ok(goes_on), Err)
}

/// Sends a process its command and reads what it prints, in a thread.
fn send_command(
    name: &str,
    pipes: Pipes,
    line: String,
    messages: Sender<Message>,
) -> io::Result<()> {
    let talk = move || {
        // A provider that does not take its command is dead or dying: its exit says which.
        let _ = File::from(pipes.stdin).write_all(line.as_bytes());
        let _ = messages.send(Message::Event(ProviderEvent::CommandTaken));
        let mut stdout = File::from(pipes.stdout).take(RESULT_BYTES_MAX as u64 + 1);
        let mut piece = vec![0; PIECE_BYTES];
        while let Ok(length @ 1..) = stdout.read(&mut piece) {
            if messages.send(Message::Printing(piece[..length].to_vec())).is_err() {
                return; // nobody waits for it any more
            }
        }
        let _ = messages.send(Message::Printed);
    };
    thread::Builder::new().name(format!("command-{name}")).spawn(talk).map(drop)
}

/// Waits for a process to end and for all that it had to say. What it printed is none if that was too
/// long, and what there was of it if something else holds its stdout.
fn wait<'a>(
    block: &'a ProviderBlock,
    process: &ProviderProcess,
    context: &RunContext,
    inbox: &Receiver<Message>,
) -> (CommandStates<'a>, ProviderExit, Option<Vec<u8>>) {
    let (mut states, _) = CommandStates::begin(Rules::of(block), process.started());
    let (mut stop, mut printed) = (context.stop.clone(), Some(Vec::new()));
    loop {
        if let Some(exit) = states.exit() {
            return (states, exit, printed);
        }
        let actions = crossbeam_channel::select! {
            recv(inbox) -> message => match message {
                Ok(Message::Event(event)) => states.on_event(event, Instant::now()),
                Ok(Message::Printing(piece)) => {
                    printed.iter_mut().for_each(|printed| printed.extend(&piece));
                    Vec::new()
                }
                Ok(Message::Printed) => {
                    let mut actions = states.on_event(ProviderEvent::Printed, Instant::now());
                    printed = printed.filter(|printed| printed.len() <= RESULT_BYTES_MAX);
                    if printed.is_none() {
                        actions.extend(states.on_long_answer(Instant::now()));
                    }
                    actions
                }
                Err(_) => Vec::new(), // it has said everything: only its exit counts
            },
            recv(stop) -> signal => match signal {
                Ok(signal) => states.on_stop(signal, Instant::now()),
                Err(_) => {
                    stop = never(); // nobody can ask any more
                    Vec::new()
                }
            },
            recv(states.next_tick().map_or_else(never, at)) -> _ => states.on_tick(Instant::now()),
        };
        for action in actions {
            match action {
                Action::Terminate(_) => process.terminate(),
                Action::Kill(_) => process.kill(),
                Action::Notify(notice) => context.observer.notice(&notice),
                _ => {}
            }
        }
    }
}

/// The answer in what was printed, if there is one, and why the command has failed, if it has. An
/// answer that says itself what failed needs no other failure.
fn evaluate_answer(
    exit: ProviderExit,
    printed: Option<Vec<u8>>,
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
        let (shown, failure) = evaluate_answer(failed, answer(r#"{"status":"ok"}"#));
        assert!(shown.is_some() && matches!(failure, Some(FailureKind::Exited(_))));
        let (shown, failure) =
            evaluate_answer(failed, answer(r#"{"status":"error","message":"m"}"#));
        assert!(shown.is_some_and(|(result, _)| result.error.is_some()) && failure.is_none());
        let fine = ProviderExit::Code(0);
        let failure = |printed| evaluate_answer(fine, printed).1;
        assert!(matches!(failure(answer("")), Some(FailureKind::NoResult(_))));
        assert!(matches!(failure(answer("done")), Some(FailureKind::BadResult(_))));
        assert!(matches!(failure(None), Some(FailureKind::LongResult(_))));
        assert!(failure(answer(r#"{"status":"ok"}"#)).is_none());
    }
}
