//! What a run needs from this process: itself as a program, its signals, its stdout.

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::sync::Arc;

use crossbeam_channel::Receiver;
use dstream_engine::delivery::StateStore;
use dstream_engine::provider::Terminal;
use dstream_engine::resolve::{ProviderSources, ResolvedProvider};
use dstream_engine::run::{Observer, RunContext, StopSignal};
use dstream_task::Task;

use super::internal::{GUARD, PROVIDER};
use crate::arguments::{Global, LogFormat};
use crate::logging::screen::Beside;
use crate::notices::LogNotices;
use crate::registry::Provided;
use crate::stats::{Subject, View};

/// What all tasks of this process have in common.
pub(super) struct Host {
    itself: OsString,
    search_path: OsString,
    provided: Provided,
    state: StateStore,
    log_level: &'static str,
    pub(super) log_format: LogFormat,
    /// One for all tasks, so that their lines do not mix.
    pub(super) terminal: Terminal,
    /// How statistics are shown, if at all.
    pub(super) stats: Option<View>,
}

impl Host {
    /// # Errors
    ///
    /// If this program cannot find itself.
    pub(super) fn new(
        global: &Global,
        stats: Option<View>,
        provided: Provided,
        state: StateStore,
    ) -> io::Result<Self> {
        Ok(Self {
            itself: std::env::current_exe()?.into_os_string(),
            search_path: std::env::var_os("PATH").unwrap_or_default(),
            provided,
            state,
            log_level: global.log_level.as_str(),
            log_format: global.log_format,
            terminal: match stats {
                Some(View::Live) if io::stdout().is_terminal() => Terminal::new(Beside),
                _ => Terminal::new(io::stdout()),
            },
            stats,
        })
    }

    /// The context of one task's run.
    pub(super) fn context(
        &self,
        stop: Receiver<StopSignal>,
        observer: Arc<dyn Observer>,
    ) -> RunContext {
        let itself = |word: &str| ResolvedProvider {
            program: self.itself.clone().into(),
            args: vec![word.into()],
        };
        RunContext {
            sources: ProviderSources {
                builtin: itself(PROVIDER),
                search_path: self.search_path.clone(),
                fetched: self.provided.clone(),
            },
            guard: Some(itself(GUARD)),
            env: vec![("DSTREAM_LOG_LEVEL".into(), self.log_level.into())],
            terminal: self.terminal.clone(),
            stop,
            state: self.state.clone(),
            stats_every: self.stats.map(View::every),
            observer,
        }
    }

    /// Renders what happens to a task; `several` where others run beside it.
    pub(super) fn notices(&self, task: &Task, several: bool) -> LogNotices {
        // Programs can always tell tasks apart, people only need to where there are several.
        let named = several || self.log_format == LogFormat::Json;
        LogNotices {
            format: self.log_format,
            task: named.then(|| task.name.clone()),
            secrets: task.secrets.clone(),
            stats: self.stats.map(|view| (view, Subject::of(task))),
        }
    }
}
