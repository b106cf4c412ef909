//! `delivery = "at_least_once"`: what a run does about checkpoints.

use std::sync::Arc;

use super::{Dispatcher, Event, INPUT, MemberEvent};
use crate::delivery::{Checkpoints, StateError};
use crate::protocol::{AskedCheckpoints, ack_of};
use crate::provider::Told;
use crate::run::failure::FailureKind;

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

    /// What takes acknowledgements out of the lines that an output prints; `None` where there are
    /// none.
    pub(super) fn acknowledgements(
        &self,
        id: usize,
    ) -> Option<Told<u64, impl FnMut(u64) + Send + use<>>> {
        let checkpoints = Arc::clone(&self.delivery.as_ref()?.checkpoints);
        let tell = self.teller(id);
        let mut told = false;
        let take = move |checkpoint| {
            let known = checkpoints.acknowledge(id - 1, checkpoint).is_ok();
            if !known && !std::mem::replace(&mut told, true) {
                tell(MemberEvent::BadAcknowledgement(checkpoint));
            }
        };
        Some(Told { read: ack_of, take })
    }

    /// What outputs are asked for.
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
