//! Whole templates: against what Go made of them, against what is written down here, and against
//! anything at all.

mod anything;
mod golden;
mod limits;

use std::collections::BTreeMap;

use super::*;

/// The environment of `fixtures/templates/oracle`.
fn environment() -> BTreeMap<String, String> {
    [
        ("NAME", "orders"),
        ("EMPTY", ""),
        ("PORT", "8080"),
        ("QUOTED", "a \"b\" ${c}\n{{ d }}"),
        ("PASSWORD", "hunter2, or so"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

fn rendered(source: &str) -> Result<Rendered, Vec<TemplateError>> {
    let env = environment();
    let now = "2024-03-05T07:08:09Z[UTC]".parse().unwrap();
    render(source, &TemplateScope { env: &env, now })
}

fn text(source: &str) -> String {
    rendered(source).unwrap_or_else(|errors| panic!("{source}: {errors:?}")).text
}

fn messages(source: &str) -> Vec<(String, String)> {
    let errors = rendered(source).map(|rendered| rendered.text).unwrap_err();
    errors.into_iter().map(|error| (source[error.span].to_owned(), error.message)).collect()
}

fn message(source: &str) -> (String, String) {
    let mut all = messages(source);
    assert_eq!(all.len(), 1, "{source}: {all:?}");
    all.remove(0)
}

#[test]
fn a_date_without_a_time_is_now() {
    assert_eq!(text(r#"events/{{ date "2006-01-02" }}/"#), "events/2024-03-05/");
    assert_eq!(text(r#"{{ now | date "2006-01-02 15:04:05 MST" }}"#), "2024-03-05 07:08:09 UTC");
    assert_eq!(
        text("{{ now }} {{ now.Year }} {{ now.UTC.Hour }}"),
        "2024-03-05 07:08:09 +0000 UTC 2024 7"
    );
    assert_eq!(text(r#"{{ now.Format "Mon" }} {{ now | unixEpoch }}"#), "Tue 1709622489");
}

const UNSET: &str = "environment variable `MISSING` is not set";

/// Whoever needs a value reports it, at the `env`, not at themselves.
#[test]
fn an_unset_variable_is_an_error_at_its_env() {
    for source in [
        r#"{{ env "MISSING" }}"#,
        r#"a {{ env "MISSING" | upper | quote }} b"#,
        r#"{{ $x := env "MISSING" }}{{ $x }}"#,
        r#"{{ $x := env "MISSING" }}{{ range list 1 2 3 }}{{ $x }}{{ end }}{{ $x | len }}"#,
        r#"{{ printf "%s" (env "MISSING") }}"#,
        r#"{{ list (env "MISSING") }}"#,
        r#"{{ if eq (env "MISSING") "x" }}{{ end }}"#,
        r#"{{ range env "MISSING" }}{{ end }}"#,
        r#"{{ (env "MISSING").x }}"#,
        r#"{{ coalesce "" (env "MISSING") }}"#,
        r#"{{ "" | default (env "MISSING") }}"#,
        r#"{{ or "" (env "MISSING") }}"#,
        r#"{{ and (env "MISSING") "x" }}"#,
        r#"{{ ternary (env "MISSING") "x" true }}"#,
        r#"{{ env "MISSING" | int }}"#,
        r#"{{ now.Format (env "MISSING") }}"#,
    ] {
        assert_eq!(message(source), (r#"env "MISSING""#.to_owned(), UNSET.to_owned()), "{source}");
    }
    let errors = rendered(r#"{{ env "MISSING" }}"#).unwrap_err();
    let help = r#"set MISSING, or give a default: {{ env "MISSING" | default "…" }}"#;
    assert_eq!(errors[0].help.as_deref(), Some(help));
    assert_eq!(message(r#"{{ expandenv "$NAME/$MISSING" }}"#).1, UNSET);
    // A call is reported where it stands, parentheses or not.
    assert_eq!(message(r#"{{ upper (env `MISSING`) }}"#).0, "env `MISSING`");
}

#[test]
fn an_unset_variable_is_empty_for_who_takes_it_further() {
    for (source, expected) in [
        (r#"{{ env "MISSING" | default "x" }}"#, "x"),
        (r#"{{ default "x" (env "MISSING") | upper }}"#, "X"),
        (r#"{{ $x := env "MISSING" }}{{ $x | default "x" }}"#, "x"),
        (r#"{{ coalesce (env "MISSING") (env "NAME") }}"#, "orders"),
        (r#"{{ env "MISSING" | empty }}"#, "true"),
        (r#"{{ ternary "a" "b" (empty (env "MISSING")) }}"#, "a"),
        (r#"{{ ternary "a" "b" (env "MISSING") }}"#, "b"),
        (r#"{{ ternary (env "MISSING") "b" false }}"#, "b"),
        (r#"{{ if env "MISSING" }}a{{ else }}b{{ end }}"#, "b"),
        (r#"{{ with env "MISSING" }}a{{ else }}b{{ end }}"#, "b"),
        (r#"{{ with env "NAME" }}{{ . }}{{ end }}"#, "orders"),
        (r#"{{ or (env "MISSING") "x" }}"#, "x"),
        (r#"{{ not (env "MISSING") }}"#, "true"),
        (r#"{{ if and (env "NAME") (not (env "MISSING")) }}a{{ end }}"#, "a"),
        (r#"{{ expandenv "$MISSING" | default "x" }}"#, "x"),
        // Set to nothing is set.
        (r#"[{{ env "EMPTY" }}]"#, "[]"),
    ] {
        assert_eq!(text(source), expected, "{source}");
    }
}

#[test]
fn values_read_are_secrets_and_so_is_what_is_made_of_them() {
    let secrets = |source: &str| rendered(source).unwrap().secrets;
    assert_eq!(secrets(r#"{{ env "NAME" }}{{ env "PORT" }}{{ env "EMPTY" }}"#), ["8080", "orders"]);
    assert_eq!(secrets(r#"{{ env "MISSING" | default "fallback" }}"#), [""; 0]);
    assert_eq!(secrets(r#"{{ env "EMPTY" | default "fallback" | upper }}"#), [""; 0]);
    assert_eq!(secrets(r#"{{ env "NAME" | upper }}"#), ["ORDERS", "orders"]);
    assert_eq!(secrets(r#"{{ env "NAME" | b64enc }}"#), ["b3JkZXJz", "orders"]);
    assert_eq!(secrets(r#"{{ $x := env "NAME" }}{{ printf "%s!" $x }}"#), ["orders", "orders!"]);
    assert_eq!(secrets(r#"{{ expandenv "$NAME/x" }}"#), ["orders", "orders/x"]);
    let parts = secrets(r#"{{ range splitList "," (env "PASSWORD") }}{{ trim . }}{{ end }}"#);
    assert_eq!(parts, [" or so", "hunter2", "hunter2, or so", "or so"]);
    // Judged by, but not made of.
    assert_eq!(secrets(r#"{{ ternary "prod" "test" (eq (env "NAME") "x") }}"#), ["orders"]);
    assert_eq!(secrets(r#"{{ upper "x" }}{{ env "NAME" | len }}"#), ["orders"]);
    assert_eq!(secrets(r#"{{ if env "NAME" }}x{{ end }}"#), ["orders"]);
}

#[test]
fn no_error_shows_a_value() {
    for call in [
        "int",
        "fromJson",
        "b64dec",
        "atoi",
        "float64",
        "fail",
        "first",
        "index (list 1)",
        "trunc 1.5",
        "regexMatch `a` | add",
        "dateInZone `2006` 0",
        "toDate `2006`",
        "dateModify",
        "len | index `a`",
        "ternary 1 2",
        "eq 1",
        "dict | first",
        "regexFind `(` ",
    ] {
        let source = format!("{{{{ env \"PASSWORD\" | {call} }}}}");
        if let Err(errors) = rendered(&source) {
            assert!(!format!("{errors:?}").contains("hunter"), "{errors:?}");
        }
    }
}

#[test]
fn all_mistakes_show_at_once() {
    let source = r#"{{ uper "a" }} {{ env "MISSING" }} {{ $x := int "a" }}{{ $x }}{{ add $x 1 }} {{ $y }}
        {{ if env "NAME" }}{{ trunc "a" "b" }}{{ end }} {{ .x | nope }}{{ env "ALSO_MISSING" }}"#;
    let found: Vec<String> =
        messages(source).into_iter().map(|(at, why)| format!("{at}: {why}")).collect();
    assert_eq!(
        found,
        [
            "uper: unknown template function `uper`",
            "env \"MISSING\": environment variable `MISSING` is not set",
            "\"a\": this text is no whole number",
            "$y: unknown variable `$y`",
            "\"a\": `trunc` needs a whole number here, not a text",
            "nope: unknown template function `nope`",
            "env \"ALSO_MISSING\": environment variable `ALSO_MISSING` is not set",
        ]
    );
    let errors = rendered(source).unwrap_err();
    assert_eq!(errors[0].help.as_deref(), Some("did you mean `upper`?"));
}

#[test]
fn mistakes_are_named_where_they_are() {
    for (source, at, why) in [
        ("{{ env \"NAME\" ", "{{", "this `{{` is never closed"),
        ("{{ if 1 }}a", "{{ if 1 }}", "this has no `{{ end }}`"),
        (
            "a{{ end }}",
            "{{ end }}",
            "unexpected `end`: nothing is open here that it could belong to",
        ),
        (
            "{{ if 1 }}{{ else }}{{ else }}{{ end }}",
            "{{ else }}",
            "unexpected `else`: the last `else` came before it",
        ),
        ("{{ break }}", "{{ break }}", "`break` stands outside of a `range`"),
        ("{{ define \"x\" }}{{ end }}", "{{ define \"x\" }}", "`define` is not supported"),
        ("{{ }}", "", "a value is missing here"),
        ("{{ print | }}", "", "a value is missing here"),
        ("{{ upper }}", "upper", "`upper` takes 1 argument, not 0"),
        ("{{ \"a\" | replace \"b\" }}", "replace \"b\"", "`replace` takes 3 arguments, not 2"),
        ("{{ date 1 2 3 }}", "date 1 2 3", "`date` takes 1 to 2 arguments, not 3"),
        ("{{ 3 | upper }}", "3", "`upper` needs a text here, not a whole number"),
        ("{{ \"a\" 1 }}", "\"a\"", "this is no function, so it takes no arguments"),
        ("{{ 1 | 2 }}", "2", "a value can only be piped into a function"),
        (
            "{{ upper(\"a\") }}",
            "(",
            "unexpected `(`: a space separates a function from its arguments",
        ),
        ("{{ add 1, 2 }}", ",", "unexpected `,`: arguments are separated by spaces"),
        ("{{ (1 }}", "(", "this `(` is never closed"),
        ("{{ 1) }}", ")", "unexpected `)`: nothing is open here that it could close"),
        ("{{ env \\\"X\\\" }}", "\\", "unexpected `\\`"),
        ("{{ eq 1 \"1\" }}", "\"1\"", "`eq` cannot compare a whole number with a text"),
        ("{{ index (list 1) 1 }}", "1", "there is no element 1, only 1"),
        ("{{ div 1 0 }}", "0", "division by zero"),
        ("{{ fail \"no topic\" }}", "fail \"no topic\"", "no topic"),
        ("{{ b64dec \"?\" }}", "\"?\"", "`b64dec` needs Base64 here, and this is none"),
        ("{{ fromJson \"{\" }}", "\"{\"", "`fromJson` needs JSON here, and this is none"),
        (
            "{{ date \"2006\" \"x\" }}",
            "\"x\"",
            "`date` needs a time, such as `now`, or seconds since 1970 here, not a text",
        ),
        (
            "{{ dateInZone \"2006\" 0 \"Nowhere/Else\" }}",
            "\"Nowhere/Else\"",
            "this time zone is not known",
        ),
        ("{{ dateModify \"1 day\" now }}", "\"1 day\"", "this is no duration"),
        (
            "{{ toDate \"2006\" \"x\" }}",
            "\"x\"",
            "this is no time in that layout: digits are missing",
        ),
        ("{{ $x := 1 }}{{ $x.y }}", ".y", "a whole number has no field `y`"),
    ] {
        assert_eq!(message(source), (at.to_owned(), why.to_owned()), "{source}");
    }
}

#[test]
fn the_map_leads_back_to_the_source() {
    let source = "ab {{ env \"NAME\" }} {{- \"\" }} c {{ range list 1 2 }}x{{ . }}{{ end }}é";
    let rendered = rendered(source).unwrap();
    assert_eq!(rendered.text, "ab orders c x1x2é");
    let back = |range: Range<usize>| &source[rendered.source_span(range)];
    assert_eq!(back(0..2), "ab");
    assert_eq!(back(3..4), "{{ env \"NAME\" }}");
    assert_eq!(back(1..9), "b {{ env \"NAME\" }}");
    assert_eq!(back(9..11), " c");
    assert_eq!(back(12..13), "x");
    assert_eq!(back(13..14), "{{ . }}");
    assert_eq!(back(14..15), "x");
    assert_eq!(back(16..18), "é");
    assert_eq!(rendered.source_offset(3), 3);
    assert_eq!(rendered.source_offset(8), 3);
    assert_eq!(rendered.source_offset(rendered.text.len()), source.len());
    assert_eq!(rendered.source_offset(99), source.len());
    assert_eq!(rendered.source_span(4..4), 3..3);
    let starts: Vec<usize> = rendered.map.iter().map(|segment| segment.output_start).collect();
    assert!(starts.is_sorted() && starts[0] == 0, "{starts:?}");
    let nothing = self::rendered("{{ \"\" }}").unwrap();
    assert_eq!(nothing.source_span(0..0), 0..0);
}

#[test]
fn one_action_has_a_typed_value() {
    let env = environment();
    let scope = TemplateScope { env: &env, now: "2024-03-05T07:08:09Z[UTC]".parse().unwrap() };
    let value = |source: &str| evaluate(source, &scope).unwrap().value;
    for (source, json) in [
        (r#"{{ env "PORT" }}"#, r#""8080""#),
        (r#"{{ env "PORT" | int }}"#, "8080"),
        (r#" {{- 2.5 -}} "#, "2.5"),
        ("{{ true }}", "true"),
        ("{{ .x }}", "null"),
        (r#"{{ list 1 "a" (dict "b" nil) }}"#, r#"[1,"a",{"b":null}]"#),
        (r#"{{ fromJson "[1, 2.5]" }}"#, "[1.0,2.5]"),
    ] {
        assert_eq!(value(source).to_string(), json, "{source}");
    }
    assert_eq!(evaluate(r#"{{ env "PORT" | int }}"#, &scope).unwrap().secrets, ["8080"]);
    let error = |source: &str| evaluate(source, &scope).unwrap_err().remove(0).message;
    assert_eq!(error(r#"{{ env "MISSING" }}"#), UNSET);
    assert_eq!(error(r#"{{ list 1 | first | nope }}"#), "unknown template function `nope`");
    assert_eq!(error("{{ $x := 1 }}"), "an assignment has no value");
    for source in ["", "x", "{{ 1 }}{{ 2 }}", "{{ 1 }}x", "{{ if 1 }}a{{ end }}", "{{/* a */}}"] {
        assert_eq!(error(source), "exactly one action with a value is wanted here", "{source}");
    }
}
