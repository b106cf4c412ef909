//! What a relay reports to its owner.

use std::io;

#[cfg(doc)]
use super::Relay;
use super::framer::Refusal;

/// How a relay's reading came to its end.
#[derive(Debug)]
pub enum InputEnd {
    /// The input closed its end; everything whole was handed over.
    Ended,
    /// A line must not pass.
    Refused(Refusal),
    /// An output could not be written to.
    OutputGone,
    /// Reading failed.
    Failed(io::Error),
    /// [`Relay::cancel`] was called.
    Cancelled,
}

/// How writing to one output came to its end.
#[derive(Debug)]
pub enum OutputEnd {
    /// Everything that was handed over is written and its pipe is closed.
    Complete,
    /// Writing failed, usually because the output closed its stdin or died.
    Broken(io::Error),
}

/// What a relay reports while it runs; the ends of input and outputs come once.
#[derive(Debug)]
pub enum RelayEvent {
    /// Nothing more is read; the input's pipe is closed.
    InputEnd(InputEnd),
    /// Nothing more is written to this output; its pipe is closed.
    OutputEnd(usize, OutputEnd),
    /// The source has ended, and its pipe is closed; [`Relay::replace_source`] or
    /// [`Relay::end_source`] says what comes next. Only where ends can be replaced.
    SourceEnded,
    /// A sink could not be written to, or was detached, and its pipe is closed; what is in it is known to
    /// [`Relay::settle_output`]. [`Relay::replace_sink`] or [`Relay::end_sink`] says what comes next. Only
    /// where ends can be replaced.
    SinkBroken(usize, io::Error),
}
