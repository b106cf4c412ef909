//! Expressions → values.
//!
//! [`evaluate`] is the entry; what expressions refer to is in [`names`] and [`variables`], what
//! comes to light on the way in [`log`]. Nothing here knows what an attribute is for.

mod calls;
pub(crate) mod evaluate;
pub(crate) mod log;
pub(crate) mod names;
mod operators;
mod strings;
mod traversal;
pub(crate) mod types;
pub(crate) mod value;
pub(crate) mod variables;
