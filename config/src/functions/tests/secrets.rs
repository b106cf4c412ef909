//! What counts as a secret afterwards, and that messages show none.

use std::path::Path;

use super::{error, evaluate_in, evaluate_with};
use crate::values::log::Log;

/// The secrets an expression leaves behind, in order.
fn secrets(text: &str) -> Vec<String> {
    let (value, secrets) = evaluate_in(Path::new("."), text);
    value.unwrap_or_else(|error| panic!("{text}: {error}"));
    secrets
}

#[test]
fn what_env_and_file_read_is_secret() {
    assert_eq!(secrets(r#"env("TOKEN")"#), ["hunter2-hunter2"]);
    assert_eq!(secrets(r#""host-${env("TOKEN")}""#), ["hunter2-hunter2"]);
    assert!(secrets(r#"env("NOT_THERE", "some default")"#).is_empty());
    assert!(secrets(r#"upper("nothing here")"#).is_empty());

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("key"), "line one\n").unwrap();
    let get = |text| evaluate_in(folder.path(), text).1;
    assert_eq!(get(r#"file("key")"#), ["line one\n"]);
    assert_eq!(get(r#"filebase64("key")"#), ["bGluZSBvbmUK"]);
    // Each line of a secret is known with it; nothing new is made here.
    assert_eq!(get(r#"trimspace(file("key"))"#), ["line one\n"]);
    assert_eq!(get(r#"upper(file("key"))"#), ["LINE ONE\n", "line one\n"]);
    assert!(get(r#"filesha256("key")"#).is_empty());
    assert!(get(r#"fileexists("key")"#).is_empty());
}

#[test]
fn what_is_made_of_a_secret_is_secret() {
    assert_eq!(
        secrets(r#"base64encode(env("TOKEN"))"#),
        ["aHVudGVyMi1odW50ZXIy", "hunter2-hunter2"]
    );
    assert_eq!(
        secrets(r#"split(",", env("LIST"))"#),
        ["alpha", "alpha,beta,gamma", "beta", "gamma"]
    );
    assert_eq!(
        secrets(r#"upper(strrev(env("TOKEN")))"#),
        ["2RETNUH-2RETNUH", "2retnuh-2retnuh", "hunter2-hunter2"]
    );
    let made = secrets(r#"jsonencode({user = "ada", pass = env("QUOTED")})"#);
    assert!(made.iter().any(|secret| secret.contains(r#""user":"ada""#)), "{made:?}");
}

#[test]
fn what_stood_beside_a_secret_is_not() {
    assert_eq!(secrets(r#"format("user=%s", env("TOKEN"))"#), ["hunter2-hunter2"]);
    assert_eq!(secrets(r#"split("/", "postgres/${env("TOKEN")}")"#), ["hunter2-hunter2"]);
    assert_eq!(secrets(r#"concat(["localhost"], [env("TOKEN")])"#), ["hunter2-hunter2"]);
    assert_eq!(secrets(r#"keys({password = env("TOKEN")})"#), ["hunter2-hunter2"]);
    assert_eq!(secrets(r#"lookup({}, env("TOKEN"), "default")"#), ["hunter2-hunter2"]);
}

#[test]
fn sensitive_and_nonsensitive_decide() {
    assert_eq!(secrets(r#"sensitive("abc-def")"#), ["abc-def"]);
    assert_eq!(secrets(r#"sensitive({a = ["one-1", "two-2"]})"#), ["one-1", "two-2"]);
    assert!(secrets(r#"nonsensitive(env("TOKEN"))"#).is_empty());
    assert!(secrets(r#"nonsensitive("at ${env("TOKEN")}")"#).is_empty());
    assert!(secrets(r#"split(",", nonsensitive(env("LIST")))"#).is_empty());
    assert!(secrets(r#"nonsensitive(upper(env("SHORT")))"#).len() <= 1);

    let (value, secrets) = evaluate_in(Path::new("."), "sensitive(12345)");
    assert!(value.unwrap().is_secret() && secrets.is_empty());
    assert!(evaluate_in(Path::new("."), r#"env("EMPTY")"#).0.unwrap().is_secret());
}

#[test]
fn secrets_that_are_known_already_are_followed() {
    let run = |text: &str| {
        let log = Log::default();
        log.add_secrets(["hunter2".to_owned()]);
        let value = evaluate_with(Path::new("."), text, &[("password", "hunter2".into())], &log);
        (value, log.secret_texts())
    };
    assert_eq!(run("upper(password)").1, ["HUNTER2", "hunter2"]);
    assert_eq!(run("password").1, ["hunter2"]);
    let error = run("lookup({}, password)").0.unwrap_err();
    assert!(error.contains("there is no key `(secret)`"), "{error}");
}

#[test]
fn messages_show_no_secret() {
    for text in [
        r#"lookup({}, env("TOKEN"))"#,
        r#"file(env("TOKEN"))"#,
        r#"env(env("TOKEN"))"#,
        r#"tonumber(env("TOKEN"))"#,
        r#"abs(env("TOKEN"))"#,
        r#"regex(env("TOKEN"), "x")"#,
        r#"regex("(${env("TOKEN")}", "x")"#,
        r#"format("%z", env("TOKEN"))"#,
        r#"jsondecode(env("TOKEN"))"#,
        r#"csvdecode("${env("TOKEN")},${env("TOKEN")}")"#,
        r#"timeadd(timestamp(), env("TOKEN"))"#,
        r#"formatdate(env("TOKEN"), timestamp())"#,
        r#"base64decode(env("TOKEN"))"#,
        r#"index([env("TOKEN")], "x")"#,
        r#"parseint(env("TOKEN"), 10)"#,
        r#"sum([env("TOKEN")])"#,
        r#"upper(env("TOKEN"), 1)"#,
    ] {
        let message = error(text);
        assert!(!message.contains("hunter2"), "{text}: {message}");
    }
}
