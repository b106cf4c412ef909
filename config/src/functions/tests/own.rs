//! What DStream adds to Terraform's functions, or has otherwise.

use std::path::Path;

use super::{context, error, evaluate, evaluate_in, json};
use dstream_task::Secrets;

#[test]
fn env_reads_a_variable_or_takes_the_default() {
    assert_eq!(json(r#"env("HOME")"#), r#""/home/ada""#);
    assert_eq!(json(r#"env("HOME", "x")"#), r#""/home/ada""#);
    assert_eq!(json(r#"env("EMPTY", "x")"#), r#""""#);
    assert_eq!(json(r#"env("NOT_THERE", "x")"#), r#""x""#);
    assert_eq!(json(r#"env("NOT_THERE", 5432)"#), r#""5432""#);
    assert_eq!(json(r#"env("NOT_THERE", null)"#), "null");
    assert_eq!(error(r#"env("NOT_THERE")"#), "environment variable `NOT_THERE` is not set");
    assert_eq!(error(r#"env("NOT_THERE", [])"#), "`default` must be a string, not a list");
    assert_eq!(error("env()"), "takes 1 to 2 arguments (name, default?), got 0");
}

#[test]
fn timestamp_is_the_scopes_to_the_second() {
    assert_eq!(json("timestamp()"), r#""2026-11-22T08:30:05Z""#);
    assert_eq!(json(r#"timecmp(timestamp(), "2026-11-22T08:30:05Z")"#), "0");
    assert_eq!(error("timestamp(1)"), "takes no arguments, got 1");
}

#[test]
fn files_are_relative_to_the_base_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    std::fs::write(folder.path().join("sub/hello.txt"), "hello world").unwrap();
    std::fs::write(folder.path().join("binary"), [0xff, 0xfe]).unwrap();
    let get = |text: &str| evaluate_in(folder.path(), text).0;
    let json = |text: &str| get(text).unwrap().into_json().to_string();

    assert_eq!(json(r#"file("sub/hello.txt")"#), r#""hello world""#);
    assert_eq!(json(r#"filebase64("sub/../binary")"#), r#""//4=""#);
    assert_eq!(json(r#"fileexists("sub/hello.txt")"#), "true");
    assert_eq!(json(r#"fileexists("sub/goodbye.txt")"#), "false");
    for (of_file, of_text) in [
        ("filemd5", "md5"),
        ("filesha1", "sha1"),
        ("filesha256", "sha256"),
        ("filesha512", "sha512"),
        ("filebase64sha256", "base64sha256"),
        ("filebase64sha512", "base64sha512"),
    ] {
        let of_file = json(&format!(r#"{of_file}("sub/hello.txt")"#));
        assert_eq!(of_file, json(&format!(r#"{of_text}("hello world")"#)));
    }

    assert_eq!(
        get(r#"file("binary")"#).unwrap_err(),
        "`binary` is not UTF-8 text; `filebase64` reads any file"
    );
    assert_eq!(get(r#"file("sub")"#).unwrap_err(), "`sub` is not a regular file");
    assert_eq!(get(r#"fileexists("sub")"#).unwrap_err(), "`sub` is not a regular file");
    assert!(get(r#"file("gone")"#).unwrap_err().starts_with("cannot read `gone`: "));
    assert!(get("file(\"a\\u0000b\")").is_err());
}

#[test]
fn the_home_folder_comes_from_the_scope() {
    let error = evaluate(r#"file("~/no-such-file-7391")"#).unwrap_err();
    assert!(error.starts_with("cannot read `~/no-such-file-7391`: "), "{error}");
}

#[test]
fn absolute_paths_are_clean() {
    let get = |text| evaluate_in(Path::new("/srv/pipelines/./x"), text).0.unwrap();
    assert_eq!(get(r#"abspath("../certs//ca.pem")"#), "/srv/pipelines/certs/ca.pem".into());
    assert_eq!(get(r#"abspath("/etc/../ca.pem")"#), "/ca.pem".into());
    assert_eq!(get(r#"abspath("~/x")"#), "/home/ada/x".into());
}

#[test]
fn whole_numbers_stay_whole() {
    assert_eq!(json("pow(3, 40)"), "12157665459056928801");
    assert_eq!(json("pow(2, 63)"), "9223372036854775808");
    assert_eq!(json("pow(10, 18)"), "1000000000000000000");
    assert_eq!(json("abs(-9223372036854775808)"), "9223372036854775808");
    assert_eq!(json("abs(-5)"), "5");
    assert_eq!(json("ceil(4.0)"), "4");
    assert_eq!(json("floor(1e15)"), "1000000000000000");
    assert_eq!(json("sum([18446744073709551614, 1])"), "18446744073709551615");
    assert_eq!(json("tonumber(\"18446744073709551615\")"), "18446744073709551615");
    assert_eq!(json("parseint(\"-8000000000000000\", 16)"), "-9223372036854775808");
    assert_eq!(json("range(0.5, 1, 0.1)"), "[0.5,0.6,0.7,0.8,0.9]");
    assert_eq!(
        json(r#"jsondecode("[1.0, -1, 18446744073709551615]")"#),
        "[1,-1,18446744073709551615]"
    );
    assert_eq!(
        json(
            r#"format("%d %g %.1f", 18446744073709551615, 18446744073709551615, 9007199254740993)"#
        ),
        r#""18446744073709551615 1.8446744073709551615e+19 9007199254740993.0""#
    );
}

#[test]
fn objects_keep_their_order_where_terraform_has_none() {
    assert_eq!(json(r#"jsondecode("{\"b\": 1, \"a\": 2}")"#), r#"{"b":1,"a":2}"#);
    assert_eq!(json("merge({b = 1}, {a = 2}, {b = 3})"), r#"{"b":3,"a":2}"#);
    assert_eq!(json(r#"csvdecode("z,y\n1,2")"#), r#"[{"z":"1","y":"2"}]"#);
    assert_eq!(json("toset([[2], [1], [2]])"), "[[2],[1]]");
}

#[test]
fn timestamps_are_stricter_than_gos() {
    for timestamp in ["2018-01-02T3:12:01Z", "2018-01-02T23:12:01,75Z", "2018-01-02T03:12:01+24:00"]
    {
        assert_eq!(
            error(&format!(r#"formatdate("YYYY", "{timestamp}")"#)),
            "`timestamp` must be a timestamp such as `2006-01-02T15:04:05Z` (RFC 3339)"
        );
    }
}

#[test]
fn errors_name_the_parameter_and_what_it_wants() {
    for (text, message) in [
        ("upper([])", "`text` must be a string, not a list"),
        ("upper(null)", "`text` must not be null"),
        ("upper()", "takes 1 argument (text), got 0"),
        (r#"substr("a", 1)"#, "takes 3 arguments (text, offset, length), got 2"),
        (r#"join("a", ["b"], [null])"#, "`lists` has a null at index 0"),
        (r#"abs("many")"#, "`number` must be a number or a string that reads as one"),
        (r#"keys("a")"#, "`object` must be an object, not a string"),
        (r#"sort("a")"#, "`list` must be a list, not a string"),
        (
            "tolist([true, 1])",
            "`value` must hold elements of one type, but has a bool and a number",
        ),
        (r#"tobool("yes")"#, "the string does not read as a bool (`true` or `false`)"),
        (r#"chunklist([], -1)"#, "`size` must not be negative"),
        (r#"element(["a"], 1.5)"#, "`index` must be a whole number of at most 63 bits"),
        (r#"parseint("12", 2)"#, "`text` is not a whole number in that base"),
        (
            r#"parseint("99999999999999999999999999999999999999999999", 10)"#,
            "`text` does not fit into 64 bits",
        ),
        ("log(0, 10)", "the result is not a finite number"),
        ("setunion()", "takes 1 or more arguments (first, others...), got 0"),
        (r#"regex("z", "abc")"#, "nothing matches"),
        (r#"regex("(", "abc")"#, "`pattern` is not a regular expression: unclosed group"),
        (r#"format("%s")"#, "`%s` wants value 1, but there are only 0"),
        (r#"format("%d", "x")"#, "`%d` wants a number, not a string that does not read as one"),
        (r#"formatlist("%d", [1, null])"#, "for index 1: `%d` cannot show null"),
        (r#"jsondecode("{\n\"secret\": x")"#, "`text` is not JSON: line 2, column 11"),
        (r#"csvdecode("a\nb,c")"#, "`text` has 2 instead of 1 fields in line 2"),
        (r#"lookup({a = 1}, "b")"#, "there is no key `b`, and no default is given"),
    ] {
        assert_eq!(error(text), message, "{text}");
    }
}

#[test]
fn nothing_panics_on_any_two_values() {
    let values = [
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "1e308",
        "-1e308",
        "18446744073709551615",
        "-9223372036854775808",
        r#""""#,
        r#""é\\uD83D%[$/""#,
        r#""%""#,
        r#""/(/""#,
        r#""\\""#,
        r#""[[""#,
        r#""{{""#,
        r#""2026-11-22T08:30:05Z""#,
        r#""'""#,
        r#""-""#,
        r#""9999999999999999999h""#,
        r#""\"""#,
        "[]",
        "[null]",
        "[1, \"a\", [true]]",
        "[[], {}]",
        "{}",
        "{a = null}",
        "{\"\" = [1]}",
    ];
    let values = values.map(|text| evaluate(text).unwrap());
    let (context, secrets) = (context(Path::new(".")), Secrets::default());
    for function in super::super::GROUPS.iter().copied().flatten() {
        for one in &values {
            for other in &values {
                let (a, b) = (|| one.clone(), || other.clone());
                let calls = [
                    vec![],
                    vec![a()],
                    vec![a(), b()],
                    vec![a(), b(), a()],
                    vec![b(), a(), (-1_i64).into()],
                ];
                for call in calls {
                    let _ = function.call(call, &context, &secrets);
                }
            }
        }
    }
}
