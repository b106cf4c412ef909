//! The text of a file: its outline, the template actions in it, and its HCL tree.
//!
//! [`outline`] looks at brackets, strings and [`action`]s; [`lift`] decides which actions can be
//! lifted out; [`script`] does it and keeps the way back to the file; [`syntax`] parses. Nothing here
//! knows what a block or an attribute means.

pub(crate) mod action;
mod lift;
pub(crate) mod outline;
pub(crate) mod script;
pub(crate) mod syntax;
mod unclosed;
