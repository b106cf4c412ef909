//! Every bound on what a template may be and do, with its reason. All are far above what people
//! write; they exist so that a wrong template ends in an error and never in a hang or a crash.

/// Parentheses and control structures open at one place. Parsing and evaluating recurse as deep,
/// and have to fit the 2 MiB stack of a thread.
pub(super) const NESTING_MAX: usize = 48;

/// Variables that can be seen at one place: they are looked up one by one.
pub(super) const VARIABLES_MAX: usize = 256;

/// Levels of a list within lists. Freeing one recurses as deep.
pub(super) const LIST_DEPTH_MAX: usize = 32;

/// Levels that printing, comparing and JSON follow into a value, dictionaries counted; a
/// dictionary that was put into itself ends here.
pub(super) const VALUE_DEPTH_MAX: usize = 64;

/// Elements of one list, or entries of one dictionary.
pub(super) const ITEMS_MAX: usize = 100_000;

/// Bytes of one text value.
pub(super) const TEXT_BYTES_MAX: usize = 1 << 20;

/// Bytes of what one template renders to.
pub(super) const OUTPUT_BYTES_MAX: usize = 8 << 20;

/// Steps of one rendering: about one for each byte a function reads or makes, [`NODE_WORK`] for
/// each node evaluated, [`ITEM_WORK`] for each element copied. At worst this takes a second or
/// two and some 100 MiB.
pub(super) const WORK_MAX: u64 = 32 << 20;

/// What evaluating one node of a template costs.
pub(super) const NODE_WORK: usize = 32;

/// What copying one element of a list or dictionary costs: about its bytes in memory.
pub(super) const ITEM_WORK: usize = 32;

/// Errors reported for one template; what follows the first few is seldom worth reading.
pub(super) const ERRORS_MAX: usize = 50;

/// Width and precision of a `printf` verb, as in Go.
pub(super) const PRINTF_WIDTH_MAX: i64 = 1_000_000;
