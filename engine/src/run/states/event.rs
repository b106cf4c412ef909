//! The events that the states get, and what they ask for.

use std::io;
use std::time::Instant;

use crate::protocol::Greeting;
use crate::provider::ProviderExit;
use crate::run::failure::FailureKind;
use crate::run::notice::Notice;
use crate::run::stop::StopSignal;
use dstream_relay::OutputEnd;

/// A provider of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum Id {
    Input,
    /// By its place in the task's order.
    Output(usize),
}

/// Something that has happened.
#[derive(Debug)]
pub(in crate::run) enum Event {
    /// The run begins.
    Begin,
    /// Of a provider's `process`-th process, counted from 0: one that has been replaced may still say
    /// something, which means nothing any more.
    Provider {
        id: Id,
        process: u32,
        event: ProviderEvent,
    },
    Relay(RelayEvent),
    /// Somebody asks for an end, or nobody reads what outputs print.
    Stop(StopSignal),
    /// No checkpoint is stored any more, perhaps because one cannot be.
    CheckpointsEnded(Result<(), FailureKind>),
    /// A timer may be due.
    Tick,
}

/// What a provider's process has done, or what was found out about it.
#[derive(Debug)]
pub(in crate::run) enum ProviderEvent {
    /// Answers [`Action::Spawn`].
    Spawned,
    /// Answers [`Action::Spawn`].
    NotSpawned(FailureKind),
    /// Answers [`Action::Handshake`] where no thread could be started for it.
    NoHandshakeThread(io::Error),
    /// It has read all of its command, or will never read it.
    CommandTaken,
    /// What its first line says.
    FirstLine(FirstLine),
    /// All that an output has printed is shown.
    Printed,
    /// Nothing holds its stderr any more.
    LogEnded,
    /// The process itself has ended. `complete` if everything had been written to it.
    Exited { exit: ProviderExit, complete: bool },
    /// What an output has said ends the task.
    Misspoke(FailureKind),
    /// Answers [`Action::CheckPipe`]: whether a process can still write to its stdout.
    PipeChecked { held: bool },
    /// Answers [`Action::Settle`]: what a dead output had not read.
    Settled { lines: u64, bytes: u64 },
    /// Answers [`Action::Look`].
    Looked { moved: Moved, has_work: bool },
}

/// What the first line on a provider's stdout says.
#[derive(Debug)]
pub(in crate::run) enum FirstLine {
    /// A line, and how it begins.
    Line { greeting: Greeting, line: String },
    /// Longer than any handshake: how it begins.
    Long(String),
    /// Its stdout ended without one.
    Nothing,
}

/// What the relay has done.
#[derive(Debug)]
pub(in crate::run) enum RelayEvent {
    /// Answers [`Action::StartRelay`].
    NotStarted(io::Error),
    /// Nothing more is read from any process of the input.
    InputEnd(InputEnd),
    /// Nothing more is written to this output.
    OutputEnd(usize, OutputEnd),
    /// The input's stdout has ended; another process may follow.
    SourceEnded,
    /// The relay has left an output's stdin; another process may follow.
    SinkBroken(usize, io::Error),
}

/// How the relay's reading has ended.
#[derive(Debug)]
pub(in crate::run) enum InputEnd {
    /// There is nothing more.
    Ended,
    /// Before the end: an output is gone, or the reading was cancelled.
    Cut,
    /// Before the end, since something is wrong with the input or its lines.
    Failed(FailureKind),
}

/// How far a provider is. Each number only grows when it moves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::run) struct Moved {
    /// Bytes that it has taken from its pipe, or that an input has written.
    pub(in crate::run) bytes: u64,
    /// Bytes that an output has printed, acknowledgements included.
    pub(in crate::run) printed: u64,
}

/// Something to be done, in the order of the list.
#[derive(Debug)]
pub(in crate::run) enum Action<'a> {
    /// Start a process.
    Spawn(Id),
    /// Send the process its command and read its first line.
    Handshake(Id),
    /// Move lines from the input's pipe to all the outputs' pipes.
    StartRelay,
    /// Let the relay go on with the pipe of the input's next process.
    GiveSource,
    /// Let the relay go on with the pipe of an output's next process.
    GiveSink(usize),
    /// There is no next process of the input.
    EndSource,
    /// There is no next process of an output.
    EndSink(usize),
    /// Stop reading the input although something still holds its pipe.
    CancelSource,
    /// Close the pipe that is not the relay's: an output's stdin, both pipes of an input.
    Close(Id),
    /// Have the relay leave an output's stdin.
    Detach(usize),
    /// Read what is in the stdin of an output that has gone, so that a blocked write returns.
    Drain(usize),
    /// See whether a process can still write to the provider's stdout.
    CheckPipe(Id),
    /// Count what an output that has gone had not read.
    Settle(usize),
    /// See how far a provider is.
    Look(Id),
    /// Send the process group SIGTERM.
    Terminate(Id),
    /// Send the process group SIGKILL.
    Kill(Id),
    /// Free the process id; what is left of its group is killed before.
    Reap(Id),
    /// No line comes any more, so no checkpoint either.
    EndCheckpoints,
    /// No output acknowledges anything any more.
    EndAcknowledgements,
    /// Say that a provider has failed, and keep the failure with it.
    Report(Id, FailureKind),
    /// The failure that is kept with a provider is the task's, unless it has one.
    FailTask(Id),
    /// Say that something has happened.
    Notify(Notice<'a>),
    /// Say how the stream is doing.
    ShowStats,
    /// Take the stream's last numbers: it is over.
    CloseStats,
}

/// What one step asks for: it is done by whoever called, after the step.
#[derive(Debug)]
pub(in crate::run) struct Effects<'a> {
    pub(super) now: Instant,
    pub(super) timers: super::timers::Timers,
    pub(super) actions: Vec<Action<'a>>,
}

impl<'a> Effects<'a> {
    pub(super) fn new(now: Instant) -> Self {
        Self { now, timers: super::timers::Timers::default(), actions: Vec::new() }
    }

    pub(super) fn act(&mut self, action: Action<'a>) {
        self.actions.push(action);
    }

    pub(super) fn notify(&mut self, notice: Notice<'a>) {
        self.act(Action::Notify(notice));
    }
}
