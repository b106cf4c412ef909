//! Each transition, one test each: an event in, the actions and the state that follow.

mod model;
mod world;

use std::io;
use std::time::Duration;

use dstream_task::{Handshake, Restart, RestartPolicy, Side};

use super::provider::{ExitStep, LinePipe, State, Work};
use super::*;
use crate::protocol::Greeting;
use crate::provider::ProviderExit;
use dstream_relay::OutputEnd;

pub(super) const STARTUP: Duration = Duration::from_secs(30);
pub(super) const GRACE: Duration = Duration::from_secs(10);
const OUT: Id = Id::Output(0);

pub(super) fn rules(name: &'static str) -> Rules<'static> {
    let side = if name == "in" { Side::Input } else { Side::Output };
    Rules {
        name,
        side,
        handshake: Handshake::Required,
        startup_timeout: STARTUP,
        shutdown_timeout: GRACE,
        stall_timeout: None,
        restart: Restart::default(),
    }
}

pub(super) fn restarted(rules: Rules<'static>) -> Rules<'static> {
    let policy = RestartPolicy::OnFailure;
    Rules { restart: Restart { policy, attempts_max: Some(2), ..Restart::default() }, ..rules }
}

/// The first word of each, `Notify` left out.
pub(super) fn names(actions: &[Action<'_>]) -> Vec<String> {
    let word = |text: String| {
        let text = text.strip_prefix("Notify(").unwrap_or(&text).to_owned();
        text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned()
    };
    actions.iter().map(|action| word(format!("{action:?}"))).collect()
}

/// A task whose time is the test's.
struct Run {
    states: TaskStates<'static>,
    now: Instant,
}

impl Run {
    fn new(input: Rules<'static>, outputs: &[Rules<'static>]) -> Self {
        Self::with(RunRules { keeps_checkpoints: false, stats_every: None }, input, outputs)
    }

    fn with(rules: RunRules, input: Rules<'static>, outputs: &[Rules<'static>]) -> Self {
        let now = Instant::now();
        let states = TaskStates::new(rules, input, outputs.iter().copied(), 1, now);
        let mut run = Self { states, now };
        let last = outputs.len() - 1;
        assert_eq!(run.step(Event::Begin), ["Spawn"]);
        for index in (0..=last).rev() {
            run.is(Id::Output(index), ProviderEvent::Spawned);
        }
        run.is(Id::Input, ProviderEvent::Spawned);
        run
    }

    fn step(&mut self, event: Event) -> Vec<String> {
        names(&self.states.step(event, self.now))
    }

    fn is(&mut self, id: Id, event: ProviderEvent) -> Vec<String> {
        let process = self.states.provider(id).restarts();
        self.step(Event::Provider { id, process, event })
    }

    fn relay(&mut self, event: RelayEvent) -> Vec<String> {
        self.step(Event::Relay(event))
    }

    fn after(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        self.step(Event::Tick)
    }

    fn says_ready(&mut self, id: Id) -> Vec<String> {
        self.is(id, ProviderEvent::CommandTaken);
        self.is(id, ProviderEvent::FirstLine(ready()))
    }

    /// Exits, with its log read to its end; what is left to count is nothing.
    fn exits(&mut self, id: Id, code: i32) -> Vec<String> {
        let exit = ProviderExit::Code(code);
        let mut actions = self.is(id, ProviderEvent::Exited { exit, complete: false });
        actions.extend(self.is(id, ProviderEvent::LogEnded));
        if actions.contains(&"Settle".to_owned()) {
            actions.extend(self.is(id, ProviderEvent::Settled { lines: 0, bytes: 0 }));
        }
        actions
    }

    fn state(&self, id: Id) -> &State {
        &self.states.provider(id).state
    }

    fn work(&self, id: Id) -> &Work {
        &self.states.provider(id).process().expect("a process").work
    }
}

fn ready() -> FirstLine {
    let greeting = Greeting::Ready { checkpoints: false, rejects: false };
    FirstLine::Line { greeting, line: String::new() }
}

fn data() -> FirstLine {
    FirstLine::Line { greeting: Greeting::Other, line: "{\"data\":1}".to_owned() }
}

fn error() -> FirstLine {
    let greeting = Greeting::Error { class: None, message: "no".to_owned() };
    FirstLine::Line { greeting, line: String::new() }
}

fn broken() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

/// One input, one output, lines flow.
fn streaming(input: Rules<'static>, output: Rules<'static>) -> Run {
    let mut run = Run::new(input, &[output]);
    run.says_ready(OUT);
    assert_eq!(run.says_ready(Id::Input), ["Ready", "StartRelay"]);
    run
}

fn plain() -> Run {
    streaming(rules("in"), rules("out"))
}

fn auto(rules: Rules<'static>) -> Rules<'static> {
    Rules { handshake: Handshake::Auto, ..rules }
}

#[test]
fn outputs_are_started_and_commanded_before_the_input() {
    let now = Instant::now();
    let outputs = [rules("one"), rules("two")];
    let rules_of_run = RunRules { keeps_checkpoints: false, stats_every: None };
    let states = TaskStates::new(rules_of_run, rules("in"), outputs, 1, now);
    let mut run = Run { states, now };
    assert_eq!(run.step(Event::Begin), ["Spawn"]);
    assert_eq!(run.is(Id::Output(1), ProviderEvent::Spawned), ["Handshake", "Spawn"]);
    assert_eq!(run.is(Id::Output(0), ProviderEvent::Spawned), ["Handshake", "Spawn"]);
    assert!(run.is(Id::Input, ProviderEvent::Spawned).is_empty());
    assert!(matches!(run.work(Id::Input), Work::Spawned));
}

#[test]
fn the_input_gets_its_command_when_every_output_is_ready() {
    let mut run = Run::new(rules("in"), &[rules("one"), rules("two")]);
    assert_eq!(run.says_ready(Id::Output(0)), ["Ready"]);
    assert_eq!(run.says_ready(Id::Output(1)), ["Ready", "Handshake"]);
    assert!(matches!(run.work(Id::Input), Work::Handshaking(_)));
}

#[test]
fn an_output_that_says_ready_before_it_has_its_command_waits_for_that() {
    let mut run = Run::new(rules("in"), &[rules("out")]);
    assert_eq!(run.is(OUT, ProviderEvent::FirstLine(ready())), ["Ready"]);
    assert!(matches!(run.work(OUT), Work::Handshaking(_)));
    assert_eq!(run.is(OUT, ProviderEvent::CommandTaken), ["Handshake"]);
    assert!(matches!(run.work(OUT), Work::Ready));
}

#[test]
fn a_silent_output_is_ready_after_a_moment() {
    let mut run = Run::new(rules("in"), &[auto(rules("out"))]);
    assert!(run.is(OUT, ProviderEvent::CommandTaken).is_empty());
    assert_eq!(run.after(Duration::from_millis(100)), ["Ready", "Handshake"]);
    assert!(matches!(run.work(OUT), Work::Ready));
}

#[test]
fn a_handshake_that_does_not_come_is_a_failure() {
    let mut run = Run::new(rules("in"), &[rules("out")]);
    run.is(OUT, ProviderEvent::CommandTaken);
    let actions = run.after(STARTUP);
    assert_eq!(actions[..2], ["Report", "FailTask"]);
    assert!(run.states.is_stopping());
}

#[test]
fn a_command_that_is_not_read_is_a_failure() {
    let mut run = Run::new(rules("in"), &[auto(rules("out"))]);
    assert_eq!(run.after(STARTUP)[..2], ["Report", "FailTask"]);
}

#[test]
fn an_error_in_the_first_line_fails_and_lets_the_provider_leave() {
    let mut run = Run::new(rules("in"), &[rules("out")]);
    run.is(OUT, ProviderEvent::CommandTaken);
    let actions = run.is(OUT, ProviderEvent::FirstLine(error()));
    assert_eq!(actions[..2], ["Report", "FailTask"]);
    // What its exit says then is no other failure.
    assert!(!run.exits(OUT, 7).contains(&"Report".to_owned()));
}

#[test]
fn a_required_handshake_is_not_data() {
    let mut run = Run::new(rules("in"), &[rules("out")]);
    run.says_ready(OUT);
    run.is(Id::Input, ProviderEvent::CommandTaken);
    let actions = run.is(Id::Input, ProviderEvent::FirstLine(data()));
    assert_eq!(actions[..2], ["Report", "FailTask"]);
    // Without a stream the output sees the end of its stdin.
    assert_eq!(actions.iter().filter(|action| *action == "Close").count(), 2);
    assert_eq!(run.states.stream, Stream::Never);
}

#[test]
fn an_input_that_begins_with_data_is_ready() {
    let mut run = Run::new(auto(rules("in")), &[rules("out")]);
    run.says_ready(OUT);
    run.is(Id::Input, ProviderEvent::CommandTaken);
    let actions = run.is(Id::Input, ProviderEvent::FirstLine(data()));
    assert_eq!(actions, ["Ready", "StartRelay"]);
    assert!(matches!((run.work(Id::Input), run.work(OUT)), (Work::Streaming, Work::Streaming)));
}

#[test]
fn a_stdout_that_is_closed_before_ready_is_a_failure_if_the_process_stays() {
    let mut run = Run::new(rules("in"), &[rules("out")]);
    run.is(OUT, ProviderEvent::CommandTaken);
    assert!(run.is(OUT, ProviderEvent::FirstLine(FirstLine::Nothing)).is_empty());
    let actions = run.after(Duration::from_millis(400));
    assert_eq!(actions[..2], ["Report", "FailTask"]);
    assert!(actions.contains(&"Terminate".to_owned()));
}

#[test]
fn outputs_without_checkpoints_are_refused_where_they_are_kept() {
    let rules_of_run = RunRules { keeps_checkpoints: true, stats_every: None };
    let mut run = Run::with(rules_of_run, rules("in"), &[rules("out")]);
    run.is(OUT, ProviderEvent::CommandTaken);
    assert_eq!(run.is(OUT, ProviderEvent::FirstLine(ready()))[..2], ["Report", "FailTask"]);
}

#[test]
fn an_ordinary_run_drains_and_ends() {
    let mut run = plain();
    let actions = run.relay(RelayEvent::InputEnd(InputEnd::Ended));
    assert_eq!(actions, ["EndCheckpoints"]);
    assert!(matches!(run.work(Id::Input), Work::Draining));
    assert_eq!(run.exits(Id::Input, 0), ["Ended", "Reap"]);
    assert_eq!(run.relay(RelayEvent::OutputEnd(0, OutputEnd::Complete)), ["CloseStats"]);
    assert!(matches!(run.work(OUT), Work::Draining));
    assert_eq!(run.exits(OUT, 0), ["Settle", "Ended", "Reap"]);
    assert!(!run.states.is_done());
    let actions = run.is(OUT, ProviderEvent::Printed);
    assert_eq!(actions, ["EndAcknowledgements", "EndAcknowledgements"]);
    assert!(run.states.is_done());
}

#[test]
fn an_input_whose_stream_has_ended_must_leave_in_its_grace() {
    let mut run = plain();
    run.relay(RelayEvent::InputEnd(InputEnd::Ended));
    assert!(run.after(GRACE).contains(&"Terminate".to_owned()));
    assert!(run.after(GRACE).contains(&"Kill".to_owned()));
    assert_eq!(run.states.input.stop(), Stop::Killed);
}

#[test]
fn an_output_takes_the_time_it_needs_after_the_end_of_the_stream() {
    let mut run = plain();
    run.relay(RelayEvent::InputEnd(InputEnd::Ended));
    run.relay(RelayEvent::OutputEnd(0, OutputEnd::Complete));
    run.exits(Id::Input, 0);
    assert!(!run.after(Duration::from_secs(3600)).contains(&"Terminate".to_owned()));
}

#[test]
fn a_stop_asks_the_input_and_gives_the_outputs_their_grace_when_it_has_left() {
    let mut run = plain();
    let actions = run.step(Event::Stop(StopSignal::Terminate));
    assert_eq!(actions, ["Stopping", "Terminate", "EndSource"]);
    run.relay(RelayEvent::InputEnd(InputEnd::Ended));
    run.exits(Id::Input, 143);
    // An output that overruns is asked, and then killed.
    assert!(run.after(GRACE).contains(&"Overran".to_owned()));
    let actions = run.after(Duration::from_secs(1));
    assert!(actions.contains(&"Kill".to_owned()), "{actions:?}");
    assert_eq!(run.states.stopped_by(), Some(StopSignal::Terminate));
}

#[test]
fn a_second_signal_kills_and_waits_for_nothing() {
    let mut run = plain();
    run.step(Event::Stop(StopSignal::Interrupt));
    let actions = run.step(Event::Stop(StopSignal::Terminate));
    assert_eq!(actions, ["Stopping", "Kill", "Killed", "Kill", "Killed"]);
    for id in [Id::Input, OUT] {
        run.is(id, ProviderEvent::Exited { exit: ProviderExit::Signal(9), complete: false });
    }
    // Nothing else is ever heard: neither of logs nor of pipes.
    run.after(Duration::from_millis(250));
    run.is(OUT, ProviderEvent::Settled { lines: 0, bytes: 0 });
    run.after(Duration::from_secs(1));
    assert!(run.states.is_done(), "{:?}", run.states);
}

#[test]
fn a_closed_terminal_is_no_first_signal() {
    let mut run = plain();
    run.step(Event::Stop(StopSignal::TerminalClosed));
    assert!(run.step(Event::Stop(StopSignal::Interrupt)).is_empty());
    assert_eq!(run.states.stopped_by(), Some(StopSignal::Interrupt));
    assert!(run.step(Event::Stop(StopSignal::TerminalClosed)).is_empty());
}

#[test]
fn an_exit_is_evaluated_when_the_log_has_been_read() {
    let mut run = plain();
    let exit = ProviderExit::Code(3);
    assert!(run.is(Id::Input, ProviderEvent::Exited { exit, complete: false }).is_empty());
    let actions = run.is(Id::Input, ProviderEvent::LogEnded);
    assert_eq!(actions[..2], ["Report", "FailTask"]);
    assert_eq!(run.states.input.exit_step(), Some(ExitStep::Closing));
}

#[test]
fn a_log_that_something_holds_is_not_waited_for() {
    let mut run = plain();
    let exit = ProviderExit::Code(3);
    run.is(Id::Input, ProviderEvent::Exited { exit, complete: false });
    assert_eq!(run.after(Duration::from_millis(250))[..2], ["Report", "FailTask"]);
}

#[test]
fn an_output_that_leaves_early_has_failed_whatever_its_exit_status() {
    let mut run = plain();
    let actions = run.exits(OUT, 0);
    assert_eq!(actions[..4], ["Detach", "Settle", "Report", "FailTask"]);
    assert!(actions.contains(&"Reap".to_owned()));
}

#[test]
fn an_output_that_has_everything_and_left_some_unread_has_failed() {
    let mut run = plain();
    run.relay(RelayEvent::InputEnd(InputEnd::Ended));
    let exit = ProviderExit::Code(0);
    run.is(OUT, ProviderEvent::LogEnded);
    // The relay had written everything, which is known a moment later.
    assert!(run.is(OUT, ProviderEvent::Exited { exit, complete: true }).is_empty());
    assert!(
        run.relay(RelayEvent::OutputEnd(0, OutputEnd::Complete)).contains(&"Settle".to_owned())
    );
    let actions = run.is(OUT, ProviderEvent::Settled { lines: 1, bytes: 100 });
    assert_eq!(actions[..2], ["Report", "FailTask"]);
}

#[test]
fn a_broken_pipe_is_a_failure_if_the_output_stays() {
    let mut run = plain();
    run.relay(RelayEvent::OutputEnd(0, OutputEnd::Broken(broken())));
    let actions = run.after(Duration::from_millis(400));
    assert_eq!(actions[..2], ["Report", "FailTask"]);
}

#[test]
fn a_write_that_fails_otherwise_is_a_failure_at_once() {
    let mut run = plain();
    let error = io::Error::other("a disk");
    let actions = run.relay(RelayEvent::OutputEnd(0, OutputEnd::Broken(error)));
    assert_eq!(actions[..2], ["Report", "FailTask"]);
}

#[test]
fn what_is_wrong_with_a_line_ends_the_task_and_excuses_the_input() {
    let mut run = plain();
    let kind = FailureKind::InvalidLine { line_number: 1, offset_bytes: 0, reason: "bad".into() };
    let actions = run.relay(RelayEvent::InputEnd(InputEnd::Failed(kind)));
    assert_eq!(actions[..3], ["EndCheckpoints", "Report", "FailTask"]);
    assert!(!run.exits(Id::Input, 141).contains(&"Report".to_owned()));
}

#[test]
fn a_group_that_holds_the_pipe_of_an_input_is_killed_and_what_escaped_is_left_behind() {
    let mut run = plain();
    assert_eq!(run.exits(Id::Input, 0), ["Ended", "EndSource"]);
    let second = Duration::from_secs(1);
    assert_eq!(run.after(second), ["CheckPipe"]);
    // A slow output is all there is to it.
    assert!(run.is(Id::Input, ProviderEvent::PipeChecked { held: false }).is_empty());
    assert_eq!(run.after(second), ["CheckPipe"]);
    assert_eq!(run.is(Id::Input, ProviderEvent::PipeChecked { held: true }), ["Kill", "PipeHeld"]);
    assert_eq!(run.after(second), ["CheckPipe"]);
    let actions = run.is(Id::Input, ProviderEvent::PipeChecked { held: true });
    assert_eq!(actions, ["PipeHeld", "CancelSource"]);
    // That is said once.
    assert!(run.after(second).is_empty());
    let actions = run.relay(RelayEvent::InputEnd(InputEnd::Cut));
    assert!(actions.contains(&"Reap".to_owned()));
}

#[test]
fn what_holds_the_pipe_of_an_input_that_never_spoke_is_left_behind() {
    let mut run = Run::new(rules("in"), &[rules("out")]);
    run.says_ready(OUT);
    run.is(Id::Input, ProviderEvent::CommandTaken);
    run.is(Id::Input, ProviderEvent::Exited { exit: ProviderExit::Code(3), complete: false });
    run.is(Id::Input, ProviderEvent::LogEnded);
    assert_eq!(run.after(Duration::from_millis(250))[..2], ["Report", "FailTask"]);
    for _ in 0..2 {
        assert!(run.after(Duration::from_secs(1)).contains(&"CheckPipe".to_owned()));
        run.is(Id::Input, ProviderEvent::PipeChecked { held: true });
    }
    assert!(matches!(run.state(Id::Input), State::Gone(_)));
    assert_eq!(run.states.stream, Stream::Never);
}

#[test]
fn the_stdin_of_a_dead_output_that_something_holds_is_read_in_its_place() {
    let mut run = plain();
    run.exits(OUT, 3);
    assert!(run.after(Duration::from_millis(500)).contains(&"Drain".to_owned()));
    assert!(run.after(Duration::from_millis(5)).contains(&"Drain".to_owned()));
    // When the relay has left it, what it held is counted once more.
    let actions = run.relay(RelayEvent::OutputEnd(0, OutputEnd::Broken(broken())));
    assert!(actions.contains(&"Settle".to_owned()));
    run.is(OUT, ProviderEvent::Settled { lines: 2, bytes: 20 });
    run.is(OUT, ProviderEvent::Printed);
    assert!(matches!(run.state(OUT), State::Gone(_)));
}

#[test]
fn a_terminal_that_takes_nothing_does_not_hold_up_a_stop() {
    let mut run = plain();
    run.step(Event::Stop(StopSignal::Terminate));
    run.relay(RelayEvent::InputEnd(InputEnd::Ended));
    run.relay(RelayEvent::OutputEnd(0, OutputEnd::Complete));
    run.exits(Id::Input, 0);
    run.exits(OUT, 0);
    // What it has printed is still being shown: that has its time.
    assert!(run.after(Duration::from_millis(500)).contains(&"CheckPipe".to_owned()));
    run.is(OUT, ProviderEvent::PipeChecked { held: false });
    assert!(!run.states.is_done());
    run.after(GRACE);
    run.is(OUT, ProviderEvent::PipeChecked { held: false });
    assert!(run.states.is_done());
    assert!(run.states.outputs[0].stop().is_forced());
}

#[test]
fn a_failed_output_is_replaced_where_its_policy_says_so() {
    let mut run = streaming(rules("in"), restarted(rules("out")));
    let exit = ProviderExit::Code(4);
    assert_eq!(run.is(OUT, ProviderEvent::Exited { exit, complete: false }), ["Detach"]);
    assert_eq!(run.is(OUT, ProviderEvent::LogEnded), ["Settle"]);
    let unread = ProviderEvent::Settled { lines: 2, bytes: 20 };
    assert_eq!(run.is(OUT, unread), ["Report", "Detach", "Reap"]);
    assert_eq!(run.relay(RelayEvent::SinkBroken(0, broken())), ["Settle"]);
    run.is(OUT, ProviderEvent::Settled { lines: 0, bytes: 0 });
    assert_eq!(run.is(OUT, ProviderEvent::Printed), ["LinesLost", "Restarting"]);
    assert!(matches!(run.state(OUT), State::AwaitingRestart));
    assert_eq!(run.after(Duration::from_secs(1)), ["Spawn"]);
    assert_eq!(run.is(OUT, ProviderEvent::Spawned), ["Handshake"]);
    assert_eq!(run.says_ready(OUT), ["Ready", "GiveSink"]);
    assert!(matches!(run.work(OUT), Work::Streaming));
    assert!(!run.states.is_stopping());
}

#[test]
fn the_stream_is_not_over_while_an_output_is_being_started_again() {
    let mut run = streaming(rules("in"), restarted(rules("out")));
    run.exits(OUT, 4);
    run.relay(RelayEvent::SinkBroken(0, broken()));
    run.is(OUT, ProviderEvent::Settled { lines: 2, bytes: 20 });
    run.is(OUT, ProviderEvent::Printed);
    // The next process may get lines, and those that are lost are counted when it is there.
    assert_eq!(run.relay(RelayEvent::InputEnd(InputEnd::Ended)), ["EndCheckpoints"]);
    run.after(Duration::from_secs(1));
    run.is(OUT, ProviderEvent::Spawned);
    run.says_ready(OUT);
    assert_eq!(run.relay(RelayEvent::OutputEnd(0, OutputEnd::Complete)), ["CloseStats"]);
}

#[test]
fn what_the_process_before_says_means_nothing() {
    let mut run = streaming(rules("in"), restarted(rules("out")));
    run.exits(OUT, 4);
    run.relay(RelayEvent::SinkBroken(0, broken()));
    run.is(OUT, ProviderEvent::Settled { lines: 0, bytes: 0 });
    run.is(OUT, ProviderEvent::Printed);
    run.after(Duration::from_secs(1));
    run.is(OUT, ProviderEvent::Spawned);
    let exit = ProviderExit::Code(9);
    let event = ProviderEvent::Exited { exit, complete: false };
    assert!(run.step(Event::Provider { id: OUT, process: 0, event }).is_empty());
    assert!(run.states.outputs[0].running().is_some());
}

#[test]
fn a_process_that_cannot_be_started_again_is_one_more_attempt() {
    let mut run = streaming(rules("in"), restarted(rules("out")));
    run.exits(OUT, 4);
    run.relay(RelayEvent::SinkBroken(0, broken()));
    run.is(OUT, ProviderEvent::Settled { lines: 0, bytes: 0 });
    run.is(OUT, ProviderEvent::Printed);
    run.after(Duration::from_secs(1));
    let busy = || FailureKind::NotStarted {
        program: "out".into(),
        source: io::ErrorKind::ExecutableFileBusy.into(),
    };
    assert_eq!(run.is(OUT, ProviderEvent::NotSpawned(busy())), ["Report", "Restarting"]);
    assert_eq!(run.after(Duration::from_secs(2)), ["Spawn"]);
    let actions = run.is(OUT, ProviderEvent::NotSpawned(busy()));
    assert_eq!(actions[..3], ["Report", "GaveUp", "FailTask"]);
    assert!(matches!(run.state(OUT), State::Gone(_)));
}

#[test]
fn the_first_process_that_cannot_be_started_ends_the_task() {
    let now = Instant::now();
    let rules_of_run = RunRules { keeps_checkpoints: false, stats_every: None };
    let states = TaskStates::new(rules_of_run, rules("in"), [restarted(rules("out"))], 1, now);
    let mut run = Run { states, now };
    run.step(Event::Begin);
    let source = io::ErrorKind::NotFound.into();
    let kind = FailureKind::NotStarted { program: "out".into(), source };
    assert!(run.is(OUT, ProviderEvent::NotSpawned(kind)).contains(&"FailTask".to_owned()));
    assert!(run.states.is_done());
}

#[test]
fn an_input_that_comes_back_goes_on_in_the_same_stream() {
    let mut run = streaming(restarted(rules("in")), rules("out"));
    assert!(run.relay(RelayEvent::SourceEnded).is_empty());
    let actions = run.exits(Id::Input, 5);
    assert_eq!(actions, ["Report", "Reap", "Restarting"]);
    assert_eq!(run.after(Duration::from_secs(1)), ["Spawn"]);
    assert_eq!(run.is(Id::Input, ProviderEvent::Spawned), ["Handshake"]);
    assert_eq!(run.says_ready(Id::Input), ["Ready", "GiveSource"]);
}

#[test]
fn an_input_of_policy_always_begins_again_after_its_end() {
    let mut input = restarted(rules("in"));
    input.restart.policy = RestartPolicy::Always;
    let mut run = streaming(input, rules("out"));
    run.relay(RelayEvent::SourceEnded);
    assert_eq!(run.exits(Id::Input, 0), ["Ended", "Reap", "Restarting"]);
}

#[test]
fn the_end_of_the_task_ends_restarts_and_their_failures_count() {
    let mut run = streaming(restarted(rules("in")), rules("out"));
    run.relay(RelayEvent::SourceEnded);
    run.exits(Id::Input, 5);
    let actions = run.step(Event::Stop(StopSignal::Terminate));
    assert!(actions.contains(&"FailTask".to_owned()) && actions.contains(&"EndSource".to_owned()));
    assert!(matches!(run.state(Id::Input), State::Gone(_)));
}

#[test]
fn a_stalled_output_sees_the_end_of_its_stdin_at_once() {
    let stall_timeout = Some(Duration::from_secs(4));
    let output = Rules { stall_timeout, ..restarted(rules("out")) };
    let mut run = streaming(rules("in"), output);
    let still = || ProviderEvent::Looked { moved: Moved::default(), has_work: true };
    let mut actions = Vec::new();
    for _ in 0..5 {
        assert_eq!(run.after(Duration::from_secs(1)), ["Look"]);
        actions = run.is(OUT, still());
    }
    assert_eq!(actions, ["Report", "Terminate", "Detach"]);
}

#[test]
fn a_stalled_output_without_restarts_is_named_once() {
    let stall_timeout = Some(Duration::from_secs(4));
    let mut run = streaming(rules("in"), Rules { stall_timeout, ..rules("out") });
    let mut said = Vec::new();
    for _ in 0..12 {
        run.after(Duration::from_secs(1));
        let moved = Moved::default();
        said.extend(run.is(OUT, ProviderEvent::Looked { moved, has_work: true }));
    }
    assert_eq!(said, ["Stalled"]);
}

#[test]
fn an_output_that_moves_or_has_nothing_to_do_does_not_stall() {
    let stall_timeout = Some(Duration::from_secs(4));
    let mut run = streaming(rules("in"), Rules { stall_timeout, ..rules("out") });
    for second in 0..12 {
        run.after(Duration::from_secs(1));
        let moved = Moved { bytes: second / 3, printed: 0 };
        let has_work = second < 6;
        assert!(run.is(OUT, ProviderEvent::Looked { moved, has_work }).is_empty());
    }
}

#[test]
fn an_input_waits_for_an_output_that_is_being_started_again() {
    let mut run = Run::new(rules("in"), &[restarted(rules("out"))]);
    run.says_ready(OUT);
    run.exits(OUT, 3);
    run.is(OUT, ProviderEvent::Printed);
    assert!(matches!(run.state(OUT), State::AwaitingRestart));
    assert_eq!(run.says_ready(Id::Input), ["Ready"]);
    assert_eq!(run.states.input.process().map(|it| it.lines), Some(LinePipe::Waiting));
    run.after(Duration::from_secs(1));
    run.is(OUT, ProviderEvent::Spawned);
    assert_eq!(run.says_ready(OUT), ["Ready", "StartRelay"]);
}

#[test]
fn a_stop_before_the_stream_closes_everything() {
    let mut run = Run::new(rules("in"), &[rules("out")]);
    let actions = run.step(Event::Stop(StopSignal::Interrupt));
    assert_eq!(actions, ["Stopping", "Terminate", "Close", "EndCheckpoints"]);
    // The output has not read its command yet; then its stdin is closed, too.
    assert_eq!(run.is(OUT, ProviderEvent::CommandTaken), ["Close"]);
}

#[test]
fn a_relay_that_cannot_be_started_ends_the_task() {
    let mut run = plain();
    let error = io::ErrorKind::WouldBlock.into();
    let actions = run.relay(RelayEvent::NotStarted(error));
    assert_eq!(actions[..2], ["Report", "FailTask"]);
    assert_eq!(run.states.stream, Stream::Never);
}

#[test]
fn a_run_waits_until_the_last_checkpoint_is_stored() {
    let rules_of_run = RunRules { keeps_checkpoints: true, stats_every: None };
    let mut run = Run::with(rules_of_run, rules("in"), &[rules("out")]);
    let ready = || FirstLine::Line {
        greeting: Greeting::Ready { checkpoints: true, rejects: false },
        line: String::new(),
    };
    for id in [OUT, Id::Input] {
        run.is(id, ProviderEvent::CommandTaken);
        run.is(id, ProviderEvent::FirstLine(ready()));
    }
    run.relay(RelayEvent::InputEnd(InputEnd::Ended));
    run.relay(RelayEvent::OutputEnd(0, OutputEnd::Complete));
    // It may still be notified that its lines have arrived.
    assert!(!run.after(GRACE).contains(&"Terminate".to_owned()));
    run.exits(Id::Input, 0);
    run.exits(OUT, 0);
    run.is(OUT, ProviderEvent::Printed);
    assert!(!run.states.is_done());
    run.step(Event::CheckpointsEnded(Ok(())));
    assert!(run.states.is_done());
}

#[test]
fn each_provider_that_is_still_running_is_named_now_and_then() {
    let mut run = plain();
    run.step(Event::Stop(StopSignal::Terminate));
    let actions = run.after(Duration::from_secs(5));
    assert_eq!(actions, ["StillRunning"]);
}
