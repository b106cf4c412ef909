use serde_json::Value as Json;

use super::rendered;

/// Every template of the stored table gives what Go and Sprig gave, or fails where they did.
#[test]
fn agrees_with_go_and_sprig() {
    let table = include_str!("../../../fixtures/templates/golden.jsonl");
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
