//! `file`: lines of files as a stream, and a stream as files. Two providers of one name.

mod input;
mod output;
mod tail;

use glob::MatchOptions;

pub(crate) use input::FileInput;
pub(crate) use output::FileOutput;

/// As shells do it: `*` ends at a slash and does not find hidden files.
const GLOB_OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};
