//! The JSON of a line as values that borrow it: what a filter, or whoever asks for a field, works
//! on.
//!
//! [`Scratch`] takes the values that a filter asks for out of a line (`scan`), into memory that the
//! next line uses again. Where they are not simple, it parses the whole line with simd-json. The few
//! lines that simd-json refuses although they are JSON are read by hand (`reader`) into a tree, so
//! that no valid line is refused. A [`Value`] does not show where it comes from.
//!
//! Where an object has a key twice, the last one counts, as it does for those who read the lines
//! (JavaScript, Go, Python, serde_json).

mod fingerprint;
mod number;
mod reader;
mod scan;
mod scratch;
mod tree;
mod value;

pub use crate::limits::JSON_DEPTH_MAX;
pub use number::Number;
pub(crate) use scan::Wanted;
pub use scan::is_envelope;
pub use scratch::{Parsed, Scratch, utf8};
pub use tree::Tree;
pub use value::{List, Object, Value};
