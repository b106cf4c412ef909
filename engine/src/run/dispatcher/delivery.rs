//! `delivery = "at_least_once"`: what a run does about checkpoints.

use std::sync::Arc;

use super::{Dispatcher, Event};
use crate::config;
use crate::delivery::{CheckpointReport, Checkpoints, Keeper};
use crate::protocol::{AskedCheckpoints, ack_of};
use crate::run::failure::FailureKind;

/// A run's checkpoints.
pub(super) struct Delivery {
    pub(super) checkpoints: Arc<Checkpoints>,
    keeper: Keeper,
    /// What the input is asked for.
    pub(super) asked: AskedCheckpoints,
}

impl Delivery {
    pub(super) fn finish(self) -> CheckpointReport {
        self.keeper.finish(&self.checkpoints)
    }
}

impl Dispatcher<'_> {
    /// Takes hold of the task's state, before anything is started.
    pub(super) fn prepare_delivery(&mut self) -> Result<(), FailureKind> {
        let stream = &self.task.stream;
        if stream.delivery != config::Delivery::AtLeastOnce {
            return Ok(());
        }
        let state = self.context.state.claim(&self.task.name).map_err(FailureKind::NoState)?;
        let resume = state.checkpoint().map_err(FailureKind::NoState)?;
        let checkpoints = Checkpoints::new(self.task.outputs.len());
        let events = self.events.clone();
        let failed = move |error| drop(events.send(Event::NotStored(error)));
        let keeper = Keeper::start(&checkpoints, state, failed).map_err(FailureKind::NoThread)?;
        let asked = AskedCheckpoints { interval: stream.checkpoint_interval, resume };
        self.delivery = Some(Delivery { checkpoints, keeper, asked });
        Ok(())
    }

    /// What takes acknowledgements out of the lines that an output prints; `None` where there are
    /// none.
    pub(super) fn acknowledgements(
        &self,
        id: usize,
    ) -> Option<impl FnMut(&[u8]) -> bool + Send + use<>> {
        let checkpoints = Arc::clone(&self.delivery.as_ref()?.checkpoints);
        let events = self.events.clone();
        let mut told = false;
        Some(move |line: &[u8]| {
            let Some(checkpoint) = ack_of(line) else { return false };
            let known = checkpoints.acknowledge(id - 1, checkpoint).is_ok();
            if !known && !std::mem::replace(&mut told, true) {
                let _ = events.send(Event::BadAcknowledgement(id, checkpoint));
            }
            true
        })
    }

    /// What outputs are asked for.
    pub(super) fn asked_of_outputs(&self) -> Option<AskedCheckpoints> {
        let asked = &self.delivery.as_ref()?.asked;
        Some(AskedCheckpoints { interval: asked.interval, resume: None })
    }
}
