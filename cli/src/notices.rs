//! What happens during a run, as log lines.

use dstream_engine::run::{Notice, Observer};
use dstream_task::{Secrets, Side};
use tracing::{debug, error, info, warn};

use crate::arguments::LogFormat;
use crate::failures::describe;
use crate::plural::{bytes, count};
use crate::stats::{Subject, View};
use crate::visible::visible;

/// Renders notices to the log.
pub(crate) struct LogNotices {
    pub(crate) format: LogFormat,
    /// The task, where it is to be named.
    pub(crate) task: Option<String>,
    /// Cleared from whatever a failure shows: paths and causes can hold one, too.
    pub(crate) secrets: Secrets,
    /// How the stream's statistics are shown, and whose they are.
    pub(crate) stats: Option<(View, Subject)>,
}

impl Observer for LogNotices {
    fn notice(&self, notice: &Notice<'_>) {
        let task = self.task.as_deref();
        match *notice {
            Notice::Started { side, provider, process_id, program } => {
                let side = side.to_string();
                let program = self.secrets.mask(program);
                debug!(
                    task,
                    provider,
                    side,
                    process_id,
                    program,
                    "started {program} as process {process_id}"
                );
            }
            Notice::Ready { provider, after, said: true, .. } => {
                debug!(task, provider, "ready after {} ms", after.as_millis());
            }
            Notice::Ready { provider, .. } => {
                debug!(task, provider, "assumed to be ready: it sent no handshake");
            }
            Notice::Log { provider, line, .. } => log(task, provider, line),
            Notice::Ended { provider, .. } => debug!(task, provider, "ended"),
            Notice::LineRejected {
                provider,
                line_number,
                offset_bytes,
                reason,
                cut_off,
                kept,
                last,
            } => {
                let what = if cut_off { "cut off" } else { reason };
                let became = if kept { "kept as a dead letter" } else { "dropped" };
                let more = if last { "; further lines are only counted" } else { "" };
                warn!(
                    task,
                    provider,
                    line_number,
                    offset_bytes,
                    "line {line_number}, which begins at byte {offset_bytes}, is {what}: {became}{more}"
                );
            }
            Notice::LineReturned { provider, reason, kept, last } => {
                let became = if kept { "kept as a dead letter" } else { "dropped" };
                let more = if last { "; further lines are only counted" } else { "" };
                let reason = visible(reason);
                warn!(task, provider, "rejected a line: {reason}: {became}{more}");
            }
            Notice::Relaying { transport } => debug!(task, "transport: {transport}"),
            Notice::Stats { stats } => {
                if let Some((view, subject)) = &self.stats {
                    view.show(subject, stats);
                }
            }
            Notice::LinesLost { provider, lines, bytes: size } => {
                let which = format!("{} ({})", count(lines, "line"), bytes(size));
                warn!(
                    task,
                    provider,
                    lines,
                    bytes = size,
                    "lost {which}: sent to this output, not read before it exited"
                );
            }
            Notice::Restarting { provider, after, restart, alone, .. } => {
                let after = after.as_secs_f32();
                let how = if alone { "" } else { " from the last checkpoint" };
                warn!(
                    task,
                    provider, restart, "restarting in {after:.1} s{how} (attempt {restart})"
                );
            }
            Notice::GaveUp { side, provider, restarts, failed: false } => {
                let restarts = count(restarts.into(), "restart");
                info!(
                    task,
                    provider,
                    "ended after {restarts}: the restart policy of this {side} allows no more"
                );
            }
            Notice::GaveUp { side, provider, restarts, failed: true } => {
                let restarts = count(restarts.into(), "restart");
                error!(
                    task,
                    provider,
                    "giving up after {restarts}: the restart policy of this {side} allows no more"
                );
            }
            Notice::Stopping { reason } => info!(task, "stopping: {reason}"),
            Notice::StillAtWork { provider, after } => {
                warn!(
                    task,
                    provider,
                    "still working after {} s; Ctrl-C ends the wait",
                    after.as_secs()
                );
            }
            Notice::StillRunning { provider, left: Some(left), .. } => {
                warn!(task, provider, "still running; DStream kills it in {} s", left.as_secs());
            }
            Notice::StillRunning { side: Side::Input, provider, left: None } => {
                warn!(task, provider, "still running although its stream has ended");
            }
            Notice::StillRunning { provider, left: None, .. } => {
                warn!(
                    task,
                    provider, "still working although its stdin has ended; Ctrl-C ends the wait"
                );
            }
            Notice::Stalled { side, provider, timeout } => {
                let timeout = timeout.as_secs_f32();
                warn!(
                    task,
                    provider,
                    "stalled: this {side} has neither read nor written for {timeout} s although it has work to do"
                );
            }
            Notice::AwaitingEarlier => {
                info!(task, "waiting for providers of an earlier run, which was killed, to exit");
            }
            Notice::StillStoring => {
                warn!(task, "the last checkpoint is not stored yet; Ctrl-C ends the wait");
            }
            Notice::Overran { side, provider, grace } => {
                let grace = grace.as_secs_f32();
                warn!(
                    task,
                    provider, "this {side} did not exit within {grace} s and was sent SIGTERM"
                );
            }
            Notice::Killed { side, provider, grace: Some(grace) } => {
                warn!(
                    task,
                    provider,
                    "this {side} did not exit within {} s and was killed",
                    grace.as_secs_f32()
                );
            }
            Notice::Killed { side, provider, grace: None } => {
                warn!(task, provider, "this {side} was killed");
            }
            Notice::PipeHeld { provider, escaped: false } => {
                warn!(
                    task,
                    provider,
                    "exited, but a process that it started keeps its stdout open; its process group was killed"
                );
            }
            Notice::PipeHeld { provider, escaped: true } => {
                warn!(
                    task,
                    provider,
                    "a process outside its process group keeps its stdout open and is left running"
                );
            }
            Notice::Unlimited { side, provider, limit } => {
                warn!(
                    task,
                    provider,
                    "`{limit}` has no effect on this {side}: the kernel does not apply it to root"
                );
            }
            Notice::NoGuard { reason } => {
                warn!(
                    task,
                    "cannot start the guard ({reason}): if dstream is killed, providers may keep running"
                );
            }
            Notice::GuardEnded => {
                warn!(task, "the guard was killed; another one is started");
            }
            Notice::Failed { failure } => {
                let problem = describe(failure).masked(&self.secrets);
                match self.format {
                    LogFormat::Text => problem.of_task(task).print(),
                    LogFormat::Json => {
                        let provider = failure.provider.as_str();
                        let cause = problem.cause.as_deref().unwrap_or_default();
                        let hint = problem.hint.as_deref().unwrap_or_default();
                        error!(task, provider, cause, hint, "{problem}");
                    }
                }
            }
        }
    }
}

/// A provider's line, at the level that it begins with.
fn log(task: Option<&str>, provider: &str, line: &str) {
    let (level, text) = split_level(line);
    match level {
        LineLevel::Debug => debug!(task, provider, "{text}"),
        LineLevel::Info => info!(task, provider, "{text}"),
        LineLevel::Warn => warn!(task, provider, "{text}"),
        LineLevel::Error => error!(task, provider, "{text}"),
    }
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum LineLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// Reads a level word at the start of a line, `WARN text`, `[warn] text` or `warning: text`; a line
/// without one is taken as info and kept whole.
fn split_level(line: &str) -> (LineLevel, &str) {
    let rest = line.trim_start_matches('[');
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let level = match rest[..end].to_ascii_lowercase().as_str() {
        "trace" | "debug" => LineLevel::Debug,
        "info" => LineLevel::Info,
        "warn" | "warning" => LineLevel::Warn,
        "error" | "fatal" | "critical" | "panic" => LineLevel::Error,
        _ => return (LineLevel::Info, line),
    };
    let text = &rest[end..];
    let after = text.trim_start_matches([']', ':', ' ', '\t']);
    if after.len() == text.len() || after.is_empty() {
        return (LineLevel::Info, line); // a word that only begins like a level
    }
    (level, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leading_level_word_is_the_level() {
        for (line, expected) in [
            ("INFO starting", (LineLevel::Info, "starting")),
            ("[WARN] slow", (LineLevel::Warn, "slow")),
            ("error: no access", (LineLevel::Error, "no access")),
            ("Debug\tx", (LineLevel::Debug, "x")),
            ("Information is here", (LineLevel::Info, "Information is here")),
            (
                "[CounterInputProvider] Starting",
                (LineLevel::Info, "[CounterInputProvider] Starting"),
            ),
            ("error", (LineLevel::Info, "error")),
            ("", (LineLevel::Info, "")),
            ("é", (LineLevel::Info, "é")),
        ] {
            assert_eq!(split_level(line), expected, "{line}");
        }
    }
}
