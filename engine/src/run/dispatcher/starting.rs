//! From nothing to a stream: spawn, handshakes, the relay.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use super::delivery::Delivery;
use super::{Dispatcher, Event, INPUT, MemberEvent, Said, Timer};
use crate::delivery::{DeadLetters, RejectedLines};
use crate::limits::{BROKEN_PIPE_WAIT, SILENT_OUTPUT_GRACE};
use crate::protocol::{Asked, CheckpointCheck, Command, EnvelopeCheck, Greeting, command_line};
use crate::provider::{FirstLine, ProcessEvent, ProviderProcess, greet_input, greet_output};
use crate::run::failure::FailureKind;
use crate::run::member::{Member, launch};
use crate::run::notice::Notice;
use crate::stats::Sampler;
use dstream_relay::{Rejected, Relay, RelayEnds, RelayOptions};
use dstream_task::{Handshake, OnInvalid};

/// Characters of a wrong first line that are kept, of which fewer are shown.
const KEPT_CHARS: usize = 4096;

impl Dispatcher<'_> {
    pub(super) fn prepare_rejects(&mut self) -> Result<(), FailureKind> {
        let stream = &self.task.stream;
        let observer = Arc::clone(&self.context.observer);
        let (name, secrets) = (self.task.input.name.clone(), self.task.secrets.clone());
        let kept = stream.on_invalid == OnInvalid::DeadLetter;
        let tell = move |rejected: &Rejected<'_>, last| {
            observer.notice(&Notice::LineRejected {
                provider: &name,
                line_number: rejected.line_number,
                offset_bytes: rejected.offset_bytes,
                reason: &secrets.mask(&rejected.reason),
                cut_off: rejected.cut_off,
                kept,
                last,
            });
        };
        let rejects = RejectedLines::new(
            stream.on_invalid,
            DeadLetters::of(stream),
            &self.task.name,
            &self.task.input.name,
            &self.task.secrets,
            tell,
        );
        let path = stream.dead_letter.clone().unwrap_or_default();
        let rejects = rejects.map_err(|source| FailureKind::NoDeadLetter { path, source })?;
        self.rejects = Some(Box::new(rejects));
        Ok(())
    }

    pub(super) fn spawn(&mut self, id: usize) -> Result<(), FailureKind> {
        let block = self.members[id].block;
        let prepared = &self.prepared[id];
        let observer = Arc::clone(&self.context.observer);
        let happened = self.teller(id);
        let (side, name) = (block.side, block.name.clone());
        let tell = move |event| match event {
            ProcessEvent::Log(line) => {
                observer.notice(&Notice::Log { side, provider: &name, line: &line });
            }
            ProcessEvent::LogEnded => happened(MemberEvent::LogEnded),
            ProcessEvent::Exited(exit) => happened(MemberEvent::Exited(exit)),
        };
        let started =
            ProviderProcess::spawn(launch(block, prepared, self.context, self.task), tell);
        let program = prepared.provider.program.clone();
        let (process, pipes) = started
            .map_err(|source| FailureKind::NotStarted { program: program.clone(), source })?;
        if let Some(guard) = &mut self.guard {
            guard.watch(process.id());
        }
        self.tell(&Notice::Started {
            side: block.side,
            provider: &block.name,
            process_id: process.id().as_raw_nonzero().get(),
            program: &program.to_string_lossy(),
        });
        self.members[id].process = Some(process);
        if id == INPUT {
            self.members[id].pipes = Some(pipes);
            return Ok(());
        }
        self.members[id].commanded = true;
        self.timers.set(Instant::now() + block.startup_timeout, Timer::Startup(id));
        let asked = self.asked_of_outputs();
        let asked = Asked { checkpoints: asked.as_ref(), rejects: self.asks_for_rejects(id) };
        let command = command_line(Command::Run, &block.config, block.config_format, asked);
        let listener = self.listener(id);
        let (events, terminal) = (self.events.clone(), self.context.terminal.clone());
        let happened = self.teller(id);
        let printed_bytes = Arc::clone(&self.members[id].printed_bytes);
        let required = block.handshake == Handshake::Required;
        let stdout = Arc::new(File::from(pipes.stdout));
        self.members[id].stdout = Arc::downgrade(&stdout);
        let greet = move || {
            let mut stdin = File::from(pipes.stdin);
            // An output that does not take its command is dead or dying: its exit says which.
            let _ = stdin.write_all(command.as_bytes());
            happened(MemberEvent::OutputCommanded(stdin.into()));
            let greeted = |first: &FirstLine| {
                let said = first.line_end.map(|end| said(&first.bytes[..end]));
                let other =
                    said.as_ref().is_none_or(|said| said.greeting == Greeting::Other && !required);
                let rejects = said.as_ref().is_some_and(|said| {
                    matches!(said.greeting, Greeting::Ready { rejects: true, .. })
                });
                happened(MemberEvent::OutputGreeted(said));
                (if other { 0 } else { first.line_end.unwrap_or(0) }, listener(rejects))
            };
            let refused = || drop(events.send(Event::TerminalClosed));
            greet_output(&stdout, &terminal, greeted, &printed_bytes, refused);
            drop(stdout);
            happened(MemberEvent::Printed);
        };
        let thread = thread::Builder::new().name(format!("greet-{}", block.name)).spawn(greet);
        // Without the thread nothing will be printed.
        self.members[id].printed |= thread.is_err();
        thread.map(drop).map_err(FailureKind::NoThread)
    }

    pub(super) fn on_commanded(&mut self, id: usize, stdin: OwnedFd) {
        self.members[id].taken = true;
        if self.members[id].fed {
            return; // closes it
        }
        self.members[id].stdin = Some(stdin);
        if self.members[id].block.handshake == Handshake::Auto {
            self.timers.set(Instant::now() + SILENT_OUTPUT_GRACE, Timer::Silent(id));
        }
        self.open_stream();
    }

    /// A command larger than a pipe is taken only by a provider that reads it.
    pub(super) fn on_startup_timeout(&mut self, id: usize) {
        let member = &self.members[id];
        let required = member.block.handshake == Handshake::Required;
        let timeout = member.block.startup_timeout;
        if self.winding_down || !member.is_running() {
            return;
        }
        if !member.taken {
            self.fail(id, FailureKind::NotCommanded(timeout));
        } else if required && !member.greeted {
            self.fail(id, FailureKind::NotReady(timeout));
        } else {
            return;
        }
        self.terminate(id);
    }

    pub(super) fn on_silent(&mut self, id: usize) {
        if !self.members[id].ready && self.members[id].is_running() {
            self.set_ready(id, false);
            self.open_stream();
        }
    }

    pub(super) fn on_output_greeted(&mut self, id: usize, said: Option<Said>) {
        self.members[id].greeted = true;
        let required = self.members[id].block.handshake == Handshake::Required;
        match said {
            Some(Said { greeting: Greeting::Error { class, message }, .. }) => {
                self.fail(id, FailureKind::ReportedError { class, message });
                self.terminate_later(id);
            }
            Some(Said { greeting: Greeting::Other, line }) if required => {
                self.fail(id, FailureKind::NoHandshake(line));
                self.terminate_later(id);
            }
            Some(Said { greeting: Greeting::Ready { checkpoints: false, .. }, .. })
                if self.delivery.is_some() =>
            {
                self.fail(id, FailureKind::NoCheckpoints);
                self.terminate_later(id);
            }
            Some(Said { greeting, .. }) if !self.members[id].ready => {
                self.set_ready(id, matches!(greeting, Greeting::Ready { .. }));
                self.open_stream();
            }
            None if required => self.expect_end(id),
            // Taken as ready already; or it prints nothing, which it need not.
            Some(_) | None => {}
        }
        self.conclude(id);
    }

    /// A provider has closed its stdout without having said that it is ready: its exit, if that is
    /// why, says more.
    fn expect_end(&mut self, id: usize) {
        self.timers.set(Instant::now() + BROKEN_PIPE_WAIT, Timer::Unsaid(id));
    }

    /// Gives the input its command as soon as every output is ready for lines, and an output its
    /// lines where they flow already.
    pub(super) fn open_stream(&mut self) {
        let mut replaced = Vec::new();
        if let Some(relay) = &mut self.relay {
            for (index, output) in self.members[1..].iter_mut().enumerate() {
                if let Some(stdin) = output.stdin.take_if(|_| output.ready) {
                    output.streams = true;
                    relay.replace_sink(index, stdin);
                    replaced.push(index + 1);
                }
            }
        }
        replaced.into_iter().for_each(|id| self.watch(id));
        let ready =
            |member: &Member<'_>| member.ready && (member.stdin.is_some() || member.streams);
        if self.winding_down || !self.members[1..].iter().all(ready) {
            return;
        }
        if let Some((stdout, initial)) = self.source.take() {
            return self.start_relay(stdout, initial);
        }
        let Some(pipes) = self.members[INPUT].pipes.take() else {
            return;
        };
        self.members[INPUT].commanded = true;
        let block = self.members[INPUT].block;
        self.timers.set(Instant::now() + block.startup_timeout, Timer::Startup(INPUT));
        let asked = self.delivery.as_ref().map(|delivery| &delivery.asked);
        let asks = Asked { checkpoints: asked, rejects: false };
        let command = command_line(Command::Run, &block.config, block.config_format, asks);
        let is_told = asked.is_some();
        let happened = self.teller(INPUT);
        let greet = move || {
            let mut stdout = File::from(pipes.stdout);
            let commanded = |stdin| happened(MemberEvent::InputCommanded(is_told.then_some(stdin)));
            let first = greet_input(pipes.stdin, &mut stdout, &command, commanded);
            happened(MemberEvent::InputGreeted(first, stdout));
        };
        let thread = thread::Builder::new().name(format!("greet-{}", block.name)).spawn(greet);
        if let Err(error) = thread {
            self.fail(INPUT, FailureKind::NoThread(error));
            // Its pipes have been closed: nothing will come of it.
            self.members[INPUT].greeted = true;
            self.give_up_source();
        }
    }

    pub(super) fn on_input_greeted(&mut self, first: FirstLine, stdout: File) {
        self.members[INPUT].greeted = true;
        let required = self.members[INPUT].block.handshake == Handshake::Required;
        let (bytes, end) = (first.bytes, first.line_end);
        let failure = match end.map(|end| said(&bytes[..end])) {
            Some(Said { greeting: Greeting::Ready { checkpoints: false, .. }, .. })
                if self.delivery.is_some() =>
            {
                Some(FailureKind::NoCheckpoints)
            }
            Some(Said { greeting: Greeting::Ready { .. }, .. }) => {
                self.set_ready(INPUT, true);
                None
            }
            Some(Said { greeting: Greeting::Error { class, message }, .. }) => {
                Some(FailureKind::ReportedError { class, message })
            }
            Some(Said { greeting: Greeting::Other, line }) if required => {
                Some(FailureKind::NoHandshake(line))
            }
            // A line too long for a handshake, or the end of the stream, which its exit explains.
            None if required && !bytes.is_empty() => {
                Some(FailureKind::NoHandshake(excerpt(&bytes)))
            }
            // Nothing at all: an empty stream, or a crash that its exit will tell of.
            None if bytes.is_empty() => {
                if required {
                    self.expect_end(INPUT);
                }
                None
            }
            _ => {
                self.set_ready(INPUT, false);
                None
            }
        };
        if let Some(kind) = failure {
            self.fail(INPUT, kind);
            self.give_up_source();
        } else {
            let handshake = if self.members[INPUT].said_ready { end.unwrap_or(0) } else { 0 };
            self.start_relay(stdout, bytes[handshake..].to_vec());
        }
        self.conclude(INPUT);
    }

    /// Has the input's lines go to the outputs.
    pub(super) fn start_relay(&mut self, stdout: File, initial: Vec<u8>) {
        self.members[INPUT].streams = true;
        if let Some(relay) = &mut self.relay {
            self.source_ended = false;
            relay.replace_source(stdout.into(), initial);
            return self.watch(INPUT);
        }
        if !self.winding_down && self.members[1..].iter().any(|output| output.stdin.is_none()) {
            // One is being started again.
            self.source = Some((stdout, initial));
            return;
        }
        let sinks: Vec<OwnedFd> =
            self.members[1..].iter_mut().filter_map(|member| member.stdin.take()).collect();
        let Some(rejects) = self.rejects.take().filter(|_| sinks.len() == self.task.outputs.len())
        else {
            // An output is gone already, and with it the task.
            self.input_ended = true;
            return self.close_outputs();
        };
        self.members[1..].iter_mut().for_each(|output| output.streams = true);
        let stream = &self.task.stream;
        let options = RelayOptions {
            line_bytes_max: stream.line_bytes_max,
            buffer_bytes: stream.buffer_bytes,
            transport: stream.transport,
            measure: self.context.stats_every.is_some(),
            replaceable: self.restarts_members(),
            watched: self.task.outputs.iter().any(|output| output.stall_timeout.is_some()),
        };
        let check = EnvelopeCheck::new(stream.validate, stream.filter.clone());
        let source = stdout.into();
        let events = self.events.clone();
        let tell = move |event| drop(events.send(Event::Relay(event)));
        let started = match &self.delivery {
            None => {
                let ends = RelayEnds { source, initial, sinks, check, rejects };
                Relay::start(ends, options, tell)
            }
            Some(Delivery { checkpoints, .. }) => {
                let checkpoints = Arc::clone(checkpoints);
                let check = CheckpointCheck::new(check, move |value: &_, lines| {
                    checkpoints.note(value, lines)
                });
                let ends = RelayEnds { source, initial, sinks, check, rejects };
                Relay::start(ends, options, tell)
            }
        };
        match started {
            Ok(relay) => {
                self.tell(&Notice::Relaying { transport: relay.transport() });
                self.sampler = self.context.stats_every.map(|every| {
                    self.timers.set(Instant::now() + every, Timer::Stats);
                    let outputs = self.task.outputs.len();
                    Sampler::new(relay.queue_bytes_max(), outputs, self.earlier.take())
                });
                self.relay = Some(relay);
                self.relay_ends_open = self.members.len();
                (0..self.members.len()).for_each(|id| self.watch(id));
            }
            Err(error) => {
                self.fail(INPUT, FailureKind::NoThread(error));
                self.input_ended = true;
                self.close_outputs();
            }
        }
    }

    pub(super) fn set_ready(&mut self, id: usize, said: bool) {
        let member = &mut self.members[id];
        member.ready = true;
        member.said_ready = said;
        let (side, provider) = (member.block.side, &member.block.name);
        let after = member.started().elapsed();
        self.tell(&Notice::Ready { side, provider, after, said });
    }
}

fn said(line: &[u8]) -> Said {
    Said { greeting: Greeting::parse(line), line: excerpt(line) }
}

fn excerpt(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut shown: String = text.trim_end().chars().take(KEPT_CHARS).collect();
    if shown.len() < text.trim_end().len() {
        shown.push('…');
    }
    shown
}
