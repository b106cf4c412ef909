use super::*;
use crate::json::Number;

/// The same value as serde_json's, which may be off by the last bits of a float.
fn same(value: &Value<'_>, expected: &serde_json::Value) -> bool {
    use serde_json::Value as Json;
    match (value, expected) {
        (Value::Null, Json::Null) => true,
        (Value::Bool(one), Json::Bool(two)) => one == two,
        (Value::Text(one), Json::String(two)) => one == two,
        (Value::Number(Number::Whole(one)), Json::Number(two)) if !two.is_f64() => {
            two.as_i64().map(i128::from).or_else(|| two.as_u64().map(i128::from)) == Some(*one)
        }
        // So it takes whole numbers beyond 64 bits, and `-0`.
        (Value::Number(one), Json::Number(two)) => {
            let (one, two) = (one.as_f64(), two.as_f64().unwrap_or(f64::NAN));
            (one - two).abs() <= two.abs() * 4.0 * f64::EPSILON
        }
        (Value::List(one), Json::Array(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| same(&one, two))
        }
        (Value::Object(one), Json::Object(two)) => {
            one.len() == two.len()
                && two.iter().all(|(key, two)| one.get(key).is_some_and(|one| same(&one, two)))
        }
        _ => false,
    }
}

#[test]
fn every_recorded_change_is_seen_as_serde_json_sees_it() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/changes/changes.jsonl");
    let changes = std::fs::read(file).unwrap();
    let mut scratch = Scratch::default();
    let mut wanted = Wanted::Keys(Vec::new());
    for name in ["table", "before", "none"] {
        wanted.add(["metadata", name].into_iter());
    }
    let mut count = 0;
    for line in changes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let expected: serde_json::Value = serde_json::from_slice(line).unwrap();
        let parsed = scratch.parse(line).unwrap();
        let (data, metadata) = (parsed.root().field("data"), parsed.root().field("metadata"));
        assert!(same(&data, &expected["data"]), "{data:?} {}", expected["data"]);
        assert!(same(&metadata, &expected["metadata"]));
        for name in ["table", "operation", "before", "xid", "none"] {
            assert!(same(&metadata.field(name), &expected["metadata"][name]), "{name}");
        }
        drop(parsed);
        let parsed = scratch.take(line, &wanted).unwrap();
        let metadata = parsed.root().field("metadata");
        for name in ["table", "before", "none"] {
            assert!(same(&metadata.field(name), &expected["metadata"][name]), "{name}");
        }
        count += 1;
    }
    assert_eq!(count, 10_818);
}

#[test]
fn escapes_are_resolved_and_the_line_stays_as_it_is() {
    let line = br#"{"\u006detadata":{"\u0074able":"a\n\u00e9\ud83d\ude00"},"data":[1,"\\"]}"#;
    let kept = line.to_vec();
    let mut scratch = Scratch::default();
    let parsed = scratch.parse(line).unwrap();
    let root = parsed.root();
    assert_eq!(root.field("metadata").field("table").as_str(), Some("a\né😀"));
    assert_eq!(root.field("data").item(1).as_str(), Some("\\"));
    drop(parsed);
    assert_eq!(line[..], kept);
}

#[test]
fn of_equal_keys_the_last_counts() {
    let mut scratch = Scratch::default();
    for line in [
        &br#"{"metadata":{"t":1},"data":0,"metadata":{"t":2,"t":[],"t":3}}"#[..],
        br#"{"metadata":{"t":1},"data":1e999,"metadata":{"t":2,"t":[],"t":3}}"#,
    ] {
        let parsed = scratch.parse(line).unwrap();
        let metadata = parsed.root().field("metadata");
        assert_eq!(metadata.field("t"), Value::Number(Number::Whole(3)));
        assert!(matches!(metadata, Value::Object(object) if object.len() == 1));
    }
}

#[test]
fn a_bad_line_does_not_spoil_the_next() {
    let mut scratch = Scratch::default();
    for _ in 0..2 {
        let Err(reason) = scratch.parse(b"{\"data\":\"\\u0041") else { panic!("it is cut off") };
        assert_eq!(reason, "not JSON: EOF while parsing a string, at byte 15");
        let parsed = scratch.parse(b"{\"data\":\"A\"}").unwrap();
        assert_eq!(parsed.root().field("data").as_str(), Some("A"));
    }
}
