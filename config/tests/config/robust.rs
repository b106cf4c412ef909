//! What must hold for any input: an answer, places that exist, and no crash.

use std::path::Path;

use dstream_config::Document;
use dstream_prepare::{ConfigSchema, diagnose};
use dstream_task::{Diagnostics, Task};
use proptest::prelude::*;
use serde_json::json;

use super::{load, rendered, surroundings};

/// Loads whatever it is; every problem must point into its text, and render.
fn survives(text: &str) {
    let surroundings = surroundings();
    let problems = match Document::parse(Path::new("x.hcl"), text.to_owned(), &surroundings) {
        Ok((document, warnings)) => {
            document.summaries();
            let _outcome = document.task("t", &surroundings);
            match document.validate(&surroundings) {
                Ok((tasks, more)) => {
                    let of_schemas = tasks.iter().flat_map(|task| of_schemas(task).0);
                    warnings.0.into_iter().chain(more.0).chain(of_schemas).collect()
                }
                Err(more) => warnings.0.into_iter().chain(more.0).collect(),
            }
        }
        Err(problems) => {
            assert!(problems.has_errors());
            problems.0
        }
    };
    for problem in &problems {
        let source = &problem.source.text;
        assert!(source.get(problem.span.clone()).is_some(), "{problem:?} in {text:?}");
        assert!(!problem.message.is_empty());
    }
    rendered(&Diagnostics(problems));
}

/// What a schema that nothing fits says of a task's providers.
fn of_schemas(task: &Task) -> Diagnostics {
    let fields =
        json!({ "a": { "required": true, "type": [] }, "b": { "fields": { "c": "int" } } });
    let schema = json!({ "required": ["a", "zz"], "additionalProperties": { "type": "null" } });
    let of = |schema: &serde_json::Value| ConfigSchema::read(schema).unwrap();
    let schemas = [of(&fields), of(&schema)];
    let blocks = task.outputs.iter().chain([&task.input]);
    let problems = blocks
        .flat_map(|block| schemas.iter().flat_map(|schema| diagnose(block, schema, "x/y:z").0));
    Diagnostics(problems.collect())
}

/// What files are made of, so that random sequences get somewhere.
const WORDS: &[&str] = &[
    "task",
    "input",
    "output",
    "config",
    "locals",
    "variable",
    "stream",
    "dstream",
    "provider",
    "\"t\"",
    "\"counter\"",
    "\"console\"",
    "\"providers\"",
    "type",
    "a",
    "b",
    "=",
    "==",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    ".",
    "...",
    ":",
    "?",
    "=>",
    "for",
    "in",
    "if",
    "\n",
    "\n",
    "\n",
    " ",
    "\"",
    "\\",
    "\\\"",
    "${",
    "%{",
    "$${",
    "}",
    "~",
    "{{",
    "}}",
    "{{-",
    "-}}",
    "{{ env \"MODE\" }}",
    "{{ env \\\"MODE\\\" }}",
    "{{ end }}",
    "{{ if true }}",
    "{{/* c */}}",
    "{{ $x := 1 }}",
    "`",
    "'",
    "#",
    "//",
    "/*",
    "*/",
    "<<EOT\n",
    "<<-EOT\n",
    "EOT",
    "\nEOT\n",
    "env(\"MODE\")",
    "upper(",
    "local.a",
    "var.b",
    "a = a\n",
    "1",
    "-",
    "+",
    "!",
    "&&",
    "0.5",
    "1e999",
    "null",
    "true",
    "é",
    "\u{e000}",
    "\u{1f600}",
    "\r\n",
    "\t",
    "\0",
    "\u{feff}",
];

proptest! {
    #[test]
    fn any_text(text in any::<String>()) {
        survives(&text);
    }

    #[test]
    fn any_sequence_of_words(
        indexes in prop::collection::vec(0..WORDS.len(), 0..60),
        wrapped in any::<bool>(),
    ) {
        let text: String = indexes.iter().map(|&index| WORDS[index]).collect();
        if wrapped {
            survives(&format!(
                "task \"t\" {{\n input {{\n provider = \"counter\"\n config {{\n{text}\n}}\n}}\n \
                 output {{\n provider = \"console\"\n}}\n}}\n"
            ));
        } else {
            survives(&text);
        }
    }

    #[test]
    fn a_right_file_with_a_part_taken_out(start in 0_usize..3000, length in 0_usize..40) {
        let text = include_str!("../../../fixtures/config/good/everything.hcl");
        let boundary = |mut at: usize| {
            at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (boundary(start), boundary(start + length));
        survives(&format!("{}{}", &text[..start], &text[end..]));
    }

    #[test]
    fn any_value_of_the_environment_arrives_as_it_is(value in any::<String>()) {
        let mut surroundings = surroundings();
        surroundings.env.insert("ANY".to_owned(), value.clone());
        let text = "task \"t\" {\n  input {\n    provider = \"counter\"\n    config {\n\
                    a = \"<{{ env \"ANY\" }}>\"\n b = \"<${env(\"ANY\")}>\"\n\
                    c = \"<{{ env \\\"ANY\\\" }}>\"\n    }\n  }\n\
                    output {\n    provider = \"console\"\n  }\n}\n";
        let (tasks, _) = load("x.hcl", text, &surroundings).unwrap();
        let expected = format!("<{value}>");
        prop_assert_eq!(
            serde_json::Value::Object(tasks[0].input.config.clone()),
            json!({"a": expected, "b": expected, "c": expected})
        );
    }
}

#[test]
fn nesting_of_every_kind() {
    for (open, close) in [
        ("[", "]"),
        ("(", ")"),
        ("{ a = ", "}"),
        ("[for x in ", ": x]"),
        ("\"${", "}\""),
        ("upper(", ")"),
        ("!", ""),
        ("-", ""),
        ("- ", ""),
        ("true ? 1 : ", ""),
        ("1 + ", ""),
        ("1 + (", ")"),
        ("a[", "]"),
        ("\"%{ if true }", "%{ endif }\""),
        ("<<E\n${", "}\nE\n"),
        ("{{ (", ") }}"),
    ] {
        for depth in [1, 60, 63, 64, 65, 200, 20_000] {
            let (open, close) = (open.repeat(depth), close.repeat(depth));
            survives(&format!("locals {{\n  a = {open}1{close}\n}}\n"));
        }
    }
    for depth in [60, 63, 64, 65, 200, 20_000] {
        survives(&("a {\n".repeat(depth) + &"}\n".repeat(depth)));
        survives(&format!("task \"t\" {{\n  input {{\n    config {{\n{}", "a {\n".repeat(depth)));
        survives(&format!("locals {{\n  a = b{}\n}}\n", ".c".repeat(depth)));
        survives(&format!("locals {{\n  a = \"{}\"\n}}\n", "${1}".repeat(depth)));
        survives(&format!("locals {{\n  a = \"{}\"\n}}\n", "{{ env `MODE` }}".repeat(depth)));
    }
}

#[test]
fn filters_of_every_length_and_depth() {
    let wrong = |filter: &str| {
        let text = format!(
            "task \"t\" {{\n input {{ provider = \"counter\" }}\n output {{ provider = \"null\" }}\n \
             stream {{\n filter = {filter}\n }}\n}}\n"
        );
        survives(&text);
        load("x.hcl", &text, &surroundings()).err().map(|problems| rendered(&problems))
    };
    for (open, close) in [
        ("!", ""),
        ("(", ")"),
        ("-", ""),
        ("lower(", ")"),
        ("data[", "]"),
        ("data.a ? 1 : ", ""),
        ("data.a + ", ""),
        ("data.a && (data.b || ", ")"),
        ("can(regex(\"a\", ", "))"),
        ("contains([", "], 1)"),
    ] {
        for depth in [1, 31, 64, 65, 200, 20_000] {
            wrong(&format!("{}data.c{}", open.repeat(depth), close.repeat(depth)));
        }
    }
    // The parser bounds how many operators stand in a row; in parentheses there may be more.
    for operator in [" && ", " || "] {
        let chain = vec!["data.a == 1"; 30].join(operator);
        let chains = vec![format!("({chain})"); 30].join(operator);
        assert_eq!(wrong(&chains), None);
        assert!(wrong(&vec!["data.a == 1"; 2_000].join(operator)).is_some());
    }
    wrong(&vec!["data.a"; 80_000].join(" && "));
    wrong(&vec!["data.a"; 80_000].join(" + "));
}

#[test]
fn long_chains_of_locals_and_values_that_grow() {
    let chain = |count: usize| {
        let locals: String =
            (1..count).map(|n| format!("  l{n} = [local.l{}, 1][0]\n", n - 1)).collect();
        format!("locals {{\n  l0 = 1\n{locals}  last = local.l{}\n}}\n", count - 1)
    };
    survives(&chain(100));
    survives(&chain(1_900));
    survives(&chain(50_000));
    for doubled in
        ["\"${local.l#}${local.l#}\"", "[local.l#, local.l#]", "concat(local.l#, local.l#)"]
    {
        let locals: String = (1..100)
            .map(|n| format!("  l{n} = {}\n", doubled.replace('#', &(n - 1).to_string())))
            .collect();
        let first = if doubled.starts_with('"') { "\"x\"" } else { "[1]" };
        let text = format!("locals {{\n  l0 = {first}\n{locals}\n}}\n");
        let problems = load("x.hcl", &text, &surroundings()).unwrap_err();
        assert!(rendered(&problems).contains("too much memory"), "{}", rendered(&problems));
    }
    survives(
        "locals {\n  r = range(1000)\n  x = [for a in r : [for b in r : [for c in r : c if false]]]\n}\n",
    );
}

#[test]
fn sizes_at_their_limits() {
    let problems = load("x.hcl", &"#".repeat((1 << 20) + 1), &surroundings()).unwrap_err();
    assert!(rendered(&problems).contains("at most 1048576 are read"));
    survives(&"{".repeat(1 << 20));
    survives(&"\"".repeat(1 << 20));
    survives(&"a\n".repeat(1 << 19));
    survives(&"a {}\n".repeat(1 << 17));
    survives(&"{{ a }}".repeat(1 << 17));
    survives(&format!("locals {{\n{}}}\n", "a = 1\n".repeat(1 << 17)));
    survives(&format!("a = \"{}\"\n", "{{".repeat(1 << 18)));
    survives(&format!("a = {}\n", "<<A\n".repeat(1 << 17)));
    let object: String = (0..100_000).map(|n| format!("k{n}=1,")).collect();
    let text = format!("locals {{\n  a = {{{object}}}\n}}\n");
    let problems = load("x.hcl", &text, &surroundings()).unwrap_err();
    assert!(rendered(&problems).contains("an object of more than 5000 items"));
}
