//! `restart`: a task that has failed goes on from its last checkpoint, if its providers' policies say
//! so.
//!
//! A run is an attempt. All of its providers are started anew: what an output has not acknowledged
//! has to come again, and only the input can send it again. Without checkpoints that would lose lines:
//! then a provider is started again alone, within the run (`run::dispatcher::restarting`).

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::RecvTimeoutError;

use super::failure::{Failure, FailureKind};
use super::notice::Notice;
use super::report::RunReport;
use super::{RunContext, run_task};
use crate::limits::{RESTART_ATTEMPTS, RESTART_BACKOFF_MAX, RESTART_BACKOFF_MIN, RESTART_WINDOW};
use crate::protocol::ErrorClass;
use dstream_task::{Delivery, ProviderBlock, Restart, RestartPolicy, Task};

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
    let mut attempts = Attempts::default();
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
        let Some(block) = block_to_restart(task, report.failure.as_ref()) else { return report };
        let Some(pause) = attempts.next(&block.restart, Instant::now()) else {
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
fn block_to_restart<'t>(task: &'t Task, failure: Option<&Failure>) -> Option<&'t ProviderBlock> {
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
            (wanted && may_pass(&failure.kind)).then_some(block)
        }
    }
}

/// Whether the same may go well another time.
pub(super) fn may_pass(kind: &FailureKind) -> bool {
    match kind {
        FailureKind::ReportedError { class, .. } => {
            !matches!(class, Some(ErrorClass::Config | ErrorClass::Permanent))
        }
        FailureKind::EndedBeforeReady { .. }
        | FailureKind::NotCommanded(_)
        | FailureKind::NotReady(_)
        | FailureKind::ClosedBeforeReady
        | FailureKind::Exited(_)
        | FailureKind::EndedEarly(_)
        | FailureKind::LeftUnread { .. }
        | FailureKind::ClosedStdin
        | FailureKind::Stalled(_)
        | FailureKind::NotWritten(_)
        | FailureKind::NotRead(_)
        | FailureKind::NoThread(_) => true,
        _ => false,
    }
}

/// How often a task was started again.
#[derive(Default)]
pub(super) struct Attempts {
    /// When, as far as it still counts.
    recent: VecDeque<Instant>,
    total: u32,
}

impl Attempts {
    /// How long to wait before the next one; `None` if there were too many in the policy's window.
    pub(super) fn next(&mut self, restart: &Restart, now: Instant) -> Option<Duration> {
        let window = restart.window.unwrap_or(RESTART_WINDOW);
        while self.recent.front().is_some_and(|at| now.duration_since(*at) > window) {
            self.recent.pop_front();
        }
        let most = restart.attempts_max.unwrap_or(RESTART_ATTEMPTS);
        if most != 0 && self.recent.len() >= most as usize {
            return None;
        }
        let min = restart.backoff_min.unwrap_or(RESTART_BACKOFF_MIN);
        let max = restart.backoff_max.unwrap_or(RESTART_BACKOFF_MAX).max(min);
        let doubled = 2u32.saturating_pow(u32::try_from(self.recent.len()).unwrap_or(u32::MAX));
        let pause = min.saturating_mul(doubled).min(max);
        // Without a limit only so many need be known as make the pause as long as it gets.
        if self.recent.len() < RECENT_MAX || most != 0 {
            self.recent.push_back(now);
        }
        self.total = self.total.saturating_add(1);
        // Those that failed together do not come back together.
        Some(pause.mul_f64(0.75 + fastrand::f64() / 4.0))
    }
}

/// Attempts that are known of where there is no limit.
const RECENT_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_longest_and_attempts_are_counted_in_a_window() {
        let restart = Restart {
            policy: RestartPolicy::OnFailure,
            attempts_max: Some(4),
            backoff_min: Some(Duration::from_secs(1)),
            backoff_max: Some(Duration::from_secs(5)),
            window: Some(Duration::from_secs(60)),
        };
        let mut attempts = Attempts::default();
        let start = Instant::now();
        for longest in [1, 2, 4, 5] {
            let pause = attempts.next(&restart, start).unwrap();
            let longest = Duration::from_secs(longest);
            assert!(pause <= longest && pause >= longest.mul_f64(0.75), "{pause:?} {longest:?}");
        }
        assert_eq!(attempts.next(&restart, start), None);
        // After a quiet time it is as if nothing had been.
        let later = start + Duration::from_secs(61);
        assert!(attempts.next(&restart, later).unwrap() <= Duration::from_secs(1));
        assert_eq!(attempts.total, 5);

        let endless = Restart { attempts_max: Some(0), ..restart };
        let mut attempts = Attempts::default();
        for _ in 0..1000 {
            assert!(attempts.next(&endless, start).unwrap() <= Duration::from_secs(5));
        }
        assert!(attempts.recent.len() <= RECENT_MAX);
    }

    #[test]
    fn what_will_not_change_is_not_tried_again() {
        let reported = |class| FailureKind::ReportedError { class, message: String::new() };
        assert!(may_pass(&reported(None)) && may_pass(&reported(Some(ErrorClass::Transient))));
        assert!(!may_pass(&reported(Some(ErrorClass::Config))));
        assert!(!may_pass(&reported(Some(ErrorClass::Permanent))));
        assert!(!may_pass(&FailureKind::NoCheckpoints));
        assert!(may_pass(&FailureKind::ClosedStdin));
    }
}
