//! What a run does about checkpoints, and what outputs say: that lines are lasting, or cannot be
//! taken.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::{Dispatcher, Event, INPUT, MemberEvent};
use crate::delivery::{Checkpoints, DeadLetters, ReturnedLines, StateError};
use crate::limits::REJECT_MARGIN_BYTES;
use crate::protocol::{self, AskedCheckpoints, RejectedLine, Word};
use crate::provider::Told;
use crate::run::failure::FailureKind;
use crate::run::notice::Notice;
use dstream_relay::Disposition;
use dstream_task::{ConfigFormat, OnInvalid};

/// Takes what an output says; and whether all that it had printed before has been shown.
type TakesWords = Box<dyn FnMut(Word, bool) + Send>;

/// A run's checkpoints.
pub(super) struct Delivery {
    pub(super) checkpoints: Arc<Checkpoints>,
    /// What the input is asked for.
    pub(super) asked: AskedCheckpoints,
    /// Nothing is stored any more, and the input is told nothing more.
    has_ended: bool,
}

impl Dispatcher<'_> {
    /// Sees where the task goes on, before anything is started.
    pub(super) fn prepare_delivery(&mut self) -> Result<(), FailureKind> {
        let stream = &self.task.stream;
        let state = std::mem::replace(&mut self.state, Ok(None)).map_err(FailureKind::NoState)?;
        let Some(state) = state else { return Ok(()) };
        self.state = Ok(Some(Arc::clone(&state)));
        let resume = state.checkpoint().map_err(FailureKind::NoState)?;
        let checkpoints = Checkpoints::new(self.task.outputs.len());
        let events = self.events.clone();
        let ended = move |end| drop(events.send(Event::KeepingEnded(end)));
        checkpoints.keep(state, ended).map_err(FailureKind::NoThread)?;
        let asked = AskedCheckpoints { interval: stream.checkpoint_interval, resume };
        self.delivery = Some(Delivery { checkpoints, asked, has_ended: false });
        Ok(())
    }

    /// What takes out of the lines that an output prints what is for DStream: acknowledgements, and
    /// lines that it gives back. Made once it has said whether it does the latter; `None` where there
    /// is neither.
    pub(super) fn listener(
        &self,
        id: usize,
    ) -> impl FnOnce(bool) -> Option<Told<Word, TakesWords>> + Send + use<> {
        let checkpoints = self.delivery.as_ref().map(|delivery| Arc::clone(&delivery.checkpoints));
        let asked = self.asks_for_rejects(id);
        let line_bytes_max = self.task.stream.line_bytes_max;
        let path = self.task.stream.dead_letter.clone().unwrap_or_default();
        let mut returned = self.returned_lines(id);
        let counts = Arc::clone(&self.members[id].returned);
        let unkept = Arc::clone(&self.members[id].returned);
        let tell = self.teller(id);
        let mut take = move |word, is_shown| {
            let not_kept = |source| FailureKind::NoDeadLetter { path: path.clone(), source };
            match (word, &checkpoints) {
                (Word::Ack(checkpoint), Some(checkpoints)) if is_shown => {
                    // What it has given back before is part of what it says is lasting.
                    returned.settle().map_err(not_kept)?;
                    let known = checkpoints.acknowledge(id - 1, checkpoint);
                    known.map_err(|_| FailureKind::BadAcknowledgement(checkpoint))
                }
                (Word::Ack(_), _) => Ok(()),
                (Word::Reject(RejectedLine { line, reason }), _) => {
                    match returned.take(&line, &reason).map_err(not_kept)? {
                        Disposition::Stop => Err(FailureKind::RejectedLine(reason)),
                        Disposition::LeaveOut => {
                            counts.lines.fetch_add(1, Relaxed);
                            Ok(())
                        }
                    }
                }
                (Word::BadReject(what), _) => Err(FailureKind::BadReject(what)),
            }
        };
        let mut failed = false;
        let take = move |word, is_shown| {
            let is_line = matches!(word, Word::Reject(_) | Word::BadReject(_));
            // What it says after that counts no more: an acknowledgement would be of a line that
            // nobody has.
            if !failed && let Err(kind) = take(word, is_shown) {
                failed = true;
                tell(MemberEvent::Misspoke(kind));
            }
            if failed && is_line {
                unkept.lines_unkept.fetch_add(1, Relaxed);
            }
        };
        let has_acks = self.delivery.is_some();
        move |announced| {
            let rejects = asked && announced;
            let read = match (has_acks, rejects) {
                (false, false) => return None,
                (true, false) => protocol::acks,
                (false, true) => protocol::rejects,
                (true, true) => protocol::acks_and_rejects,
            };
            let is_awaited = if rejects { protocol::begins_as_reject } else { |_: &[u8]| false };
            let bytes_max = 6 * line_bytes_max + REJECT_MARGIN_BYTES;
            let too_long = |most| Word::BadReject(format!("it has more than {most} bytes"));
            Some(Told { read, is_awaited, bytes_max, too_long, take: Box::new(take) })
        }
    }

    fn returned_lines(&self, id: usize) -> ReturnedLines<impl FnMut(&str, bool) + Send + use<>> {
        let stream = &self.task.stream;
        let (observer, name) =
            (Arc::clone(&self.context.observer), self.members[id].block.name.clone());
        let kept = stream.on_invalid == OnInvalid::DeadLetter;
        let tell = move |reason: &str, last| {
            observer.notice(&Notice::LineReturned { provider: &name, reason, kept, last });
        };
        ReturnedLines::new(
            stream.on_invalid,
            DeadLetters::of(stream),
            &self.task.name,
            &self.members[id].block.name,
            &self.task.secrets,
            tell,
        )
    }

    /// Whether an output is asked to give back what it cannot take. Who asks for nothing else and has
    /// not said what to do with such lines has providers that fail by themselves, as ever.
    pub(super) fn asks_for_rejects(&self, id: usize) -> bool {
        let wanted = self.task.stream.on_invalid != OnInvalid::Fail || self.delivery.is_some();
        wanted && self.members[id].block.config_format == ConfigFormat::Command
    }

    /// What outputs are asked for of checkpoints.
    pub(super) fn asked_of_outputs(&self) -> Option<AskedCheckpoints> {
        let asked = &self.delivery.as_ref()?.asked;
        Some(AskedCheckpoints { interval: asked.interval, resume: None })
    }

    /// The input's stdin is closed when there is nothing more to tell it: from then on it has no
    /// reason to stay.
    pub(super) fn on_keeping_ended(&mut self, end: Result<(), StateError>) {
        if let Some(delivery) = &mut self.delivery {
            delivery.has_ended = true;
        }
        self.linger();
        if let Err(error) = end {
            self.fail(INPUT, FailureKind::NotStored(error));
        }
    }

    /// Whether the input may still be told something.
    pub(super) fn is_keeping(&self) -> bool {
        self.delivery.as_ref().is_some_and(|delivery| !delivery.has_ended)
    }

    /// No output will acknowledge anything any more.
    pub(super) fn end_acknowledgements(&self) {
        if let Some(delivery) = &self.delivery {
            delivery.checkpoints.close();
        }
    }
}
