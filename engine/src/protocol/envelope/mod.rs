//! Lines as envelopes, without changing or copying what is forwarded.

mod check;
mod full;

pub use check::EnvelopeCheck;
