//! How often, and after which failures, something is started again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::failure::FailureKind;
use crate::limits::{RESTART_ATTEMPTS, RESTART_BACKOFF_MAX, RESTART_BACKOFF_MIN, RESTART_WINDOW};
use crate::protocol::ErrorClass;
use dstream_task::Restart;

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

/// Attempts that are known of where there is no limit.
const RECENT_MAX: usize = 64;

/// How often something was started again.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    /// When, as far as it still counts.
    recent: VecDeque<Instant>,
    pub(super) total: u32,
}

impl Attempts {
    /// How long to wait before the next one; `None` if there were too many in the policy's window.
    /// What failed together does not come back together: `chance` makes pauses differ.
    pub(super) fn next(
        &mut self,
        restart: &Restart,
        now: Instant,
        chance: &mut fastrand::Rng,
    ) -> Option<Duration> {
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
        Some(pause.mul_f64(0.75 + chance.f64() / 4.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dstream_task::RestartPolicy;

    #[test]
    fn pauses_grow_to_their_longest_and_attempts_are_counted_in_a_window() {
        let mut chance = fastrand::Rng::with_seed(1);
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
            let pause = attempts.next(&restart, start, &mut chance).unwrap();
            let longest = Duration::from_secs(longest);
            assert!(pause <= longest && pause >= longest.mul_f64(0.75), "{pause:?} {longest:?}");
        }
        assert_eq!(attempts.next(&restart, start, &mut chance), None);
        // After a quiet time it is as if nothing had been.
        let later = start + Duration::from_secs(61);
        assert!(attempts.next(&restart, later, &mut chance).unwrap() <= Duration::from_secs(1));
        assert_eq!(attempts.total, 5);

        let endless = Restart { attempts_max: Some(0), ..restart };
        let mut attempts = Attempts::default();
        for _ in 0..1000 {
            let pause = attempts.next(&endless, start, &mut chance).unwrap();
            assert!(pause <= Duration::from_secs(5));
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
