//! How much of a schema is taken: it comes from a registry, and so from anybody. All bounds are far
//! above what provider authors write.

/// Bytes of a schema: its names and texts, and [`VALUE_BYTES`] for each of its values.
pub(super) const SCHEMA_BYTES_MAX: usize = 256 << 10;

/// What a value counts for beside its text, so that a long list of nothings is not free.
pub(super) const VALUE_BYTES: usize = 8;

/// Values within values of a schema. Everything here that follows it is recursive.
pub(super) const SCHEMA_DEPTH_MAX: usize = 64;

/// References in a schema. Compiling one can go as deep as all of them in a row.
pub(super) const REFERENCES_MAX: usize = 1_000;

/// Keywords, and what they list, applied to values in one check: references that each name the next one
/// twice would take forever with a few kilobytes.
pub(super) const WORK_MAX: usize = 2_000_000;

/// Subschemas applied within each other in one check; each takes some of the stack.
pub(super) const WORK_DEPTH_MAX: usize = 1_000;

/// Patterns in a schema. Each can take [`PATTERN_BYTES_MAX`], and milliseconds to compile.
pub(super) const PATTERNS_MAX: usize = 100;

/// Bytes that a compiled pattern, and the cache it works with, may take.
pub(super) const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What is reported of one config. Whoever has more wrong has the wrong provider.
pub(super) const FINDINGS_MAX: usize = 20;

/// Characters of a schema's text that a message shows.
pub(super) const SHOWN_CHARS_MAX: usize = 120;

/// Allowed values that a message lists.
pub(super) const OPTIONS_SHOWN_MAX: usize = 12;

/// The stack that reading and checking get, whatever thread asks for it. Only what is used of it
/// takes memory.
pub(super) const STACK_BYTES: usize = 64 << 20;
