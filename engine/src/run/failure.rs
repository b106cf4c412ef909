//! Why a task failed.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::stop::StopSignal;
use crate::delivery::{DeadLetterError, StateError};
use crate::protocol::{ErrorClass, ResultError};
use crate::provider::{ConfineError, ProviderExit, ProviderProcess};
use crate::resolve::ResolveError;
use dstream_task::{Confinement, ProviderBlock, Secrets, Side};

/// A failure, whose it is, and what is known of it.
#[derive(Debug)]
pub struct Failure {
    /// Whose side it is.
    pub side: Side,
    /// The provider's name.
    pub provider: String,
    /// What went wrong.
    pub kind: FailureKind,
    /// The last lines of the provider's log, if it was running.
    pub last_words: Vec<String>,
    /// What its block confines it to, which may be why.
    pub confinement: Confinement,
    /// For an output that lines were written to: how many, and how many bytes they are.
    pub written: Option<(u64, u64)>,
}

/// Characters of a wrong first line that are shown.
const SHOWN_CHARS: usize = 200;

impl Failure {
    /// A failure of a provider, with its last log lines, clear of secrets.
    pub(super) fn new(
        block: &ProviderBlock,
        process: Option<&ProviderProcess>,
        kind: FailureKind,
        secrets: &Secrets,
    ) -> Self {
        let last_lines = process.map(ProviderProcess::last_words).unwrap_or_default();
        Self {
            side: block.side,
            provider: block.name.clone(),
            kind: kind.masked(secrets),
            last_words: last_lines.iter().map(|line| secrets.mask(line)).collect(),
            confinement: block.confinement.clone(),
            written: None,
        }
    }
}

/// What went wrong. The texts fit after "input provider `orders` ".
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum FailureKind {
    #[error("cannot be started")]
    NotFound(#[source] ResolveError),
    #[error("cannot be started with its limits and sandbox")]
    NotConfined(#[source] ConfineError),
    #[error("cannot be started from `{}`", program.display())]
    NotStarted { program: PathBuf, source: io::Error },
    #[error("reported an error{}", class.map(|class| format!(" ({class})")).unwrap_or_default())]
    ReportedError { class: Option<ErrorClass>, message: String },
    #[error("exited before it was ready ({exit}, after {} ms)", after.as_millis())]
    EndedBeforeReady { exit: ProviderExit, after: Duration },
    #[error("did not read its command within {} s", .0.as_secs_f32())]
    NotCommanded(Duration),
    #[error("did not report ready within {} s", .0.as_secs_f32())]
    NotReady(Duration),
    #[error("did not report ready: its first line is `{0}`")]
    NoHandshake(String),
    #[error("closed its stdout before it reported ready")]
    ClosedBeforeReady,
    #[error("failed ({0})")]
    Exited(ProviderExit),
    #[error("exited while the stream was running ({0})")]
    EndedEarly(ProviderExit),
    #[error("exited with {bytes} bytes unread ({exit})")]
    LeftUnread { exit: ProviderExit, bytes: u64 },
    #[error("closed its stdin while the stream was running")]
    ClosedStdin,
    #[error(
        "has neither read nor written for {} s although it has work to do",
        .0.as_secs_f32()
    )]
    Stalled(Duration),
    #[error("could not be written to")]
    NotWritten(#[source] io::Error),
    #[error("could not be read from")]
    NotRead(#[source] io::Error),
    #[error(
        "sent an invalid line: line {line_number}, which begins at byte {offset_bytes}, is {reason}"
    )]
    InvalidLine { line_number: u64, offset_bytes: u64, reason: Cow<'static, str> },
    #[error(
        "sent an invalid checkpoint: line {line_number}, which begins at byte {offset_bytes}, is {reason}"
    )]
    BadCheckpoint { line_number: u64, offset_bytes: u64, reason: Cow<'static, str> },
    #[error("rejected a line: {0}")]
    RejectedLine(String),
    #[error("sent an invalid reject message: {0}")]
    BadReject(String),
    #[error("has invalid lines that cannot be kept in `{}`", path.display())]
    NoDeadLetter { path: PathBuf, source: DeadLetterError },
    #[error("cannot resume from its checkpoint")]
    NoState(#[source] StateError),
    #[error("has checkpoints that cannot be stored")]
    NotStored(#[source] StateError),
    #[error("does not support checkpoints, which delivery = \"at_least_once\" needs")]
    NoCheckpoints,
    #[error("acknowledged checkpoint {0}, which it never received")]
    BadAcknowledgement(u64),
    #[error("sent no result ({0})")]
    NoResult(ProviderExit),
    #[error("sent an invalid result")]
    BadResult(#[source] ResultError),
    #[error("sent a result longer than {0} bytes")]
    LongResult(usize),
    #[error("was stopped before it sent its result")]
    Stopped(StopSignal),
    #[error("cannot be relayed: cannot start a thread")]
    NoThread(#[source] io::Error),
}

impl FailureKind {
    /// The same with what the provider has said cleared of secrets.
    fn masked(self, secrets: &Secrets) -> Self {
        match self {
            Self::ReportedError { class, message } => {
                Self::ReportedError { class, message: secrets.mask(&message) }
            }
            Self::NoHandshake(line) => {
                // Cut only when it is clear of secrets: a secret cut in two is not recognised.
                Self::NoHandshake(secrets.mask(&line).chars().take(SHOWN_CHARS).collect())
            }
            Self::RejectedLine(reason) => Self::RejectedLine(secrets.mask(&reason)),
            Self::BadReject(what) => Self::BadReject(secrets.mask(&what)),
            Self::InvalidLine { line_number, offset_bytes, reason } => {
                let reason = secrets.mask(&reason).into();
                Self::InvalidLine { line_number, offset_bytes, reason }
            }
            Self::BadCheckpoint { line_number, offset_bytes, reason } => {
                let reason = secrets.mask(&reason).into();
                Self::BadCheckpoint { line_number, offset_bytes, reason }
            }
            kind => kind,
        }
    }
}
