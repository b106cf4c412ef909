//! Several tasks side by side, each in a thread of its own: what becomes of one is not the others'
//! concern, unless `--fail-fast` makes it so.

use std::panic::{self, AssertUnwindSafe};
use std::thread;

use super::super::context::Host;
use super::one::{Outcome, TaskRun};
use super::summary;
use crate::exit;
use crate::failures::Problem;
use crate::signals::Stops;

/// Runs them all to their ends; the exit status is that of the worst.
pub(super) fn run(runs: &[TaskRun<'_>], host: &Host, stops: &Stops) -> u8 {
    let outcomes = side_by_side(runs, TaskRun::run, |run, problem| {
        run.broken(problem);
        if run.fail_fast {
            stops.sibling_failed(run.index);
        }
    });
    let names = runs.iter().map(|run| run.task.name.as_str());
    let outcomes: Vec<_> = names.zip(outcomes).collect();
    summary::conclude_all(&outcomes, host, stops);
    exit::worst(outcomes.iter().map(|(_, outcome)| outcome.status()))
}

/// Gives each a thread, which ends only with what it runs: the kernel ends providers with the
/// thread that has started them. A thread that cannot be started or panics is a failure of its own
/// task alone, reported to `broken` when it happens.
fn side_by_side<T: Sync>(
    runs: &[T],
    run: impl Fn(&T) -> Outcome + Sync,
    broken: impl Fn(&T, Problem) + Sync,
) -> Vec<Outcome> {
    let (run, broken) = (&run, &broken);
    thread::scope(|scope| {
        let start = |one| {
            let guarded = move || {
                isolated(|| run(one)).unwrap_or_else(|problem| {
                    broken(one, problem);
                    Outcome::Failed
                })
            };
            let thread = thread::Builder::new().name("task".to_owned());
            thread.spawn_scoped(scope, guarded).map_err(|error| {
                let problem = Problem::new("no thread can be started").cause(error.to_string());
                broken(one, problem);
            })
        };
        let threads: Vec<_> = runs.iter().map(start).collect();
        let outcome = |thread: Result<thread::ScopedJoinHandle<'_, Outcome>, ()>| {
            thread.ok().and_then(|thread| thread.join().ok()).unwrap_or(Outcome::Failed)
        };
        threads.into_iter().map(outcome).collect()
    })
}

/// Makes a panic a problem; the panic itself has been reported.
pub(super) fn isolated(run: impl FnOnce() -> Outcome) -> Result<Outcome, Problem> {
    // Nothing that was being changed meanwhile is looked at again.
    panic::catch_unwind(AssertUnwindSafe(run)).map_err(|_| {
        Problem::new("DStream has crashed").hint("this is a bug in DStream: please report it")
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_panic_is_a_failure_of_its_own_task_alone() {
        let reported = Mutex::new(Vec::new());
        let run = |number: &i32| {
            assert_ne!(*number, 2, "on purpose");
            Outcome::Succeeded
        };
        let broken = |number: &i32, problem: Problem| {
            reported.lock().unwrap().push((*number, problem.message));
        };
        let outcomes = side_by_side(&[1, 2, 3], run, broken);
        assert_eq!(outcomes, [Outcome::Succeeded, Outcome::Failed, Outcome::Succeeded]);
        assert_eq!(reported.into_inner().unwrap(), [(2, "DStream has crashed".to_owned())]);
    }
}
