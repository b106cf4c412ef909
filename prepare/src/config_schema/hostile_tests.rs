//! Schemas that mean harm, or make no sense.

use proptest::prelude::*;
use serde_json::json;

use super::tests::{found, read};
use super::*;

fn refused(schema: Value) -> SchemaError {
    ConfigSchema::read(&schema).map(|_| panic!("{schema}")).unwrap_err()
}

#[test]
fn nothing_outside_a_schema_is_asked_for() {
    for reference in
        ["https://example.com/x.json", "file:///etc/passwd", "other.json", "#/nowhere", "#name"]
    {
        let schema = json!({ "type": "object", "properties": { "a": { "$ref": reference } } });
        assert_eq!(refused(schema), SchemaError::Reference { reference: reference.to_owned() });
    }
    // Behind what is not known to be a schema.
    let hidden = json!({ "$ref": "#/x/y", "x": { "y": { "$ref": "https://example.com/x" } } });
    assert!(matches!(refused(hidden), SchemaError::Invalid { .. }));
    let meta = json!({ "$schema": "https://example.com/meta", "type": "object" });
    assert!(matches!(refused(meta), SchemaError::Invalid { .. }));
    let nested = json!({ "type": "object", "properties": { "a": { "$id": "https://b.example" } } });
    assert_eq!(refused(nested), SchemaError::NestedId);
}

#[test]
fn references_within_a_schema_are_followed() {
    let of = |reference: &str, definition: Value| {
        json!({
            "$id": "https://example.com/whole",
            "properties": { "a": { "$ref": reference } },
            "$defs": { "x y": definition }
        })
    };
    for schema in [
        of("#/%24defs/x%20y", json!({ "type": "number" })),
        of("#number", json!({ "$anchor": "number", "type": "number" })),
    ] {
        assert_eq!(found(schema, json!({ "a": [] })), ["`a` is a number, not a list"]);
    }
    let tree = json!({
        "type": "object",
        "properties": { "next": { "$ref": "#" }, "name": { "type": "string" } },
        "additionalProperties": false
    });
    assert_eq!(
        found(tree, json!({ "next": { "next": { "nam": "x" } } })),
        ["unknown field `next.next.nam` | did you mean `name`?"]
    );
}

#[test]
fn references_in_a_circle_end() {
    for schema in [
        json!({ "$ref": "#" }),
        json!({ "allOf": [{ "$ref": "#" }, { "type": "object" }] }),
        json!({
            "$ref": "#/$defs/a",
            "$defs": {
                "a": { "anyOf": [{ "$ref": "#/$defs/b" }] },
                "b": { "not": { "$ref": "#/$defs/a" } }
            }
        }),
    ] {
        read(schema).check(&Map::from_iter([("a".to_owned(), json!({ "b": [1] }))]));
    }
}

#[test]
fn a_schema_cannot_take_long() {
    let double = |n: usize| {
        let mut definitions = Map::new();
        for i in 0..n {
            let next = json!({ "$ref": format!("#/$defs/a{}", i + 1) });
            definitions.insert(format!("a{i}"), json!({ "allOf": [next, next] }));
        }
        definitions.insert(format!("a{n}"), json!({ "type": "string" }));
        json!({ "$ref": "#/$defs/a0", "$defs": definitions })
    };
    let unchecked = read(double(60)).check(&Map::new());
    assert_eq!(unchecked.len(), 1);
    assert_eq!(unchecked[0].kind, FindingKind::Unchecked);
    // A long way, though each step is taken once.
    let chain = |n: usize| {
        let step = |i| (format!("a{i}"), json!({ "$ref": format!("#/$defs/a{}", i + 1) }));
        let mut definitions: Map<String, Value> = (0..n).map(step).collect();
        definitions.insert(format!("a{n}"), json!({ "required": ["x"] }));
        json!({ "$ref": "#/$defs/a0", "$defs": definitions })
    };
    assert_eq!(found(chain(990), json!({})), ["missing field `x`"]);
    assert_eq!(refused(chain(1_100)), SchemaError::TooManyReferences);
    let huge = json!({ "properties": { "a": { "pattern": "(a{1000}){1000}" } } });
    assert!(matches!(refused(huge), SchemaError::Invalid { .. }));
    let many = |n: usize| {
        let fields: Map<String, Value> =
            (0..n).map(|n| (format!("f{n}"), json!({ "pattern": r"^\w{5}$" }))).collect();
        json!({ "properties": fields })
    };
    read(many(100));
    assert_eq!(refused(many(101)), SchemaError::TooManyPatterns);
    let greedy = json!({ "properties": { "a": { "pattern": "^(a+)+$" } } });
    assert_eq!(found(greedy, json!({ "a": format!("{}b", "a".repeat(5_000)) })).len(), 1);
}

#[test]
fn a_schema_is_not_larger_or_deeper_than_the_limits() {
    let mut deep = json!({ "type": "string" });
    for _ in 0..100_000 {
        let around = Map::from_iter([("a".to_owned(), deep)]);
        deep = Value::Object(Map::from_iter([("properties".to_owned(), around.into())]));
    }
    assert_eq!(ConfigSchema::read(&deep).unwrap_err(), SchemaError::TooDeep);
    // Dropping it the usual way would overflow the stack.
    while let Some(inner) = deep.pointer_mut("/properties/a") {
        deep = inner.take();
    }
    let large: Map<String, Value> =
        (0..20_000).map(|n| (format!("field{n}"), json!("string"))).collect();
    assert_eq!(refused(Value::Object(large)), SchemaError::TooLarge);
    assert_eq!(refused(json!([])), SchemaError::NotAnObject { kind: "a list" });
    let error = refused(json!({ "timeout": 15 }));
    assert_eq!(
        error.to_string(),
        "the field `timeout` of the config_schema is described by a number"
    );
}

/// JSON made of what schemas are made of.
fn any_schema() -> impl Strategy<Value = Value> {
    let words = [
        "type",
        "object",
        "array",
        "string",
        "integer",
        "null",
        "properties",
        "required",
        "items",
        "$ref",
        "#",
        "#/$defs/a",
        "#/properties/a",
        "$defs",
        "a",
        "b",
        "",
        "allOf",
        "anyOf",
        "oneOf",
        "not",
        "if",
        "then",
        "enum",
        "const",
        "pattern",
        "(",
        "a*",
        "minimum",
        "maxLength",
        "additionalProperties",
        "unevaluatedProperties",
        "patternProperties",
        "propertyNames",
        "$schema",
        "http://json-schema.org/draft-04/schema#",
        "$id",
        "$anchor",
        "fields",
        "default",
        "description",
        "format",
        "dependencies",
        "prefixItems",
        "contains",
        "%",
        "uniqueItems",
        "multipleOf",
    ];
    let word = proptest::sample::select(words.to_vec()).prop_map(str::to_owned);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 48, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((word.clone(), inner), 0..6)
                .prop_map(|items| Value::Object(items.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_json_is_read_or_refused(schema in any_schema(), config in any_schema()) {
        let Ok(schema) = ConfigSchema::read(&schema) else { return Ok(()) };
        for config in [config, json!({ "a": { "b": [1, "x", null] }, "type": "x" })] {
            let Value::Object(config) = config else { continue };
            for finding in schema.check(&config) {
                prop_assert!(!finding.message.is_empty());
            }
        }
    }
}
