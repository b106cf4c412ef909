//! Processes of a run, their handshakes, and the pipes that nobody else has.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::thread;

use super::{Message, News, Runner};
use crate::protocol::{Asked, Command, Greeting, command_line};
use crate::provider::{
    self, Pipes, Printing, ProcessEvent, ProviderProcess, handshake_input, handshake_output,
};
use crate::run::failure::{Failure, FailureKind};
use crate::run::notice::Notice;
use crate::run::prepare::launch;
use crate::run::states::{FirstLine, Id, ProviderEvent};
use dstream_relay::pipe;
use dstream_task::Handshake;

/// Characters of a wrong first line that are kept, of which fewer are shown.
const KEPT_CHARS: usize = 4096;

/// What a run holds of a provider.
#[derive(Default)]
pub(super) struct Handles {
    /// There from its start until it has been reaped.
    pub(super) process: Option<ProviderProcess>,
    /// Its pipes, until its handshake begins.
    pipes: Option<Pipes>,
    /// An output's stdin, from when it has its command until its lines flow.
    pub(super) stdin: Option<OwnedFd>,
    /// An input's stdout, from its first line until its lines flow, and what was read of it.
    source: Option<(Arc<File>, Vec<u8>)>,
    /// Its stdout, as long as the thread of its handshake reads it.
    stdout: Weak<File>,
    /// What an output prints.
    pub(super) printing: Arc<Printing>,
    /// Lines that an output has given back, all its processes together.
    pub(super) returned: Arc<Returned>,
    /// The last failure of it.
    pub(super) failure: Option<Failure>,
}

/// Lines that an output has given back.
#[derive(Debug, Default)]
pub(super) struct Returned {
    /// Left out, or kept as dead letters.
    pub(super) lines: AtomicU64,
    /// Neither, since the task has failed at one of them.
    pub(super) lines_unkept: AtomicU64,
}

impl Handles {
    /// Closes the pipes that are here.
    pub(super) fn close(&mut self) {
        (self.pipes, self.stdin, self.source) = (None, None, None);
    }

    /// The pipe of the input's lines, and what was read of them before.
    pub(super) fn take_source(&mut self) -> io::Result<(OwnedFd, Vec<u8>)> {
        let source = self.source.take();
        let source =
            source.and_then(|(file, initial)| Some((Arc::into_inner(file)?.into(), initial)));
        source.ok_or_else(|| io::Error::other("the pipe of the input is gone"))
    }

    /// Whether a process can still write to the stdout that its handshake's thread reads.
    pub(super) fn is_stdout_held(&self) -> bool {
        self.stdout.upgrade().is_some_and(|stdout| pipe::has_writers(&stdout))
    }
}

impl Runner<'_> {
    /// What a thread of this provider's process sends its news with.
    pub(super) fn reporter(&self, id: Id) -> impl Fn(News) + Send + Clone + use<> {
        let (messages, process) = (self.messages.clone(), self.states.provider(id).restarts());
        move |news| drop(messages.send(Message::Provider { id, process, news }))
    }

    pub(super) fn spawn(&mut self, id: Id) -> Result<(), FailureKind> {
        let block = self.block(id);
        let prepared = match id {
            Id::Input => &self.prepared[0],
            Id::Output(index) => &self.prepared[index + 1],
        };
        let (observer, report) = (Arc::clone(&self.context.observer), self.reporter(id));
        let (side, name) = (block.side, block.name.clone());
        let on_event = move |event| match event {
            ProcessEvent::Log(line) => {
                observer.notice(&Notice::Log { side, provider: &name, line: &line });
            }
            ProcessEvent::LogEnded => report(News::Event(ProviderEvent::LogEnded)),
            ProcessEvent::Exited(exit) => {
                report(News::Event(ProviderEvent::Exited { exit, complete: false }));
            }
        };
        let program = prepared.provider.program.clone();
        let started =
            ProviderProcess::spawn(launch(block, prepared, self.context, self.task), on_event);
        let (process, pipes) = started
            .map_err(|source| FailureKind::NotStarted { program: program.clone(), source })?;
        if let Some(guard) = &mut self.guard {
            guard.watch(process.id());
        }
        self.notify(&Notice::Started {
            side: block.side,
            provider: &block.name,
            process_id: process.id().as_raw_nonzero().get(),
            program: &program.to_string_lossy(),
        });
        let handles = self.handles_mut(id);
        let returned = Arc::clone(&handles.returned);
        *handles =
            Handles { process: Some(process), pipes: Some(pipes), returned, ..Handles::default() };
        Ok(())
    }

    pub(super) fn reap(&mut self, id: Id) {
        if let Some(process) = self.handles_mut(id).process.take() {
            if let Some(guard) = &mut self.guard {
                guard.forget(process.id());
            }
            process.reap();
        }
    }

    /// Sends a process its command and reads its first line, in a thread.
    pub(super) fn handshake(&mut self, id: Id) -> io::Result<()> {
        let Some(pipes) = self.handles_mut(id).pipes.take() else {
            return Err(io::Error::other("its pipes are gone"));
        };
        match id {
            Id::Input => self.handshake_input(pipes),
            Id::Output(index) => self.handshake_output(index, pipes),
        }
    }

    fn handshake_input(&mut self, pipes: Pipes) -> io::Result<()> {
        let block = &self.task.input;
        let asked = self.delivery.as_ref().map(|delivery| &delivery.asked);
        let has_checkpoints = asked.is_some();
        let asked = Asked { checkpoints: asked, rejects: false };
        let command = command_line(Command::Run, &block.config, block.config_format, asked);
        let report = self.reporter(Id::Input);
        let stdout = Arc::new(File::from(pipes.stdout));
        self.input.stdout = Arc::downgrade(&stdout);
        let handshake = move || {
            let commanded = |stdin| report(News::InputCommanded(has_checkpoints.then_some(stdin)));
            let first = handshake_input(pipes.stdin, &mut &*stdout, &command, commanded);
            let line = first_line(&first);
            let is_said = matches!(line, FirstLine::Line { greeting: Greeting::Ready { .. }, .. });
            let used = first.line_end.filter(|_| is_said).unwrap_or(0);
            let mut initial = first.bytes;
            initial.drain(..used);
            report(News::InputLine { line, stdout, initial });
        };
        thread::Builder::new().name(format!("start-{}", block.name)).spawn(handshake).map(drop)
    }

    fn handshake_output(&mut self, index: usize, pipes: Pipes) -> io::Result<()> {
        let (id, block) = (Id::Output(index), &self.task.outputs[index]);
        let asked = self.asked_of_outputs();
        let asked = Asked { checkpoints: asked.as_ref(), rejects: self.asks_for_rejects(index) };
        let command = command_line(Command::Run, &block.config, block.config_format, asked);
        let (report, listener) = (self.reporter(id), self.listener(index));
        let (messages, terminal) = (self.messages.clone(), self.context.terminal.clone());
        let printing = Arc::clone(&self.outputs[index].printing);
        let required = block.handshake == Handshake::Required;
        let stdout = Arc::new(File::from(pipes.stdout));
        self.outputs[index].stdout = Arc::downgrade(&stdout);
        let handshake = move || {
            let mut stdin = File::from(pipes.stdin);
            // An output that does not take its command is dead or dying: its exit says which.
            let _ = stdin.write_all(command.as_bytes());
            report(News::OutputCommanded(stdin.into()));
            let greeted = |first: &provider::FirstLine| {
                let line = first_line(first);
                let is_printed = match &line {
                    FirstLine::Line { greeting: Greeting::Other, .. } => !required,
                    FirstLine::Line { .. } => false,
                    FirstLine::Long(_) | FirstLine::Nothing => true,
                };
                let rejects = matches!(
                    line,
                    FirstLine::Line { greeting: Greeting::Ready { rejects: true, .. }, .. }
                );
                report(News::Event(ProviderEvent::FirstLine(line)));
                let used = if is_printed { 0 } else { first.line_end.unwrap_or(0) };
                (used, listener(rejects))
            };
            let refused = || drop(messages.send(Message::TerminalClosed));
            handshake_output(&stdout, &terminal, greeted, &printing, refused);
            drop(stdout);
            report(News::Event(ProviderEvent::Printed));
        };
        thread::Builder::new().name(format!("start-{}", block.name)).spawn(handshake).map(drop)
    }

    /// Keeps the pipe that comes with news; what is left is an event.
    pub(super) fn take_news(&mut self, id: Id, news: News) -> Option<ProviderEvent> {
        Some(match news {
            News::OutputCommanded(stdin) => {
                self.handles_mut(id).stdin = Some(stdin);
                ProviderEvent::CommandTaken
            }
            News::InputCommanded(stdin) => {
                if let (Some(delivery), Some(stdin)) = (&self.delivery, stdin) {
                    delivery.checkpoints.tell_input(stdin);
                }
                ProviderEvent::CommandTaken
            }
            News::InputLine { line, stdout, initial } => {
                self.input.source = Some((stdout, initial));
                ProviderEvent::FirstLine(line)
            }
            News::Event(ProviderEvent::Exited { exit, .. }) => {
                ProviderEvent::Exited { exit, complete: self.is_complete(id) }
            }
            News::Event(event) => event,
        })
    }

    /// Whether everything that an output should get has been written to it.
    fn is_complete(&self, id: Id) -> bool {
        let (Some(relay), Id::Output(index)) = (&self.relay, id) else { return false };
        relay.counters().outputs[index].complete.load(std::sync::atomic::Ordering::Acquire)
    }
}

fn first_line(first: &provider::FirstLine) -> FirstLine {
    match first.line_end {
        Some(end) => {
            let line = &first.bytes[..end];
            FirstLine::Line { greeting: Greeting::parse(line), line: excerpt(line) }
        }
        None if first.bytes.is_empty() => FirstLine::Nothing,
        None => FirstLine::Long(excerpt(&first.bytes)),
    }
}

fn excerpt(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut shown: String = text.trim_end().chars().take(KEPT_CHARS).collect();
    if shown.len() < text.trim_end().len() {
        shown.push('…');
    }
    shown
}
