//! Filters as users write them, over lines as they come.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use dstream_config::{Document, Surroundings};
use dstream_engine::protocol::EnvelopeCheck;
use dstream_relay::{LineCheck, Verdict};
use dstream_task::Filter;
use dstream_task::Validate;

fn document(filter: &str) -> String {
    format!(
        "locals {{\n tables = [\"users\", \"orders\"]\n big = 9007199254740993\n}}\n\
         variable \"min\" {{ default = 10 }}\n\
         task \"t\" {{\n input {{ provider_path = \"a\" }}\n output {{ provider_path = \"b\" }}\n \
         stream {{\n filter = {filter}\n }}\n}}\n"
    )
}

fn filter(filter: &str) -> Filter {
    let surroundings = Surroundings {
        env: [("TABLE".to_owned(), "users".to_owned())].into(),
        ..Surroundings::default()
    };
    let parsed = Document::parse(Path::new("t.hcl"), document(filter), &surroundings);
    let (document, _) = parsed.unwrap_or_else(|problems| panic!("{filter}: {problems:#?}"));
    let (task, _) = document.task("t", &surroundings).unwrap();
    task.stream.filter.unwrap()
}

fn verdict(expression: &str, line: &str) -> Verdict {
    EnvelopeCheck::new(Validate::Off, Some(filter(expression))).check(line.as_bytes())
}

const LINE: &str = r#"{"metadata":{"table":"users","operation":"update","lsn":9007199254740993,
    "u64":18446744073709551615,"big":123456789012345678901234567890,"neg":-5,"f":1.50,"zero":0.0,
    "yes":true,"no":false,"none":null,"before":{"id":1,"name":"a"},"text":"5","when":"2026-11-23T03:15Z"},
    "data":{"id":1,"name":"Ann","items":[{"id":7},{"id":8,"tags":["x","y"]}],"a b":"c","e":"",
    "obj":{"y":[1,2.0],"x":null},"same":{"x":null,"y":[1.0,2]},"é":"straße"}}"#;

#[test]
fn expressions_have_the_documented_outcomes() {
    let line = LINE.replace('\n', " ");
    for (expression, passes) in [
        // Fields
        (r#"metadata.table == "users""#, true),
        (r#"metadata["table"] == "users" && metadata.operation != "delete""#, true),
        (r#"metadata.table == "Users""#, false),
        (r#"data.items[0].id == 7"#, true),
        (r#"data.items.1.tags[1] == "y""#, true),
        (r#"data["a b"] == "c""#, true),
        (r#"data["é"] == "straße""#, true),
        (r#"data.items[2].id == null"#, true),
        (r#"data[metadata.before.name] == null"#, true),
        (r#"data.items[data.id].id == 8"#, true),
        // What is not there
        (r#"metadata.nothing == null"#, true),
        (r#"metadata.none == null"#, true),
        (r#"metadata.nothing.at.all[3] == null"#, true),
        (r#"metadata.table.x == null"#, true),
        (r#"metadata.nothing != "x""#, true),
        (r#"metadata.nothing < 1"#, false),
        (r#"!(metadata.nothing < 1)"#, true),
        (r#"metadata.nothing"#, false),
        (r#"!metadata.nothing"#, true),
        (r#"metadata.nothing || metadata.yes"#, true),
        // What is neither true nor false
        (r#"metadata.yes"#, true),
        (r#"metadata.no"#, false),
        (r#"metadata.table"#, false),
        (r#"data.id"#, false),
        (r#"metadata.text && true"#, false),
        (r#"metadata.yes ? metadata.table == "users" : false"#, true),
        (r#"(metadata.no ? "a" : metadata.table) == "users""#, true),
        // Equality
        (r#"data.id == 1.0"#, true),
        (r#"metadata.f == 1.5"#, true),
        (r#"metadata.text == 5"#, false),
        (r#"tonumber(metadata.text) == 5"#, true),
        (r#"tonumber(metadata.table) == null"#, true),
        (r#"metadata.yes == "true""#, false),
        (r#"metadata.yes == true"#, true),
        (r#"data.obj == data.same"#, true),
        (r#"data.obj == data"#, false),
        (r#"metadata.before == { name = "a", id = 1 }"#, true),
        (r#"data.items[1].tags == ["x", "y"]"#, true),
        (r#"metadata.zero == 0"#, true),
        (r#"-metadata.neg == 5"#, true),
        // Exact
        (r#"metadata.lsn == 9007199254740993"#, true),
        (r#"metadata.lsn == local.big"#, true),
        (r#"metadata.lsn == 9007199254740992"#, false),
        (r#"metadata.lsn > 9007199254740992"#, true),
        (r#"metadata.lsn - 9007199254740992 == 1"#, true),
        (r#"metadata.u64 == 18446744073709551615"#, true),
        (r#"metadata.u64 + 1 > 18446744073709551615"#, true),
        (r#"metadata.big > metadata.u64"#, true),
        (r#"metadata.big == 123456789012345678901234567890"#, true),
        (r#"metadata.big == 123456789012345678901234567891"#, false),
        (r#"metadata.big < (123456789012345678901234567891)"#, true),
        (r#"-metadata.big == - 123456789012345678901234567890"#, true),
        (r#"contains([123456789012345678901234567891], metadata.big)"#, false),
        (r#"metadata.u64 < 18446744073709551616"#, true),
        (r#"metadata.neg > -170141183460469231731687303715884105727"#, true),
        (r#"metadata.big < 1e30 && metadata.big > 1.2e29 && metadata.neg > -1e300"#, true),
        (r#"tonumber("123456789012345678901234567890") == 1 || metadata.big % 10 == 0"#, true),
        // Order
        (r#"metadata.neg < 0 && metadata.neg >= -5 && metadata.f <= 1.5"#, true),
        (r#"metadata.when >= "2026-11-01" && metadata.when < "2027""#, true),
        (r#"metadata.table > 1"#, false),
        (r#"metadata.yes > 0"#, false),
        (r#"data.id >= var.min - 9"#, true),
        // Calculation
        (r#"(data.id + 2) * 3 == 9"#, true),
        (r#"(data.id + 2) / 2 == 1.5"#, true),
        (r#"metadata.lsn % 2 == 1"#, true),
        (r#"data.id / 0 == null"#, true),
        (r#"data.id % 0 == null"#, true),
        (r#"data.name + 1 == null"#, true),
        // Functions
        (r#"contains(["users", "orders"], metadata.table)"#, true),
        (r#"contains(local.tables, metadata.table)"#, true),
        (r#"contains(["x"], metadata.table)"#, false),
        (r#"contains(data.items[1].tags, "y")"#, true),
        (r#"contains(data.nothing, "y")"#, false),
        (r#"contains([data.name, metadata.table], "users")"#, true),
        (r#"contains([metadata.nothing], null)"#, true),
        (r#"startswith(metadata.table, "us")"#, true),
        (r#"endswith(metadata.table, "rs")"#, true),
        (r#"startswith(metadata.nothing, "us")"#, false),
        (r#"!startswith(metadata.nothing, "us")"#, true),
        (r#"strcontains(metadata.table, "ser")"#, true),
        (r#"lower(data.name) == "ann" && upper(data.name) == "ANN""#, true),
        (r#"upper(data["é"]) == "STRASSE""#, true),
        (r#"lower(data.id) == null"#, true),
        (
            r#"length(data.items) == 2 && length(data["é"]) == 6 && length(metadata.before) == 2"#,
            true,
        ),
        (r#"length(data.id) == null"#, true),
        (r#"lookup(metadata, "nothing", "d") == "d""#, true),
        (r#"lookup(metadata, "none", "d") == null"#, true),
        (r#"lookup({ users = "yes" }, metadata.table, "no") == "yes""#, true),
        (r#"lookup(metadata, "nothing") == null"#, true),
        (r#"coalesce(metadata.nothing, data.e, data.name) == "Ann""#, true),
        (r#"can(regex("^us", metadata.table))"#, true),
        (r#"can(regex("^s", metadata.table))"#, false),
        (r#"can(regex("", metadata.nothing))"#, false),
        (r#"can(regex("^\\d+$", metadata.text))"#, true),
        // Constant parts
        (r#"metadata.table == env("TABLE")"#, true),
        (r#"metadata.table == "{{ env `TABLE` }}""#, true),
        (r#"metadata["${"ta"}ble"] == lower("USERS")"#, true),
        (r#"metadata.table == upper("users")"#, false),
        (r#"1 + 1 == 2 && metadata.table == tables[0]"#, true),
        (r#"("true" || metadata.no) && true"#, true),
        ("true", true),
        ("false", false),
        // A word in the middle of another, precedence
        (r#"metadata.no && metadata.no || metadata.yes"#, true),
        (r#"metadata.yes || metadata.no && metadata.no"#, true),
        (r#"(metadata.yes || metadata.no) && metadata.no"#, false),
        (r#"data.id + 2 * 3 == 7 && metadata.yes"#, true),
    ] {
        let expected = if passes { Verdict::Pass } else { Verdict::Filtered };
        assert_eq!(verdict(expression, &line), expected, "{expression}");
        // The same through simd-json, without the number that it refuses.
        if !expression.contains("big") {
            let plain = line.replace("123456789012345678901234567890", "0");
            assert_eq!(verdict(expression, &plain), expected, "{expression}");
        }
    }
}

#[test]
fn escapes_in_keys_and_values_are_resolved() {
    let expression = r#"metadata.table == "us\"ers" && data.x == "é😀""#;
    let line =
        r#"{"\u006detadata":{"\u0074able":"u\u0073\"ers"},"data":{"x":"\u00e9\ud83d\ude00"}}"#;
    assert_eq!(verdict(expression, line), Verdict::Pass);
}

#[test]
fn what_is_no_object_is_invalid_whatever_the_level() {
    let filter = filter("metadata.table == \"x\"");
    for level in [Validate::Off, Validate::Shape, Validate::Full] {
        let mut check = EnvelopeCheck::new(level, Some(filter.clone()));
        assert!(!check.passes_all());
        assert_eq!(check.check(b" \r"), Verdict::Blank);
        for line in ["hello", "[1]", "{\"data\":}", "{\"data\":1,}", "{", "{\"data\":\"\u{1}\"}"] {
            let verdict = check.check(line.as_bytes());
            assert!(matches!(verdict, Verdict::Invalid(_)), "{level:?} {line} {verdict:?}");
        }
        // Valid JSON never is, however odd.
        for value in [
            "1e400",
            "\"\\ud800\"",
            "123456789012345678901234567890",
            "{\"\\udc00\":[]}",
            &format!("{}{}", "[".repeat(120), "]".repeat(120)),
        ] {
            let line = format!("{{\"data\":{value},\"metadata\":{{\"table\":\"x\"}}}}");
            assert_eq!(check.check(line.as_bytes()), Verdict::Pass, "{level:?} {line}");
        }
    }
    // Deeper than `full` allows, a filter still sees what is not as deep.
    let mut check = EnvelopeCheck::new(Validate::Shape, Some(filter));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let line = format!("{{\"data\":{deep},\"metadata\":{{\"table\":\"x\"}}}}");
    assert_eq!(check.check(line.as_bytes()), Verdict::Pass);
    assert_eq!(check.check(b"{\"data\":1}"), Verdict::Filtered);
}

#[test]
fn large_objects_are_compared_in_no_time() {
    let object = |reversed: bool| {
        let mut keys: Vec<String> = (0..20_000).map(|n| format!("\"k{n}\":{n}")).collect();
        if reversed {
            keys.reverse();
        }
        format!("{{{}}}", keys.join(","))
    };
    let line =
        format!("{{\"data\":{},\"metadata\":{{\"before\":{}}}}}", object(false), object(true));
    assert_eq!(verdict("data == metadata.before", &line), Verdict::Pass);
    assert_eq!(verdict("length(data) == 20000", &line), Verdict::Pass);
    // Equal keys by the thousand, in the same order, with other values but for the last of each.
    let twice = |first: u32| {
        let keys = (0..5_000).map(|n| format!("\"k{n}\":{first}"));
        let again = (0..5_000).map(|n| format!("\"k{n}\":{n}"));
        format!("{{{}}}", keys.chain(again).collect::<Vec<_>>().join(","))
    };
    let line = format!("{{\"data\":{},\"metadata\":{{\"before\":{}}}}}", twice(1), twice(2));
    assert_eq!(verdict("data == metadata.before && length(data) == 5000", &line), Verdict::Pass);
    let line = line.replacen("\"k4000\":4000", "\"k4000\":9", 1);
    assert_eq!(verdict("data == metadata.before", &line), Verdict::Filtered);
    // Equal keys: the last counts.
    let line = r#"{"data":{"a":1,"a":2},"metadata":{"before":{"a":2}}}"#;
    assert_eq!(verdict("data == metadata.before && length(data) == 1", line), Verdict::Pass);
}

/// Whatever a line holds, `contains` looks at each of its bytes a few times at most: where it goes
/// over one side for each item of the other, this takes minutes.
#[test]
fn a_wide_value_is_found_among_many_in_no_time() {
    let wide: String = (0..8_000).map(|n| format!("\"k{n}\":{n},")).collect();
    let again = "\"k\":1,".repeat(8_000);
    for wanted in [
        format!("{{{wide}\"k\":1}}"),
        format!("{{{again}\"l\":1}}"),
        format!("[{{{wide}\"k\":1}}]"),
        format!("{{\"k\":{{{wide}\"k\":1}}}}"),
    ] {
        for item in ["{}", "{\"k\":1}", "[{}]", "{\"k\":{}}", "{\"k\":1,\"l\":2}", "7"] {
            let items = vec![item; 8_000].join(",");
            for (last, verdict_of) in [("{}", Verdict::Filtered), (&wanted, Verdict::Pass)] {
                let line =
                    format!("{{\"data\":[{items},{last}],\"metadata\":{{\"wanted\":{wanted}}}}}");
                assert_eq!(verdict("contains(data, metadata.wanted)", &line), verdict_of, "{item}");
            }
        }
    }
}

/// Wide or not, found is what is equal.
#[test]
fn contains_finds_what_is_equal() {
    let few = "\"a\":[1,{\"x\":null,\"y\":\"\\u0061\"}],\"b\":0.0,\"c\":true";
    let wide: String = (0..100).map(|n| format!(",\"k{n}\":[{n}]")).collect();
    for more in ["", &wide] {
        let wanted = format!("{{{few}{more}}}");
        for (item, is_there) in [
            (wanted.clone(), true),
            (format!("{{\"a\":2,{few}{more}}}"), true), // the last one counts
            (format!("{{{few}{more},\"a\":2}}"), false),
            (format!("{{{few}{more},\"z\":null}}"), false),
            (wanted.replace("\"b\":0.0,\"c\":true", "\"c\":true,\"b\":-0"), true),
            (wanted.replace("[1,", "[1.0,").replace("\\u0061", "a"), true),
            (wanted.replace("\"x\":null,", ""), false),
            (wanted.replace("[1,", "[2,"), false),
            (wanted.replace("true", "false"), false),
            (format!("[{wanted}]"), false),
        ] {
            let line = format!("{{\"data\":[null,{item}],\"metadata\":{{\"wanted\":{wanted}}}}}");
            let expected = if is_there { Verdict::Pass } else { Verdict::Filtered };
            assert_eq!(verdict("contains(data, metadata.wanted)", &line), expected, "{item}");
        }
    }
}

#[test]
fn a_filter_shows_none_of_its_constants() {
    assert_eq!(format!("{:?}", filter("metadata.table == env(\"TABLE\")")), "Filter(…)");
}

/// The value of a comparison's side, the plain way.
fn naive_path(line: &Json, root: &str, path: &[String]) -> Json {
    path.iter().fold(line[root].clone(), |value, key| value.get(key).cloned().unwrap_or_default())
}

fn naive_compare(left: &Json, operator: &str, right: &Json) -> bool {
    let order = match (left, right) {
        (Json::Number(one), Json::Number(two)) => match (one.as_i64(), two.as_i64()) {
            (Some(one), Some(two)) => Some(one.cmp(&two)),
            _ => one.as_f64().partial_cmp(&two.as_f64()),
        },
        (Json::String(one), Json::String(two)) => Some(one.cmp(two)),
        _ => None,
    };
    let equal = if left.is_number() && right.is_number() {
        order.is_some_and(std::cmp::Ordering::is_eq)
    } else {
        left == right
    };
    match operator {
        "==" => equal,
        "!=" => !equal,
        "<" => order.is_some_and(std::cmp::Ordering::is_lt),
        "<=" => order.is_some_and(std::cmp::Ordering::is_le),
        ">" => order.is_some_and(std::cmp::Ordering::is_gt),
        _ => order.is_some_and(std::cmp::Ordering::is_ge),
    }
}

fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-3_i64..3).prop_map(Json::from),
        (-6_i32..6).prop_map(|half| json!(f64::from(half) / 2.0)),
        "[ab\"\\\\\u{e9}]{0,2}".prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            proptest::collection::btree_map("[abc]", inner, 0..3)
                .prop_map(|entries| Json::from(serde_json::Map::from_iter(entries))),
        ]
    })
}

/// One comparison: its text and what it is made of.
type Part = (&'static str, Vec<String>, &'static str, Json, bool);

fn part() -> impl Strategy<Value = Part> {
    let constant = prop_oneof![
        Just(json!(0)),
        (-3_i64..3).prop_map(Json::from),
        Just(json!(1.5)),
        "[ab\u{e9}]{0,2}".prop_map(Json::from),
    ];
    (
        prop_oneof![Just("metadata"), Just("data")],
        proptest::collection::vec("[abc]", 0..3),
        prop_oneof![Just("=="), Just("!="), Just("<"), Just("<="), Just(">"), Just(">=")],
        constant,
        any::<bool>(),
    )
}

fn written((root, path, operator, constant, negated): &Part) -> String {
    let path: String = path.iter().map(|key| format!(".{key}")).collect();
    let not = if *negated { "!" } else { "" };
    format!("{not}({root}{path} {operator} {constant})")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_filter_decides_as_a_naive_evaluator_does(
        parts in proptest::collection::vec(part(), 1..4),
        all in any::<bool>(),
        lines in proptest::collection::vec((value(), value()), 1..8),
    ) {
        let joint = if all { " && " } else { " || " };
        let expression = parts.iter().map(written).collect::<Vec<_>>().join(joint);
        let mut check = EnvelopeCheck::new(Validate::Shape, Some(filter(&expression)));
        for (metadata, data) in lines {
            let line = json!({ "metadata": metadata, "data": data });
            let holds = |(root, path, operator, constant, negated): &Part| {
                naive_compare(&naive_path(&line, root, path), operator, constant) != *negated
            };
            let expected = if all { parts.iter().all(holds) } else { parts.iter().any(holds) };
            let text = line.to_string();
            let expected = if expected { Verdict::Pass } else { Verdict::Filtered };
            prop_assert_eq!(check.check(text.as_bytes()), expected, "{} on {}", expression, text);
        }
    }

    /// simd-json and serde_json agree on what is JSON, save for what the one refuses and the
    /// fallback reads.
    #[test]
    fn a_line_is_invalid_if_serde_json_says_so(
        line in value(),
        at in any::<prop::sample::Index>(),
        byte in prop_oneof![Just(b'"'), Just(b'\\'), Just(b','), Just(b'1'), Just(b'{'), Just(0xff), any::<u8>()],
    ) {
        let mut text = json!({ "data": line }).to_string().into_bytes();
        let at = at.index(text.len());
        text[at] = byte;
        let is_object = serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_ok()
            && std::str::from_utf8(&text).is_ok()
            && text.starts_with(b"{");
        let mut check = EnvelopeCheck::new(Validate::Off, Some(filter("metadata == null")));
        let verdict = check.check(&text);
        prop_assert_eq!(!matches!(verdict, Verdict::Invalid(_)), is_object, "{:?} {:?}", String::from_utf8_lossy(&text), verdict);
    }
}
