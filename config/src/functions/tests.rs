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
use std::sync::{Arc, LazyLock};

use super::Context;
use crate::text::script::Script;
use crate::values::evaluate::{EvalContext, Evaluator, Scope};
use crate::values::log::Log;
use crate::values::value::Value;
use dstream_task::SourceText;
use dstream_template::TemplateScope;

/// A few variables.
static ENV: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    let env = [
        ("HOME", "/home/ada"),
        ("TOKEN", "hunter2-hunter2"),
        ("QUOTED", "pa\"ss<w>ord"),
        ("LIST", "alpha,beta,gamma"),
        ("EMPTY", ""),
        ("SHORT", "ab"),
    ];
    env.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect()
});

/// What all tests know of the world: a few variables, and a morning in November.
fn context(base_dir: &Path) -> Context<'_> {
    Context { env: &ENV, base_dir, now: "2026-11-22T08:30:05.5Z".parse().unwrap() }
}

/// The value of an expression, or why it has none. `names` have values in it.
fn evaluate_with(
    base_dir: &Path,
    text: &str,
    names: &[(&str, Value)],
    log: &Log,
) -> Result<Value, String> {
    let expression =
        hcl_edit::parser::parse_expr(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let source = SourceText { path: Default::default(), text: text.to_owned() };
    let script = Script::plain(Arc::new(source));
    let templates = TemplateScope { env: &ENV, now: jiff::Zoned::default() };
    let context = EvalContext { functions: context(base_dir), templates };
    let values = Evaluator { context: Some(&context), ..Evaluator::plain(&script, log) };
    fn with<R>(
        names: &[(&str, Value)],
        outer: Option<&Scope<'_>>,
        run: &mut dyn FnMut(Option<&Scope<'_>>) -> R,
    ) -> R {
        match names {
            [] => run(outer),
            [(name, value), others @ ..] => with(others, Some(&Scope { name, value, outer }), run),
        }
    }
    with(names, None, &mut |scope| values.evaluate(&expression, scope)).map_err(|_| {
        let message = log.first_message();
        // Behind the function's name.
        match message.split_once("`: ") {
            Some((name, behind)) if super::find(name.trim_start_matches('`')).is_some() => {
                behind.to_owned()
            }
            _ => message,
        }
    })
}

/// The value of an expression, or why it has none, and the secrets that came up.
fn evaluate_in(base_dir: &Path, text: &str) -> (Result<Value, String>, Vec<String>) {
    let log = Log::default();
    let value = evaluate_with(base_dir, text, &[], &log);
    (value, log.secret_texts())
}

fn evaluate(text: &str) -> Result<Value, String> {
    evaluate_in(Path::new("."), text).0
}

/// The value of an expression as JSON; panics if there is none.
fn json(text: &str) -> String {
    let value = evaluate(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    value.into_json().to_string()
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
    let names: Vec<_> = super::names().collect();
    let declared: usize = super::GROUPS.iter().map(|group| group.len()).sum();
    assert!(names.is_sorted_by(|one, other| one < other) && names.len() == declared);
    assert!(super::find("env").is_some());
}

#[test]
fn table_files_call_every_function() {
    let tables = golden::texts() + include_str!("tests/own.rs") + include_str!("tests/secrets.rs");
    let uncalled: Vec<_> = super::names()
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
