//! A run with real processes: brings events to the states and performs the actions that they ask for.
//!
//! Nothing is decided here, and nothing here waits but for the next event.

mod delivery;
mod providers;
mod relay;

use std::collections::VecDeque;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, at, bounded, never, select};

use self::delivery::Delivery;
use self::providers::Handles;
use super::RunContext;
use super::failure::{Failure, FailureKind};
use super::notice::Notice;
use super::prepare::{Prepared, prepare, start_guard};
use super::report::{OutputReport, RunReport};
use super::states::{Action, Event, FirstLine, Id, ProviderEvent, Rules, RunRules, TaskStates};
use crate::delivery::{StateError, TaskState};
use crate::limits::GUARD_LIFE_MIN;
use crate::provider::Guard;
use crate::stats::{Sampler, StreamStats, Totals};
use dstream_relay::{Rejects, Relay, RelayCounters, RelayEvent};
use dstream_task::{ProviderBlock, Task};

/// Something that a thread has to say. It may have to wait for room in the inbox, but for nothing
/// else: nobody here waits for it.
enum Message {
    /// About the `process`-th process of a provider.
    Provider {
        id: Id,
        process: u32,
        news: News,
    },
    Relay(RelayEvent),
    /// What outputs print is no longer read.
    TerminalClosed,
    /// No checkpoint is stored any more, perhaps because one cannot be.
    CheckpointsEnded(Result<(), StateError>),
}

/// What a thread of a provider has to say, with the pipe that it is done with.
enum News {
    /// An output has its command; its stdin is free for lines.
    OutputCommanded(OwnedFd),
    /// The input has its command; its stdin, if it is to be notified of checkpoints.
    InputCommanded(Option<OwnedFd>),
    /// An input's first line, the pipe from which the others come, and what was read of them.
    InputLine { line: FirstLine, stdout: Arc<File>, initial: Vec<u8> },
    /// Anything else comes without a pipe.
    Event(ProviderEvent),
}

/// Runs a task to its end, with its state where it keeps one. Providers die with the calling
/// thread: it must not be one that ends early for other reasons.
pub(super) fn run_task(
    task: &Task,
    context: &RunContext,
    state: Result<Option<Arc<TaskState>>, StateError>,
    earlier: Option<Totals>,
) -> RunReport {
    // About every message that a run of this task has at a time.
    let (messages, inbox) = bounded(8 * (task.outputs.len() + 1));
    let mut runner = Runner::new(task, context, earlier, messages);
    if let Err((id, kind)) = runner.prepare(state) {
        runner.perform_all(vec![Action::Report(id, kind), Action::FailTask(id)]);
        return runner.report();
    }
    runner.step(Event::Begin);
    let mut stop = context.stop.clone();
    while !runner.states.is_done() {
        select! {
            recv(inbox) -> message => if let Ok(message) = message { runner.on_message(message) },
            recv(stop) -> signal => match signal {
                Ok(signal) => runner.step(Event::Stop(signal)),
                Err(_) => stop = never(), // nobody can ask any more
            },
            recv(runner.next_tick()) -> _ => runner.step(Event::Tick),
            recv(runner.guard_ended.1) -> _ => runner.replace_guard(),
        }
    }
    runner.report()
}

struct Runner<'a> {
    task: &'a Task,
    context: &'a RunContext,
    messages: Sender<Message>,
    states: TaskStates<'a>,
    input: Handles,
    outputs: Vec<Handles>,
    guard: Option<Guard>,
    /// Says that the guard has ended.
    guard_ended: (Sender<()>, Receiver<()>),
    guard_started: Instant,
    /// What the guard holds with this process.
    state: Option<Arc<TaskState>>,
    /// What the input and then the outputs are started with.
    prepared: Vec<Prepared>,
    rejects: Option<Box<dyn Rejects>>,
    delivery: Option<Delivery>,
    relay: Option<Relay>,
    /// What the relays of earlier attempts have done, until there is one.
    earlier: Option<Totals>,
    /// Takes snapshots of the relay, where that is asked for.
    sampler: Option<Sampler>,
    /// The last of them, when the stream is over.
    stats: Option<StreamStats>,
    failure: Option<Failure>,
    started: Instant,
}

impl<'a> Runner<'a> {
    fn new(
        task: &'a Task,
        context: &'a RunContext,
        earlier: Option<Totals>,
        messages: Sender<Message>,
    ) -> Self {
        let rules = RunRules {
            keeps_checkpoints: task.stream.delivery == dstream_task::Delivery::AtLeastOnce,
            stats_every: context.stats_every,
        };
        let (started, outputs) = (Instant::now(), task.outputs.iter().map(Rules::of));
        let seed = fastrand::u64(..);
        Self {
            task,
            context,
            messages,
            states: TaskStates::new(rules, Rules::of(&task.input), outputs, seed, started),
            input: Handles::default(),
            outputs: task.outputs.iter().map(|_| Handles::default()).collect(),
            guard: None,
            guard_ended: bounded(1),
            guard_started: started,
            state: None,
            prepared: Vec::new(),
            rejects: None,
            delivery: None,
            relay: None,
            earlier,
            sampler: None,
            stats: None,
            failure: None,
            started,
        }
    }

    /// Gets everything ready, so that nothing is started unless everything can be.
    fn prepare(
        &mut self,
        state: Result<Option<Arc<TaskState>>, StateError>,
    ) -> Result<(), (Id, FailureKind)> {
        let ids = std::iter::once(Id::Input).chain((0..self.outputs.len()).map(Id::Output));
        for id in ids {
            let prepared = prepare(self.block(id), self.context);
            self.prepared.push(prepared.map_err(|kind| (id, kind))?);
        }
        let of_input = |kind| (Id::Input, kind);
        let state = state.map_err(FailureKind::NoState).map_err(of_input)?;
        self.prepare_rejects().map_err(of_input)?;
        // Last of what can fail: it starts a thread.
        self.prepare_delivery(state.as_ref()).map_err(of_input)?;
        self.state = state;
        self.start_guard();
        Ok(())
    }

    fn start_guard(&mut self) {
        self.guard_started = Instant::now();
        let ended = self.guard_ended.0.clone();
        let ended = move || {
            let _ = ended.try_send(());
        };
        self.guard = start_guard(self.context, self.state.as_deref(), ended);
    }

    /// The guard was killed: another one watches the processes that there are.
    fn replace_guard(&mut self) {
        if self.guard_started.elapsed() < GUARD_LIFE_MIN {
            return self.notify(&Notice::NoGuard { reason: "it ends at once" });
        }
        self.notify(&Notice::GuardEnded);
        self.start_guard();
        let handles = std::iter::once(&self.input).chain(&self.outputs);
        let groups: Vec<_> =
            handles.filter_map(|it| it.process.as_ref().map(|process| process.id())).collect();
        if let Some(guard) = &mut self.guard {
            groups.into_iter().for_each(|group| guard.watch(group));
        }
    }

    fn next_tick(&self) -> Receiver<Instant> {
        self.states.next_tick().map_or_else(never, at)
    }

    /// Takes an event, and those that follow from performing what it asks for.
    fn step(&mut self, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for action in self.states.step(event, Instant::now()) {
                events.extend(self.perform(action));
            }
        }
    }

    fn on_message(&mut self, message: Message) {
        match message {
            Message::Provider { id, process, news } => {
                let is_current = process == self.states.provider(id).restarts();
                if let Some(event) = is_current.then(|| self.take_news(id, news)).flatten() {
                    self.step(Event::Provider { id, process, event });
                }
            }
            Message::Relay(event) => {
                let event = self.relay_event(event);
                self.step(Event::Relay(event));
            }
            Message::TerminalClosed => {
                self.step(Event::Stop(super::StopSignal::TerminalClosed));
            }
            Message::CheckpointsEnded(end) => {
                self.step(Event::CheckpointsEnded(end.map_err(FailureKind::NotStored)));
            }
        }
    }

    fn perform_all(&mut self, actions: Vec<Action<'a>>) {
        for action in actions {
            let _ = self.perform(action);
        }
    }

    /// Does what the states ask for; what is known at once is the next event.
    fn perform(&mut self, action: Action<'a>) -> Option<Event> {
        match action {
            Action::Spawn(id) => {
                let event = match self.spawn(id) {
                    Ok(()) => ProviderEvent::Spawned,
                    Err(kind) => ProviderEvent::NotSpawned(kind),
                };
                return self.event(id, event);
            }
            Action::Handshake(id) => {
                let error = self.handshake(id).err()?;
                return self.event(id, ProviderEvent::NoHandshakeThread(error));
            }
            Action::StartRelay => {
                let error = self.start_relay().err()?;
                return Some(Event::Relay(super::states::RelayEvent::NotStarted(error)));
            }
            Action::Settle(index) => {
                let (lines, bytes) =
                    self.relay.as_ref().map_or((0, 0), |relay| relay.settle_output(index));
                return self.event(Id::Output(index), ProviderEvent::Settled { lines, bytes });
            }
            Action::CheckPipe(id) => {
                let held = self.holds_stdout(id);
                return self.event(id, ProviderEvent::PipeChecked { held });
            }
            Action::Look(id) => {
                let (moved, has_work) = self.look(id);
                return self.event(id, ProviderEvent::Looked { moved, has_work });
            }
            Action::GiveSource => self.give_source(),
            Action::GiveSink(index) => self.give_sink(index),
            Action::EndSource => self.with_relay(Relay::end_source),
            Action::EndSink(index) => self.with_relay(|relay| relay.end_sink(index)),
            Action::CancelSource => self.with_relay(|relay| relay.cancel()),
            Action::Detach(index) => self.with_relay(|relay| relay.detach_output(index)),
            Action::Drain(index) => self.with_relay(|relay| relay.drain_output(index)),
            Action::Close(id) => self.handles_mut(id).close(),
            Action::Terminate(id) => {
                self.handles(id).process.iter().for_each(|process| process.terminate());
            }
            Action::Kill(id) => {
                self.handles(id).process.iter().for_each(|process| process.kill());
            }
            Action::Reap(id) => self.reap(id),
            Action::EndCheckpoints => {
                self.delivery.iter().for_each(|delivery| delivery.checkpoints.end_notes());
            }
            Action::EndAcknowledgements => {
                self.delivery.iter().for_each(|delivery| delivery.checkpoints.close());
            }
            Action::Report(id, kind) => self.report_failure(id, kind),
            Action::FailTask(id) => {
                let failure = self.handles_mut(id).failure.take();
                self.failure = self.failure.take().or(failure);
            }
            Action::Notify(notice) => self.notify(&notice),
            Action::ShowStats => self.show_stats(),
            Action::CloseStats => drop(self.final_stats()),
        }
        None
    }

    fn event(&self, id: Id, event: ProviderEvent) -> Option<Event> {
        Some(Event::Provider { id, process: self.states.provider(id).restarts(), event })
    }

    fn with_relay(&mut self, act: impl FnOnce(&mut Relay)) {
        if let Some(relay) = &mut self.relay {
            act(relay);
        }
    }

    fn block(&self, id: Id) -> &'a ProviderBlock {
        match id {
            Id::Input => &self.task.input,
            Id::Output(index) => &self.task.outputs[index],
        }
    }

    fn handles(&self, id: Id) -> &Handles {
        match id {
            Id::Input => &self.input,
            Id::Output(index) => &self.outputs[index],
        }
    }

    fn handles_mut(&mut self, id: Id) -> &mut Handles {
        match id {
            Id::Input => &mut self.input,
            Id::Output(index) => &mut self.outputs[index],
        }
    }

    fn notify(&self, notice: &Notice<'_>) {
        self.context.observer.notice(notice);
    }

    fn report_failure(&mut self, id: Id, kind: FailureKind) {
        let process = self.handles(id).process.as_ref();
        let mut failure = Failure::new(self.block(id), process, kind, &self.task.secrets);
        if let (Some(relay), Id::Output(index)) = (&self.relay, id) {
            failure.written = Some(relay.counters().outputs[index].written());
        }
        self.notify(&Notice::Failed { failure: &failure });
        self.handles_mut(id).failure = Some(failure);
    }

    /// What there is to say at the end.
    fn report(mut self) -> RunReport {
        if let Some(relay) = &self.relay {
            for index in 0..self.outputs.len() {
                relay.settle_output(index);
            }
        }
        let stats = self.final_stats();
        let totals = match (self.sampler.take(), &self.relay, &stats) {
            (Some(sampler), Some(relay), Some(stats)) => Some(sampler.into_totals(relay, stats)),
            _ => self.earlier.take(),
        };
        let outputs: Vec<_> =
            (0..self.outputs.len()).map(|index| self.output_report(index)).collect();
        let counters = self.relay.as_ref().map(Relay::counters);
        let count = |field: fn(&RelayCounters) -> &AtomicU64| {
            counters.map_or(0, |counters| field(counters).load(Relaxed))
        };
        let lines = count(|counters| &counters.lines_accepted);
        let checkpoints = self.delivery.as_ref().map(|delivery| delivery.checkpoints.report(lines));
        let forced = self.states.providers().filter(|provider| provider.stop().is_forced());
        let forced: Vec<Id> = forced.map(|provider| provider.id()).collect();
        let is_output_forced = forced.iter().any(|&id| id != Id::Input);
        RunReport {
            stopped_by: self.states.stopped_by(),
            forced: forced.into_iter().map(|id| self.block(id).name.clone()).collect(),
            lines_left: is_output_forced || outputs.iter().any(|output| output.lines_unwritten > 0),
            lines,
            bytes: count(|counters| &counters.bytes_accepted),
            lines_blank: count(|counters| &counters.lines_blank),
            lines_filtered: count(|counters| &counters.lines_filtered),
            lines_rejected: count(|counters| &counters.lines_rejected),
            outputs,
            stats,
            totals,
            restarts: self.states.restarts(),
            checkpoints,
            elapsed: self.started.elapsed(),
            failure: self.failure.take(),
        }
    }

    fn output_report(&self, index: usize) -> OutputReport {
        let counters = self.relay.as_ref().map(Relay::counters);
        let got = counters.map(|counters| &counters.outputs[index]);
        let unwritten = counters.map_or((0, 0), |counters| counters.unwritten(index));
        let returned = &self.outputs[index].returned;
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
    }

    fn show_stats(&mut self) {
        if let (Some(sampler), Some(relay)) = (&mut self.sampler, &self.relay) {
            let mut stats = sampler.sample(relay, Instant::now());
            self.count_returned(&mut stats);
            self.notify(&Notice::Stats { stats: &stats });
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
        for (output, handles) in stats.outputs.iter_mut().zip(&self.outputs) {
            output.lines_rejected += handles.returned.lines.load(Relaxed);
        }
    }
}
