//! The lines: how they begin to flow, and how reading and writing come to their ends.

use std::io;

use super::event::{Action, Id, InputEnd, RelayEvent};
use super::provider::{ExitStep, Fate, LinePipe, Process, Reading, State, Stop, Work};
use super::timers::Timer;
use super::{Checkpoints, Phase, Stream, TaskStates, Why};
use crate::limits::{BROKEN_PIPE_WAIT, SLOW_END_REPORT_EVERY};
use crate::run::failure::FailureKind;
use dstream_relay::OutputEnd;

impl TaskStates<'_> {
    pub(super) fn on_relay(&mut self, event: RelayEvent) {
        match event {
            RelayEvent::NotStarted(error) => self.on_no_relay(error),
            RelayEvent::InputEnd(end) => self.on_input_end(end),
            RelayEvent::OutputEnd(index, end) => self.on_output_end(index, end),
            RelayEvent::SourceEnded => self.on_source_ended(),
            RelayEvent::SinkBroken(index, error) => self.on_sink_broken(index, error),
        }
        if self.has_relay() && !self.is_streaming() {
            // How long the outputs then take to leave is not the stream's time.
            self.fx.act(Action::CloseStats);
        }
    }

    pub(super) fn has_relay(&self) -> bool {
        matches!(self.stream, Stream::Flowing | Stream::Ended | Stream::Cut)
    }

    /// Whether the relay still reads or writes, or has lines for the next process of an output.
    fn is_streaming(&self) -> bool {
        let is_written = |process: &Process| process.lines == LinePipe::Relay;
        let is_fed = |provider: &super::Provider<'_>| {
            let is_written = provider.process().is_some_and(is_written);
            is_written || (!provider.is_gone() && self.has_next(provider.id()))
        };
        self.stream == Stream::Flowing || self.outputs.iter().any(is_fed)
    }

    /// Has the lines of the input's process go to the outputs.
    pub(super) fn start_stream(&mut self) {
        match self.stream {
            Stream::Flowing => {
                self.fx.act(Action::GiveSource);
                self.set_streaming(Id::Input);
            }
            Stream::Ended | Stream::Cut | Stream::Never => self.close_lines(Id::Input),
            Stream::NotStarted => {
                let has_pipe = |process: &Process| process.lines == LinePipe::Waiting;
                let all = self.outputs.iter().all(|it| it.process().is_some_and(has_pipe));
                if all {
                    self.start_relay();
                } else if self.is_stopping() {
                    // An output is gone already, and with it the task.
                    self.close_lines(Id::Input);
                    self.end_without_stream();
                } else if let Some(process) = self.input.process_mut() {
                    process.lines = LinePipe::Waiting; // until every output is back
                }
            }
        }
    }

    fn start_relay(&mut self) {
        self.stream = Stream::Flowing;
        self.fx.act(Action::StartRelay);
        self.ids().for_each(|id| self.set_streaming(id));
        if let Some(every) = self.rules.stats_every {
            self.fx.timers.set(self.fx.now + every, Timer::Stats);
        }
    }

    fn set_streaming(&mut self, id: Id) {
        if let Some(process) = self.with(id).0.process_mut() {
            process.lines = LinePipe::Relay;
            if matches!(process.work, Work::Ready) {
                process.work = Work::Streaming;
            }
        }
        self.watch(id);
    }

    /// Its pipes were closed with it.
    fn on_no_relay(&mut self, error: io::Error) {
        self.stream = Stream::NotStarted;
        for id in self.ids() {
            if let Some(process) = self.with(id).0.process_mut() {
                process.lines = LinePipe::Closed;
            }
        }
        self.fail(Id::Input, FailureKind::NoThread(error));
        self.end_without_stream();
    }

    pub(super) fn on_stats_due(&mut self) {
        if self.is_streaming()
            && let Some(every) = self.rules.stats_every
        {
            self.fx.act(Action::ShowStats);
            self.fx.timers.set(self.fx.now + every, Timer::Stats);
        }
    }

    /// The stdout of the input's process has ended; another process may follow.
    fn on_source_ended(&mut self) {
        self.set_read();
        let is_evaluated = !matches!(self.input.exit_step(), None | Some(ExitStep::LastWords));
        if !self.is_replaceable(Id::Input) || (is_evaluated && !self.input.is_restarting()) {
            self.fx.act(Action::EndSource);
        }
        self.limit_idle_input();
        self.on_pipe_closed(Id::Input);
    }

    fn set_read(&mut self) {
        let Some(process) = self.input.process_mut() else { return };
        if process.lines == LinePipe::Relay {
            process.lines = LinePipe::Closed;
            if matches!(process.work, Work::Streaming) {
                process.work = Work::Draining;
            }
        }
    }

    fn on_input_end(&mut self, end: InputEnd) {
        self.stream = if matches!(end, InputEnd::Ended) { Stream::Ended } else { Stream::Cut };
        self.set_read();
        self.fx.act(Action::EndCheckpoints);
        if let InputEnd::Failed(kind) = end {
            self.fail(Id::Input, kind);
        }
        if self.phase == Phase::Running {
            self.phase = Phase::Ending(Why::StreamEnded);
        }
        self.fx.timers.set(self.fx.now + SLOW_END_REPORT_EVERY, Timer::Report);
        self.limit_idle_input();
        if self.input.is_restarting() {
            self.wind_down(); // its pipe was given up: nothing can follow
        }
        self.on_pipe_closed(Id::Input);
    }

    /// An input whose stream is over must leave within its grace, unless it still waits to be notified
    /// that its lines have arrived.
    pub(super) fn limit_idle_input(&mut self) {
        let is_read =
            |process: &Process| process.lines == LinePipe::Closed && process.stop == Stop::NotAsked;
        if self.checkpoints == Checkpoints::Off && self.input.running().is_some_and(is_read) {
            self.input.limit(&mut self.fx);
        }
    }

    fn on_output_end(&mut self, index: usize, end: OutputEnd) {
        let id = Id::Output(index);
        let Some(process) = self.outputs[index].process_mut() else { return };
        if process.lines != LinePipe::Relay {
            return; // the pipe was that of the process before, or is known to be closed
        }
        process.lines = LinePipe::Closed;
        match end {
            OutputEnd::Complete => {
                process.work = Work::Draining;
                if process.is_restarting() {
                    process.fate = Fate::Failed; // there is nothing for another process
                }
            }
            OutputEnd::Broken(error) => self.on_broken(id, error),
        }
        self.on_sink_closed(index);
    }

    fn on_sink_broken(&mut self, index: usize, error: io::Error) {
        let id = Id::Output(index);
        if !self.has_next(id) {
            self.fx.act(Action::EndSink(index));
        }
        let Some(process) = self.outputs[index].process_mut() else { return };
        if process.lines == LinePipe::Relay {
            process.lines = LinePipe::Closed;
            self.on_broken(id, error);
            self.on_sink_closed(index);
        }
    }

    /// An output cannot be written to. If its exit is why, that says more.
    fn on_broken(&mut self, id: Id, error: io::Error) {
        let is_running = |process: &Process| process.is_blameless();
        if !self.provider(id).running().is_some_and(is_running) {
            return;
        }
        if error.kind() == io::ErrorKind::BrokenPipe {
            self.fx.timers.set(self.fx.now + BROKEN_PIPE_WAIT, Timer::Pipes(id));
        } else {
            self.fail(id, FailureKind::NotWritten(error));
            let (provider, fx) = self.with(id);
            provider.terminate(fx);
        }
    }

    /// Whether an output has another process, or may get one.
    fn has_next(&self, id: Id) -> bool {
        self.provider(id).is_restarting() || self.is_replaceable(id)
    }

    /// There will be no lines: the outputs see the end of their input.
    pub(super) fn end_without_stream(&mut self) {
        if self.stream != Stream::NotStarted || self.input.is_restarting() {
            return;
        }
        self.stream = Stream::Never;
        self.fx.act(Action::EndCheckpoints);
        for id in self.output_ids() {
            let Some(process) = self.with(id).0.process_mut() else { continue };
            process.work = Work::Draining;
            if process.lines == LinePipe::Waiting {
                self.close_lines(id);
            }
            self.on_pipe_closed(id);
        }
        self.limit_outputs();
    }

    /// Closes the pipe that lines would have gone through, where it is not the relay's.
    pub(super) fn close_lines(&mut self, id: Id) {
        let (provider, fx) = self.with(id);
        let Some(process) = provider.process_mut() else { return };
        if process.lines != LinePipe::Closed {
            process.lines = LinePipe::Closed;
            fx.act(Action::Close(id));
            self.on_pipe_closed(id);
        }
    }

    /// An output has printed all that it will print.
    pub(super) fn on_printed(&mut self, id: Id) {
        if let Some(process) = self.with(id).0.process_mut() {
            process.printing = Reading::Ended;
        }
        let is_printed = |it: &super::Provider<'_>| match &it.state {
            State::Running(process) | State::Exited(process, _) => {
                process.printing == Reading::Ended && !process.is_restarting()
            }
            State::Gone(_) => true,
            State::NotStarted | State::AwaitingRestart => false,
        };
        if self.outputs.iter().all(is_printed) {
            self.fx.act(Action::EndAcknowledgements);
        }
        self.on_pipe_closed(id);
    }
}
