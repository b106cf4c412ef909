//! A lifecycle command as states: one output that gets its command, prints its answer, and leaves.

use std::time::Instant;

use super::event::{Action, Effects, Id, ProviderEvent};
use super::provider::{Command, ExitStep, Provider, Reading, Rules, State, Stop, Work};
use super::timers::Timer;
use crate::limits::SLOW_END_REPORT_EVERY;
use crate::provider::ProviderExit;
use crate::run::notice::Notice;
use crate::run::stop::StopSignal;

/// The output of a lifecycle command, in a process that has been started.
#[derive(Debug)]
pub(in crate::run) struct CommandStates<'a> {
    output: Provider<'a>,
    cut_short: Option<CutShort>,
    fx: Effects<'a>,
}

/// Why an output could not come to its end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum CutShort {
    /// It did not read its command in time.
    NotCommanded,
    /// Somebody has asked for an end.
    Stopped(StopSignal),
}

impl<'a> CommandStates<'a> {
    /// The only output of a command.
    pub(in crate::run) const ID: Id = Id::Output(0);

    /// Of a process that has just been started: what is to be done first.
    pub(in crate::run) fn begin(rules: Rules<'a>, now: Instant) -> (Self, Vec<Action<'a>>) {
        let mut fx = Effects::new(now);
        let mut output = Provider::new(Self::ID, rules);
        output.begin(&fx);
        output.handshake(&mut fx);
        fx.timers.set(now + SLOW_END_REPORT_EVERY, Timer::Report);
        let actions = std::mem::take(&mut fx.actions);
        (Self { output, cut_short: None, fx }, actions)
    }

    /// What follows from something that the output has done.
    pub(in crate::run) fn on_event(
        &mut self,
        event: ProviderEvent,
        now: Instant,
    ) -> Vec<Action<'a>> {
        self.fx.now = now;
        match event {
            ProviderEvent::CommandTaken => {
                if let Some(process) = self.output.process_mut()
                    && let Work::Handshaking(handshaking) = &mut process.work
                {
                    handshaking.command = Command::Taken;
                }
            }
            ProviderEvent::Printed => {
                if let Some(process) = self.output.process_mut() {
                    process.printing = Reading::Ended;
                }
            }
            ProviderEvent::LogEnded => {
                if let Some(process) = self.output.process_mut() {
                    process.log = Reading::Ended;
                }
            }
            ProviderEvent::Exited { exit, .. } => {
                // What it left behind must not keep the answer open.
                self.fx.act(Action::Kill(Self::ID));
                self.output.on_exited(exit, &mut self.fx);
            }
            // It has no first line of its own, and no pipe for lines.
            _ => {}
        }
        std::mem::take(&mut self.fx.actions)
    }

    /// It has printed more than an answer can be, and is not listened to any longer.
    pub(in crate::run) fn on_long_answer(&mut self, now: Instant) -> Vec<Action<'a>> {
        self.fx.now = now;
        self.output.terminate(&mut self.fx);
        std::mem::take(&mut self.fx.actions)
    }

    /// The first signal is passed on, the second ends it.
    pub(in crate::run) fn on_stop(&mut self, signal: StopSignal, now: Instant) -> Vec<Action<'a>> {
        self.fx.now = now;
        if let Some(CutShort::Stopped(_)) = self.cut_short {
            self.fx.notify(Notice::Stopping { reason: "asked a second time: ending at once" });
            self.output.kill(None, &mut self.fx);
        } else {
            self.cut_short = Some(CutShort::Stopped(signal));
            self.fx.notify(Notice::Stopping { reason: signal.reason() });
            self.output.terminate(&mut self.fx);
        }
        std::mem::take(&mut self.fx.actions)
    }

    /// A timer may be due.
    pub(in crate::run) fn on_tick(&mut self, now: Instant) -> Vec<Action<'a>> {
        self.fx.now = now;
        while let Some(timer) = self.fx.timers.take_due(now) {
            match timer {
                Timer::Start(_) => self.on_startup_timeout(),
                Timer::Grace(_) => self.output.on_grace_over(&mut self.fx),
                Timer::Pipes(_) => self.output.set_exit_step(ExitStep::Closing),
                Timer::Report => self.report_running(),
                Timer::Stall(_) | Timer::Stats => {}
            }
        }
        std::mem::take(&mut self.fx.actions)
    }

    pub(in crate::run) fn next_tick(&self) -> Option<Instant> {
        self.fx.timers.next()
    }

    /// How it has ended, once it has and all that it had to say has been heard or waited for.
    pub(in crate::run) fn exit(&self) -> Option<ProviderExit> {
        let State::Exited(process, exited) = &self.output.state else { return None };
        let is_heard = (process.log, process.printing) == (Reading::Ended, Reading::Ended);
        (is_heard || exited.step != ExitStep::LastWords).then_some(exited.exit)
    }

    pub(in crate::run) fn cut_short(&self) -> Option<CutShort> {
        self.cut_short
    }

    fn on_startup_timeout(&mut self) {
        let Some(process) = self.output.running() else { return };
        if let Work::Handshaking(handshaking) = &process.work
            && handshaking.command == Command::Sending
            && process.stop == Stop::NotAsked
        {
            self.cut_short = Some(CutShort::NotCommanded);
            self.output.terminate(&mut self.fx);
        }
    }

    fn report_running(&mut self) {
        let Some(process) = self.output.running() else { return };
        let (side, provider) = (self.output.rules.side, self.output.rules.name);
        let (now, started) = (self.fx.now, process.started);
        let notice = match self.fx.timers.due(Timer::Grace(Self::ID)) {
            Some(due) => {
                let left = Some(due.saturating_duration_since(now));
                Notice::StillRunning { side, provider, left }
            }
            None => {
                let after = now.saturating_duration_since(started);
                Notice::StillAtWork { provider, after }
            }
        };
        self.fx.notify(notice);
        self.fx.timers.set(now + SLOW_END_REPORT_EVERY, Timer::Report);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::rules;
    use super::*;

    fn kinds(actions: &[Action<'_>]) -> Vec<String> {
        super::super::tests::names(actions)
    }

    #[test]
    fn an_answer_is_complete_when_the_process_and_both_its_pipes_have_ended() {
        let now = Instant::now();
        let (mut states, first) = CommandStates::begin(rules("out"), now);
        assert_eq!(kinds(&first), ["Handshake"]);
        states.on_event(ProviderEvent::CommandTaken, now);
        states.on_event(ProviderEvent::Printed, now);
        let exit = ProviderExit::Code(0);
        let actions = states.on_event(ProviderEvent::Exited { exit, complete: false }, now);
        assert_eq!(kinds(&actions), ["Kill"]);
        assert_eq!(states.exit(), None);
        states.on_event(ProviderEvent::LogEnded, now);
        assert_eq!((states.exit(), states.cut_short()), (Some(exit), None));
    }

    #[test]
    fn a_pipe_that_something_holds_is_not_waited_for() {
        let now = Instant::now();
        let (mut states, _) = CommandStates::begin(rules("out"), now);
        let exit = ProviderExit::Code(3);
        states.on_event(ProviderEvent::Exited { exit, complete: false }, now);
        states.on_tick(now + Duration::from_secs(1));
        assert_eq!(states.exit(), Some(exit));
    }

    #[test]
    fn a_command_that_is_not_read_ends_it() {
        let now = Instant::now();
        let (mut states, _) = CommandStates::begin(rules("out"), now);
        let late = now + Duration::from_secs(30);
        assert!(kinds(&states.on_tick(late)).contains(&"Terminate".to_owned()));
        assert_eq!(states.cut_short(), Some(CutShort::NotCommanded));
        // And what does not leave is killed.
        let actions = states.on_tick(late + Duration::from_secs(10));
        assert!(kinds(&actions).contains(&"Kill".to_owned()));
    }

    #[test]
    fn the_second_signal_kills() {
        let now = Instant::now();
        let (mut states, _) = CommandStates::begin(rules("out"), now);
        let actions = states.on_stop(StopSignal::Interrupt, now);
        assert_eq!(kinds(&actions), ["Stopping", "Terminate"]);
        let actions = states.on_stop(StopSignal::Terminate, now);
        assert_eq!(kinds(&actions), ["Stopping", "Kill", "Killed"]);
        assert_eq!(states.cut_short(), Some(CutShort::Stopped(StopSignal::Interrupt)));
    }

    #[test]
    fn a_long_answer_ends_it() {
        let now = Instant::now();
        let (mut states, _) = CommandStates::begin(rules("out"), now);
        assert_eq!(kinds(&states.on_long_answer(now)), ["Terminate"]);
    }
}
