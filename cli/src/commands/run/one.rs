//! One task, from its first process to its closing line.

use std::sync::Arc;

use crossbeam_channel::Receiver;
use dstream_engine::run::{Notice, Observer, RunReport, StopSignal, run_supervised};
use dstream_task::Task;
use tracing::info;

use super::super::context::Host;
use super::summary;
use crate::exit;
use crate::failures::Problem;
use crate::notices::LogNotices;
use crate::signals::Stops;
use crate::stats::Subject;

/// A task that is to run, and what it runs with.
pub(super) struct TaskRun<'a> {
    pub(super) task: &'a Task,
    /// Its place among the tasks of this process.
    pub(super) index: usize,
    /// Others run beside it.
    pub(super) several: bool,
    /// Its failure stops the others.
    pub(super) fail_fast: bool,
    pub(super) host: &'a Host,
    pub(super) stops: &'a Stops,
    pub(super) stop: Receiver<StopSignal>,
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Succeeded,
    /// In good order; everything that had been read was delivered.
    Stopped(StopSignal),
    Failed,
}

impl Outcome {
    pub(super) fn of(report: &RunReport) -> Self {
        match report.stopped_by {
            _ if report.failure.is_some() || report.lines_left => Self::Failed,
            Some(signal) => Self::Stopped(signal),
            None => Self::Succeeded,
        }
    }

    /// The exit status of a process that ran this task alone.
    pub(super) fn status(self) -> u8 {
        match self {
            Self::Failed => exit::FAILED,
            Self::Stopped(StopSignal::Interrupt) => exit::INTERRUPTED,
            // A sibling's failure has its own status.
            Self::Stopped(
                StopSignal::Terminate
                | StopSignal::Hangup
                | StopSignal::TerminalClosed
                | StopSignal::SiblingFailed,
            )
            | Self::Succeeded => exit::SUCCESS,
        }
    }
}

impl TaskRun<'_> {
    /// Runs the task in this thread, which its providers do not outlive.
    pub(super) fn run(&self) -> Outcome {
        let notices = self.host.notices(self.task, self.several);
        let task = notices.task.clone();
        // A failure that is to be got over is none of the others' business yet.
        let is_restarted = self.task.is_restarted();
        let observer: Arc<dyn Observer> = if self.fail_fast && !is_restarted {
            Arc::new(FailFast { notices, index: self.index, stops: self.stops.clone() })
        } else {
            Arc::new(notices)
        };
        let context = self.host.context(self.stop.clone(), observer);
        let report = run_supervised(self.task, &context);
        if self.fail_fast && is_restarted && report.failure.is_some() {
            self.stops.sibling_failed(self.index);
        }
        if let Some(view) = self.host.stats {
            view.conclude(&Subject::of(self.task), &report);
        }
        if report.failure.is_none() || report.lines > 0 {
            info!(
                task,
                lines = report.lines,
                bytes = report.bytes,
                restarts = report.restarts,
                elapsed_ms = report.elapsed.as_millis() as u64,
                "{}",
                summary::of(&report)
            );
        }
        let outcome = Outcome::of(&report);
        summary::conclude(&self.task.name, &report, outcome, self.host, self.stops);
        outcome
    }

    /// Says that it was not the task that failed but what runs it.
    pub(super) fn broken(&self, problem: Problem) {
        if let Some(view) = self.host.stats {
            view.leave(&self.task.name);
        }
        problem.of_task(self.several.then_some(&self.task.name)).print();
        summary::failed(&self.task.name, self.host.log_format);
    }
}

/// Stops the other tasks as soon as this one has failed.
struct FailFast {
    notices: LogNotices,
    index: usize,
    stops: Stops,
}

impl Observer for FailFast {
    fn notice(&self, notice: &Notice<'_>) {
        self.notices.notice(notice);
        if matches!(notice, Notice::Failed { .. }) {
            self.stops.sibling_failed(self.index);
        }
    }
}
