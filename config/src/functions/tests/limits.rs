//! That no expression gets out of hand.

use std::path::Path;

use super::super::limits::{FILE_BYTES_MAX, ITEMS_MAX};
use super::{context, error, evaluate, evaluate_in, evaluate_with};
use crate::values::log::Log;
use crate::values::value::Value;
use dstream_task::Secrets;

/// The error of an expression in which `big` is a string of 1 MiB and `many` has 100,000 elements.
fn error_of_big(text: &str) -> String {
    let names = [("big", "x".repeat(1 << 20).into()), ("many", vec![1_i64; 100_000].into())];
    match evaluate_with(Path::new("."), text, &names, &Log::default()) {
        Err(message) => message,
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
    let concat = super::super::find("concat").unwrap();
    let many = vec![Value::from(vec![1_i64; 100_000]); 11];
    let error = concat.call(many, &context(Path::new(".")), &Secrets::default()).unwrap_err();
    assert_eq!(error, too_many);
}

#[test]
fn counts_are_bounded() {
    assert_eq!(error("range(1e300)"), "makes more than 1024 numbers");
    assert_eq!(error("range(0, 1, 1e-300)"), "makes more than 1024 numbers");
    assert_eq!(error("range(0, 1, 0)"), "makes more than 1024 numbers");
    assert_eq!(evaluate("length(range(1024))").unwrap(), 1024_i64.into());
    assert_eq!(error("pow(10, 1000)"), "the result is not a finite number");
    assert_eq!(error("pow(1e308, 1e308)"), "the result is not a finite number");
    assert_eq!(evaluate("pow(1, 18446744073709551615)").unwrap(), 1_i64.into());
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
        let mut value = Value::from(1_i64);
        for _ in 0..levels {
            value = vec![value].into();
        }
        value
    };
    let run = |text: &str, levels| {
        evaluate_with(Path::new("."), text, &[("deep", deep(levels))], &Log::default())
    };
    assert!(run("jsonencode(flatten(deep))", 128).is_ok());
    let error = run("flatten(deep)", 1000).unwrap_err();
    assert!(error.contains("nested deeper than 128 levels"), "{error}");
    // Each level can be a tuple or a list: the effort doubles with it until it is cut off.
    let mismatch = |levels| run("distinct([deep, [deep]])", levels).unwrap_err();
    assert!(mismatch(5).contains("elements of one type, but has a number and a list"));
    assert!(mismatch(100).contains("`list` is nested too deep to find one type for it"));
    assert_eq!(run("length(distinct([deep, deep]))", 120), Ok(1_i64.into()));
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
    let words: String = (0..5000).map(|word| format!("word-{word} ")).collect();
    std::fs::write(folder.path().join("words"), words).unwrap();
    let get = |text| evaluate_in(folder.path(), text).0;
    assert_eq!(
        get(r#"split(" ", file("words"))"#).unwrap_err(),
        "makes more than 4096 secrets out of one; wrap it in `nonsensitive(…)` if it may be shown"
    );
    let words = get(r#"length(split(" ", nonsensitive(file("words"))))"#);
    assert_eq!(words.unwrap(), 5001_i64.into());
}
