//! One provider of a run, and how far it has come.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rustix::process::Pid;

use super::RunContext;
use super::dispatcher::Watch;
use super::failure::{Failure, FailureKind};
use super::notice::Notice;
use crate::delivery::TaskState;
use crate::provider::{Confines, Guard, Launch, Pipes, ProviderExit, ProviderProcess};
use crate::resolve::ResolvedProvider;
use dstream_protocol::environment;
use dstream_task::{ProviderBlock, Secrets, Side, Task};

/// A provider of a run.
pub(super) struct Member<'a> {
    pub(super) block: &'a ProviderBlock,
    /// There from its start until it has been reaped.
    pub(super) process: Option<ProviderProcess>,
    /// An input's pipes, until it gets its command.
    pub(super) pipes: Option<Pipes>,
    /// An output's stdin, from when it has its command until lines flow.
    pub(super) stdin: Option<OwnedFd>,
    /// An output's stdout, as long as it is read.
    pub(super) stdout: Weak<File>,
    /// All that an output prints has been printed; an input prints nothing.
    pub(super) printed: bool,
    /// Its command is on its way.
    pub(super) commanded: bool,
    /// It has taken all of it, or has shown that it never will.
    pub(super) taken: bool,
    /// Its first line is there, or it has closed its stdout without one.
    pub(super) greeted: bool,
    /// It can do its work.
    pub(super) ready: bool,
    /// It said so itself.
    pub(super) said_ready: bool,
    /// Its stdin was closed on purpose: an output has got all that it will get.
    pub(super) fed: bool,
    /// A failure of it has been told; what follows from it is not another.
    pub(super) failed: bool,
    /// It was told to leave.
    pub(super) told: bool,
    /// It had not left within its grace.
    pub(super) overran: bool,
    /// It had to be killed.
    pub(super) killed: bool,
    /// All of its log has been read.
    pub(super) log_ended: bool,
    pub(super) exit: Option<ProviderExit>,
    /// Nothing more that it had to say is waited for.
    pub(super) waited: bool,
    /// Its end has been judged.
    pub(super) concluded: bool,
    /// The relay writes to it, or reads from it.
    pub(super) streams: bool,
    /// The relay has let go of the pipe of an output that has gone.
    pub(super) let_go: bool,
    /// How many processes it had before this one.
    pub(super) restarts: u32,
    /// What was seen of it, where its block has a `stall_timeout`.
    pub(super) watch: Option<Watch>,
    /// Bytes that an output has printed.
    pub(super) printed_bytes: Arc<AtomicU64>,
    /// What an output has given back, all its processes together.
    pub(super) returned: Arc<Returned>,
    /// It is to have another process.
    pub(super) restarting: Option<Restarting>,
}

/// Lines that an output has given back.
#[derive(Debug, Default)]
pub(super) struct Returned {
    /// Left out, or kept as dead letters.
    pub(super) lines: AtomicU64,
    /// Neither, since the task has failed at one of them.
    pub(super) lines_unkept: AtomicU64,
}

/// What there is to know of a member that is to have another process.
pub(super) struct Restarting {
    /// How long to wait before it is started.
    pub(super) pause: Duration,
    /// Why there is another; none after an end that was as it should be.
    pub(super) failure: Option<Failure>,
    /// It is announced: its process has gone.
    pub(super) is_due: bool,
}

impl<'a> Member<'a> {
    pub(super) fn new(block: &'a ProviderBlock) -> Self {
        Self {
            block,
            process: None,
            pipes: None,
            stdin: None,
            stdout: Weak::new(),
            printed: block.side == Side::Input,
            commanded: false,
            taken: false,
            greeted: false,
            ready: false,
            said_ready: false,
            fed: false,
            failed: false,
            told: false,
            overran: false,
            killed: false,
            log_ended: false,
            exit: None,
            waited: false,
            concluded: false,
            streams: false,
            let_go: false,
            restarts: 0,
            watch: None,
            printed_bytes: Arc::default(),
            returned: Arc::default(),
            restarting: None,
        }
    }

    /// The same with another process, which has not begun anything.
    pub(super) fn renewed(&self) -> Self {
        let returned = Arc::clone(&self.returned);
        Self { restarts: self.restarts + 1, returned, ..Self::new(self.block) }
    }

    pub(super) fn is_restarting(&self) -> bool {
        self.restarting.is_some()
    }

    /// Whether its process has been started and has not ended.
    pub(super) fn is_running(&self) -> bool {
        self.process.is_some() && self.exit.is_none()
    }

    /// Whether its end was not its own.
    pub(super) fn was_forced(&self) -> bool {
        self.killed || self.overran
    }

    /// Whether nothing of it is left to wait for.
    pub(super) fn is_gone(&self) -> bool {
        self.process.is_none() && (self.printed || !self.commanded)
    }

    pub(super) fn started(&self) -> Instant {
        self.process.as_ref().map_or_else(Instant::now, ProviderProcess::started)
    }

    pub(super) fn id(&self) -> Option<Pid> {
        self.process.as_ref().map(ProviderProcess::id)
    }

    pub(super) fn failure(&self, kind: FailureKind, secrets: &Secrets) -> Failure {
        failure(self.block, self.process.as_ref(), kind, secrets)
    }
}

/// Characters of a wrong first line that are shown.
const SHOWN_CHARS: usize = 200;

/// A failure of a provider, with its last words, clear of secrets.
pub(super) fn failure(
    block: &ProviderBlock,
    process: Option<&ProviderProcess>,
    kind: FailureKind,
    secrets: &Secrets,
) -> Failure {
    let last_words = process.map(ProviderProcess::last_words).unwrap_or_default();
    let kind = match kind {
        FailureKind::ReportedError { class, message } => {
            FailureKind::ReportedError { class, message: secrets.mask(&message) }
        }
        FailureKind::NoHandshake(line) => {
            // Cut only when it is clear of secrets: a secret cut in two is not recognised.
            FailureKind::NoHandshake(secrets.mask(&line).chars().take(SHOWN_CHARS).collect())
        }
        FailureKind::RejectedLine(reason) => FailureKind::RejectedLine(secrets.mask(&reason)),
        FailureKind::BadReject(what) => FailureKind::BadReject(secrets.mask(&what)),
        FailureKind::InvalidLine { line_number, offset_bytes, reason } => {
            let reason = secrets.mask(&reason).into();
            FailureKind::InvalidLine { line_number, offset_bytes, reason }
        }
        FailureKind::BadCheckpoint { line_number, offset_bytes, reason } => {
            let reason = secrets.mask(&reason).into();
            FailureKind::BadCheckpoint { line_number, offset_bytes, reason }
        }
        kind => kind,
    };
    Failure {
        side: block.side,
        provider: block.name.clone(),
        kind,
        last_words: last_words.iter().map(|line| secrets.mask(line)).collect(),
        confinement: block.confinement.clone(),
        written: None,
    }
}

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
/// be started is told.
pub(super) fn start_guard(context: &RunContext, state: Option<&TaskState>) -> Option<Guard> {
    let program = context.guard.as_ref()?;
    let told = |error: std::io::Error| {
        context.observer.notice(&Notice::NoGuard { reason: &error.to_string() });
    };
    let lock = state.map(TaskState::share_lock).transpose();
    lock.and_then(|lock| Guard::start(program, lock)).map_err(told).ok()
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
        let told = Arc::new(Told::default());
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
            observer: Arc::clone(&told) as Arc<dyn Observer>,
        };
        assert!(start_guard(&context, None).is_none());
        let told = told.0.lock().unwrap();
        assert!(told.len() == 1 && told[0].starts_with("NoGuard"), "{told:?}");
    }
}
