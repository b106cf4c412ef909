use serde_json::json;

use super::*;

pub(super) fn read(schema: Value) -> ConfigSchema {
    ConfigSchema::read(&schema).unwrap_or_else(|error| panic!("{error}: {schema}"))
}

/// Findings as lines: message, and help behind `|`.
pub(super) fn found(schema: Value, config: Value) -> Vec<String> {
    let Value::Object(config) = config else { panic!("{config}") };
    let line = |finding: Finding| match finding.help {
        Some(help) => format!("{} | {help}", finding.message),
        None => finding.message,
    };
    read(schema).check(&config).into_iter().map(line).collect()
}

/// As the original's counter and console providers are published.
fn counter() -> Value {
    json!({
        "interval": {
            "type": "integer",
            "description": "Interval in milliseconds between counter increments",
            "default": 1000
        },
        "max_count": { "type": "integer", "default": 0 },
        "outputFormat": { "type": "string", "enum": ["simple", "structured", "json"] },
        "topic": { "type": "string", "required": true, "label": "Topic", "order": 3 }
    })
}

#[test]
fn a_map_of_fields_knows_missing_unknown_and_mistyped() {
    assert_eq!(found(counter(), json!({ "interval": 5, "max_count": 1.0, "topic": "t" })), [""; 0]);
    assert_eq!(
        found(counter(), json!({ "intervall": 5, "max_count": "5", "colour": true })),
        [
            "missing field `topic` | a string",
            "unknown field `intervall` | did you mean `interval`?",
            "`max_count` is a whole number, not a string | write a number without quotes; \
             `tonumber(…)` makes one of a text",
            "unknown field `colour`",
        ]
    );
    assert_eq!(
        found(counter(), json!({ "interval": 1.5, "outputFormat": "xml", "topic": 7 })),
        [
            "`interval` is a whole number, not one with a fraction",
            "`outputFormat` has a value that it does not take | one of `simple`, `structured` and \
             `json`",
            "`topic` is a string, not a number | put it in quotes",
        ]
    );
}

/// The README of the original writes `maxCount`, the schema of its counter `max_count`: a warning, since
/// a provider may take either.
#[test]
fn another_spelling_of_a_field_is_told_and_words_of_an_enum_have_any_case() {
    let config = json!({ "maxCount": 5, "outputFormat": "Simple", "topic": "t" });
    assert_eq!(
        found(counter(), config),
        ["field `maxCount` is called `max_count` | write `max_count`, unless this provider is \
             known to take either"]
    );
    // It is that field: its value is checked, and it is not missing.
    let schema = json!({ "max_count": { "type": "number", "required": true } });
    let kinds = |config: Value| {
        let Value::Object(config) = config else { unreachable!("an object") };
        let findings = ConfigSchema::read(&schema).unwrap().check(&config);
        findings.iter().map(|finding| finding.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(json!({ "maxCount": 5 })), [FindingKind::Respelt]);
    let mistyped = kinds(json!({ "MAX-COUNT": "5" }));
    assert_eq!(mistyped, [FindingKind::Respelt, FindingKind::Mistyped]);
    assert_eq!(kinds(json!({ "max_counts": 5 })), [FindingKind::Missing, FindingKind::Unknown]);
}

#[test]
fn what_has_a_default_or_is_null_is_left_out() {
    let schema = json!({
        "a": { "type": "number", "required": true, "default": 1 },
        "b": { "type": "number", "required": true, "default": null },
        "c": "number"
    });
    assert_eq!(found(schema.clone(), json!({ "c": null, "b": 1 })), [""; 0]);
    assert_eq!(found(schema.clone(), json!({ "b": null })), ["`b` is a number, not null"]);
    assert_eq!(found(schema, json!({})), ["missing field `b` | a number"]);
}

#[test]
fn types_of_fields_are_taken_in_many_spellings() {
    let values = [json!("x"), json!(1), json!(1.5), json!(true), json!([]), json!({})];
    for (name, fits) in [
        ("string", [true, false, false, false, false, false]),
        ("Number", [false, true, true, false, false, false]),
        ("float64", [false, true, true, false, false, false]),
        ("int", [false, true, false, false, false, false]),
        ("integer", [false, true, false, false, false, false]),
        ("bool", [false, false, false, true, false, false]),
        ("boolean", [false, false, false, true, false, false]),
        ("list(string)", [false, false, false, false, true, false]),
        ("[]string", [false, false, false, false, true, false]),
        ("array", [false, false, false, false, true, false]),
        ("map[string]int", [false, false, false, false, false, true]),
        ("object", [false, false, false, false, false, true]),
        ("any", [true; 6]),
        ("duration", [true; 6]),
        ("", [true; 6]),
    ] {
        for schema in [json!({ "x": name }), json!({ "x": { "type": name } })] {
            let passes = values
                .each_ref()
                .map(|value| found(schema.clone(), json!({ "x": value })).is_empty());
            assert_eq!(passes, fits, "{name}");
        }
    }
    let schema = json!({ "x": { "type": ["string", "null", "number"] } });
    assert_eq!(found(schema, json!({ "x": [] })), ["`x` is a string or a number, not a list"]);
}

#[test]
fn nested_fields_and_items_are_checked() {
    let schema = json!({
        "lock": { "type": "object", "fields": { "ttl": { "type": "number", "required": true } } },
        "rule": {
            "type": "list",
            "properties": { "name": { "type": "string" } },
            "required": ["name"]
        },
        "tables": { "type": "list", "items": "string" },
        "free": { "type": "object" }
    });
    assert_eq!(
        found(
            schema.clone(),
            json!({
                "lock": { "tll": 1 },
                "rule": [{ "name": "a" }, { "nam": "b" }],
                "tables": ["a", 1],
                "free": { "any": [1] }
            })
        ),
        [
            "missing field `lock.ttl` | a number",
            "unknown field `lock.tll` | did you mean `ttl`?",
            "missing field `rule[1].name` | a string",
            "unknown field `rule[1].nam` | did you mean `name`?",
            "`tables[1]` is a string, not a number | put it in quotes",
        ]
    );
    assert_eq!(
        found(schema, json!({ "rule": { "name": "a" }, "lock": [{}, {}] })),
        [
            "`rule` is a list, not an object | a single block is an object; write \
             `rule = [{ … }]`",
            "`lock` is an object, not a list | several `lock` blocks are a list; only one can \
             stand here",
        ]
    );
}

#[test]
fn the_two_forms_are_told_apart() {
    for schema in [
        json!({ "type": "object" }),
        json!({ "type": "object", "properties": {} }),
        json!({ "$schema": "https://json-schema.org/draft/2020-12/schema" }),
        json!({ "properties": { "a": { "type": "string" } } }),
        json!({ "properties": { "type": { "type": "string" } }, "required": ["type"] }),
        json!({ "$ref": "#/$defs/a", "$defs": { "a": {} } }),
        json!({ "anyOf": [{ "type": "object" }] }),
    ] {
        assert!(matches!(read(schema.clone()).form, Form::Json(_)), "{schema}");
    }
    for schema in [
        json!({ "type": "string" }),
        json!({ "type": { "type": "string" }, "required": { "type": "bool" } }),
        json!({ "properties": { "type": "object", "description": "free" } }),
        json!({ "interval": "number" }),
        json!({ "interval": {} }),
    ] {
        assert!(matches!(read(schema.clone()).form, Form::Fields(_)), "{schema}");
    }
    for schema in [json!(null), json!({})] {
        assert!(matches!(read(schema).form, Form::Anything));
    }
}

#[test]
fn json_schema_knows_missing_unknown_and_mistyped() {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "required": ["interval", "topic"],
        "additionalProperties": false,
        "properties": {
            "interval": { "type": "integer", "description": "milliseconds" },
            "topic": {},
            "rule": { "type": "array", "items": { "$ref": "#/definitions/rule" } },
            "key": { "anyOf": [{ "type": "string" }, { "type": ["integer", "null"] }] },
            "old": false
        },
        "definitions": {
            "rule": {
                "type": "object",
                "properties": { "name": { "type": "string" } },
                "additionalProperties": false
            }
        }
    });
    assert_eq!(
        found(
            schema.clone(),
            json!({
                "intervall": 5,
                "rule": [{ "name": "a" }, { "nam": "b", "x/y~z": 1 }],
                "key": [],
                "old": 1
            })
        ),
        [
            "missing field `interval` | a whole number: milliseconds",
            "missing field `topic`",
            "unknown field `rule[1].nam` | did you mean `name`?",
            "unknown field `rule[1].x/y~z`",
            "`key` is a string, a whole number or null, not a list",
            "unknown field `old`",
            "unknown field `intervall` | did you mean `interval`?",
        ]
    );
    assert_eq!(
        found(schema, json!({ "interval": "5", "topic": 1, "rule": { "name": "a" } })),
        [
            "`interval` is a whole number, not a string | write a number without quotes; \
             `tonumber(…)` makes one of a text",
            "`rule` is a list, not an object | a single block is an object; write \
             `rule = [{ … }]`",
        ]
    );
}

#[test]
fn more_members_are_unknown_only_where_the_schema_says_so() {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "string" } } });
    assert_eq!(found(schema, json!({ "b": 1 })), [""; 0]);
    let schema = json!({
        "allOf": [{ "properties": { "a": true } }],
        "properties": { "name": true },
        "unevaluatedProperties": false
    });
    assert_eq!(
        found(schema, json!({ "a": 1, "nmae": 1 })),
        ["unknown field `nmae` | did you mean `name`?"]
    );
}

/// Every kind of violation, in words, and never with the value.
#[test]
fn violations_are_told_without_the_value() {
    let secret = "hunter2222";
    for (schema, value, message) in [
        (
            json!({ "enum": ["a", 1] }),
            json!(secret),
            "has a value that it does not take | one of `a` and `1`",
        ),
        (
            json!({ "const": "a" }),
            json!(secret),
            "has a value that it does not take | it is always `a`",
        ),
        (
            json!({ "pattern": "^[a-z]+$" }),
            json!(secret),
            "does not match its pattern | the pattern is `^[a-z]+$`",
        ),
        (json!({ "minimum": 5 }), json!(4), "is less than 5"),
        (json!({ "maximum": 5 }), json!(6), "is more than 5"),
        (json!({ "exclusiveMinimum": 5 }), json!(5), "is not more than 5"),
        (json!({ "exclusiveMaximum": 5 }), json!(5), "is not less than 5"),
        (json!({ "multipleOf": 5 }), json!(7), "is not a multiple of 5"),
        (json!({ "minLength": 50 }), json!(secret), "is shorter than 50 characters"),
        (json!({ "maxLength": 1 }), json!(secret), "is longer than 1 character"),
        (json!({ "minItems": 2 }), json!([secret]), "has fewer than 2 items"),
        (json!({ "maxItems": 0 }), json!([secret]), "has more than 0 items"),
        (json!({ "minProperties": 2 }), json!({}), "has fewer than 2 fields"),
        (json!({ "maxProperties": 0 }), json!({ (secret): 1 }), "has more than 0 fields"),
        (json!({ "uniqueItems": true }), json!([secret, secret]), "has an item twice"),
        (
            json!({ "contains": { "const": 1 } }),
            json!([secret]),
            "lacks an item that has to be in it",
        ),
        (json!({ "not": {} }), json!(secret), "has a form that is not allowed"),
        (
            json!({ "oneOf": [true, true] }),
            json!(secret),
            "has several of the forms of which one is allowed",
        ),
        (
            json!({ "anyOf": [{ "minLength": 99 }, false] }),
            json!(secret),
            "has none of the forms that are allowed",
        ),
        (
            json!({ "propertyNames": { "maxLength": 1 } }),
            json!({ (secret): 1 }),
            "has a field whose name is not allowed",
        ),
        (
            json!({ "propertyNames": { "pattern": "^x" } }),
            json!({ (secret): 1 }),
            "has a field whose name is not allowed",
        ),
        (
            json!({ "type": "number" }),
            json!(secret),
            "is a number, not a string | write a number without quotes; `tonumber(…)` makes one of a text",
        ),
        (
            json!({ "type": "boolean" }),
            json!(secret),
            "is true or false, not a string | write true or false without quotes; `tobool(…)` makes it of a text",
        ),
        (json!({ "prefixItems": [{ "type": "null" }] }), json!([secret]), ""),
        (json!({ "dependentRequired": { "a": ["b"] } }), json!({ "a": secret }), ""),
        (json!({ "if": true, "then": false }), json!(secret), ""),
        (json!({ "items": false }), json!([secret]), ""),
    ] {
        let whole = json!({ "type": "object", "properties": { "x": schema } });
        let found = found(whole, json!({ "x": value }));
        assert_eq!(found.len(), 1, "{schema}: {found:?}");
        assert!(!found[0].contains(secret), "{found:?}");
        if !message.is_empty() {
            assert_eq!(found[0], format!("`x` {message}"));
        }
    }
}

#[test]
fn findings_are_few_and_different() {
    let config: Map<String, Value> = (0..100).map(|n| (format!("f{n}"), json!(n))).collect();
    for schema in
        [json!({ "a": "string" }), json!({ "type": "object", "additionalProperties": false })]
    {
        assert_eq!(read(schema).check(&config).len(), FINDINGS_MAX);
    }
    let twice = json!({ "allOf": [{ "required": ["a"] }, { "required": ["a"] }] });
    assert_eq!(found(twice, json!({})), ["missing field `a`"]);
}

#[test]
fn texts_of_a_schema_are_shown_as_text() {
    let schema = json!({ "a\u{1b}[2J": { "type": "string", "required": true } });
    assert_eq!(found(schema, json!({})), ["missing field `a\\u{1b}[2J` | a string"]);
}
