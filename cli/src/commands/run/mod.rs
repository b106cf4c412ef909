//! `dstream run TASK…`: from the file to the exit status.

mod many;
mod one;
pub(super) mod summary;

use std::io;
use std::process::ExitCode;

use crossbeam_channel::never;
use dstream_prepare::LockPolicy;

use self::one::{Outcome, TaskRun};
use super::context::Host;
use crate::arguments::{Global, Run};
use crate::failures::Problem;
use crate::signals::Stops;
use crate::stats::View;
use crate::{configuration, exit, logging, registry};

pub(super) fn run(global: &Global, arguments: &Run) -> ExitCode {
    let names = (!arguments.all).then_some(arguments.tasks.as_slice());
    let Ok((mut tasks, settings)) = configuration::tasks(global, names) else {
        return ExitCode::from(exit::USAGE);
    };
    // Before signals are taken over: a download that is interrupted ends at once, and what has come
    // is kept.
    let policy = if arguments.locked { LockPolicy::Required } else { LockPolicy::Optional };
    let provided = match registry::provide(global, &settings, &tasks, policy) {
        Ok(provided) => provided,
        Err(status) => return ExitCode::from(status),
    };
    if let Some(transport) = arguments.transport {
        tasks.iter_mut().for_each(|task| task.stream.transport = transport.into());
    }
    let prepare = || -> io::Result<_> {
        let stats = View::of(global, arguments);
        let state = configuration::state_store(global, &settings);
        let prepared = (Host::new(global, stats, provided, state)?, Stops::listen(tasks.len())?);
        logging::detach(stats == Some(View::Live))?;
        Ok(prepared)
    };
    let (host, (stops, receivers)) = match prepare() {
        Ok(prepared) => prepared,
        Err(error) => {
            Problem::new("cannot prepare the run").cause(error.to_string()).print();
            return ExitCode::from(exit::FAILED);
        }
    };
    let mut receivers = receivers.into_iter();
    let runs: Vec<_> = tasks
        .iter()
        .enumerate()
        .map(|(index, task)| TaskRun {
            task,
            index,
            several: tasks.len() > 1,
            fail_fast: arguments.fail_fast,
            host: &host,
            stops: &stops,
            stop: receivers.next().unwrap_or_else(never),
        })
        .collect();
    let status = match runs.as_slice() {
        [only] => {
            let outcome = many::isolated(|| only.run()).unwrap_or_else(|problem| {
                only.broken(problem);
                Outcome::Failed
            });
            outcome.status()
        }
        _ => many::run(&runs, &host, &stops),
    };
    logging::flush(&stops);
    ExitCode::from(status)
}
