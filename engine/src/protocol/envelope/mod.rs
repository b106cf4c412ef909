//! Lines as envelopes, without changing or copying what is forwarded.

mod check;
mod full;
mod view;

pub use check::EnvelopeCheck;
pub use view::EnvelopeView;
