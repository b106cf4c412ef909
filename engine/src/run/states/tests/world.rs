//! Processes, pipes and a relay as numbers, for the model test.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use dstream_task::Handshake;

use super::super::*;
use super::{restarted, rules};
use crate::protocol::Greeting;
use crate::provider::ProviderExit;
use dstream_relay::OutputEnd;

/// Lines that a pipe holds.
const PIPE: u64 = 4;
const NAMES: [&str; 3] = ["one", "two", "three"];

/// What a run is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setup {
    pub(super) outputs: usize,
    /// Of the input and then the outputs: whether they are started again.
    pub(super) restarts: [bool; 4],
    pub(super) keeps_checkpoints: bool,
    /// Nobody leaves before being killed, and no output reads.
    pub(super) is_stubborn: bool,
    /// What reads the input never returns: it waits for a lock, for example.
    pub(super) is_reader_blocked: bool,
    pub(super) required: [bool; 4],
}

/// Who holds a pipe of a process that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Nobody,
    /// A process of its group, which dies with that.
    Group,
    /// One that has left the group and stays.
    Escaped,
}

#[derive(Debug)]
struct ModelProcess {
    id: Id,
    number: u32,
    is_alive: bool,
    is_reaped: bool,
    is_asked: bool,
    is_killed: bool,
    /// Its handshake has begun.
    is_commanded: bool,
    has_taken: bool,
    has_spoken: bool,
    log_ended: bool,
    printed: bool,
    stdout: Holder,
    stdin: Holder,
    log: Holder,
    /// Its own failures that were reported.
    failures: u32,
    died_by_itself: Option<i32>,
    /// The other end of its pipe of lines is in hand.
    has_pipe_in_hand: bool,
    /// Lines that an input has written and nobody has read.
    written: u64,
}

/// Where the relay is with an output.
#[derive(Debug, Default)]
struct ModelSink {
    /// The process whose stdin it has.
    process: Option<usize>,
    is_detached: bool,
    is_ended: bool,
    /// No other process follows.
    is_last: bool,
    in_pipe: u64,
    drained: u64,
    rest: u64,
    queued: u64,
    written: u64,
    unread: u64,
    lost: u64,
    /// What its processes have really read.
    read: u64,
    said_lost: u64,
}

#[derive(Debug, Default)]
struct ModelRelay {
    is_started: bool,
    is_replaceable: bool,
    source: Option<usize>,
    source_ended: bool,
    is_last_source: bool,
    is_cancelled: bool,
    is_read: bool,
    taken: u64,
}

#[derive(Debug)]
pub(super) struct World {
    setup: Setup,
    states: TaskStates<'static>,
    now: Instant,
    processes: Vec<ModelProcess>,
    relay: ModelRelay,
    sinks: Vec<ModelSink>,
    checkpoints_open: bool,
    is_closed: bool,
    seed: fastrand::Rng,
    signals: u32,
}

/// Something that can happen now.
#[derive(Debug, Clone, Copy)]
enum Move {
    Take(usize),
    Speak(usize),
    Exit(usize),
    EndLog(usize),
    EndPrinting(usize),
    Write(usize),
    Read(usize),
    RelayReads,
    SourceEnds,
    ReadingEnds,
    RelayWrites(usize),
    WritingEnds(usize),
    CheckpointsEnd,
    Tick,
    Signal,
}

impl World {
    pub(super) fn new(setup: Setup, seed: u64) -> Self {
        let now = Instant::now();
        let of = |index: usize, name| {
            let mut rules =
                if setup.restarts[index] { restarted(rules(name)) } else { rules(name) };
            if !setup.required[index] {
                rules.handshake = Handshake::Auto;
            }
            rules
        };
        let outputs = (0..setup.outputs).map(|index| of(index + 1, NAMES[index]));
        let run = RunRules { keeps_checkpoints: setup.keeps_checkpoints, stats_every: None };
        Self {
            setup,
            states: TaskStates::new(run, of(0, "in"), outputs, seed, now),
            now,
            processes: Vec::new(),
            relay: ModelRelay::default(),
            sinks: (0..setup.outputs).map(|_| ModelSink::default()).collect(),
            checkpoints_open: setup.keeps_checkpoints,
            is_closed: false,
            seed: fastrand::Rng::with_seed(seed),
            signals: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.states.is_done()
    }

    /// Takes one of the things that can happen, time among them.
    pub(super) fn happens(&mut self, choice: u16) {
        let mut moves = self.moves();
        moves.push(Move::Tick);
        // Signals are rare.
        if choice >= 65_000 {
            moves = vec![Move::Signal];
        }
        // Deaths are rarer than what a process does in its life.
        if !choice.is_multiple_of(8) {
            moves.retain(|it| !matches!(it, Move::Exit(_)));
        }
        self.make(moves[usize::from(choice / 8) % moves.len()]);
    }

    /// One thing more on the way to the end: what can happen by itself, else time passes.
    pub(super) fn goes_on(&mut self) {
        let moves = self.moves();
        let count = moves.len() as u64;
        let next = if count == 0 || self.seed.u64(..count + 2) >= count {
            Move::Tick
        } else {
            moves[self.seed.usize(..moves.len())]
        };
        self.make(next);
    }

    /// What holds when the run is over.
    pub(super) fn check_end(&mut self) {
        for process in &self.processes {
            assert!(process.is_reaped, "left behind: {process:?}");
            assert!(process.failures <= 1, "failed twice: {process:?}");
            if let (Some(3), Id::Output(_)) = (process.died_by_itself, process.id) {
                assert_eq!(process.failures, 1, "not reported: {process:?}");
            }
        }
        for index in 0..self.sinks.len() {
            // As the report of the run does.
            self.leave_sink(index);
            self.settle(index);
            let (sink, taken) = (&self.sinks[index], self.relay.taken);
            assert_eq!(sink.written, sink.read, "written is read, {sink:?}");
            // What was said of a process that was to be replaced counts as not written if the task has
            // ended before.
            let is_said = (sink.lost..=sink.lost + sink.unread).contains(&sink.said_lost);
            assert!(is_said, "what is lost was said, {sink:?}");
            let unwritten = taken.checked_sub(sink.written + sink.lost);
            assert_eq!(unwritten, Some(sink.queued + sink.unread), "of {taken}: {sink:?}");
        }
    }

    pub(super) fn step(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.states.step(event, self.now) {
                events.extend(self.perform(action));
            }
        }
    }

    fn is(&mut self, index: usize, event: ProviderEvent) {
        let (id, process) = (self.processes[index].id, self.processes[index].number);
        self.step(Event::Provider { id, process, event });
    }

    /// The newest process of a provider.
    fn newest(&mut self, id: Id) -> &mut ModelProcess {
        self.processes.iter_mut().rev().find(|it| it.id == id).expect("a process")
    }

    fn newest_index(&self, id: Id) -> usize {
        self.processes.iter().rposition(|it| it.id == id).expect("a process")
    }

    fn moves(&self) -> Vec<Move> {
        let mut moves = Vec::new();
        for (index, it) in self.processes.iter().enumerate() {
            let is_input = it.id == Id::Input;
            if it.is_commanded && !it.has_taken {
                moves.push(Move::Take(index));
            }
            let may_speak = it.is_commanded && (it.has_taken || !is_input) && !it.has_spoken;
            if may_speak && (it.is_alive || it.stdout == Holder::Nobody) {
                moves.push(Move::Speak(index));
            }
            if it.is_alive && (!self.setup.is_stubborn || it.is_killed) {
                moves.push(Move::Exit(index));
            }
            if !it.is_alive && !it.log_ended && it.log == Holder::Nobody {
                moves.push(Move::EndLog(index));
            }
            let is_silent = !it.is_alive && it.stdout == Holder::Nobody && it.has_spoken;
            if is_silent && !is_input && !it.printed {
                moves.push(Move::EndPrinting(index));
            }
            if it.is_alive && is_input && it.has_taken && !it.is_asked && it.written < PIPE {
                moves.push(Move::Write(index));
            }
        }
        if !self.relay.is_started {
            return self.with_checkpoints(moves);
        }
        self.relay_moves(&mut moves);
        self.with_checkpoints(moves)
    }

    fn relay_moves(&self, moves: &mut Vec<Move>) {
        let relay = &self.relay;
        let is_room = self.sinks.iter().all(|sink| sink.queued < 8);
        let is_read = relay.is_read || self.setup.is_reader_blocked;
        if let (Some(source), false) = (relay.source, is_read) {
            let process = &self.processes[source];
            let is_over = !process.is_alive && process.stdout == Holder::Nobody;
            if process.written > 0 && is_room {
                moves.push(Move::RelayReads);
            } else if process.written == 0 && is_over && !relay.source_ended {
                moves.push(Move::SourceEnds);
            }
        }
        let is_over = relay.source_ended && (relay.is_last_source || !relay.is_replaceable);
        let is_gone = self.sinks.iter().any(|sink| sink.is_ended && sink.process.is_none());
        if !is_read && (is_over || relay.is_cancelled || is_gone) {
            moves.push(Move::ReadingEnds);
        }
        for (index, sink) in self.sinks.iter().enumerate() {
            let Some(process) = sink.process else {
                if sink.is_last && !sink.is_ended {
                    moves.push(Move::WritingEnds(index));
                }
                continue;
            };
            let process = &self.processes[process];
            let is_broken = !process.is_alive && process.stdin == Holder::Nobody;
            let is_left = sink.is_detached && (relay.is_replaceable || sink.queued > 0);
            if is_left || (is_broken && sink.queued > 0) || (relay.is_read && sink.queued == 0) {
                moves.push(Move::WritingEnds(index));
            } else if sink.queued > 0 && sink.in_pipe < PIPE {
                moves.push(Move::RelayWrites(index));
            }
            if process.is_alive && sink.in_pipe > 0 && !self.setup.is_stubborn {
                moves.push(Move::Read(index));
            }
        }
    }

    fn with_checkpoints(&self, mut moves: Vec<Move>) -> Vec<Move> {
        if self.checkpoints_open && self.is_closed {
            moves.push(Move::CheckpointsEnd);
        }
        moves
    }

    fn make(&mut self, next: Move) {
        match next {
            Move::Take(index) => {
                let it = &mut self.processes[index];
                (it.has_taken, it.has_pipe_in_hand) = (true, it.id != Id::Input);
                self.is(index, ProviderEvent::CommandTaken);
            }
            Move::Speak(index) => self.speak(index),
            Move::Exit(index) => self.exit(index),
            Move::EndLog(index) => {
                self.processes[index].log_ended = true;
                self.is(index, ProviderEvent::LogEnded);
            }
            Move::EndPrinting(index) => {
                self.processes[index].printed = true;
                self.is(index, ProviderEvent::Printed);
            }
            Move::Write(index) => self.processes[index].written += 1,
            Move::Read(index) => {
                self.sinks[index].in_pipe -= 1;
                self.sinks[index].read += 1;
            }
            Move::RelayReads => {
                if let Some(source) = self.relay.source {
                    self.processes[source].written -= 1;
                    self.relay.taken += 1;
                    self.sinks.iter_mut().for_each(|sink| sink.queued += 1);
                }
            }
            Move::SourceEnds => {
                self.relay.source_ended = true;
                if self.relay.is_replaceable {
                    self.step(Event::Relay(RelayEvent::SourceEnded));
                }
            }
            Move::ReadingEnds => {
                self.relay.is_read = true;
                let is_whole = self.relay.source_ended;
                let end = if is_whole { InputEnd::Ended } else { InputEnd::Cut };
                self.step(Event::Relay(RelayEvent::InputEnd(end)));
            }
            Move::RelayWrites(index) => {
                let sink = &mut self.sinks[index];
                (sink.queued, sink.in_pipe, sink.written) =
                    (sink.queued - 1, sink.in_pipe + 1, sink.written + 1);
            }
            Move::WritingEnds(index) => self.end_writing(index),
            Move::CheckpointsEnd => {
                self.checkpoints_open = false;
                self.step(Event::CheckpointsEnded(Ok(())));
            }
            Move::Tick => {
                self.now = self.states.next_tick().unwrap_or(self.now).max(self.now);
                self.step(Event::Tick);
            }
            Move::Signal => {
                self.signals += 1;
                let signals = [StopSignal::Interrupt, StopSignal::TerminalClosed];
                let signal = signals[self.seed.usize(..2)];
                self.step(Event::Stop(signal));
            }
        }
    }

    fn speak(&mut self, index: usize) {
        let it = &mut self.processes[index];
        it.has_spoken = true;
        let ready = Greeting::Ready { checkpoints: true, rejects: false };
        let of = |greeting| FirstLine::Line { greeting, line: String::new() };
        let error = Greeting::Error { class: None, message: String::new() };
        let line = match self.seed.u8(..16) {
            _ if !it.is_alive => FirstLine::Nothing,
            0 => of(error),
            1 => of(Greeting::Other),
            2 => FirstLine::Nothing,
            _ => of(ready),
        };
        it.has_pipe_in_hand |= it.id == Id::Input;
        self.is(index, ProviderEvent::FirstLine(line));
    }

    fn exit(&mut self, index: usize) {
        let mut holder = || match self.seed.u8(..8) {
            0 => Holder::Group,
            1 => Holder::Escaped,
            _ => Holder::Nobody,
        };
        let (stdout, stdin, log) = (holder(), holder(), holder());
        let code = if self.seed.bool() { 0 } else { 3 };
        let it = &mut self.processes[index];
        it.is_alive = false;
        (it.stdout, it.stdin, it.log) = (stdout, stdin, log);
        let exit = if it.is_killed { ProviderExit::Signal(9) } else { ProviderExit::Code(code) };
        if !it.is_killed && !it.is_asked {
            it.died_by_itself = Some(code);
        }
        let id = it.id;
        let complete = match id {
            Id::Output(output) => {
                let sink = &self.sinks[output];
                self.relay.is_read
                    && sink.queued == 0
                    && sink.process.is_some()
                    && !sink.is_detached
            }
            Id::Input => false,
        };
        self.is(index, ProviderEvent::Exited { exit, complete });
    }

    fn end_writing(&mut self, index: usize) {
        let sink = &self.sinks[index];
        let is_complete = self.relay.is_read && sink.queued == 0 && !sink.is_detached;
        let is_complete = is_complete && sink.process.is_some();
        let broken = || io::ErrorKind::BrokenPipe.into();
        let had_sink = sink.process.is_some();
        self.leave_sink(index);
        if is_complete {
            self.sinks[index].is_ended = true;
            let end = OutputEnd::Complete;
            return self.step(Event::Relay(RelayEvent::OutputEnd(index, end)));
        }
        if had_sink && self.relay.is_replaceable {
            return self.step(Event::Relay(RelayEvent::SinkBroken(index, broken())));
        }
        self.sinks[index].is_ended = true;
        let end = OutputEnd::Broken(broken());
        self.step(Event::Relay(RelayEvent::OutputEnd(index, end)));
    }

    /// The relay closes its end of an output's pipe, and knows what is in it.
    fn leave_sink(&mut self, index: usize) {
        let sink = &mut self.sinks[index];
        if sink.process.take().is_some() {
            sink.rest = sink.in_pipe + sink.drained;
            (sink.in_pipe, sink.drained) = (0, 0);
        }
    }

    fn settle(&mut self, index: usize) -> u64 {
        let sink = &mut self.sinks[index];
        if sink.process.is_some() {
            sink.drained += std::mem::take(&mut sink.in_pipe);
            return 0;
        }
        let unread = std::mem::take(&mut sink.rest);
        sink.written -= unread;
        sink.unread += unread;
        unread
    }

    fn perform(&mut self, action: Action<'static>) -> Option<Event> {
        let answer = |id, states: &TaskStates<'_>, event| {
            Some(Event::Provider { id, process: states.provider(id).restarts(), event })
        };
        match action {
            Action::Spawn(id) => {
                let event = self.spawn(id);
                return answer(id, &self.states, event);
            }
            Action::Settle(index) => {
                let lines = self.settle(index);
                let event = ProviderEvent::Settled { lines, bytes: 10 * lines };
                return answer(Id::Output(index), &self.states, event);
            }
            Action::CheckPipe(id) => {
                let held = self.newest(id).stdout != Holder::Nobody;
                return answer(id, &self.states, ProviderEvent::PipeChecked { held });
            }
            Action::Handshake(id) => self.newest(id).is_commanded = true,
            Action::StartRelay => self.start_relay(),
            Action::GiveSource => {
                assert!(self.relay.source_ended && !self.relay.is_read);
                assert!(std::mem::take(&mut self.newest(Id::Input).has_pipe_in_hand));
                self.relay.source = Some(self.newest_index(Id::Input));
                self.relay.source_ended = false;
            }
            Action::GiveSink(index) => {
                assert!(std::mem::take(&mut self.newest(Id::Output(index)).has_pipe_in_hand));
                let process = self.newest_index(Id::Output(index));
                let sink = &mut self.sinks[index];
                assert!(sink.process.is_none() && !sink.is_ended, "{sink:?}");
                sink.lost += std::mem::take(&mut sink.unread);
                (sink.process, sink.is_detached) = (Some(process), false);
            }
            Action::EndSource => self.relay.is_last_source = true,
            Action::EndSink(index) => self.sinks[index].is_last = true,
            Action::CancelSource => self.relay.is_cancelled = true,
            Action::Detach(index) => {
                self.sinks[index].is_detached |= self.sinks[index].process.is_some();
            }
            Action::Drain(index) => {
                let sink = &mut self.sinks[index];
                sink.drained += std::mem::take(&mut sink.in_pipe);
            }
            Action::Close(id) => self.newest(id).has_pipe_in_hand = false,
            Action::Terminate(id) => {
                let process = self.newest(id);
                assert!(!process.is_reaped, "a signal to a reaped group: {process:?}");
                process.is_asked = true;
            }
            Action::Kill(id) => {
                let process = self.newest(id);
                assert!(!process.is_reaped, "a signal to a reaped group: {process:?}");
                process.is_killed = true;
                process.kill_group();
            }
            Action::Reap(id) => {
                let process = self.newest(id);
                assert!(!process.is_alive && !process.is_reaped, "{process:?}");
                process.is_reaped = true;
                process.kill_group();
            }
            Action::Report(id, kind) => {
                let is_start = matches!(kind, FailureKind::NotStarted { .. });
                if !is_start {
                    self.newest(id).failures += 1;
                }
            }
            Action::EndCheckpoints | Action::EndAcknowledgements => self.is_closed = true,
            Action::Notify(Notice::LinesLost { provider, lines, .. }) => {
                let index = NAMES.iter().position(|name| *name == provider).expect("an output");
                self.sinks[index].said_lost += lines;
            }
            Action::Look(_) | Action::FailTask(_) | Action::Notify(_) => {}
            Action::ShowStats | Action::CloseStats => {}
        }
        None
    }

    fn spawn(&mut self, id: Id) -> ProviderEvent {
        if self.seed.u8(..64) == 0 {
            let source = io::ErrorKind::WouldBlock.into();
            let program = "none".into();
            return ProviderEvent::NotSpawned(FailureKind::NotStarted { program, source });
        }
        self.now += Duration::from_micros(1);
        self.processes.push(ModelProcess {
            id,
            number: self.states.provider(id).restarts(),
            is_alive: true,
            is_reaped: false,
            is_asked: false,
            is_killed: false,
            is_commanded: false,
            has_taken: false,
            has_spoken: false,
            log_ended: false,
            printed: id == Id::Input,
            stdout: Holder::Nobody,
            stdin: Holder::Nobody,
            log: Holder::Nobody,
            failures: 0,
            died_by_itself: None,
            has_pipe_in_hand: false,
            written: 0,
        });
        ProviderEvent::Spawned
    }

    fn start_relay(&mut self) {
        assert!(!self.relay.is_started, "a second relay");
        assert!(std::mem::take(&mut self.newest(Id::Input).has_pipe_in_hand));
        self.relay.is_started = true;
        let restarts = &self.setup.restarts[..=self.setup.outputs];
        self.relay.is_replaceable = !self.setup.keeps_checkpoints && restarts.iter().any(|it| *it);
        self.relay.source = Some(self.newest_index(Id::Input));
        for index in 0..self.sinks.len() {
            assert!(std::mem::take(&mut self.newest(Id::Output(index)).has_pipe_in_hand));
            self.sinks[index].process = Some(self.newest_index(Id::Output(index)));
        }
    }
}

impl ModelProcess {
    fn kill_group(&mut self) {
        for holder in [&mut self.stdout, &mut self.stdin, &mut self.log] {
            if *holder == Holder::Group {
                *holder = Holder::Nobody;
            }
        }
    }
}
