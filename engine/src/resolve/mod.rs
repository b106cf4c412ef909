//! Provider reference → verified local executable. Knows nothing of tasks.

mod reference;

pub use oci_spec::distribution::Reference;
pub use reference::{ReferenceError, parse_reference};
