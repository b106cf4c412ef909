//! The one place that decides: every event of a run comes here, one after the other.
//!
//! ```text
//! start ─▶ outputs ready ─▶ input gets its command ─▶ first line ─▶ relay ─▶ input ends ─▶
//!   outputs see the end of their input ─▶ outputs end ─▶ report
//! ```
//!
//! A stop or a failure winds the run down from wherever it is: the input is told to leave, what it
//! had written is written to the outputs, and whoever overruns its grace is killed.

mod delivery;
mod ending;
mod restarting;
mod stalling;
mod starting;

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded};

use self::delivery::Delivery;
use super::failure::{Failure, FailureKind};
use super::member::{Member, Prepared, prepare, start_guard};
use super::notice::Notice;
use super::report::{OutputReport, RunReport};
use super::supervision::Attempts;
use super::timers::Timers;
use super::{RunContext, StopSignal};
use crate::delivery::{StateError, TaskState};
use crate::protocol::Greeting;
use crate::provider::{FirstLine, Guard, ProviderExit};
use crate::stats::{Sampler, StreamStats, Totals};
use dstream_relay::{Rejects, Relay, RelayCounters, RelayEvent};
use dstream_task::Task;

pub(super) use self::stalling::Watch;

/// The input's place among the members; the outputs follow in the task's order.
const INPUT: usize = 0;

/// Something that has happened. Whoever tells it may have to wait for room in the inbox, but for
/// nothing else: nobody here waits for them.
pub(super) enum Event {
    Member(MemberId, MemberEvent),
    Relay(RelayEvent),
    /// What outputs print is no longer read.
    TerminalClosed,
    /// No checkpoint is stored any more, perhaps because one cannot be.
    KeepingEnded(Result<(), StateError>),
}

/// Which member, and which of the processes that it had: one that has been replaced may still say
/// something, which means nothing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MemberId {
    index: usize,
    restarts: u32,
}

/// Something that has happened to a member.
pub(super) enum MemberEvent {
    /// An output has its command; its stdin is free for lines.
    OutputCommanded(OwnedFd),
    /// The input has its command; its stdin, if it is to be told more.
    InputCommanded(Option<OwnedFd>),
    /// An input's first line, and the pipe from which the rest will come.
    InputGreeted(FirstLine, File),
    /// An output's first line, or that there will be none.
    OutputGreeted(Option<Said>),
    /// All that an output prints has been printed.
    Printed,
    LogEnded,
    Exited(ProviderExit),
    /// What an output has said ends the task.
    Misspoke(FailureKind),
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
    /// A command should have been taken, and a required handshake said.
    Startup(usize),
    /// A stdout was closed before ready was said, and its provider does not leave.
    Unsaid(usize),
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
    /// An output has gone and its stdin is still open.
    HeldStdin(usize),
    /// All processes are gone and threads at their pipes have not noticed.
    KilledPipe,
    /// Say who is still running.
    Report,
    /// Say how the stream is doing.
    Stats,
    /// A member that has failed is started again.
    Restart(usize),
    /// See whether a member moves.
    Stall(usize),
}

impl Timer {
    /// Whose process it is about.
    fn member(&self) -> Option<usize> {
        match *self {
            Self::Silent(id)
            | Self::Startup(id)
            | Self::Unsaid(id)
            | Self::Kill(id)
            | Self::LastWords(id)
            | Self::BrokenPipe(id)
            | Self::HeldStdin(id)
            | Self::Restart(id)
            | Self::Stall(id) => Some(id),
            Self::Linger | Self::HeldPipe => Some(INPUT),
            Self::KilledPipe | Self::Report | Self::Stats => None,
        }
    }
}

/// A channel that holds about every event a run of this task has at a time.
pub(super) fn inbox(task: &Task) -> (Sender<Event>, Receiver<Event>) {
    bounded(8 * (task.outputs.len() + 1))
}

pub(super) struct Dispatcher<'a> {
    task: &'a Task,
    context: &'a RunContext,
    events: Sender<Event>,
    members: Vec<Member<'a>>,
    guard: Option<Guard>,
    /// What each member is started with.
    prepared: Vec<Prepared>,
    /// How often each was started again, where that is this dispatcher's.
    attempts: Vec<Attempts>,
    rejects: Option<Box<dyn Rejects>>,
    /// Where the task keeps checkpoints, or why it cannot.
    state: Result<Option<Arc<TaskState>>, StateError>,
    delivery: Option<Delivery>,
    relay: Option<Relay>,
    /// What the relays of earlier attempts have done, until there is one.
    earlier: Option<Totals>,
    /// Takes snapshots of the relay, where that is asked for.
    sampler: Option<Sampler>,
    /// The last of them, when the stream is over.
    stats: Option<StreamStats>,
    /// How many ends of the relay are still to come.
    relay_ends_open: usize,
    input_ended: bool,
    /// The pipe of the input's process has ended; another process may follow.
    source_ended: bool,
    /// What the input has begun to say, until every output can take it.
    source: Option<(File, Vec<u8>)>,
    /// The input's pipe was closed before its end: how it takes that is not its fault.
    input_cut: bool,
    timers: Timers<Timer>,
    /// No more is started; whoever has nothing left to do must leave within its grace.
    winding_down: bool,
    /// The input's group was killed because something in it held the pipe.
    held_pipe_killed: bool,
    failure: Option<Failure>,
    stopped_by: Option<StopSignal>,
    /// Asked a second time: nothing is waited for any more.
    at_once: bool,
    started: Instant,
}

impl<'a> Dispatcher<'a> {
    pub(super) fn new(
        task: &'a Task,
        context: &'a RunContext,
        state: Result<Option<Arc<TaskState>>, StateError>,
        earlier: Option<Totals>,
        events: Sender<Event>,
    ) -> Self {
        let blocks = std::iter::once(&task.input).chain(&task.outputs);
        Self {
            task,
            context,
            events,
            members: blocks.clone().map(Member::new).collect(),
            guard: None,
            prepared: Vec::new(),
            attempts: blocks.clone().map(|_| Attempts::default()).collect(),
            rejects: None,
            state,
            delivery: None,
            relay: None,
            earlier,
            sampler: None,
            stats: None,
            relay_ends_open: 0,
            input_ended: false,
            source_ended: false,
            source: None,
            input_cut: false,
            timers: Timers::default(),
            winding_down: false,
            held_pipe_killed: false,
            failure: None,
            stopped_by: None,
            at_once: false,
            started: Instant::now(),
        }
    }

    /// Starts all providers: outputs get their command at once, the input when they are ready.
    /// Nothing is started unless everything can be.
    pub(super) fn start(&mut self) {
        for id in 0..self.members.len() {
            match prepare(self.members[id].block, self.context) {
                Ok(ready) => self.prepared.push(ready),
                Err(kind) => return self.fail(id, kind),
            }
        }
        if let Err(kind) = self.prepare_delivery() {
            return self.fail(INPUT, kind);
        }
        if let Err(kind) = self.prepare_rejects() {
            return self.fail(INPUT, kind);
        }
        self.guard = start_guard(self.context, self.state.as_ref().ok().and_then(Option::as_deref));
        for id in (0..self.members.len()).rev() {
            if let Err(kind) = self.spawn(id) {
                return self.fail(id, kind);
            }
        }
    }

    /// Whether anything is still to come. When everybody has gone, that is the storing of what the
    /// outputs have said last; a disk that does not answer is waited for until somebody asks a second
    /// time.
    pub(super) fn goes_on(&self) -> bool {
        let is_over = |member: &Member<'_>| member.is_gone() && !member.is_restarting();
        if self.relay_ends_open > 0 || !self.members.iter().all(is_over) {
            return true;
        }
        self.end_acknowledgements();
        self.is_keeping() && !self.at_once
    }

    pub(super) fn next_timer(&self) -> Receiver<Instant> {
        self.timers.next()
    }

    pub(super) fn on_event(&mut self, event: Event) {
        match event {
            Event::Member(id, event) if self.members[id.index].restarts == id.restarts => {
                self.on_member_event(id.index, event);
            }
            Event::Member(..) => {}
            Event::Relay(event) => self.on_relay_event(event),
            Event::TerminalClosed => self.on_stop(StopSignal::TerminalClosed),
            Event::KeepingEnded(end) => self.on_keeping_ended(end),
        }
    }

    fn on_member_event(&mut self, id: usize, event: MemberEvent) {
        match event {
            MemberEvent::OutputCommanded(stdin) => self.on_commanded(id, stdin),
            MemberEvent::InputCommanded(stdin) => {
                self.members[INPUT].taken = true;
                if let (Some(delivery), Some(stdin)) = (&self.delivery, stdin) {
                    delivery.checkpoints.tell_input(stdin);
                }
            }
            MemberEvent::InputGreeted(first, stdout) => self.on_input_greeted(first, stdout),
            MemberEvent::OutputGreeted(said) => self.on_output_greeted(id, said),
            MemberEvent::Printed => {
                self.members[id].printed = true;
                if self.members[1..].iter().all(|output| output.printed) {
                    self.end_acknowledgements();
                }
                self.restart_when_gone(id);
            }
            MemberEvent::LogEnded => {
                self.members[id].log_ended = true;
                self.conclude(id);
            }
            MemberEvent::Exited(exit) => self.on_exited(id, exit),
            MemberEvent::Misspoke(kind) => {
                self.fail(id, kind);
                self.terminate_later(id);
            }
        }
    }

    /// What a thread of this member's process tells its events with.
    fn teller(&self, index: usize) -> impl Fn(MemberEvent) + Send + Clone + use<> {
        let id = MemberId { index, restarts: self.members[index].restarts };
        let events = self.events.clone();
        move |event| drop(events.send(Event::Member(id, event)))
    }

    /// The first signal asks for an orderly end, any later one ends at once.
    pub(super) fn on_stop(&mut self, signal: StopSignal) {
        let failed = signal == StopSignal::SiblingFailed && self.failure.is_some();
        if failed || (!signal.is_asked() && self.stopped_by.is_some()) {
            return; // it is ending already, and nobody has asked a second time
        }
        if self.stopped_by.is_some_and(|earlier| !earlier.is_asked()) {
            self.stopped_by = Some(signal); // the first that somebody sent
            return;
        }
        if self.stopped_by.is_some() {
            self.at_once = true;
            self.tell(&Notice::Stopping { reason: "asked a second time: ending at once" });
            for id in 0..self.members.len() {
                self.kill(id, None);
            }
            return;
        }
        self.stopped_by = Some(signal);
        self.tell(&Notice::Stopping { reason: signal.reason() });
        self.wind_down();
    }

    pub(super) fn on_timers(&mut self) {
        while let Some(timer) = self.timers.take_due(Instant::now()) {
            match timer {
                Timer::Silent(id) => self.on_silent(id),
                Timer::Startup(id) => self.on_startup_timeout(id),
                Timer::Unsaid(id) => {
                    if self.members[id].is_running() && !self.members[id].told {
                        self.fail(id, FailureKind::ClosedBeforeReady);
                        self.terminate(id);
                    }
                }
                Timer::Kill(id) => self.on_overrun(id),
                Timer::LastWords(id) => {
                    self.members[id].waited = true;
                    self.conclude(id);
                }
                Timer::BrokenPipe(id) => {
                    if self.members[id].is_running() && !self.members[id].told {
                        self.fail(id, FailureKind::ClosedStdin);
                        self.terminate(id);
                    }
                }
                Timer::Linger => self.terminate(INPUT),
                Timer::HeldPipe => self.on_held_pipe(),
                Timer::HeldStdin(id) => {
                    if let (Some(relay), false) = (&self.relay, self.members[id].let_go) {
                        relay.abandon_output(id - 1);
                    }
                    self.on_held_stdout(id);
                }
                Timer::KilledPipe => self.on_killed_pipes(),
                Timer::Report => self.report_running(),
                Timer::Stats => self.tell_stats(),
                Timer::Restart(id) => self.restart(id),
                Timer::Stall(id) => self.on_look(id),
            }
        }
    }

    /// What there is to say at the end.
    pub(super) fn report(mut self) -> RunReport {
        let stats = self.final_stats();
        let totals = match (self.sampler.take(), &self.relay, &stats) {
            (Some(sampler), Some(relay), Some(stats)) => Some(sampler.into_totals(relay, stats)),
            _ => self.earlier.take(),
        };
        let counters = self.relay.as_ref().map(Relay::counters);
        let output = |index: usize| {
            let got = counters.map(|counters| &counters.outputs[index]);
            let unwritten = counters.map_or((0, 0), |counters| counters.unwritten(index));
            let returned = &self.members[index + 1].returned;
            OutputReport {
                name: self.task.outputs[index].name.clone(),
                lines_written: got.map_or(0, |got| got.lines_written.load(Relaxed)),
                bytes_written: got.map_or(0, |got| got.bytes_written.load(Relaxed)),
                lines_rejected: returned.lines.load(Relaxed),
                // With checkpoints they come again.
                lines_unkept: match self.delivery {
                    None => returned.lines_unkept.load(Relaxed),
                    Some(_) => 0,
                },
                lines_unwritten: unwritten.0,
                bytes_unwritten: unwritten.1,
                lines_lost: got.map_or(0, |got| got.lines_lost.load(Relaxed)),
                bytes_lost: got.map_or(0, |got| got.bytes_lost.load(Relaxed)),
            }
        };
        let outputs: Vec<OutputReport> = (0..self.task.outputs.len()).map(output).collect();
        let count = |field: fn(&RelayCounters) -> &AtomicU64| {
            counters.map_or(0, |counters| field(counters).load(Relaxed))
        };
        let lines = count(|counters| &counters.lines_accepted);
        let checkpoints = self.delivery.as_ref().map(|delivery| delivery.checkpoints.report(lines));
        let outputs_forced = self.members[1..].iter().any(Member::was_forced);
        let forced = self.members.iter().filter(|member| member.was_forced());
        RunReport {
            stopped_by: self.stopped_by,
            forced: forced.map(|member| member.block.name.clone()).collect(),
            lines_left: outputs_forced || outputs.iter().any(|output| output.lines_unwritten > 0),
            lines,
            bytes: count(|counters| &counters.bytes_accepted),
            lines_blank: count(|counters| &counters.lines_blank),
            lines_filtered: count(|counters| &counters.lines_filtered),
            lines_rejected: count(|counters| &counters.lines_rejected),
            outputs,
            stats,
            totals,
            restarts: self.members.iter().map(|member| member.restarts).sum(),
            checkpoints,
            elapsed: self.started.elapsed(),
            failure: self.failure.take(),
        }
    }

    /// Says how the stream is doing, and again in a while.
    fn tell_stats(&mut self) {
        let (Some(sampler), Some(relay), Some(every)) =
            (&mut self.sampler, &self.relay, self.context.stats_every)
        else {
            return;
        };
        if self.relay_ends_open > 0 {
            let now = Instant::now();
            let mut stats = sampler.sample(relay, now);
            self.count_returned(&mut stats);
            self.timers.set(now + every, Timer::Stats);
            self.tell(&Notice::Stats { stats: &stats });
        }
    }

    /// What the stream did, as soon as it is over.
    fn final_stats(&mut self) -> Option<StreamStats> {
        if let (None, Some(sampler), Some(relay)) = (&self.stats, &mut self.sampler, &self.relay) {
            self.stats = Some(sampler.report(relay, Instant::now()));
        }
        // Outputs may give lines back to their last moment.
        let mut stats = self.stats.clone()?;
        self.count_returned(&mut stats);
        Some(stats)
    }

    fn count_returned(&self, stats: &mut StreamStats) {
        for (output, member) in stats.outputs.iter_mut().zip(&self.members[1..]) {
            output.lines_rejected += member.returned.lines.load(Relaxed);
        }
    }

    fn tell(&self, notice: &Notice<'_>) {
        self.context.observer.notice(notice);
    }
}
