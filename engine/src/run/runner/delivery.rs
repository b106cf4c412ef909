//! What a run does about checkpoints, and what outputs say: that lines are lasting, or cannot be
//! taken.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::{Message, News, Runner};
use crate::delivery::{Checkpoints, DeadLetters, RejectedLines, ReturnedLines, TaskState};
use crate::limits::REJECT_MARGIN_BYTES;
use crate::protocol::{self, AskedCheckpoints, ControlMessage, RejectedLine};
use crate::provider::ControlLines;
use crate::run::failure::FailureKind;
use crate::run::notice::Notice;
use crate::run::states::{Id, ProviderEvent};
use dstream_relay::{Disposition, Rejected};
use dstream_task::{ConfigFormat, OnInvalid};

/// Takes what an output says; and whether all that it had printed before has been shown.
type TakesMessages = Box<dyn FnMut(ControlMessage, bool) + Send>;

/// A run's checkpoints.
pub(super) struct Delivery {
    pub(super) checkpoints: Arc<Checkpoints>,
    /// What the input is asked for.
    pub(super) asked: AskedCheckpoints,
}

impl Runner<'_> {
    /// Sees where the task resumes, before anything is started.
    pub(super) fn prepare_delivery(
        &mut self,
        state: Option<&Arc<TaskState>>,
    ) -> Result<(), FailureKind> {
        let Some(state) = state else { return Ok(()) };
        let resume = state.checkpoint().map_err(FailureKind::NoState)?;
        let checkpoints = Checkpoints::new(self.task.outputs.len());
        let messages = self.messages.clone();
        let ended = move |end| drop(messages.send(Message::CheckpointsEnded(end)));
        checkpoints.keep(Arc::clone(state), ended).map_err(FailureKind::NoThread)?;
        let interval = self.task.stream.checkpoint_interval;
        let asked = AskedCheckpoints { interval, resume };
        self.delivery = Some(Delivery { checkpoints, asked });
        Ok(())
    }

    pub(super) fn prepare_rejects(&mut self) -> Result<(), FailureKind> {
        let stream = &self.task.stream;
        let observer = Arc::clone(&self.context.observer);
        let (name, secrets) = (self.task.input.name.clone(), self.task.secrets.clone());
        let kept = stream.on_invalid == OnInvalid::DeadLetter;
        let report = move |rejected: &Rejected<'_>, last| {
            observer.notice(&Notice::LineRejected {
                provider: &name,
                line_number: rejected.line_number,
                offset_bytes: rejected.offset_bytes,
                reason: &secrets.mask(&rejected.reason),
                cut_off: rejected.cut_off,
                kept,
                last,
            });
        };
        let rejects = RejectedLines::new(
            stream.on_invalid,
            DeadLetters::of(stream),
            &self.task.name,
            &self.task.input.name,
            &self.task.secrets,
            report,
        );
        let path = stream.dead_letter.clone().unwrap_or_default();
        let rejects = rejects.map_err(|source| FailureKind::NoDeadLetter { path, source })?;
        self.rejects = Some(Box::new(rejects));
        Ok(())
    }

    /// What takes out of the lines that an output prints what is for DStream: acknowledgements, and
    /// lines that it gives back. Made once the output has said whether it does the latter; `None` where there
    /// is neither.
    pub(super) fn listener(
        &self,
        index: usize,
    ) -> impl FnOnce(bool) -> Option<ControlLines<ControlMessage, TakesMessages>> + Send + use<>
    {
        let checkpoints = self.delivery.as_ref().map(|delivery| Arc::clone(&delivery.checkpoints));
        let asked = self.asks_for_rejects(index);
        let line_bytes_max = self.task.stream.line_bytes_max;
        let path = self.task.stream.dead_letter.clone().unwrap_or_default();
        let mut returned = self.returned_lines(index);
        let counts = Arc::clone(&self.outputs[index].returned);
        let unkept = Arc::clone(&self.outputs[index].returned);
        let report = self.reporter(Id::Output(index));
        let mut take = move |word, is_shown| {
            let not_kept = |source| FailureKind::NoDeadLetter { path: path.clone(), source };
            match (word, &checkpoints) {
                (ControlMessage::Ack(checkpoint), Some(checkpoints)) if is_shown => {
                    // What it has given back before is part of what it says is lasting.
                    returned.settle().map_err(not_kept)?;
                    let known = checkpoints.acknowledge(index, checkpoint);
                    known.map_err(|_| FailureKind::BadAcknowledgement(checkpoint))
                }
                (ControlMessage::Ack(_), _) => Ok(()),
                (ControlMessage::Reject(RejectedLine { line, reason }), _) => {
                    match returned.take(&line, &reason).map_err(not_kept)? {
                        Disposition::Stop => Err(FailureKind::RejectedLine(reason)),
                        Disposition::LeaveOut => {
                            counts.lines.fetch_add(1, Relaxed);
                            Ok(())
                        }
                    }
                }
                (ControlMessage::BadReject(what), _) => Err(FailureKind::BadReject(what)),
            }
        };
        let mut failed = false;
        let take = move |word, is_shown| {
            let is_line = matches!(word, ControlMessage::Reject(_) | ControlMessage::BadReject(_));
            // What it says after that counts no more: an acknowledgement would be of a line that
            // nobody has.
            if !failed && let Err(kind) = take(word, is_shown) {
                failed = true;
                report(News::Event(ProviderEvent::Misspoke(kind)));
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
            let too_long =
                |most| ControlMessage::BadReject(format!("it has more than {most} bytes"));
            Some(ControlLines { read, is_awaited, bytes_max, too_long, take: Box::new(take) })
        }
    }

    fn returned_lines(&self, index: usize) -> ReturnedLines<impl FnMut(&str, bool) + Send + use<>> {
        let stream = &self.task.stream;
        let (observer, name) =
            (Arc::clone(&self.context.observer), self.task.outputs[index].name.clone());
        let kept = stream.on_invalid == OnInvalid::DeadLetter;
        let report = move |reason: &str, last| {
            observer.notice(&Notice::LineReturned { provider: &name, reason, kept, last });
        };
        ReturnedLines::new(
            stream.on_invalid,
            DeadLetters::of(stream),
            &self.task.name,
            &self.task.outputs[index].name,
            &self.task.secrets,
            report,
        )
    }

    /// Whether an output is asked to give back what it cannot take. Who asks for nothing else and has
    /// not said what to do with such lines has providers that fail by themselves, as ever.
    pub(super) fn asks_for_rejects(&self, index: usize) -> bool {
        let wanted = self.task.stream.on_invalid != OnInvalid::Fail || self.delivery.is_some();
        wanted && self.task.outputs[index].config_format == ConfigFormat::Command
    }

    /// What outputs are asked for of checkpoints.
    pub(super) fn asked_of_outputs(&self) -> Option<AskedCheckpoints> {
        let asked = &self.delivery.as_ref()?.asked;
        Some(AskedCheckpoints { interval: asked.interval, resume: None })
    }
}
