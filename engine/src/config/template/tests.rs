//! Whole templates: against what Go made of them, against what is written down here, and against
//! anything at all.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;

/// The environment of `fixtures/templates/oracle`.
fn environment() -> BTreeMap<String, String> {
    [
        ("NAME", "orders"),
        ("EMPTY", ""),
        ("PORT", "8080"),
        ("QUOTED", "a \"b\" ${c}\n{{ d }}"),
        ("PASSWORD", "hunter2, or so"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

fn rendered(source: &str) -> Result<Rendered, Vec<TemplateError>> {
    let env = environment();
    let now = "2024-03-05T07:08:09Z[UTC]".parse().unwrap();
    render(source, &TemplateScope { env: &env, now })
}

fn text(source: &str) -> String {
    rendered(source).unwrap_or_else(|errors| panic!("{source}: {errors:?}")).text
}

fn messages(source: &str) -> Vec<(String, String)> {
    let errors = rendered(source).map(|rendered| rendered.text).unwrap_err();
    errors.into_iter().map(|error| (source[error.span].to_owned(), error.message)).collect()
}

fn message(source: &str) -> (String, String) {
    let mut all = messages(source);
    assert_eq!(all.len(), 1, "{source}: {all:?}");
    all.remove(0)
}

/// Every template of the stored table gives what Go and Sprig gave, or fails where they did.
#[test]
fn agrees_with_go_and_sprig() {
    let table = include_str!("../../../../fixtures/templates/golden.jsonl");
    let mut wrong = Vec::new();
    for line in table.lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let source = case["template"].as_str().unwrap();
        let expected = case["output"].as_str();
        let actual = rendered(source);
        let same = match (&actual, expected) {
            (Ok(rendered), Some(expected)) => rendered.text == expected,
            (Err(_), None) => true,
            _ => false,
        };
        if !same {
            let actual = actual.map(|rendered| rendered.text);
            wrong.push(format!("{source}\n  expected {expected:?}\n  actual   {actual:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
