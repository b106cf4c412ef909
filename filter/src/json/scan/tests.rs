use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value as Json;

use super::*;
use crate::json::{Scratch, Value};

/// Whether the grammar accepts a text, read another way.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn is_accepted(text: &str) -> bool {
    let mut scanner = Scanner { text, at: 0 };
    scanner.value(0).and_then(|()| scanner.end()).is_some()
}

#[test]
fn accepts_the_grammar_and_nothing_else() {
    for text in [
        "0",
        "-0",
        "10",
        "-1.5e+3",
        "1E5",
        "1e-5",
        "0.0",
        "123456789012345678901234567890",
        "1e999",
        "null",
        "true",
        "false",
        "\"\"",
        "[]",
        "{}",
        " [ 1 , 2 ]\r\n",
        "{\"a\":{\"b\":[{}]},\"c\":\"\"}",
        "\"\u{e9}\u{1f600}\u{7f}\"",
        r#""\"\\\/\b\f\n\r\t\u00e9\ud800""#,
        "\"12345678\"",
        "\"1234567\\n\"",
        "\"12345678901234\\u0041\"",
        "",
        " ",
        "-",
        "+1",
        "01",
        "1.",
        ".5",
        "1.e5",
        "1e",
        "1e+",
        "--1",
        "0x1",
        "1a",
        "nul",
        "nulll",
        "True",
        "\"",
        "\"a",
        "\"\\",
        "\"\\\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\x\"",
        "\"a\u{1}\"",
        "\"12345678\u{1f}9\"",
        "\"\t\"",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1",
        "{\"a\":1,",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "[1}",
        "{\"a\":1]",
        "1 2",
        "{} {}",
        "[]]",
        "\u{feff}1",
        "\u{a0}1",
        "'a'",
        "// 1",
        "NaN",
        "Infinity",
        "\u{b}1",
    ] {
        assert_eq!(is_accepted(text), is_json(text), "{text:?}");
    }
    let deep = |count: usize| format!("{}{}", "[".repeat(count), "]".repeat(count));
    assert!(is_accepted(&deep(JSON_DEPTH_MAX)));
    assert!(!is_accepted(&deep(JSON_DEPTH_MAX + 1)));
    assert!(!is_accepted(&"{\"a\":".repeat(1_000_000)));
}

#[test]
fn an_envelope_has_data_once_and_metadata_at_most_once() {
    for (text, expected) in [
        (r#"{"data":1}"#, true),
        (r#" { "metadata" : { } , "data" : null , "x" : [ 1 ] } "#, true),
        (r#"{"d\u0061ta":1,"data2":2}"#, true),
        (r#"{"\ud800":1,"data":"\udc00"}"#, true),
        (r#"{"data":1,"d\u0061ta":1}"#, false),
        (r#"{"metadata":{}}"#, false),
        (r#"{"data":1,"metadata":[]}"#, false),
        (r#"{"data":1,"metadata":{},"metadata":{}}"#, false),
        (r#"{"data":1,"metad\u0061ta":"a"}"#, false),
        (r#"{"x":{"data":1}}"#, false),
        (r#"[{"data":1}]"#, false),
        (r#"{"data":1}}"#, false),
        ("", false),
    ] {
        assert_eq!(is_envelope(text), expected, "{text}");
    }
}

#[test]
fn what_is_wanted_is_taken_and_what_is_not_simple_is_left_to_the_parser() {
    let mut wanted = Wanted::Keys(Vec::new());
    for path in [&["a", "b"][..], &["c"], &["a", "d", "e"], &["c", "f"]] {
        wanted.add(path.iter().copied());
    }
    let selected = |text: &'static str| {
        let mut tape = Vec::new();
        select(text, &wanted, &mut tape)?;
        Some(tape)
    };
    let value = |text| selected(text).map(|tape| to_json(&Value::of_tape(&tape)));
    let json = |text: &str| Some(serde_json::from_str::<Json>(text).unwrap());
    assert_eq!(
        value(r#"{"x":[1e999,"\ud800"],"a":{"b":5,"x":1},"c":[1,{"y":-2.5}]}"#),
        json(r#"{"a":{"b":5},"c":[1,{"y":-2.5}]}"#)
    );
    assert_eq!(
        value(r#"{"a":7,"c":{"f":"g","h":null}}"#),
        json(r#"{"a":null,"c":{"f":"g","h":null}}"#)
    );
    assert_eq!(
        value(r#"{"a":{"d":[],"b":18446744073709551615}}"#),
        json(r#"{"a":{"d":null,"b":18446744073709551615}}"#)
    );
    assert_eq!(value("{}"), json("{}"));
    for text in [
        r#"{"c":"\n"}"#,
        r#"{"\u0063":1}"#,
        r#"{"c":18446744073709551616}"#,
        "[]",
        "{\"x\":01}",
        "{\"x\":1}}",
        "",
    ] {
        assert_eq!(value(text), None, "{text}");
    }
}

fn to_json(value: &Value<'_>) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(bool) => Json::Bool(*bool),
        Value::Number(Number::Whole(whole)) => serde_json::from_str(&whole.to_string()).unwrap(),
        Value::Number(Number::Float(float)) => serde_json::json!(float),
        Value::Text(text) => Json::String(text.to_string()),
        Value::List(list) => list.iter().map(|item| to_json(&item)).collect(),
        Value::Object(object) => Json::Object(
            object.iter().map(|(key, value)| (key.to_owned(), to_json(&value))).collect(),
        ),
    }
}

/// A JSON text with all that a line may hold, keys that come twice among it.
fn json_text() -> impl Strategy<Value = String> {
    let string = prop_oneof![
        4 => "[a-d]{0,2}".prop_map(|text| format!("\"{text}\"")),
        1 => r#"([a-zäß€😀 ]|\\n|\\\\|\\"|\\u00e9|\\ud800|\\ud83d\\ude00){0,12}"#.prop_map(|text| format!("\"{text}\"")),
    ];
    let scalar = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|bool| bool.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<i128>().prop_map(|number| number.to_string()),
        (-1000..1000_i32).prop_map(|number| (f64::from(number) / 8.0).to_string()),
        Just("1e400".to_owned()),
        Just("-0".to_owned()),
        string.clone(),
    ];
    scalar.prop_recursive(5, 40, 5, move |inner| {
        let entry =
            (string.clone(), inner.clone()).prop_map(|(key, value)| format!("{key}: {value}"));
        prop_oneof![
            prop::collection::vec(inner, 0..5).prop_map(|items| format!("[{}]", items.join(" ,"))),
            prop::collection::vec(entry, 0..5)
                .prop_map(|entries| format!("{{{}}}", entries.join(","))),
        ]
    })
}

fn wanted() -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(prop::collection::vec("[a-d]{0,2}", 1..4), 0..4)
}

proptest! {
    #[test]
    fn agrees_with_another_reader_of_the_grammar(text in json_text(), place in any::<prop::sample::Index>(), byte in " -~") {
        prop_assert!(is_json(&text));
        prop_assert!(is_accepted(&text), "{text}");
        // And of what has a fault in it.
        let place = text.char_indices().map(|(at, _)| at).nth(place.index(text.chars().count())).unwrap_or(0);
        let cut = &text[..place];
        prop_assert_eq!(is_accepted(cut), is_json(cut), "{}", cut);
        let next = text[place..].chars().next().map_or(0, char::len_utf8);
        let changed = format!("{cut}{byte}{}", &text[place + next..]);
        prop_assert_eq!(is_accepted(&changed), is_json(&changed), "{}", changed);
    }

    #[test]
    fn what_is_taken_is_what_the_parsed_line_has(
        fields in prop::collection::vec(("[a-d]{0,2}", json_text()), 0..6),
        paths in wanted(),
    ) {
        let fields: Vec<String> = fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let line = format!("{{{}}}", fields.join(","));
        let mut wanted = Wanted::Keys(Vec::new());
        for path in &paths {
            wanted.add(path.iter().map(String::as_str));
        }
        let (mut one, mut two) = (Scratch::default(), Scratch::default());
        let taken = one.take(line.as_bytes(), &wanted).unwrap();
        let parsed = two.parse(line.as_bytes()).unwrap();
        for path in &paths {
            let taken = path.iter().fold(taken.root(), |value, key| value.field(key));
            let parsed = path.iter().fold(parsed.root(), |value, key| value.field(key));
            prop_assert_eq!(taken, parsed, "{} {:?}", line, path);
        }
    }
}
