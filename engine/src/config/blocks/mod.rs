//! Blocks and attributes, and what they mean.
//!
//! [`schema`] sorts a file's tree into what is [`declared`], [`task`] and [`settings`] evaluate that
//! and check it.

mod checkpoints;
mod config;
pub(crate) mod declared;
mod fields;
mod filter;
mod places;
pub(crate) mod schema;
pub(crate) mod settings;
mod shapes;
mod stream;
pub(crate) mod task;
mod units;
mod version;
