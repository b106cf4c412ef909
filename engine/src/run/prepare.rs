//! What has to be there before a provider is started: its executable, its confinement, the watchdog.

use std::ffi::OsString;
use std::sync::Arc;

use super::RunContext;
use super::failure::FailureKind;
use super::notice::Notice;
use crate::delivery::TaskState;
use crate::provider::{Confines, Guard, Launch};
use crate::resolve::ResolvedProvider;
use dstream_protocol::environment;
use dstream_task::{ProviderBlock, Task};

/// What a block's process is started from, found and checked before anything is started.
pub(super) struct Prepared {
    pub(super) provider: ResolvedProvider,
    confines: Arc<Confines>,
}

/// Finds the executable and makes its confinement ready.
pub(super) fn prepare(
    block: &ProviderBlock,
    context: &RunContext,
) -> Result<Prepared, FailureKind> {
    let provider =
        context.sources.resolve(block.side, &block.provider).map_err(FailureKind::NotFound)?;
    let confines =
        Confines::new(&block.confinement, &provider).map_err(FailureKind::NotConfined)?;
    if let Some(limit) = confines.without_effect() {
        let (side, provider) = (block.side, block.name.as_str());
        context.observer.notice(&Notice::Unlimited { side, provider, limit });
    }
    Ok(Prepared { provider, confines: Arc::new(confines) })
}

/// How a block's process is started.
pub(super) fn launch<'a>(
    block: &'a ProviderBlock,
    prepared: &'a Prepared,
    context: &RunContext,
    task: &Task,
) -> Launch<'a> {
    let name = (OsString::from(environment::TASK), OsString::from(&task.name));
    let own = block.env.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let env = context.env.iter().cloned().chain([name]).chain(own).collect();
    Launch {
        name: &block.name,
        provider: &prepared.provider,
        confines: Arc::clone(&prepared.confines),
        env,
        secrets: task.secrets.clone(),
    }
}

/// Starts the guard, if there is one, which holds the task's state with this process; that it cannot
/// be started is reported. `ended` is called when it ends.
pub(super) fn start_guard(
    context: &RunContext,
    state: Option<&TaskState>,
    ended: impl FnOnce() + Send + 'static,
) -> Option<Guard> {
    let program = context.guard.as_ref()?;
    let report = |error: std::io::Error| {
        context.observer.notice(&Notice::NoGuard { reason: &error.to_string() });
    };
    let lock = state.map(TaskState::share_lock).transpose();
    lock.and_then(|lock| Guard::start(program, lock, ended)).map_err(report).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::provider::Terminal;
    use crate::resolve::ProviderSources;
    use crate::run::Observer;

    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);

    impl Observer for Told {
        fn notice(&self, notice: &Notice<'_>) {
            self.0.lock().unwrap().push(format!("{notice:?}"));
        }
    }

    #[test]
    fn a_guard_that_cannot_be_started_is_told() {
        let nothing = ResolvedProvider { program: "/no/such/program".into(), args: Vec::new() };
        let reported = Arc::new(Told::default());
        let context = RunContext {
            state: crate::delivery::StateStore::new("unused"),
            stats_every: None,
            sources: ProviderSources {
                builtin: nothing.clone(),
                search_path: OsString::new(),
                fetched: Default::default(),
            },
            guard: Some(nothing),
            env: Vec::new(),
            terminal: Terminal::new(std::io::sink()),
            stop: crossbeam_channel::never(),
            observer: Arc::clone(&reported) as Arc<dyn Observer>,
        };
        assert!(start_guard(&context, None, || {}).is_none());
        let reported = reported.0.lock().unwrap();
        assert!(reported.len() == 1 && reported[0].starts_with("NoGuard"), "{reported:?}");
    }
}
