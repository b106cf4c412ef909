//! `restart`: a task that has failed goes on from its last checkpoint, if its providers' policies say
//! so.
//!
//! A run is an attempt. All of its providers are started again: what an output has not acknowledged
//! has to come again, and only the input can send it again. Without checkpoints that would lose lines:
//! then a provider is started again alone, within the run (`run::states::failures`).

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use crossbeam_channel::RecvTimeoutError;

use super::RunContext;
use super::attempts::{Attempts, may_pass};
use super::failure::{Failure, FailureKind};
use super::notice::Notice;
use super::report::RunReport;
use super::runner::run_task;
use dstream_task::{Delivery, ProviderBlock, RestartPolicy, Task};

/// Runs a task, again after failures for as long as the policy of the provider that failed allows.
/// The report is that of the last attempt, with the counts of all.
pub fn run_supervised(task: &Task, context: &RunContext) -> RunReport {
    if task.stream.delivery != Delivery::AtLeastOnce {
        return run_task(task, context, Ok(None), None);
    }
    // Between two attempts nobody else must go on from where this one was.
    let waiting = || context.observer.notice(&Notice::AwaitingEarlier);
    let state = match context.state.claim(&task.name, waiting) {
        Ok(state) => Arc::new(state),
        Err(error) => return run_task(task, context, Err(error), None),
    };
    let (mut attempts, mut chance) = (Attempts::default(), fastrand::Rng::new());
    let mut earlier: Option<RunReport> = None;
    loop {
        let totals = earlier.as_mut().and_then(|earlier| earlier.totals.take());
        let mut report = run_task(task, context, Ok(Some(Arc::clone(&state))), totals);
        if let Some(earlier) = earlier.take() {
            report.add_earlier(&earlier);
        }
        report.restarts = attempts.total;
        if report.stopped_by.is_some() {
            return report;
        }
        let was_started = attempts.total > 0;
        let failure = report.failure.as_ref();
        let Some(block) = block_to_restart(task, failure, was_started) else { return report };
        let Some(pause) = attempts.next(&block.restart, Instant::now(), &mut chance) else {
            context.observer.notice(&Notice::GaveUp {
                side: block.side,
                provider: &block.name,
                restarts: attempts.total,
                failed: report.failure.is_some(),
            });
            return report;
        };
        context.observer.notice(&Notice::Restarting {
            side: block.side,
            provider: &block.name,
            after: pause,
            restart: attempts.total,
            alone: false,
        });
        match context.stop.recv_timeout(pause) {
            // The attempt has ended already; there will be no other.
            Ok(signal) => {
                report.stopped_by = Some(signal);
                return report;
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Nobody can ask any more.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(pause),
        }
        earlier = Some(report);
    }
}

/// The block whose policy has the task run again; none if it has ended for good.
/// What `was_started` once can be started again.
fn block_to_restart<'t>(
    task: &'t Task,
    failure: Option<&Failure>,
    was_started: bool,
) -> Option<&'t ProviderBlock> {
    let mut blocks = std::iter::once(&task.input).chain(&task.outputs);
    match failure {
        // The end of the stream is the end of its input.
        None => (task.input.restart.policy == RestartPolicy::Always).then_some(&task.input),
        Some(failure) => {
            let is_it = |block: &&ProviderBlock| {
                block.name == failure.provider && block.side == failure.side
            };
            let block = blocks.find(is_it)?;
            let wanted = block.restart.policy != RestartPolicy::Never;
            let is_start = matches!(failure.kind, FailureKind::NotStarted { .. });
            let passes = may_pass(&failure.kind) || (was_started && is_start);
            (wanted && passes).then_some(block)
        }
    }
}
