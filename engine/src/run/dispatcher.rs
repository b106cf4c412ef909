//! The one place that decides: every event of a run comes here, one after the other.
//!
//! ```text
//! start ─▶ outputs ready ─▶ input gets its command ─▶ first line ─▶ relay ─▶ input ends ─▶
//!   outputs see the end of their input ─▶ outputs end ─▶ report
//! ```
//!
//! A stop or a failure winds the run down from wherever it is: the input is told to leave, what it
//! had written is written to the outputs, and whoever overruns its grace is killed.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::failure::{Failure, FailureKind};
use super::member::{Member, launch};
use super::notice::Notice;
use super::report::{OutputReport, RunReport};
use super::timers::Timers;
use super::{RunContext, StopSignal};
use crate::config::{Handshake, OnInvalid, Task};
use crate::delivery::RejectedLines;
use crate::limits::{
    BROKEN_PIPE_WAIT, HELD_PIPE_WAIT, KILLED_PIPE_WAIT, LAST_WORDS_WAIT, SILENT_OUTPUT_GRACE,
    SLOW_END_REPORT_EVERY,
};
use crate::protocol::{Command, EnvelopeCheck, Greeting, command_line};
use crate::provider::{
    FirstLine, Guard, ProcessEvent, ProviderExit, ProviderProcess, greet_input, greet_output,
};
use crate::relay::{InputEnd, OutputEnd, Refusal, Rejects, Relay, RelayEvent, RelayLimits};
use crate::resolve::ResolvedProvider;

/// The input's place among the members; the outputs follow in the task's order.
const INPUT: usize = 0;

/// Characters of a wrong first line that are shown.
const SHOWN_CHARS: usize = 200;

/// Something that has happened to a member or to the relay. Each kind comes at most once for each
/// member, so that the inbox can be bounded and never full.
pub(super) enum Event {
    /// An output has its command; its stdin is free for lines.
    Commanded(usize, OwnedFd),
    /// An input's first line, and the pipe from which the rest will come.
    InputGreeted(FirstLine, File),
    /// An output's first line, or that there will be none.
    OutputGreeted(usize, Option<Said>),
    /// What outputs print is no longer read.
    TerminalClosed,
    LogEnded(usize),
    Exited(usize, ProviderExit),
    Relay(RelayEvent),
}

/// What an output's first line said.
pub(super) struct Said {
    greeting: Greeting,
    /// The line itself, cut.
    line: String,
}

#[derive(PartialEq)]
enum Timer {
    /// A silent output is taken as ready.
    Silent(usize),
    /// A required handshake is overdue.
    Startup(usize),
    /// A grace is over.
    Kill(usize),
    /// A dead provider's log is not waited for any longer.
    LastWords(usize),
    /// An output that closed its stdin does not leave.
    BrokenPipe(usize),
    /// The input has closed its stdout and does not leave.
    Linger,
    /// The input has left and its pipe is still open.
    HeldPipe,
    /// All processes are gone and the relay has not noticed.
    KilledPipe,
    /// Say who is still running.
    Report,
}

/// A channel that holds every event a run of this task can have.
pub(super) fn inbox(task: &Task) -> (Sender<Event>, Receiver<Event>) {
    bounded(8 * (task.outputs.len() + 1))
}

pub(super) struct Dispatcher<'a> {
    task: &'a Task,
    context: &'a RunContext,
    events: Sender<Event>,
    members: Vec<Member<'a>>,
    guard: Option<Guard>,
    rejects: Option<Box<dyn Rejects>>,
    relay: Option<Relay>,
    /// How many ends of the relay are still to come.
    relay_ends_open: usize,
    input_ended: bool,
    timers: Timers<Timer>,
    /// No more is started; whoever has nothing left to do must leave within its grace.
    winding_down: bool,
    /// The input's group was killed because something in it held the pipe.
    held_pipe_killed: bool,
    failure: Option<Failure>,
    stopped_by: Option<StopSignal>,
    started: Instant,
}

impl<'a> Dispatcher<'a> {
    pub(super) fn new(task: &'a Task, context: &'a RunContext, events: Sender<Event>) -> Self {
        let blocks = std::iter::once(&task.input).chain(&task.outputs);
        Self {
            task,
            context,
            events,
            members: blocks.map(Member::new).collect(),
            guard: None,
            rejects: None,
            relay: None,
            relay_ends_open: 0,
            input_ended: false,
            timers: Timers::default(),
            winding_down: false,
            held_pipe_killed: false,
            failure: None,
            stopped_by: None,
            started: Instant::now(),
        }
    }

    /// Starts all providers: outputs get their command at once, the input when they are ready.
    /// Nothing is started unless everything can be.
    pub(super) fn start(&mut self) {
        let mut resolved = Vec::new();
        for id in 0..self.members.len() {
            match self.context.sources.resolve(&self.members[id].block.provider) {
                Ok(provider) => resolved.push(provider),
                Err(error) => return self.fail(id, FailureKind::NotFound(error)),
            }
        }
        if let Err(kind) = self.prepare_rejects() {
            return self.fail(INPUT, kind);
        }
        if let Some(program) = &self.context.guard {
            match Guard::start(program) {
                Ok(guard) => self.guard = Some(guard),
                Err(error) => self.tell(&Notice::NoGuard { reason: &error.to_string() }),
            }
        }
        for id in (0..self.members.len()).rev() {
            if let Err(kind) = self.spawn(id, &resolved[id]) {
                return self.fail(id, kind);
            }
        }
    }

    pub(super) fn is_finished(&self) -> bool {
        self.relay_ends_open == 0 && self.members.iter().all(|member| member.process.is_none())
    }

    pub(super) fn next_timer(&self) -> Receiver<Instant> {
        self.timers.next()
    }

    pub(super) fn on_event(&mut self, event: Event) {
        match event {
            Event::Commanded(id, stdin) => self.on_commanded(id, stdin),
            Event::InputGreeted(first, stdout) => self.on_input_greeted(first, stdout),
            Event::OutputGreeted(id, said) => self.on_output_greeted(id, said),
            Event::TerminalClosed => {
                if self.stopped_by.is_none() {
                    self.on_stop(StopSignal::TerminalClosed);
                }
            }
            Event::LogEnded(id) => {
                self.members[id].log_ended = true;
                self.conclude(id, false);
            }
            Event::Exited(id, exit) => self.on_exited(id, exit),
            Event::Relay(RelayEvent::InputEnd(end)) => self.on_input_end(end),
            Event::Relay(RelayEvent::OutputEnd(index, end)) => self.on_output_end(index + 1, end),
        }
    }

    /// The first signal asks for an orderly end, any later one ends at once.
    pub(super) fn on_stop(&mut self, signal: StopSignal) {
        if self.stopped_by.is_some() {
            self.tell(&Notice::Stopping { reason: "asked a second time: ending at once" });
            for id in 0..self.members.len() {
                self.kill(id, None);
            }
            return;
        }
        self.stopped_by = Some(signal);
        let reason = match signal {
            StopSignal::Interrupt => "SIGINT",
            StopSignal::Terminate => "SIGTERM",
            StopSignal::Hangup => "the terminal was closed",
            StopSignal::TerminalClosed => "nobody reads the output any more",
        };
        self.tell(&Notice::Stopping { reason });
        self.wind_down();
    }

    pub(super) fn on_timers(&mut self) {
        while let Some(timer) = self.timers.take_due(Instant::now()) {
            match timer {
                Timer::Silent(id) => self.on_silent(id),
                Timer::Startup(id) => {
                    if !self.members[id].greeted && self.members[id].is_running() {
                        let timeout = self.members[id].block.startup_timeout;
                        self.fail(id, FailureKind::NotReady(timeout));
                        self.terminate(id);
                    }
                }
                Timer::Kill(id) => {
                    self.kill(id, Some(self.members[id].block.shutdown_timeout));
                }
                Timer::LastWords(id) => self.conclude(id, true),
                Timer::BrokenPipe(id) => {
                    if self.members[id].is_running() && !self.members[id].told {
                        self.fail(id, FailureKind::ClosedStdin);
                        self.terminate(id);
                    }
                }
                Timer::Linger => self.terminate(INPUT),
                Timer::HeldPipe => self.on_held_pipe(),
                Timer::KilledPipe => self.relay_ends_open = 0,
                Timer::Report => self.report_running(),
            }
        }
    }

    /// What there is to say at the end.
    pub(super) fn report(mut self) -> RunReport {
        let counters = self.relay.as_ref().map(Relay::counters);
        let count = |counter: &std::sync::atomic::AtomicU64| {
            counter.load(std::sync::atomic::Ordering::Relaxed)
        };
        let outputs: Vec<OutputReport> = (0..self.task.outputs.len())
            .map(|index| {
                let (unwritten, written) = counters.map_or(((0, 0), (0, 0)), |counters| {
                    let output = &counters.outputs[index];
                    let written = (count(&output.lines_written), count(&output.bytes_written));
                    (counters.unwritten(index), written)
                });
                OutputReport {
                    name: self.task.outputs[index].name.clone(),
                    lines_written: written.0,
                    bytes_written: written.1,
                    lines_unwritten: unwritten.0,
                    bytes_unwritten: unwritten.1,
                }
            })
            .collect();
        let outputs_killed = self.members[1..].iter().any(|member| member.killed);
        let killed = self.members.iter().filter(|member| member.killed);
        RunReport {
            stopped_by: self.stopped_by,
            killed: killed.map(|member| member.block.name.clone()).collect(),
            lines_left: outputs_killed || outputs.iter().any(|output| output.lines_unwritten > 0),
            lines: counters.map_or(0, |counters| count(&counters.lines_accepted)),
            bytes: counters.map_or(0, |counters| count(&counters.bytes_accepted)),
            lines_blank: counters.map_or(0, |counters| count(&counters.lines_blank)),
            lines_rejected: counters.map_or(0, |counters| count(&counters.lines_rejected)),
            outputs,
            elapsed: self.started.elapsed(),
            failure: self.failure.take(),
        }
    }

    // --- starting ---

    fn prepare_rejects(&mut self) -> Result<(), FailureKind> {
        let stream = &self.task.stream;
        let observer = Arc::clone(&self.context.observer);
        let (name, secrets) = (self.task.input.name.clone(), self.task.secrets.clone());
        let kept = stream.on_invalid == OnInvalid::DeadLetter;
        let tell = move |rejected: &crate::relay::Rejected<'_>, last| {
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
            stream.dead_letter.as_deref(),
            &self.task.name,
            &self.task.input.name,
            tell,
        );
        let path = stream.dead_letter.clone().unwrap_or_default();
        let rejects = rejects.map_err(|source| FailureKind::NoDeadLetter { path, source })?;
        self.rejects = Some(Box::new(rejects));
        Ok(())
    }

    fn spawn(&mut self, id: usize, provider: &ResolvedProvider) -> Result<(), FailureKind> {
        let block = self.members[id].block;
        let observer = Arc::clone(&self.context.observer);
        let (events, secrets) = (self.events.clone(), self.task.secrets.clone());
        let (side, name) = (block.side, block.name.clone());
        let tell = move |event| match event {
            ProcessEvent::Log(line) => {
                let line = &secrets.mask(&line);
                observer.notice(&Notice::Log { side, provider: &name, line });
            }
            ProcessEvent::LogEnded => drop(events.send(Event::LogEnded(id))),
            ProcessEvent::Exited(exit) => drop(events.send(Event::Exited(id, exit))),
        };
        let started = ProviderProcess::spawn(launch(block, provider, self.context), tell);
        let (process, pipes) = started.map_err(|source| FailureKind::NotStarted {
            program: provider.program.clone(),
            source,
        })?;
        if let Some(guard) = &mut self.guard {
            guard.watch(process.id());
        }
        self.tell(&Notice::Started {
            side: block.side,
            provider: &block.name,
            process_id: process.id().as_raw_nonzero().get(),
            program: &provider.program.to_string_lossy(),
        });
        self.members[id].process = Some(process);
        if id == INPUT {
            self.members[id].pipes = Some(pipes);
            return Ok(());
        }
        self.members[id].commanded = true;
        if block.handshake == Handshake::Required {
            self.timers.set(Instant::now() + block.startup_timeout, Timer::Startup(id));
        }
        let command = command_line(Command::Run, &block.config, block.config_format);
        let (events, terminal) = (self.events.clone(), self.context.terminal.clone());
        let required = block.handshake == Handshake::Required;
        let greet = move || {
            let mut stdin = File::from(pipes.stdin);
            // An output that does not take its command is dead or dying: its exit says which.
            let _ = stdin.write_all(command.as_bytes());
            let _ = events.send(Event::Commanded(id, stdin.into()));
            let greeted = |first: &FirstLine| {
                let said = first.line_end.map(|end| said(&first.bytes[..end]));
                let other =
                    said.as_ref().is_none_or(|said| said.greeting == Greeting::Other && !required);
                let _ = events.send(Event::OutputGreeted(id, said));
                if other { 0 } else { first.line_end.unwrap_or(0) }
            };
            if greet_output(pipes.stdout, &terminal, greeted).is_err() {
                let _ = events.send(Event::TerminalClosed);
            }
        };
        let thread = thread::Builder::new().name(format!("greet-{}", block.name)).spawn(greet);
        thread.map(drop).map_err(FailureKind::NoThread)
    }

    fn on_commanded(&mut self, id: usize, stdin: OwnedFd) {
        if self.members[id].fed {
            return; // closes it
        }
        self.members[id].stdin = Some(stdin);
        if self.members[id].block.handshake == Handshake::Auto {
            self.timers.set(Instant::now() + SILENT_OUTPUT_GRACE, Timer::Silent(id));
        }
        self.open_stream();
    }

    fn on_silent(&mut self, id: usize) {
        if !self.members[id].ready && self.members[id].is_running() {
            self.set_ready(id, false);
            self.open_stream();
        }
    }

    fn on_output_greeted(&mut self, id: usize, said: Option<Said>) {
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
            Some(Said { greeting, .. }) if !self.members[id].ready => {
                self.set_ready(id, greeting == Greeting::Ready);
                self.open_stream();
            }
            // Taken as ready already; or it will print nothing. If it should have, its end or the timeout says so.
            Some(_) | None => {}
        }
        self.conclude(id, false);
    }

    /// Gives the input its command as soon as every output is ready for lines.
    fn open_stream(&mut self) {
        let ready = |member: &Member<'_>| member.ready && member.stdin.is_some();
        if self.winding_down || !self.members[1..].iter().all(ready) {
            return;
        }
        let Some(pipes) = self.members[INPUT].pipes.take() else {
            return;
        };
        self.members[INPUT].commanded = true;
        let block = self.members[INPUT].block;
        if block.handshake == Handshake::Required {
            self.timers.set(Instant::now() + block.startup_timeout, Timer::Startup(INPUT));
        }
        let command = command_line(Command::Run, &block.config, block.config_format);
        let events = self.events.clone();
        let greet = move || {
            let mut stdout = File::from(pipes.stdout);
            let first = greet_input(pipes.stdin, &mut stdout, &command);
            let _ = events.send(Event::InputGreeted(first, stdout));
        };
        let thread = thread::Builder::new().name(format!("greet-{}", block.name)).spawn(greet);
        if let Err(error) = thread {
            self.fail(INPUT, FailureKind::NoThread(error));
        }
    }

    fn on_input_greeted(&mut self, first: FirstLine, stdout: File) {
        self.members[INPUT].greeted = true;
        let required = self.members[INPUT].block.handshake == Handshake::Required;
        let (bytes, end) = (first.bytes, first.line_end);
        let failure = match end.map(|end| said(&bytes[..end])) {
            Some(Said { greeting: Greeting::Ready, .. }) => {
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
            _ => {
                self.set_ready(INPUT, false);
                None
            }
        };
        if let Some(kind) = failure {
            self.fail(INPUT, kind);
            self.input_ended = true;
            self.close_outputs();
        } else {
            let handshake = if self.members[INPUT].said_ready { end.unwrap_or(0) } else { 0 };
            self.start_relay(stdout, bytes[handshake..].to_vec());
        }
        self.conclude(INPUT, false);
    }

    fn start_relay(&mut self, stdout: File, initial: Vec<u8>) {
        let sinks: Vec<OwnedFd> =
            self.members[1..].iter_mut().filter_map(|member| member.stdin.take()).collect();
        let Some(rejects) = self.rejects.take().filter(|_| sinks.len() == self.task.outputs.len())
        else {
            // An output is gone already, and with it the task.
            self.input_ended = true;
            return self.close_outputs();
        };
        let stream = &self.task.stream;
        let limits = RelayLimits {
            line_bytes_max: stream.line_bytes_max,
            buffer_bytes: stream.buffer_bytes,
        };
        let check = EnvelopeCheck::new(stream.validate);
        let events = self.events.clone();
        let tell = move |event| drop(events.send(Event::Relay(event)));
        match Relay::start(stdout.into(), initial, sinks, check, rejects, limits, tell) {
            Ok(relay) => {
                self.relay = Some(relay);
                self.relay_ends_open = self.members.len();
            }
            Err(error) => {
                self.fail(INPUT, FailureKind::NoThread(error));
                self.input_ended = true;
                self.close_outputs();
            }
        }
    }

    fn set_ready(&mut self, id: usize, said: bool) {
        let member = &mut self.members[id];
        member.ready = true;
        member.said_ready = said;
        let (side, provider) = (member.block.side, &member.block.name);
        let after = member.started().elapsed();
        self.tell(&Notice::Ready { side, provider, after, said });
    }

    // --- ending ---

    fn on_input_end(&mut self, end: InputEnd) {
        self.relay_ends_open = self.relay_ends_open.saturating_sub(1);
        self.input_ended = true;
        match end {
            InputEnd::Ended | InputEnd::OutputGone | InputEnd::Cancelled => {}
            InputEnd::Refused(Refusal::Line { line_number, offset_bytes, reason }) => {
                let kind = FailureKind::InvalidLine { line_number, offset_bytes, reason };
                self.fail(INPUT, kind);
            }
            InputEnd::Refused(Refusal::NotKept(source)) => {
                let path = self.task.stream.dead_letter.clone().unwrap_or_default();
                self.fail(INPUT, FailureKind::NoDeadLetter { path, source });
            }
            InputEnd::Failed(error) => self.fail(INPUT, FailureKind::NotRead(error)),
        }
        let now = Instant::now();
        if self.members[INPUT].is_running() {
            self.timers.set(now + self.members[INPUT].block.shutdown_timeout, Timer::Linger);
        }
        self.timers.set(now + SLOW_END_REPORT_EVERY, Timer::Report);
        self.reap(INPUT);
    }

    fn on_output_end(&mut self, id: usize, end: OutputEnd) {
        self.relay_ends_open = self.relay_ends_open.saturating_sub(1);
        match end {
            OutputEnd::Complete => self.members[id].fed = true,
            // Its exit, if that is what broke the pipe, says more.
            OutputEnd::Broken(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                self.timers.set(Instant::now() + BROKEN_PIPE_WAIT, Timer::BrokenPipe(id));
            }
            OutputEnd::Broken(error) => {
                self.fail(id, FailureKind::NotWritten(error));
                self.terminate(id);
            }
        }
        self.conclude(id, false);
    }

    fn on_exited(&mut self, id: usize, exit: ProviderExit) {
        let now = Instant::now();
        self.members[id].exit = Some(exit);
        self.timers.set(now + LAST_WORDS_WAIT, Timer::LastWords(id));
        if id == INPUT {
            self.timers.set(now + HELD_PIPE_WAIT, Timer::HeldPipe);
            if self.winding_down {
                self.limit_outputs();
            }
        }
        self.conclude(id, false);
    }

    /// Judges a provider's end, once everything that it had to say has been heard or `at_once`.
    fn conclude(&mut self, id: usize, at_once: bool) {
        let member = &self.members[id];
        let Some(exit) = member.exit else { return };
        let heard = member.log_ended && (member.greeted || !member.commanded);
        if member.concluded || !(heard || at_once) {
            return;
        }
        self.members[id].concluded = true;
        let failure =
            if id == INPUT { self.input_failure(exit) } else { self.output_failure(id, exit) };
        match failure {
            Some(kind) => self.fail(id, kind),
            None => {
                let block = self.members[id].block;
                self.tell(&Notice::Ended { side: block.side, provider: &block.name });
            }
        }
        self.reap(id);
    }

    fn input_failure(&self, exit: ProviderExit) -> Option<FailureKind> {
        let member = &self.members[INPUT];
        let after = member.started().elapsed();
        let required = member.block.handshake == Handshake::Required;
        if self.failed(INPUT) || member.killed || (member.told && exit.is_stop()) {
            None
        } else if !member.ready && (required || !exit.is_success()) {
            Some(FailureKind::EndedBeforeReady { exit, after })
        } else if required && !member.said_ready && !member.told {
            Some(FailureKind::ClosedBeforeReady)
        } else {
            (!exit.is_success()).then_some(FailureKind::Exited(exit))
        }
    }

    fn output_failure(&self, id: usize, exit: ProviderExit) -> Option<FailureKind> {
        let member = &self.members[id];
        let complete = member.fed
            || self.relay.as_ref().is_some_and(|relay| {
                let complete = &relay.counters().outputs[id - 1].complete;
                complete.load(std::sync::atomic::Ordering::Acquire)
            });
        if self.failed(id) || member.killed || (member.told && exit.is_stop()) {
            None
        } else if complete {
            (!exit.is_success()).then_some(FailureKind::Exited(exit))
        } else if !member.ready {
            let after = member.started().elapsed();
            Some(FailureKind::EndedBeforeReady { exit, after })
        } else {
            Some(FailureKind::EndedEarly(exit))
        }
    }

    /// Whether this provider's failure is the one that is already known.
    fn failed(&self, id: usize) -> bool {
        let block = self.members[id].block;
        let known = self.failure.as_ref();
        known.is_some_and(|known| known.side == block.side && known.provider == block.name)
    }

    /// Frees a process that has been judged; an input only when nothing of it can write any more.
    fn reap(&mut self, id: usize) {
        let member = &mut self.members[id];
        if !member.concluded || (id == INPUT && member.commanded && !self.input_ended) {
            return;
        }
        if let (Some(guard), Some(group)) = (&mut self.guard, member.id()) {
            guard.forget(group);
        }
        if let Some(process) = member.process.take() {
            process.reap();
        }
        let all_gone = self.members.iter().all(|member| member.process.is_none());
        if all_gone && self.relay_ends_open > 0 {
            self.timers.set(Instant::now() + KILLED_PIPE_WAIT, Timer::KilledPipe);
        }
    }

    fn fail(&mut self, id: usize, kind: FailureKind) {
        let mut failure = self.members[id].failure(kind, &self.task.secrets);
        if let (Some(relay), true) = (&self.relay, id != INPUT) {
            let output = &relay.counters().outputs[id - 1];
            let load = |counter: &std::sync::atomic::AtomicU64| {
                counter.load(std::sync::atomic::Ordering::Relaxed)
            };
            failure.written = Some((load(&output.lines_written), load(&output.bytes_written)));
        }
        self.tell(&Notice::Failed { failure: &failure });
        self.failure.get_or_insert(failure);
        self.wind_down();
    }

    /// From here on everything ends: the input is told to leave, the outputs get what it had
    /// written.
    fn wind_down(&mut self) {
        if std::mem::replace(&mut self.winding_down, true) {
            return;
        }
        self.timers.set(Instant::now() + SLOW_END_REPORT_EVERY, Timer::Report);
        self.terminate(INPUT);
        if !self.members[INPUT].commanded {
            self.members[INPUT].pipes = None;
            self.input_ended = true;
            self.close_outputs();
        }
        if !self.members[INPUT].is_running() {
            self.limit_outputs();
        }
    }

    /// Ends the outputs' stdin where no relay will.
    fn close_outputs(&mut self) {
        for member in &mut self.members[1..] {
            member.stdin = None;
            member.fed = true;
        }
        self.limit_outputs();
    }

    /// From now on the outputs' grace runs.
    fn limit_outputs(&mut self) {
        for id in 1..self.members.len() {
            self.terminate_later(id);
        }
    }

    fn terminate_later(&mut self, id: usize) {
        if self.members[id].is_running() {
            let grace = self.members[id].block.shutdown_timeout;
            self.timers.set(Instant::now() + grace, Timer::Kill(id));
        }
    }

    fn terminate(&mut self, id: usize) {
        if self.members[id].is_running() && !self.members[id].told {
            self.members[id].told = true;
            if let Some(process) = &self.members[id].process {
                process.terminate();
            }
            self.terminate_later(id);
        }
    }

    fn kill(&mut self, id: usize, grace: Option<Duration>) {
        if self.members[id].is_running() && !self.members[id].killed {
            self.members[id].killed = true;
            if let Some(process) = &self.members[id].process {
                process.kill();
            }
            let block = self.members[id].block;
            self.tell(&Notice::Killed { side: block.side, provider: &block.name, grace });
        }
    }

    /// The input has left, but its pipe has not ended. Often a slow output is all there is to it;
    /// if a process that the input left behind holds the pipe, it must go.
    fn on_held_pipe(&mut self) {
        if self.input_ended {
            return;
        }
        let again = Instant::now() + HELD_PIPE_WAIT;
        match &self.relay {
            Some(relay) if !relay.is_source_held() => self.timers.set(again, Timer::HeldPipe),
            Some(relay) if self.held_pipe_killed => {
                relay.cancel();
                self.timers.set(again, Timer::HeldPipe);
            }
            None if self.held_pipe_killed => {
                self.input_ended = true;
                self.close_outputs();
                self.reap(INPUT);
            }
            _ => {
                self.held_pipe_killed = true;
                self.tell(&Notice::PipeHeld { provider: &self.task.input.name });
                if let Some(process) = &self.members[INPUT].process {
                    process.kill();
                }
                self.timers.set(again, Timer::HeldPipe);
            }
        }
    }

    /// Says who is still running although its work is over.
    fn report_running(&mut self) {
        let now = Instant::now();
        for (id, member) in self.members.iter().enumerate() {
            let over = if id == INPUT { member.told || self.input_ended } else { self.input_ended };
            if over && member.is_running() {
                let due = self.timers.due(&Timer::Kill(id));
                self.tell(&Notice::StillRunning {
                    side: member.block.side,
                    provider: &member.block.name,
                    left: due.map(|due| due.saturating_duration_since(now)),
                });
            }
        }
        self.timers.set(now + SLOW_END_REPORT_EVERY, Timer::Report);
    }

    fn tell(&self, notice: &Notice<'_>) {
        self.context.observer.notice(notice);
    }
}

fn said(line: &[u8]) -> Said {
    Said { greeting: Greeting::parse(line), line: excerpt(line) }
}

fn excerpt(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut shown: String = text.trim_end().chars().take(SHOWN_CHARS).collect();
    if shown.len() < text.trim_end().len() {
        shown.push('…');
    }
    shown
}
