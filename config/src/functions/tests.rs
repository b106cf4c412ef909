//! Expressions and their values, as tables.
//!
//! `testdata/checked` holds what HashiCorp's own implementation answers (see `oracle.go` there);
//! `testdata/written` what it lacks, by Terraform's documentation. Beside them, in the modules
//! below: what DStream adds or has otherwise, secrets, files and limits.

mod golden;
mod limits;
mod own;
mod secrets;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hcl::Value;
use hcl::eval::{Context, Evaluate as _};

use super::{FunctionScope, Touched, declare, with_scope};

/// The scope of all tests: a few variables, and a morning in November.
fn scope(base_dir: &Path) -> FunctionScope {
    let env = [
        ("HOME", "/home/ada"),
        ("TOKEN", "hunter2-hunter2"),
        ("QUOTED", "pa\"ss<w>ord"),
        ("LIST", "alpha,beta,gamma"),
        ("EMPTY", ""),
        ("SHORT", "ab"),
    ];
    let env: BTreeMap<_, _> =
        env.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
    FunctionScope {
        env: Arc::new(env),
        base_dir: base_dir.to_owned(),
        now: "2026-11-22T08:30:05.5Z".parse().unwrap(),
    }
}

/// The value of an expression, or why it has none, and what it touched.
fn evaluate_in(base_dir: &Path, text: &str) -> (Result<Value, String>, Touched) {
    let expression: hcl::Expression =
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
    let mut context = Context::new();
    declare(&mut context);
    with_scope(scope(base_dir), || {
        expression.evaluate(&context).map_err(|error| match error.into_kind() {
            hcl::eval::ErrorKind::FuncCall(_, message) => message,
            other => other.to_string(),
        })
    })
}

fn evaluate(text: &str) -> Result<Value, String> {
    evaluate_in(Path::new("."), text).0
}

/// The value of an expression as JSON; panics if there is none.
fn json(text: &str) -> String {
    let value = evaluate(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    serde_json::to_string(&value).unwrap()
}

/// Why an expression has no value; panics if it has one.
fn error(text: &str) -> String {
    match evaluate(text) {
        Err(message) => message,
        Ok(_) => panic!("{text} has a value"),
    }
}

#[test]
fn names_are_sorted_and_unique() {
    assert!(super::names().is_sorted_by(|one, other| one < other));
    assert!(super::names().contains(&"env"));
}

#[test]
fn table_files_call_every_function() {
    let tables = golden::texts() + include_str!("tests/own.rs") + include_str!("tests/secrets.rs");
    let uncalled: Vec<_> = super::names()
        .iter()
        .filter(|name| {
            let call = format!("{name}(");
            let at_word = |at: usize| {
                !tables[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            };
            // Some are called from a loop over their names.
            let is_listed = tables.contains(&format!("\"{name}\""));
            !is_listed && !tables.match_indices(&call).any(|(at, _)| at_word(at))
        })
        .collect();
    assert!(uncalled.is_empty(), "{uncalled:?}");
}
