//! That no expression gets out of hand.

use std::path::Path;

use super::super::limits::{FILE_BYTES_MAX, ITEMS_MAX};
use super::{declare, error, evaluate, evaluate_in, scope, with_scope};

/// The error of an expression in which `big` is a string of 1 MiB and `many` has 100,000 elements.
fn error_of_big(text: &str) -> String {
    let expression: hcl::Expression = text.parse().unwrap();
    let mut context = hcl::eval::Context::new();
    declare(&mut context);
    context.declare_var("big", "x".repeat(1 << 20));
    context.declare_var("many", vec![1; 100_000]);
    let run = || hcl::eval::Evaluate::evaluate(&expression, &context);
    match with_scope(scope(Path::new(".")), run).0 {
        Err(error) => match error.into_kind() {
            hcl::eval::ErrorKind::FuncCall(_, message) => message,
            other => other.to_string(),
        },
        Ok(_) => panic!("{text} has a value"),
    }
}

#[test]
fn products_are_refused_before_they_are_built() {
    let too_long = "the text would be longer than 16 MiB";
    assert_eq!(error_of_big("replace(big, \"x\", big)"), too_long);
    assert_eq!(error_of_big("replace(big, \"\", big)"), too_long);
    assert_eq!(error_of_big("replace(big, \"/x/\", big)"), too_long);
    assert_eq!(
        error_of_big(&format!("replace(big, \"/x+/\", \"{}\")", "$0".repeat(100))),
        too_long
    );
    let groups = format!("{}x+{}", "(".repeat(17), ")".repeat(17));
    assert_eq!(error_of_big(&format!("regex(\"{groups}\", big)")), too_long);
    assert_eq!(error_of_big("setproduct([big], many)"), too_long);
    assert_eq!(error_of_big("join(big, many)"), too_long);
    assert_eq!(error_of_big("formatlist(\"%s%s\", big, many)"), too_long);
    assert_eq!(error_of_big(r#"indent(4096, replace(big, "x", "\n"))"#), too_long);
    let format = "%[1]s".repeat(20);
    assert_eq!(error_of_big(&format!("format(\"{format}\", big)")), too_long);
    let too_many = format!("the result would have more than {ITEMS_MAX} elements");
    assert_eq!(error_of_big("setproduct(many, many)"), too_many);
    assert_eq!(error_of_big("setproduct([many], many)"), too_many);
    assert_eq!(
        error_of_big("concat(many, many, many, many, many, many, many, many, many, many, many)"),
        too_many
    );
}

#[test]
fn counts_are_bounded() {
    assert_eq!(error("range(1e300)"), "makes more than 1024 numbers");
    assert_eq!(error("range(0, 1, 1e-300)"), "makes more than 1024 numbers");
    assert_eq!(error("range(0, 1, 0)"), "makes more than 1024 numbers");
    assert_eq!(evaluate("length(range(1024))").unwrap(), 1024.into());
    assert_eq!(error("pow(10, 1000)"), "the result is not a finite number");
    assert_eq!(error("pow(1e308, 1e308)"), "the result is not a finite number");
    assert_eq!(evaluate("pow(1, 18446744073709551615)").unwrap(), 1.into());
    assert_eq!(
        error(r#"format("%99999999999999999999d", 1)"#),
        "numbers in a format must be at most 4096"
    );
    assert_eq!(error(r#"format("%.4097f", 1)"#), "numbers in a format must be at most 4096");
    assert_eq!(error(r#"indent(4097, "a")"#), "`count` must be at most 4096");
    assert_eq!(
        error(r#"regex("((a{1000}){1000}){1000}", "a")"#),
        "`pattern` is too large a regular expression"
    );
    let run = "Y".repeat(100_000);
    assert!(error(&format!("formatdate(\"{run}\", timestamp())")).len() < 200);
}

#[test]
fn depth_is_bounded() {
    let deep = |levels: usize| {
        let mut value = hcl::Value::from(1);
        for _ in 0..levels {
            value = hcl::Value::Array(vec![value]);
        }
        value
    };
    let run = |text: &str, levels| {
        let expression: hcl::Expression = text.parse().unwrap();
        let mut context = hcl::eval::Context::new();
        declare(&mut context);
        context.declare_var("deep", deep(levels));
        hcl::eval::Evaluate::evaluate(&expression, &context).map_err(|error| error.to_string())
    };
    assert!(run("jsonencode(flatten(deep))", 128).is_ok());
    let error = run("flatten(deep)", 1000).unwrap_err();
    assert!(error.contains("nested deeper than 128 levels"), "{error}");
    // Each level can be a tuple or a list: the effort doubles with it until it is cut off.
    let mismatch = |levels| run("distinct([deep, [deep]])", levels).unwrap_err();
    assert!(mismatch(5).contains("elements of one type, but has a number and a list"));
    assert!(mismatch(100).contains("`list` is nested too deep to find one type for it"));
    assert_eq!(run("length(distinct([deep, deep]))", 120), Ok(1.into()));
    let text = format!("jsondecode(\"{}\")", "[".repeat(100_000));
    assert!(super::error(&text).starts_with("`text` is not JSON"));
}

#[test]
fn files_are_bounded_and_must_be_files() {
    let folder = tempfile::tempdir().unwrap();
    let size = usize::try_from(FILE_BYTES_MAX).unwrap();
    assert_eq!(size, 1 << 20);
    std::fs::write(folder.path().join("fits"), "x".repeat(size)).unwrap();
    std::fs::write(folder.path().join("too-large"), "x".repeat(size + 1)).unwrap();
    let get = |text| evaluate_in(folder.path(), text).0;
    assert_eq!(get(r#"length(file("fits"))"#).unwrap(), size.into());
    assert_eq!(get(r#"file("too-large")"#).unwrap_err(), "`too-large` is larger than 1 MiB");
    assert_eq!(get(r#"filemd5("too-large")"#).unwrap_err(), "`too-large` is larger than 1 MiB");
    #[cfg(unix)]
    assert_eq!(get(r#"file("/dev/zero")"#).unwrap_err(), "`/dev/zero` is not a regular file");
}

#[test]
fn secrets_made_of_a_secret_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = (0..5000).map(|line| format!("line {line}\n")).collect();
    std::fs::write(folder.path().join("lines"), lines).unwrap();
    let get = |text| evaluate_in(folder.path(), text).0;
    assert_eq!(
        get(r#"split("\n", file("lines"))"#).unwrap_err(),
        "makes more than 4096 secrets out of one; wrap it in `nonsensitive(…)` if it may be shown"
    );
    let lines = get(r#"length(split("\n", nonsensitive(file("lines"))))"#);
    assert_eq!(lines.unwrap(), 5001.into());
}
