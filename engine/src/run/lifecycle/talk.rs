//! Waiting for an output to carry out its command: signals, a command that is not read, silence.

use std::time::Instant;

use crossbeam_channel::{Receiver, never};

use crate::limits::{LAST_WORDS_WAIT, SLOW_END_REPORT_EVERY};
use crate::provider::{ProviderExit, ProviderProcess};
use crate::run::notice::Notice;
use crate::run::timers::Timers;
use crate::run::{RunContext, StopSignal};
use dstream_task::ProviderBlock;

/// Something the output has done; each comes at most once.
pub(super) enum Event {
    /// It has taken its command, or never will.
    Commanded,
    /// All of its stdout; none if that was too long.
    Printed(Option<Vec<u8>>),
    LogEnded,
    Exited(ProviderExit),
}

/// How many events there can be.
pub(super) const EVENTS_MAX: usize = 4;

/// What a provider printed: none if it was too long, empty if it could not be waited for.
pub(super) type Printed = Option<Vec<u8>>;

/// How it came to its end.
pub(super) struct TalkEnd {
    pub(super) exit: ProviderExit,
    pub(super) printed: Printed,
    /// The first signal, if one came.
    pub(super) stopped: Option<StopSignal>,
    /// It did not read its command in time.
    pub(super) deaf: bool,
}

#[derive(PartialEq)]
enum Timer {
    /// The command should have been taken.
    Startup,
    /// Say who is still at work.
    Report,
    /// A grace is over.
    Kill,
    /// Last words are not waited for any longer.
    LastWords,
}

pub(super) struct Talk<'a> {
    block: &'a ProviderBlock,
    process: &'a ProviderProcess,
    context: &'a RunContext,
    timers: Timers<Timer>,
    commanded: bool,
    deaf: bool,
    printed: Option<Printed>,
    log_ended: bool,
    exit: Option<ProviderExit>,
    waited: bool,
    stopped: Option<StopSignal>,
}

impl<'a> Talk<'a> {
    pub(super) fn new(
        block: &'a ProviderBlock,
        process: &'a ProviderProcess,
        context: &'a RunContext,
    ) -> Self {
        let mut timers = Timers::default();
        timers.set(process.started() + block.startup_timeout, Timer::Startup);
        timers.set(process.started() + SLOW_END_REPORT_EVERY, Timer::Report);
        Self {
            block,
            process,
            context,
            timers,
            commanded: false,
            deaf: false,
            printed: None,
            log_ended: false,
            exit: None,
            waited: false,
            stopped: None,
        }
    }

    /// Waits for the process to end and for all it had to say, and passes a stop on to it.
    pub(super) fn wait(mut self, inbox: &Receiver<Event>) -> TalkEnd {
        let mut stop = self.context.stop.clone();
        loop {
            if let Some(exit) = self.exit
                && (self.waited || (self.log_ended && self.printed.is_some()))
            {
                let printed = self.printed.unwrap_or(Some(Vec::new()));
                return TalkEnd { exit, printed, stopped: self.stopped, deaf: self.deaf };
            }
            crossbeam_channel::select! {
                recv(inbox) -> event => match event {
                    Ok(event) => self.on_event(event),
                    Err(_) => self.waited = true,
                },
                recv(stop) -> signal => match signal {
                    Ok(signal) => self.on_stop(signal),
                    Err(_) => stop = never(),
                },
                recv(self.timers.next()) -> _ => self.on_timer(),
            }
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Commanded => self.commanded = true,
            Event::Printed(bytes) => {
                if bytes.is_none() {
                    self.terminate(); // it will not be listened to any longer
                }
                self.printed = Some(bytes);
            }
            Event::LogEnded => self.log_ended = true,
            Event::Exited(status) => {
                self.process.kill(); // what it left behind must not keep the answer open
                self.exit = Some(status);
                self.timers.set(Instant::now() + LAST_WORDS_WAIT, Timer::LastWords);
            }
        }
    }

    fn on_stop(&mut self, signal: StopSignal) {
        if self.stopped.is_some() {
            self.tell(&Notice::Stopping { reason: "asked a second time: ending at once" });
            return self.process.kill();
        }
        self.stopped = Some(signal);
        self.tell(&Notice::Stopping { reason: signal.reason() });
        self.terminate();
    }

    fn on_timer(&mut self) {
        let now = Instant::now();
        let (side, provider) = (self.block.side, self.block.name.as_str());
        let running = self.exit.is_none();
        match self.timers.take_due(now) {
            Some(Timer::Startup) if running && !self.commanded => {
                self.deaf = true;
                self.terminate();
            }
            Some(Timer::Kill) if running => {
                self.process.kill();
                let grace = Some(self.block.shutdown_timeout);
                self.tell(&Notice::Killed { side, provider, grace });
            }
            Some(Timer::Report) if running => {
                match self.timers.due(&Timer::Kill) {
                    Some(due) => {
                        let left = Some(due.saturating_duration_since(now));
                        self.tell(&Notice::StillRunning { side, provider, left });
                    }
                    None => {
                        let after = self.process.started().elapsed();
                        self.tell(&Notice::StillAtWork { provider, after });
                    }
                }
                self.timers.set(now + SLOW_END_REPORT_EVERY, Timer::Report);
            }
            Some(Timer::LastWords) => self.waited = true,
            _ => {}
        }
    }

    fn terminate(&mut self) {
        self.process.terminate();
        self.timers.set(Instant::now() + self.block.shutdown_timeout, Timer::Kill);
    }

    fn tell(&self, notice: &Notice<'_>) {
        self.context.observer.notice(notice);
    }
}
