//! What happens during a run, reported as it happens. Rendering is the caller's.

use std::time::Duration;

use super::failure::Failure;
use crate::stats::StreamStats;
use dstream_relay::Transport;
use dstream_task::Side;

/// Takes notices, from several threads.
pub trait Observer: Send + Sync {
    /// Something has happened. Must not block for long: providers' logs wait behind it.
    fn notice(&self, notice: &Notice<'_>);
}

/// Something that has happened. Texts are clear of secrets.
#[derive(Debug)]
#[allow(missing_docs, reason = "fields common to all are named alike: side and provider say whose")]
pub enum Notice<'a> {
    /// A process has been started.
    Started { side: Side, provider: &'a str, process_id: i32, program: &'a str },
    /// It can do its work; `said` is false where it is only taken as ready.
    Ready { side: Side, provider: &'a str, after: Duration, said: bool },
    /// A limit of its block has no effect on it.
    Unlimited { side: Side, provider: &'a str, limit: &'a str },
    /// A line of its log.
    Log { side: Side, provider: &'a str, line: &'a str },
    /// It has ended as it should.
    Ended { side: Side, provider: &'a str },
    /// A line was left out; `last` on the last one that is reported on its own.
    LineRejected {
        provider: &'a str,
        line_number: u64,
        offset_bytes: u64,
        reason: &'a str,
        cut_off: bool,
        kept: bool,
        last: bool,
    },
    /// An output has given a line back; `last` on the last one that is reported on its own.
    LineReturned { provider: &'a str, reason: &'a str, kept: bool, last: bool },
    /// Lines begin to flow.
    Relaying { transport: Transport },
    /// How the stream is doing.
    Stats { stats: &'a StreamStats },
    /// An orderly end has begun.
    Stopping { reason: &'a str },
    /// An output has not answered a lifecycle command yet, `after` so long.
    StillAtWork { provider: &'a str, after: Duration },
    /// It is still running although its work is over; `left` until it is killed.
    StillRunning { side: Side, provider: &'a str, left: Option<Duration> },
    /// An earlier run of the task has died, and its providers have not ended yet.
    AwaitingEarlier,
    /// Everybody has left, and the last checkpoint is not stored yet.
    StillStoring,
    /// Its grace is over: it was sent SIGTERM, and will be killed in a moment.
    Overran { side: Side, provider: &'a str, grace: Duration },
    /// It had to be killed.
    Killed { side: Side, provider: &'a str, grace: Option<Duration> },
    /// The input has ended and something it started holds its stdout open: its process group was
    /// killed, or, where `escaped`, the holder is not in it and is left behind.
    PipeHeld { provider: &'a str, escaped: bool },
    /// It has neither read nor written for its `stall_timeout` though there is something to do; it is
    /// let be, since it is not started again.
    Stalled { side: Side, provider: &'a str, timeout: Duration },
    /// The guard could not be started.
    NoGuard { reason: &'a str },
    /// The guard has been killed; another one is started.
    GuardEnded,
    /// All providers, or it `alone`, are started again, since its policy says so: the `restart`-th
    /// time.
    Restarting { side: Side, provider: &'a str, after: Duration, restart: u32, alone: bool },
    /// Lines had been written to an output and were not read by it when it died; its next process
    /// does not get them.
    LinesLost { provider: &'a str, lines: u64, bytes: u64 },
    /// There were as many restarts as the policy of this one allows; it has `failed`, or come to its
    /// end once more.
    GaveUp { side: Side, provider: &'a str, restarts: u32, failed: bool },
    /// The task has failed. A later failure of the same run can be a consequence of the first.
    Failed { failure: &'a Failure },
}
