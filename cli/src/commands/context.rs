//! What a run needs from this process: itself as a program, its signals, its stdout.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use dstream_engine::config::Task;
use dstream_engine::provider::Terminal;
use dstream_engine::resolve::{ProviderSources, ResolvedProvider};
use dstream_engine::run::{RunContext, StopSignal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::internal::{GUARD, PROVIDER};
use crate::arguments::Global;
use crate::notices::LogNotices;

/// Signals that can be waiting at once: more change nothing.
const SIGNALS_MAX: usize = 8;

/// Makes the context of a run.
///
/// # Errors
///
/// If this program cannot find itself or signals cannot be caught.
pub(super) fn context(global: &Global, task: &Task) -> io::Result<RunContext> {
    let itself = |word: &str| -> io::Result<ResolvedProvider> {
        Ok(ResolvedProvider { program: std::env::current_exe()?, args: vec![word.into()] })
    };
    Ok(RunContext {
        sources: ProviderSources {
            builtin: itself(PROVIDER)?,
            search_path: std::env::var_os("PATH").unwrap_or_default(),
        },
        guard: Some(itself(GUARD)?),
        env: vec![("DSTREAM_LOG_LEVEL".into(), global.log_level.as_str().into())],
        terminal: Terminal::new(io::stdout()),
        stop: stop_signals()?,
        stats_every: None,
        observer: Arc::new(LogNotices { format: global.log_format, secrets: task.secrets.clone() }),
    })
}

/// The same signal within this time is the same wish: `timeout` and shells send it to a process and
/// then to its whole group, and that must not end the run at once.
const ECHO: Duration = Duration::from_millis(250);

fn stop_signals() -> io::Result<Receiver<StopSignal>> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let (sender, receiver): (Sender<StopSignal>, _) = bounded(SIGNALS_MAX);
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut last: Option<(i32, Instant)> = None;
        for signal in signals.forever() {
            let echo = last.is_some_and(|(known, at)| known == signal && at.elapsed() < ECHO);
            last = Some((signal, Instant::now()));
            if echo {
                continue;
            }
            let signal = match signal {
                SIGINT => StopSignal::Interrupt,
                SIGHUP => StopSignal::Hangup,
                _ => StopSignal::Terminate,
            };
            let _ = sender.try_send(signal);
        }
    })?;
    Ok(receiver)
}
