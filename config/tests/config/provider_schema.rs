//! What a provider's `config_schema` says of a config, at its place in the HCL file.

use dstream_config::Surroundings;
use dstream_prepare::{ConfigSchema, diagnose};
use dstream_task::Task;
use serde_json::{Value, json};

use super::{load, rendered, surroundings};

const REFERENCE: &str = "ghcr.io/katasec/orders:v1";

/// A file whose input, from line 3 on, has the text given in it.
fn file(config: &str) -> String {
    format!(
        "task \"t\" {{\n  input {{\n    provider_ref = \"{REFERENCE}\"\n{config}\n  }}\n  \
         output {{\n    provider = \"console\"\n  }}\n}}\n"
    )
}

fn task(text: &str, surroundings: &Surroundings) -> Task {
    let (mut tasks, _) = load("test.hcl", text, surroundings)
        .unwrap_or_else(|problems| panic!("{}\n{text}", rendered(&problems)));
    tasks.remove(0)
}

/// The problems of the input's config, rendered.
fn reported(text: &str, schema: &Value) -> String {
    let task = task(text, &surroundings());
    let schema = ConfigSchema::read(schema).unwrap();
    rendered(&diagnose(&task.input, &schema, REFERENCE))
}

fn fields() -> Value {
    json!({
        "interval": { "type": "number", "required": true, "description": "milliseconds" },
        "topic": "string",
        "tables": { "type": "list" },
        "lock": { "type": "object" },
        "rule": { "type": "list" }
    })
}

/// The same for a config with nested blocks.
fn nested() -> Value {
    let rule = json!({
        "type": "object",
        "required": ["name"],
        "properties": { "name": { "type": "string" }, "size": { "type": "integer" } },
        "additionalProperties": false
    });
    json!({
        "type": "object",
        "properties": {
            "rule": { "anyOf": [
                { "type": "array" },
                { "type": "object" }
            ], "if": { "type": "array" }, "then": { "items": rule }, "else": rule },
            "list": { "type": "array", "items": { "type": "object" } },
            "lock": { "type": "object", "additionalProperties": rule }
        }
    })
}

#[test]
fn missing_unknown_and_mistyped_fields_are_told_at_their_lines() {
    let text = file("    config {\n      intervall = 5\n      topic     = 7\n    }");
    assert_eq!(
        reported(&text, &fields()),
        "\
test.hcl:4:5: error: missing field `interval` in the config of `ghcr.io/katasec/orders:v1`
  |     config {
  |     ^^^^^^
  help: a number: milliseconds
test.hcl:5:7: error: unknown field `intervall` in the config of `ghcr.io/katasec/orders:v1`
  |       intervall = 5
  |       ^^^^^^^^^
  help: did you mean `interval`?
test.hcl:6:7: error: `topic` is a string, not a number, in the config of `ghcr.io/katasec/orders:v1`
  |       topic     = 7
  |       ^^^^^
  help: put it in quotes
"
    );
}

#[test]
fn a_config_that_fits_is_not_spoken_of() {
    let text = file("    config {\n      interval = 5\n      tables = [\"a\"]\n    }");
    assert_eq!(reported(&text, &fields()), "");
    assert_eq!(reported(&text, &json!({})), "");
}

#[test]
fn what_is_missing_without_a_config_is_told_at_the_block() {
    assert_eq!(
        reported(&file(""), &fields()),
        "\
test.hcl:2:3: error: missing field `interval` in the config of `ghcr.io/katasec/orders:v1`
  |   input {
  |   ^^^^^
  help: a number: milliseconds
"
    );
}

/// Line, column, the text there and the message up to the name of the provider.
fn places(text: &str, schema: &Value) -> Vec<(usize, usize, String, String)> {
    let task = task(text, &surroundings());
    let schema = ConfigSchema::read(schema).unwrap();
    let place = |problem: &dstream_task::Diagnostic| {
        let (line, column) = problem.source.line_column(problem.span.start);
        let message = problem.message.split([',']).next().unwrap();
        let message = message.split(" in the config").next().unwrap();
        let there = problem.source.text[problem.span.clone()].to_owned();
        (line, column, there, message.to_owned())
    };
    diagnose(&task.input, &schema, REFERENCE).0.iter().map(place).collect()
}

fn check(text: &str, schema: &Value, expected: &[(usize, usize, &str, &str)]) {
    let found = places(text, schema);
    let found: Vec<_> = found
        .iter()
        .map(|(line, column, there, message)| (*line, *column, &**there, &**message))
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn one_nested_block_has_its_own_place() {
    check(
        &file("    config {\n      rule {\n        nam = \"x\"\n      }\n    }"),
        &nested(),
        &[(5, 7, "rule", "missing field `rule.name`"), (6, 9, "nam", "unknown field `rule.nam`")],
    );
    let text = file("    config {\n      list {\n      }\n    }");
    check(&text, &nested(), &[(5, 7, "list", "`list` is a list")]);
    assert!(
        reported(&text, &nested()).contains(
            "`list` is a list, not an object, in the config of `ghcr.io/katasec/orders:v1`"
        )
    );
    assert!(reported(&text, &nested()).contains("write `list = [{ … }]`"));
}

#[test]
fn repeated_blocks_have_a_place_each() {
    check(
        &file(
            "    config {\n      rule { name = \"a\" }\n      rule {\n        name = 1\n      }\n      \
             rule { size = 1 }\n    }",
        ),
        &nested(),
        &[
            (7, 9, "name", "`rule[1].name` is a string"),
            (9, 7, "rule", "missing field `rule[2].name`"),
        ],
    );
}

#[test]
fn labelled_blocks_are_told_by_their_labels() {
    check(
        &file(
            "    config {\n      lock \"a\" {\n        name = \"x\"\n        ttl = 5\n      }\n      \
             lock \"b\" {\n      }\n      lock \"c\" {\n        name = 1\n      }\n    }",
        ),
        &nested(),
        &[
            (7, 9, "ttl", "unknown field `lock.a.ttl`"),
            (9, 7, "lock", "missing field `lock.b.name`"),
            (12, 9, "name", "`lock.c.name` is a string"),
        ],
    );
}

#[test]
fn a_config_that_is_an_attribute_has_the_places_of_its_keys() {
    check(
        &file(
            "    config = {\n      rule = [{ name = \"a\" }, {\n        nam = \"b\"\n      }]\n      \
             \"lock\" = { x = { name = 5 } }\n    }",
        ),
        &nested(),
        &[
            (5, 31, "{", "missing field `rule[1].name`"),
            (6, 9, "nam", "unknown field `rule[1].nam`"),
            (8, 24, "name", "`lock.x.name` is a string"),
        ],
    );
    check(
        &file("    config = { topic = \"x\" }"),
        &fields(),
        &[(4, 5, "config", "missing field `interval`")],
    );
}

/// What a variable, a function or a loop gives has no place of its own.
#[test]
fn what_is_not_written_out_is_told_at_what_has_it() {
    let text = format!(
        "locals {{\n  all = {{ intervall = 1 }}\n}}\n{}",
        file("    config = merge(local.all, { interval = 5 })")
    );
    check(&text, &fields(), &[(7, 5, "config", "unknown field `intervall`")]);
    check(
        &file(
            "    config {\n      rule = [for n in [\"a\", \"b\"] : { nam = n, name = n }]\n    }",
        ),
        &nested(),
        &[
            (5, 7, "rule", "unknown field `rule[0].nam`"),
            (5, 7, "rule", "unknown field `rule[1].nam`"),
        ],
    );
}

#[test]
fn places_are_those_of_the_file_behind_templates() {
    let config = "    config {\n      # é {{ env \"WORD\" }}\n      topic = \"{{ env \"WORD\" }}\"\n      \
                  intervall = {{ env \"INTERVAL\" }}\n      interval = \"{{ env \"INTERVAL\" }}\"\n    }";
    let expected = [
        (7, 7, "intervall", "unknown field `intervall`"),
        (8, 7, "interval", "`interval` is a number"),
    ];
    check(&file(config), &fields(), &expected);
    // Rendered as text before it is read.
    let text = format!("{{{{ if true }}}}\n# much text\n{{{{ end }}}}\n{}", file(config));
    let moved = expected.map(|(line, column, there, message)| (line + 3, column, there, message));
    check(&text, &fields(), &moved);
}

#[test]
fn no_value_of_a_config_is_shown() {
    let text = file(
        "    config {\n      interval = env(\"API_KEY\")\n      topic = [env(\"API_TOKEN\")]\n      \
         lock \"{{ env \"API_KEY\" }}\" {\n        size = env(\"API_TOKEN\")\n      }\n    }",
    );
    let list = json!({ "type": "array" });
    let lists = json!({ "properties": { "lock": { "additionalProperties": list } } });
    let none = json!({ "type": "object", "maxProperties": 0 });
    for schema in [fields(), nested(), lists, none] {
        let reported = reported(&text, &schema);
        assert!(!reported.is_empty());
        assert!(!reported.contains("0123456789"), "{reported}");
    }
    assert!(reported(&text, &nested()).contains("missing field `lock.(secret).name`"));
}

#[test]
fn outputs_are_told_of_too() {
    let text = file("").replace(
        "provider = \"console\"",
        "provider_ref = \"ghcr.io/katasec/orders:v1\"\n    config {\n      topics = 1\n    }",
    );
    let task = task(&text, &surroundings());
    let schema = ConfigSchema::read(&json!({ "topic": "string" })).unwrap();
    let problems = diagnose(&task.outputs[0], &schema, REFERENCE);
    assert!(rendered(&problems).starts_with("test.hcl:9:7: error: unknown field `topics`"));
    assert!(problems.has_errors());
}

#[test]
fn a_check_that_would_take_too_long_is_a_warning() {
    let mut definitions = json!({ "a40": {} });
    for n in 0..40 {
        let next = json!({ "$ref": format!("#/$defs/a{}", n + 1) });
        definitions[format!("a{n}")] = json!({ "allOf": [next, next] });
    }
    let schema = json!({ "$ref": "#/$defs/a0", "$defs": definitions });
    let task = task(&file("    config {\n    }"), &surroundings());
    let problems = diagnose(&task.input, &ConfigSchema::read(&schema).unwrap(), REFERENCE);
    assert!(!problems.has_errors());
    assert_eq!(
        problems.0[0].message,
        "checking the config would take too long: `ghcr.io/katasec/orders:v1`"
    );
}
