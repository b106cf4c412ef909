//! Failures as sentences: what failed and where, the cause, what to do.

use std::error::Error as _;
use std::fmt;
use std::io::ErrorKind;

use anstyle::{AnsiColor, Style};
use dstream_engine::provider::ProviderExit;
use dstream_engine::run::{Failure, FailureKind};
use dstream_protocol::ErrorClass;
use dstream_task::{Confinement, Secrets};

use crate::diagnostics::is_coloured;
use crate::logging;
use crate::plural::{bytes, count};

/// What is shown of a failure, a line each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) message: String,
    pub(crate) cause: Option<String>,
    pub(crate) hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    pub(crate) fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with the task it is about, if that is to be named.
    pub(crate) fn of_task(self, task: Option<&str>) -> Self {
        let Some(task) = task else { return self };
        Self { message: format!("task `{task}`: {}", self.message), ..self }
    }

    /// The same without secrets.
    pub(crate) fn masked(self, secrets: &Secrets) -> Self {
        Self {
            message: secrets.mask(&self.message),
            cause: self.cause.map(|cause| secrets.mask(&cause)),
            hint: self.hint,
        }
    }

    /// Prints it to stderr, in colour where that is a terminal.
    pub(crate) fn print(&self) {
        let coloured = is_coloured();
        let part = |color: AnsiColor, word: &str, text: &str| {
            let style = if coloured { color.on_default().bold() } else { Style::new() };
            format!("{style}{word}{style:#}: {text}")
        };
        let mut parts = vec![part(AnsiColor::Red, "error", &self.message)];
        parts.extend(self.cause.iter().map(|cause| part(AnsiColor::Yellow, "cause", cause)));
        parts.extend(self.hint.iter().map(|hint| part(AnsiColor::Cyan, "hint", hint)));
        logging::say(&parts.join("\n"));
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// A provider's failure in words.
pub(crate) fn describe(failure: &Failure) -> Problem {
    let Failure { side, provider, kind, last_words, confinement, written } = failure;
    let mut message = format!("{side} provider `{provider}` {kind}");
    if let Some((lines, size)) = written {
        let written =
            format!("{} ({}) had been written to it", count(*lines, "line"), bytes(*size));
        message = format!("{message}; {written}");
    }
    let mut problem = Problem::new(message);
    problem.cause = cause(kind).or_else(|| {
        if last_words.is_empty() {
            return None;
        }
        let words: String = last_words.iter().map(|line| format!("\n    {line}")).collect();
        Some(format!("last stderr lines:{words}"))
    });
    problem.hint =
        confinement_hint(kind, confinement).or_else(|| hint(kind, last_words.is_empty()));
    problem
}

fn cause(kind: &FailureKind) -> Option<String> {
    match kind {
        FailureKind::ReportedError { message, .. } => Some(message.clone()),
        other => other.source().map(|source| {
            let inner = source.source().map(|inner| format!(": {inner}")).unwrap_or_default();
            format!("{source}{inner}")
        }),
    }
}

/// What to do where it is the confinement that has ended a provider, as far as that can be known: an
/// allocation that failed looks like any other failure.
fn confinement_hint(kind: &FailureKind, confinement: &Confinement) -> Option<String> {
    match kind {
        FailureKind::EndedBeforeReady { exit, .. }
        | FailureKind::Exited(exit)
        | FailureKind::EndedEarly(exit)
        | FailureKind::LeftUnread { exit, .. }
        | FailureKind::NoResult(exit)
            if exit.is_out_of_cpu() =>
        {
            confinement.limits.cpu_seconds.map(|seconds| {
                format!("it used up its `cpu_seconds = {seconds}`: raise it in its `limits` block")
            })
        }
        FailureKind::NotStarted { source, .. }
            if source.kind() == ErrorKind::PermissionDenied && confinement.sandbox.is_some() =>
        {
            let hint = "its `sandbox` may hide what it needs to start, such as its interpreter: add that to `read`";
            Some(hint.to_owned())
        }
        FailureKind::NotStarted { source, .. }
            if source.kind() == ErrorKind::OutOfMemory
                && confinement.limits.memory_bytes.is_some() =>
        {
            Some("the `memory` in its `limits` block may be too small to start it".to_owned())
        }
        _ => None,
    }
}

fn hint(kind: &FailureKind, silent: bool) -> Option<String> {
    let hint = match kind {
        FailureKind::NotFound(error) => error.hint(),
        FailureKind::NoState(error) | FailureKind::NotStored(error) => return Some(error.hint()),
        FailureKind::NoCheckpoints => {
            "use a provider that supports checkpoints, or remove `delivery`"
        }
        FailureKind::RejectedLine(_) => {
            "on_invalid = \"drop\" or \"dead_letter\" keeps the task running"
        }
        FailureKind::BadAcknowledgement(_) | FailureKind::BadReject(_) => {
            "this is a bug in the provider: report it to its author"
        }
        FailureKind::NotConfined(error) => error.hint(),
        FailureKind::NotStarted { .. } => "start it by hand in a shell to see why",
        FailureKind::ReportedError { class: Some(ErrorClass::Config), .. } => {
            "correct the provider's config block"
        }
        FailureKind::EndedBeforeReady { exit: ProviderExit::Code(127), .. } => {
            "status 127 means that a shell did not find a command: install what the provider needs"
        }
        FailureKind::EndedBeforeReady { exit: ProviderExit::Code(126), .. } => {
            "status 126 means that a shell could not execute a command"
        }
        FailureKind::EndedBeforeReady { .. } if silent => {
            "it wrote nothing to stderr; try it by hand: echo '{\"command\":\"run\",\"config\":{}}' | PROVIDER"
        }
        FailureKind::NotCommanded(_) => {
            "a provider must first read one line from stdin; if it is only slow, raise startup_timeout"
        }
        FailureKind::NotReady(_) => {
            "it must print {\"status\":\"ready\"} as its first line; if it is only slow, raise startup_timeout"
        }
        FailureKind::NoHandshake(_) => {
            "it must print {\"status\":\"ready\"} as its first line; remove handshake = \"required\" if it never does"
        }
        FailureKind::Exited(ProviderExit::Signal(9))
        | FailureKind::EndedEarly(ProviderExit::Signal(9)) => {
            "if nobody sent SIGKILL by hand, the machine probably ran out of memory"
        }
        FailureKind::Stalled(_) => {
            "its log may say what it waits for; raise stall_timeout if it may be silent for longer"
        }
        FailureKind::InvalidLine { reason, .. } if reason.starts_with("longer than max_line") => {
            "raise max_line in the stream block, or set on_invalid = \"drop\" or \"dead_letter\" to skip such lines"
        }
        FailureKind::BadCheckpoint { reason, .. } if reason.starts_with("longer than max_line") => {
            "raise max_line in the stream block: a checkpoint must fit in it like any line"
        }
        FailureKind::BadCheckpoint { .. } => {
            "this is a bug in the provider: a checkpoint is {\"checkpoint\":VALUE} and nothing else, an envelope has data"
        }
        FailureKind::InvalidLine { .. } => {
            "an input writes one JSON object per line; on_invalid = \"drop\" or \"dead_letter\" skips other lines, validate = \"off\" delivers them"
        }
        FailureKind::NoDeadLetter { source, .. } => source.hint(),
        FailureKind::NoResult(_) | FailureKind::BadResult(_) => {
            "an output answers with one line, {\"status\":…,\"message\":…,\"resources\":[…],\"changes\":[…]}; perhaps this provider does not support the command"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use dstream_task::{ResourceLimits, Side};

    use super::*;

    #[test]
    fn a_failure_says_who_what_how_much_and_its_last_words() {
        let failure = Failure {
            side: Side::Output,
            provider: "lake".into(),
            kind: FailureKind::EndedEarly(ProviderExit::Signal(9)),
            last_words: vec!["one".into(), "two".into()],
            confinement: Confinement::default(),
            written: Some((412, 98304)),
        };
        let problem = describe(&failure);
        assert_eq!(
            problem.message,
            "output provider `lake` exited while the stream was running (killed by SIGKILL); \
             412 lines (96.0 KiB) had been written to it"
        );
        assert_eq!(problem.cause.unwrap(), "last stderr lines:\n    one\n    two");
        assert!(problem.hint.unwrap().contains("memory"));
    }

    #[test]
    fn who_has_used_up_its_processor_time_is_told_by_the_limit_that_it_had() {
        let limited = |cpu_seconds, exit| Failure {
            side: Side::Input,
            provider: "spin".into(),
            kind: FailureKind::Exited(exit),
            last_words: Vec::new(),
            confinement: Confinement {
                limits: ResourceLimits { cpu_seconds, ..Default::default() },
                ..Default::default()
            },
            written: None,
        };
        let hint = "it used up its `cpu_seconds = 7`: raise it in its `limits` block";
        for exit in [ProviderExit::Signal(24), ProviderExit::Code(152)] {
            assert_eq!(describe(&limited(Some(7), exit)).hint.as_deref(), Some(hint));
            assert_eq!(describe(&limited(None, exit)).hint, None, "somebody else's limit");
        }
        assert_eq!(describe(&limited(Some(7), ProviderExit::Code(1))).hint, None);
    }
}
