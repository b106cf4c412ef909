//! Blocks and attributes, and what they mean.
//!
//! [`schema`] sorts a file's tree by [`shapes`] into what is [`declared`], [`task`] and [`settings`] evaluate that
//! and check it.

mod checkpoints;
mod config;
mod confinement;
pub(crate) mod declared;
mod fields;
mod filter;
mod places;
pub(crate) mod schema;
pub(crate) mod settings;
pub(crate) mod shapes;
mod stream;
pub(crate) mod task;
mod version;
