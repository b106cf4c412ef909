//! One provider: how far its process has come, and what that allows.

use std::time::{Duration, Instant};

use super::event::{Action, Effects, Id, Moved};
use super::timers::Timer;
use crate::limits::{LAST_CALL, LAST_WORDS_WAIT};
use crate::provider::ProviderExit;
use crate::run::attempts::Attempts;
use crate::run::notice::Notice;
use dstream_task::{Handshake, ProviderBlock, Restart, RestartPolicy, Side};

/// What the task says about a provider.
#[derive(Debug, Clone, Copy)]
pub(in crate::run) struct Rules<'a> {
    pub(in crate::run) name: &'a str,
    pub(in crate::run) side: Side,
    pub(in crate::run) handshake: Handshake,
    pub(in crate::run) startup_timeout: Duration,
    pub(in crate::run) shutdown_timeout: Duration,
    pub(in crate::run) stall_timeout: Option<Duration>,
    pub(in crate::run) restart: Restart,
}

impl<'a> Rules<'a> {
    pub(in crate::run) fn of(block: &'a ProviderBlock) -> Self {
        Self {
            name: &block.name,
            side: block.side,
            handshake: block.handshake,
            startup_timeout: block.startup_timeout,
            shutdown_timeout: block.shutdown_timeout,
            stall_timeout: block.stall_timeout,
            restart: block.restart,
        }
    }

    pub(super) fn needs_handshake(&self) -> bool {
        self.handshake == Handshake::Required
    }
}

/// A provider of a run, or of a lifecycle command.
#[derive(Debug)]
pub(in crate::run) struct Provider<'a> {
    pub(super) id: Id,
    pub(super) rules: Rules<'a>,
    pub(super) state: State,
    /// How many processes it had before this one.
    pub(super) restarts: u32,
    pub(super) attempts: Attempts,
}

/// How far a provider is.
#[derive(Debug)]
pub(in crate::run) enum State {
    /// It has no process yet.
    NotStarted,
    /// Its process runs.
    Running(Process),
    /// Its process has ended; something is still to be heard from it, or holds a pipe of it.
    Exited(Process, Exited),
    /// It gets another process when its timer is due.
    AwaitingRestart,
    /// Nothing of it is left. How its process was made to leave.
    Gone(Stop),
}

/// A process, as far as the run knows it.
#[derive(Debug)]
pub(in crate::run) struct Process {
    pub(super) started: Instant,
    pub(super) work: Work,
    pub(super) stop: Stop,
    pub(super) fate: Fate,
    /// Where the pipe is through which its lines go: an input's stdout, an output's stdin.
    pub(super) lines: LinePipe,
    /// What an output prints.
    pub(super) printing: Reading,
    /// Its stderr.
    pub(super) log: Reading,
    /// Since when it does not move, where somebody looks.
    pub(super) watch: Option<Watch>,
}

/// What a process is at.
#[derive(Debug)]
pub(in crate::run) enum Work {
    /// The input: no command has been sent, since an output is not ready.
    Spawned,
    /// Its command is being sent, its first line awaited.
    Handshaking(Handshaking),
    /// It can do its work, and waits for the others.
    Ready,
    /// Its lines flow.
    Streaming,
    /// It has nothing left to do: an input has closed its stdout, an output has got every line.
    Draining,
}

/// What is missing of a handshake.
#[derive(Debug)]
pub(in crate::run) struct Handshaking {
    pub(super) command: Command,
    pub(super) first_line: Line,
    /// When its start takes too long.
    pub(super) deadline: Instant,
    /// When its silence means that it is ready.
    pub(super) silence: Option<Instant>,
}

/// Its command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum Command {
    Sending,
    Taken,
}

/// Its first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum Line {
    Awaited,
    /// It is there, and means that it is ready.
    Ready,
    /// It means something else, or does not come any more.
    Over,
}

/// What has been done to have a process leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum Stop {
    /// Nothing.
    NotAsked,
    /// It was sent SIGTERM.
    Asked,
    /// It had not left by itself in its grace, was sent SIGTERM, and has one more moment.
    LastCall,
    /// It was sent SIGKILL.
    Killed,
}

impl Stop {
    /// Whether its end was not its own.
    pub(in crate::run) fn is_forced(self) -> bool {
        matches!(self, Self::LastCall | Self::Killed)
    }
}

/// What its end means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum Fate {
    /// Its exit says so.
    Open,
    /// Its failure has been reported; what follows from that is no other failure.
    Failed,
    /// Another process takes its place, after a pause.
    Restarting(Duration),
}

/// Who has our end of a pipe through which lines go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum LinePipe {
    /// Nobody uses it yet.
    Waiting,
    /// The thread of the handshake.
    Handshake,
    /// The relay.
    Relay,
    /// Nobody any more.
    Closed,
}

/// Whether something can still be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum Reading {
    Open,
    Ended,
}

/// What is left to do after a process has ended.
#[derive(Debug)]
pub(in crate::run) struct Exited {
    pub(super) exit: ProviderExit,
    pub(super) at: Instant,
    pub(super) step: ExitStep,
    /// Lines and bytes that an output had not read.
    pub(super) unread: (u64, u64),
}

/// The steps after a process has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum ExitStep {
    /// Its log and its first line are read to their ends, for a moment at most.
    LastWords,
    /// What an output has left unread is being counted.
    Counting,
    /// Its exit has been evaluated; its pipes are to end.
    Closing,
    /// What an output has left unread is being counted once more, now that the relay has left its pipe.
    CountingAgain,
    /// Something holds a pipe of it, and its process group was killed.
    GroupKilled,
    /// Something outside its group holds a pipe of it and is left behind.
    LeftBehind,
    /// Something holds the stdin of an output; until then it is read in its place.
    Draining { until: Instant },
}

/// What was seen of a provider that may stall.
#[derive(Debug, Clone, Copy)]
pub(in crate::run) struct Watch {
    pub(super) moved: Moved,
    pub(super) movement: Movement,
}

/// Whether it moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum Movement {
    /// It does, or need not.
    Moving,
    StillSince(Instant),
    /// It does not, and that has been said.
    Reported,
}

impl<'a> Provider<'a> {
    pub(in crate::run) fn new(id: Id, rules: Rules<'a>) -> Self {
        Self { id, rules, state: State::NotStarted, restarts: 0, attempts: Attempts::default() }
    }

    pub(in crate::run) fn id(&self) -> Id {
        self.id
    }

    /// How many processes it had before this one.
    pub(in crate::run) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Its process, if there is one, dead or alive.
    pub(super) fn process(&self) -> Option<&Process> {
        match &self.state {
            State::Running(process) | State::Exited(process, _) => Some(process),
            _ => None,
        }
    }

    pub(super) fn process_mut(&mut self) -> Option<&mut Process> {
        match &mut self.state {
            State::Running(process) | State::Exited(process, _) => Some(process),
            _ => None,
        }
    }

    pub(in crate::run) fn running(&self) -> Option<&Process> {
        match &self.state {
            State::Running(process) => Some(process),
            _ => None,
        }
    }

    pub(super) fn running_mut(&mut self) -> Option<&mut Process> {
        match &mut self.state {
            State::Running(process) => Some(process),
            _ => None,
        }
    }

    pub(in crate::run) fn is_gone(&self) -> bool {
        matches!(self.state, State::Gone(_))
    }

    /// What was done to have its last process leave.
    pub(in crate::run) fn stop(&self) -> Stop {
        match &self.state {
            State::Gone(stop) => *stop,
            _ => self.process().map_or(Stop::NotAsked, |process| process.stop),
        }
    }

    pub(super) fn is_restarting(&self) -> bool {
        let awaits = matches!(self.state, State::AwaitingRestart);
        awaits || self.process().is_some_and(Process::is_restarting)
    }

    /// Whether lines can be sent to it, or are.
    pub(super) fn takes_lines(&self) -> bool {
        let is_ready = |process: &Process| match process.work {
            Work::Ready => process.lines == LinePipe::Waiting,
            Work::Streaming | Work::Draining => true,
            Work::Spawned | Work::Handshaking(_) => false,
        };
        self.process().is_some_and(is_ready)
    }

    /// Its process has been started.
    pub(in crate::run) fn begin(&mut self, fx: &Effects<'a>) {
        let mut process = Process {
            started: fx.now,
            work: Work::Spawned,
            stop: Stop::NotAsked,
            fate: Fate::Open,
            lines: LinePipe::Waiting,
            printing: Reading::Ended,
            log: Reading::Open,
            watch: None,
        };
        if self.rules.side == Side::Output {
            process.printing = Reading::Open;
        }
        self.state = State::Running(process);
    }

    /// Has its command sent.
    pub(super) fn handshake(&mut self, fx: &mut Effects<'a>) {
        let deadline = fx.now + self.rules.startup_timeout;
        let Some(process) = self.process_mut() else { return };
        process.lines = LinePipe::Handshake;
        process.work = Work::Handshaking(Handshaking {
            command: Command::Sending,
            first_line: Line::Awaited,
            deadline,
            silence: None,
        });
        fx.timers.set(deadline, Timer::Start(self.id));
        fx.act(Action::Handshake(self.id));
    }

    /// It must leave within its grace.
    pub(in crate::run) fn limit(&mut self, fx: &mut Effects<'a>) {
        if self.running().is_some() {
            fx.timers.set(fx.now + self.rules.shutdown_timeout, Timer::Grace(self.id));
        }
    }

    /// Asks it to leave, once.
    pub(in crate::run) fn terminate(&mut self, fx: &mut Effects<'a>) {
        let (id, due) = (self.id, fx.now + self.rules.shutdown_timeout);
        let Some(process) = self.running_mut().filter(|it| it.stop == Stop::NotAsked) else {
            return;
        };
        process.stop = Stop::Asked;
        fx.act(Action::Terminate(id));
        match id {
            // What it had before was for leaving by itself.
            Id::Input => fx.timers.reset(due, Timer::Grace(id)),
            Id::Output(_) => fx.timers.set(due, Timer::Grace(id)),
        }
    }

    /// Ends it, once; after a `grace`, if it had one.
    pub(in crate::run) fn kill(&mut self, grace: Option<Duration>, fx: &mut Effects<'a>) {
        let (id, side, provider) = (self.id, self.rules.side, self.rules.name);
        let Some(process) = self.running_mut().filter(|it| it.stop != Stop::Killed) else {
            return;
        };
        process.stop = Stop::Killed;
        fx.act(Action::Kill(id));
        fx.notify(Notice::Killed { side, provider, grace });
    }

    /// It has not left in time. If nobody has asked it before, somebody does now.
    pub(in crate::run) fn on_grace_over(&mut self, fx: &mut Effects<'a>) {
        let (id, grace) = (self.id, self.rules.shutdown_timeout);
        let (side, provider) = (self.rules.side, self.rules.name);
        let Some(process) = self.running_mut() else { return };
        match (process.stop, side) {
            (Stop::NotAsked, Side::Input) => self.terminate(fx),
            (Stop::NotAsked, Side::Output) => {
                process.stop = Stop::LastCall;
                fx.act(Action::Terminate(id));
                fx.notify(Notice::Overran { side, provider, grace });
                fx.timers.set(fx.now + LAST_CALL, Timer::Grace(id));
            }
            (Stop::Asked | Stop::LastCall, _) => self.kill(Some(grace), fx),
            (Stop::Killed, _) => {}
        }
    }

    /// Its process has ended.
    pub(in crate::run) fn on_exited(&mut self, exit: ProviderExit, fx: &mut Effects<'a>) {
        let state = std::mem::replace(&mut self.state, State::NotStarted);
        let State::Running(process) = state else {
            self.state = state;
            return;
        };
        fx.timers.forget(self.id);
        fx.timers.set(fx.now + LAST_WORDS_WAIT, Timer::Pipes(self.id));
        let exited = Exited { exit, at: fx.now, step: ExitStep::LastWords, unread: (0, 0) };
        self.state = State::Exited(process, exited);
    }

    /// What it is at after its exit.
    pub(super) fn exit_step(&self) -> Option<ExitStep> {
        match &self.state {
            State::Exited(_, exited) => Some(exited.step),
            _ => None,
        }
    }

    pub(super) fn set_exit_step(&mut self, step: ExitStep) {
        if let State::Exited(_, exited) = &mut self.state {
            exited.step = step;
        }
    }

    /// Whether it may get another process at all.
    pub(super) fn has_restarts(&self) -> bool {
        self.rules.restart.policy != RestartPolicy::Never
    }

    /// How long to wait before its next process; none if there were too many.
    pub(super) fn next_pause(
        &mut self,
        failed: bool,
        chance: &mut fastrand::Rng,
        fx: &mut Effects<'a>,
    ) -> Option<Duration> {
        let pause = self.attempts.next(&self.rules.restart, fx.now, chance);
        if pause.is_none() {
            fx.notify(Notice::GaveUp {
                side: self.rules.side,
                provider: self.rules.name,
                restarts: self.restarts,
                failed,
            });
        }
        pause
    }
}

impl Process {
    pub(super) fn is_restarting(&self) -> bool {
        matches!(self.fate, Fate::Restarting(_))
    }

    /// Whether its failure can still be one.
    pub(super) fn is_blameless(&self) -> bool {
        self.fate == Fate::Open
    }

    /// Whether it has shown that it can do its work.
    pub(super) fn is_ready(&self) -> bool {
        !matches!(self.work, Work::Spawned | Work::Handshaking(_))
    }

    /// Whether all that it says about its start has been heard.
    pub(super) fn has_spoken(&self) -> bool {
        match &self.work {
            Work::Handshaking(handshaking) => handshaking.first_line != Line::Awaited,
            _ => true,
        }
    }

    /// Whether every pipe of it has been closed.
    pub(super) fn is_closed(&self) -> bool {
        self.lines == LinePipe::Closed && self.printing == Reading::Ended
    }
}
