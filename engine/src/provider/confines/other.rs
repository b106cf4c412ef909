//! Systems that cannot confine: asking for it is an error.

use super::ConfineError;
use crate::resolve::ResolvedProvider;
use dstream_task::Confinement;

/// Nothing.
pub(crate) struct Confines;

impl Confines {
    pub(crate) fn new(
        confinement: &Confinement,
        _provider: &ResolvedProvider,
    ) -> Result<Self, ConfineError> {
        if *confinement == Confinement::default() {
            Ok(Self)
        } else {
            Err(ConfineError::OtherSystem(std::env::consts::OS))
        }
    }

    pub(crate) fn without_effect(&self) -> Option<&'static str> {
        None
    }
}
