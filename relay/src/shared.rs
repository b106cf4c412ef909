//! What the threads of one relay share.

use std::sync::Arc;

use super::cancel::Cancel;
use super::counters::RelayCounters;
use super::meter::Meter;

/// Counts, times, and the wish to end.
pub(super) struct Shared {
    pub(super) counters: RelayCounters,
    pub(super) meter: Arc<Meter>,
    pub(super) cancelled: Cancel,
}

impl Shared {
    pub(super) fn new(outputs_count: usize, measure: bool) -> Self {
        Self {
            counters: RelayCounters::new(outputs_count),
            meter: Arc::new(Meter::new(outputs_count, measure)),
            cancelled: Cancel::default(),
        }
    }
}
