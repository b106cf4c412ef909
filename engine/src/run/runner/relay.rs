//! The relay of a run: what it is started with, and what is asked of it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::{Message, Runner};
use crate::delivery::DeadLetterError;
use crate::protocol::{CheckpointCheck, EnvelopeCheck};
use crate::run::failure::FailureKind;
use crate::run::notice::Notice;
use crate::run::states::{self, Id, Moved};
use crate::stats::Sampler;
use dstream_relay::{InputEnd, Refusal, Relay, RelayEnds, RelayEvent, RelayOptions};

impl Runner<'_> {
    /// Has the input's lines go to the outputs.
    pub(super) fn start_relay(&mut self) -> io::Result<()> {
        let sinks: Vec<OwnedFd> =
            self.outputs.iter_mut().filter_map(|output| output.stdin.take()).collect();
        let Some(rejects) = self.rejects.take().filter(|_| sinks.len() == self.outputs.len())
        else {
            return Err(io::Error::other("a pipe of the stream is gone"));
        };
        let (source, initial) = self.input.take_source()?;
        let stream = &self.task.stream;
        let options = RelayOptions {
            line_bytes_max: stream.line_bytes_max,
            buffer_bytes: stream.buffer_bytes,
            transport: stream.transport,
            measure: self.context.stats_every.is_some(),
            // With checkpoints all providers are started again, with another relay.
            replaceable: self.delivery.is_none() && self.task.is_restarted(),
            watched: self.task.outputs.iter().any(|output| output.stall_timeout.is_some()),
        };
        let check = EnvelopeCheck::new(stream.validate, stream.filter.clone());
        let relay = match &self.delivery {
            None => self.start_with(RelayEnds { source, initial, sinks, check, rejects }, options),
            Some(delivery) => {
                let checkpoints = Arc::clone(&delivery.checkpoints);
                let note = move |value: &_, lines| checkpoints.note(value, lines);
                let check = CheckpointCheck::new(check, note);
                self.start_with(RelayEnds { source, initial, sinks, check, rejects }, options)
            }
        }?;
        self.notify(&Notice::Relaying { transport: relay.transport() });
        if self.context.stats_every.is_some() {
            let (outputs, earlier) = (self.outputs.len(), self.earlier.take());
            self.sampler = Some(Sampler::new(relay.queue_bytes_max(), outputs, earlier));
        }
        self.relay = Some(relay);
        Ok(())
    }

    fn start_with<C: dstream_relay::LineCheck>(
        &self,
        ends: RelayEnds<C>,
        options: RelayOptions,
    ) -> io::Result<Relay> {
        let messages = self.messages.clone();
        Relay::start(ends, options, move |event| drop(messages.send(Message::Relay(event))))
    }

    pub(super) fn give_source(&mut self) {
        if let (Some(relay), Ok((source, initial))) = (&mut self.relay, self.input.take_source()) {
            relay.replace_source(source, initial);
        }
    }

    pub(super) fn give_sink(&mut self, index: usize) {
        if let (Some(relay), Some(stdin)) = (&mut self.relay, self.outputs[index].stdin.take()) {
            relay.replace_sink(index, stdin);
        }
    }

    pub(super) fn relay_event(&self, event: RelayEvent) -> states::RelayEvent {
        match event {
            RelayEvent::InputEnd(end) => states::RelayEvent::InputEnd(self.input_end(end)),
            RelayEvent::OutputEnd(index, end) => states::RelayEvent::OutputEnd(index, end),
            RelayEvent::SourceEnded => states::RelayEvent::SourceEnded,
            RelayEvent::SinkBroken(index, error) => states::RelayEvent::SinkBroken(index, error),
        }
    }

    fn input_end(&self, end: InputEnd) -> states::InputEnd {
        let kind = match end {
            InputEnd::Ended => return states::InputEnd::Ended,
            InputEnd::OutputGone | InputEnd::Cancelled => return states::InputEnd::Cut,
            InputEnd::Refused(Refusal::Line { line_number, offset_bytes, reason }) => {
                FailureKind::InvalidLine { line_number, offset_bytes, reason }
            }
            InputEnd::Refused(Refusal::Mark { line_number, offset_bytes, reason }) => {
                FailureKind::BadCheckpoint { line_number, offset_bytes, reason }
            }
            InputEnd::Refused(Refusal::NotKept(source)) => {
                let path = self.task.stream.dead_letter.clone().unwrap_or_default();
                FailureKind::NoDeadLetter { path, source: DeadLetterError::from_io(source) }
            }
            InputEnd::Failed(error) => FailureKind::NotRead(error),
        };
        states::InputEnd::Failed(kind)
    }

    /// Whether a process can still write to a provider's stdout.
    pub(super) fn holds_stdout(&self, id: Id) -> bool {
        let is_source_held = || self.relay.as_ref().is_some_and(Relay::is_source_held);
        self.handles(id).is_stdout_held() || (id == Id::Input && is_source_held())
    }

    /// How far a provider is, and whether it has something to do.
    pub(super) fn look(&self, id: Id) -> (Moved, bool) {
        let Some(relay) = &self.relay else { return (Moved::default(), false) };
        match id {
            Id::Input => {
                let unread = relay.source_unread_bytes();
                let bytes = relay.counters().bytes_read.load(Relaxed) + unread.unwrap_or(0);
                (Moved { bytes, printed: 0 }, unread == Some(0))
            }
            Id::Output(index) => {
                let (unread, handles) = (relay.sink_unread_bytes(index), &self.outputs[index]);
                let written = relay.counters().outputs[index].bytes_written.load(Relaxed);
                let moved = Moved {
                    bytes: written.saturating_sub(unread),
                    printed: handles.printing.bytes.load(Relaxed),
                };
                let is_due = self
                    .delivery
                    .as_ref()
                    .is_some_and(|delivery| delivery.checkpoints.is_acknowledgement_due(index));
                // One that cannot print because nobody reads the terminal is not to blame.
                let is_blocked = handles.printing.is_blocked.load(Relaxed);
                (moved, (unread > 0 || is_due) && !is_blocked)
            }
        }
    }
}
