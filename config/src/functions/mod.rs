//! The functions that HCL expressions may call: `upper("x")`, `env("HOME")`, `file("ca.pem")` …
//!
//! Those that people know from Terraform have the same names, arguments and results; DStream adds
//! [`env`](secrecy). What differs, and why:
//!
//! - Numbers are 64-bit integers or 64-bit floats, not 512-bit floats. Whole numbers stay whole.
//! - There is one kind of list and one kind of object. A set is a list without duplicates, in
//!   order; a function that wants elements of one type brings them to one ([`unify`]).
//! - The result depends on the arguments and the [`FunctionScope`] alone. Nothing here reads the
//!   process environment, the clock or the working directory, and nothing is random.
//! - Every size is bounded ([`limits`]), so that no expression can exhaust memory or the stack.
//!
//! Errors are lower-case fragments that speak of parameters and types. They do not quote argument
//! values, save for names that help (a path, a variable, a key), and secrets in those are masked.
//!
//! A function is an entry in the table of its group; [`call`] runs it. `hcl-rs` takes plain fn
//! pointers, so what a function may ask of the world lies in a thread-local ([`scope`]).

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
mod scope;
mod secrecy;
mod sets;
mod strings;
mod unify;

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use call::Function;

pub(crate) use call::check_count;
pub(crate) use patterns::compile as compile_pattern;
#[cfg(test)]
use scope::Touched;
pub(crate) use scope::{FunctionScope, recall, with_scope};

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

static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut names: Vec<_> = GROUPS.iter().copied().flatten().map(|entry| entry.name).collect();
    names.sort_unstable();
    names
});

/// Makes every function callable in `context`.
pub(crate) fn declare(context: &mut hcl::eval::Context<'_>) {
    for function in GROUPS.iter().copied().flatten() {
        context.declare_func(function.name, function.definition());
    }
}

/// The names of all functions, in order.
pub(crate) fn names() -> &'static [&'static str] {
    &NAMES
}
