//! The functions that HCL expressions may call: `upper("x")`, `env("HOME")`, `file("ca.pem")` …
//!
//! Those that people know from Terraform have the same names, arguments and results; DStream adds
//! [`env`](secrecy). What differs, and why:
//!
//! - Numbers are 64-bit integers or 64-bit floats, not 512-bit floats. Whole numbers stay whole.
//! - There is one kind of list and one kind of object. A set is a list without duplicates, in
//!   order; a function that wants elements of one type brings them to one ([`unify`]).
//! - The result depends on the arguments and the [`Context`] alone. Nothing here reads the
//!   process environment, the clock or the working directory, and nothing is random.
//! - Every size is bounded ([`limits`]), so that no expression can exhaust memory or the stack.
//!
//! Errors are lower-case fragments that speak of parameters and types. They do not quote argument
//! values, save for names that help (a path, a variable, a key), and secrets in those are masked.
//!
//! A function is an entry in the table of its group; [`Function::call`] runs it.

mod arguments;
mod call;
mod collections;
mod conversions;
mod csv;
mod dates;
mod decimal;
mod encoding;
mod files;
mod format;
mod hashes;
mod json;
mod limits;
mod maps;
mod numbers;
mod patterns;
mod secrecy;
mod sets;
mod strings;
mod unify;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::LazyLock;

pub(crate) use call::{Context, Function, Secrecy, check_count};
pub(crate) use patterns::compile as compile_pattern;
pub(crate) use secrecy::{derived_secrets, shown_texts};

/// All groups.
const GROUPS: &[&[Function]] = &[
    collections::TABLE,
    conversions::TABLE,
    dates::TABLE,
    encoding::TABLE,
    files::TABLE,
    format::TABLE,
    hashes::TABLE,
    maps::TABLE,
    numbers::TABLE,
    patterns::TABLE,
    secrecy::TABLE,
    sets::TABLE,
    strings::TABLE,
];

static FUNCTIONS: LazyLock<BTreeMap<&'static str, &'static Function>> = LazyLock::new(|| {
    GROUPS.iter().copied().flatten().map(|function| (function.name, function)).collect()
});

/// The function of that name.
pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.get(name).copied()
}

/// The names of all functions, in order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.keys().copied()
}
