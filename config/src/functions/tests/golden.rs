//! Replays the tables of `testdata`.

use std::path::{Path, PathBuf};

use super::evaluate;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/functions/testdata");
    let mut files: Vec<_> = ["checked", "written"]
        .iter()
        .flat_map(|name| std::fs::read_dir(folder.join(name)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

/// All tables, one behind the other.
pub(super) fn texts() -> String {
    files().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

#[test]
fn every_table_holds() {
    let mut problems = Vec::new();
    let mut count = 0;
    for path in files() {
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        while let Some(expression) = lines.next() {
            let expected = lines.next().unwrap().trim_start();
            count += 1;
            if let Err(problem) = check(expression, expected) {
                let name = path.file_name().unwrap().display();
                problems.push(format!("{name}: {expression}\n    {problem}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}\n{} of {count}", problems.join("\n"), problems.len());
    assert!(count > 500, "only {count}");
}

fn check(expression: &str, expected: &str) -> Result<(), String> {
    match (evaluate(expression), expected) {
        (Err(message), "error") if message.is_empty() => Err("empty message".to_owned()),
        (Err(_), "error") => Ok(()),
        (Err(message), _) => Err(format!("want {expected}, got error: {message}")),
        (Ok(value), "error") => Err(format!("want error, got {value:?}")),
        (Ok(value), expected) => {
            let got = value.into_json();
            let expected: serde_json::Value = serde_json::from_str(expected).unwrap();
            if same(&got, &expected) { Ok(()) } else { Err(format!("want {expected}, got {got}")) }
        }
    }
}

/// Numbers may differ in the last of a float's digits, where the order of operations shows; whole
/// numbers must be whole.
fn same(got: &serde_json::Value, expected: &serde_json::Value) -> bool {
    use serde_json::Value as Json;
    match (got, expected) {
        (Json::Number(got), Json::Number(expected)) => {
            let (one, other) = (got.as_f64().unwrap(), expected.as_f64().unwrap());
            let is_close = (one - other).abs() <= 4.0 * f64::EPSILON * one.abs().max(other.abs());
            is_close && (got.is_f64() == expected.is_f64() || other.fract() == 0.0 && !got.is_f64())
        }
        (Json::Array(got), Json::Array(expected)) => {
            got.len() == expected.len() && got.iter().zip(expected).all(|(a, b)| same(a, b))
        }
        (Json::Object(got), Json::Object(expected)) => {
            got.len() == expected.len()
                && got.iter().all(|(key, a)| expected.get(key).is_some_and(|b| same(a, b)))
        }
        (got, expected) => got == expected,
    }
}
