//! Which checkpoint is complete: a rule about numbers, without threads or files.

use std::collections::VecDeque;

use serde_json::value::RawValue;

use crate::limits::{CHECKPOINTS_BYTES_MAX, CHECKPOINTS_MAX};

/// How far an input is.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    /// As the input wrote it.
    pub(crate) value: Box<RawValue>,
    /// How many lines of this run were before it.
    pub(crate) lines: u64,
}

/// The checkpoints that are on their way, and how far each output is.
///
/// An id stands for everything before it: acknowledging one acknowledges all smaller ones. A
/// checkpoint is complete when every output has acknowledged it.
#[derive(Debug)]
pub(crate) struct Progress {
    /// By id, ascending; those that are complete are gone.
    pending: VecDeque<(u64, Checkpoint)>,
    /// How long their values are together.
    pending_bytes: usize,
    /// The largest id that was given out.
    last: u64,
    /// The largest id that each output has acknowledged.
    acknowledged: Box<[u64]>,
}

/// An acknowledgement of what was never sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NeverSent;

impl Progress {
    pub(crate) fn new(outputs_count: usize) -> Self {
        let acknowledged = vec![0; outputs_count].into();
        Self { pending: VecDeque::new(), pending_bytes: 0, last: 0, acknowledged }
    }

    /// Notes a checkpoint of the input; gives its id.
    pub(crate) fn note(&mut self, checkpoint: Checkpoint) -> u64 {
        let bytes = checkpoint.value.get().len();
        while self.pending.len() > 1
            && (self.pending.len() >= CHECKPOINTS_MAX
                || self.pending_bytes + bytes > CHECKPOINTS_BYTES_MAX)
        {
            self.forget_every_second();
        }
        self.pending_bytes += bytes;
        self.last += 1;
        self.pending.push_back((self.last, checkpoint));
        self.last
    }

    /// To forget one is safe: what was acknowledged beyond it is beyond the one before it, too. The
    /// oldest stays, so that something becomes complete however far behind the outputs are.
    fn forget_every_second(&mut self) {
        let mut index = 0;
        self.pending.retain(|(_, checkpoint)| {
            index += 1;
            let stays = index % 2 == 1;
            if !stays {
                self.pending_bytes -= checkpoint.value.get().len();
            }
            stays
        });
    }

    /// Notes what an output says. Gives the newest checkpoint that has become complete by it.
    pub(crate) fn acknowledge(
        &mut self,
        output: usize,
        id: u64,
    ) -> Result<Option<Checkpoint>, NeverSent> {
        if id == 0 || id > self.last {
            return Err(NeverSent);
        }
        let known = &mut self.acknowledged[output];
        *known = id.max(*known);
        let complete = self.acknowledged.iter().copied().min().unwrap_or_default();
        let mut newest = None;
        while let Some((id, _)) = self.pending.front()
            && *id <= complete
        {
            newest = self.pending.pop_front().map(|(_, checkpoint)| checkpoint);
            self.pending_bytes -=
                newest.as_ref().map_or(0, |checkpoint| checkpoint.value.get().len());
        }
        Ok(newest)
    }

    /// Whether an output has not acknowledged all.
    pub(crate) fn is_due(&self, output: usize) -> bool {
        self.acknowledged[output] < self.last
    }

    /// Whether every checkpoint is complete.
    pub(crate) fn is_complete(&self) -> bool {
        self.pending.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(number: u64) -> Checkpoint {
        let value = RawValue::from_string(number.to_string()).unwrap();
        Checkpoint { value, lines: number }
    }

    #[test]
    fn a_checkpoint_is_complete_when_the_last_output_says_so() {
        let mut progress = Progress::new(2);
        assert_eq!((progress.note(value(10)), progress.note(value(20))), (1, 2));
        let mut acknowledge = |output, id| {
            let newest = progress.acknowledge(output, id);
            newest.map(|newest| newest.map(|newest| newest.value.get().to_owned()))
        };
        assert_eq!(acknowledge(0, 2), Ok(None));
        assert_eq!(acknowledge(1, 1), Ok(Some("10".to_owned())));
        assert_eq!(acknowledge(1, 1), Ok(None), "said twice");
        assert_eq!(acknowledge(0, 1), Ok(None), "said late");
        assert_eq!(acknowledge(1, 2), Ok(Some("20".to_owned())));
        assert_eq!(acknowledge(1, 3), Err(NeverSent));
        assert_eq!(acknowledge(1, 0), Err(NeverSent));
        assert!(progress.is_complete());
    }

    #[test]
    fn however_many_are_on_their_way_memory_is_bounded_and_nothing_is_said_too_early() {
        let mut progress = Progress::new(1);
        let many = 10 * CHECKPOINTS_MAX as u64;
        for number in 1..=many {
            assert_eq!(progress.note(value(number)), number);
            assert!(progress.pending.len() <= CHECKPOINTS_MAX);
        }
        for id in [1, many / 2, many - 1, many] {
            let newest = progress.acknowledge(0, id).unwrap();
            let newest = newest.map_or(0, |newest| newest.lines);
            assert!(newest <= id, "{newest} is complete, {id} was acknowledged");
        }
        assert!(progress.is_complete(), "the last one is never forgotten");
        assert_eq!(progress.pending_bytes, 0);
    }

    #[test]
    fn however_large_they_are_the_oldest_and_the_newest_are_kept() {
        const BYTES: usize = CHECKPOINTS_BYTES_MAX / 2;
        let mut progress = Progress::new(1);
        let large = format!("\"{}\"", "x".repeat(BYTES - 2));
        for number in 1..=100 {
            let value = RawValue::from_string(large.clone()).unwrap();
            progress.note(Checkpoint { value, lines: number });
            assert!(progress.pending.len() <= 2 && progress.pending_bytes <= 2 * BYTES);
            // An output that is always far behind gets on all the same.
            if number > 10 {
                progress.acknowledge(0, number - 10).unwrap();
            }
        }
        assert!(progress.acknowledged[0] == 90 && progress.pending.len() == 2);
        assert_eq!(progress.acknowledge(0, 99).unwrap().unwrap().lines, 91, "the oldest");
        assert_eq!(progress.acknowledge(0, 100).unwrap().unwrap().lines, 100, "the newest");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Against the definition: complete is what all outputs have acknowledged.
        #[test]
        fn any_order_of_events_agrees_with_the_definition(
            outputs in 1usize..4,
            events in prop::collection::vec((any::<bool>(), 0usize..4, 0u64..40), 0..200),
        ) {
            let mut progress = Progress::new(outputs);
            let (mut last, mut acknowledged, mut complete) = (0, vec![0; outputs], 0);
            for (is_note, output, id) in events {
                if is_note {
                    last += 1;
                    prop_assert_eq!(progress.note(value(last)), last);
                    continue;
                }
                let output = output % outputs;
                let newest = progress.acknowledge(output, id);
                if id == 0 || id > last {
                    prop_assert!(newest.is_err());
                    continue;
                }
                acknowledged[output] = id.max(acknowledged[output]);
                let all = acknowledged.iter().copied().min().unwrap();
                let expected = (all > complete).then_some(all);
                complete = all;
                let newest = newest.unwrap().map(|newest| newest.lines);
                prop_assert_eq!(newest, expected);
                prop_assert_eq!(progress.is_complete(), complete == last);
            }
        }
    }
}
