//! Limits of the JSON of a line: number, unit, reason, and what happens when it is hit.

/// Depth of nesting of a line. Under `validate = "full"` a deeper line is invalid; for a filter,
/// what lies deeper is null. Bounds the stack of whatever walks over a line's values.
pub const JSON_DEPTH_MAX: usize = 127;

/// Bytes of a line up to which the memory it was parsed in is kept for the next one. A parsed
/// line can take twenty times its length; that of a longer line is given back at once.
pub(crate) const JSON_SCRATCH_LINE_BYTES_KEPT: usize = 256 * 1024;
