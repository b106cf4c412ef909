use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::{Action, ActionKind, TemplateScope, evaluate, function_names, scan};
use super::{environment, rendered, text};

/// Words of templates, to be strung together in any order.
fn words() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> = function_names().collect();
    let word = prop_oneof![
        4 => prop::sample::select(vec![
            "{{", "}}", "{{-", "-}}", "{{ ", " }}", "\"", "`", "'", "\\", "$", "$x", "$x :=", "$x =", ".", ".a", "|", "(", ")",
            ",", " ", "\n", "-", "+", "/*", "*/", "{{/*", "*/}}", "é", "\u{0}", "%", "{", "}",
        ]).prop_map(str::to_owned),
        3 => prop::sample::select(vec![
            "{{ if ", "{{ else }}", "{{ else if ", "{{ end }}", "{{ range ", "{{ with ", "{{ break }}", "{{ continue }}",
            "{{ range $i, $e := ", "if", "end", "nil", "true", "{{ $x := ", "{{ $x }}",
        ]).prop_map(str::to_owned),
        3 => prop::sample::select(names).prop_map(|name| format!(" {name} ")),
        3 => prop::sample::select(vec![
            "\"NAME\"", "\"MISSING\"", "\"a,b\"", "`%d %s %-5q|%*x`", "\"2006-01-02 MST\"", "\"é\"", "\"1h\"", "now", "-1", "0", "1",
            "3", "1.5", "1e300", "9223372036854775807", "-9223372036854775808", "'x'", "(list 1 `a` nil)", "(dict `a` 1)", "(until 3)",
            "\"UTC\"", "\"\"", "`{\"a\":[1]}`", "(env `NAME`)", "(env `MISSING`)",
        ]).prop_map(|word| format!(" {word} ")),
        1 => any::<String>(),
    ];
    prop::collection::vec(word, 0..24).prop_map(|words| words.concat())
}

/// Actions that follow the grammar: any function with any arguments.
fn calls() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> = function_names().collect();
    let argument = prop_oneof![
        prop::sample::select(vec![
            "\"NAME\"",
            "\"MISSING\"",
            "\"a,b\"",
            "`%d %s %-5q|%*x`",
            "\"2006-01-02 MST\"",
            "\"é\"",
            "\"1h\"",
            "now",
            "-1",
            "0",
            "1",
            "3",
            "1.5",
            "1e300",
            "9223372036854775807",
            "-9223372036854775808",
            "'x'",
            "(list 1 `a` nil)",
            "(dict `a` 1)",
            "(until 3)",
            "\"UTC\"",
            "\"\"",
            "`{\"a\":[1]}`",
            "(env `NAME`)",
            "(env `MISSING`)",
            "nil",
            "true",
            "$d",
            "(list `é` `a`)",
            "253402207200",
        ])
        .prop_map(str::to_owned),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:e}")),
        "[%a-z0-9$äé{}.*+ #\\[\\]-]{0,12}".prop_map(|text| format!("`{text}`")),
    ];
    let call = (prop::sample::select(names), prop::collection::vec(argument, 0..4));
    let pipeline = prop::collection::vec(call, 1..4).prop_map(|calls| {
        let calls: Vec<String> = calls
            .into_iter()
            .map(|(name, arguments)| format!("{name} {}", arguments.join(" ")))
            .collect();
        format!("{{{{ {} }}}}", calls.join(" | "))
    });
    prop::collection::vec(pipeline, 1..6)
        .prop_map(|actions| format!("{{{{ $d := dict `x` (list 1) }}}}{}", actions.concat()))
}

/// What must hold of any source.
fn check(source: &str) -> Result<(), TestCaseError> {
    let started = Instant::now();
    match rendered(source) {
        Ok(rendered) => {
            prop_assert!(
                rendered.map.windows(2).all(|pair| pair[0].output_start < pair[1].output_start)
            );
            for offset in 0..=rendered.text.len() {
                prop_assert!(rendered.source_offset(offset) <= source.len());
            }
            let span = rendered.source_span(0..rendered.text.len());
            prop_assert!(span.start <= span.end && span.end <= source.len());
        }
        Err(errors) => {
            prop_assert!(!errors.is_empty());
            for error in errors {
                prop_assert!(source.get(error.span.clone()).is_some(), "{error:?}");
                prop_assert!(!error.message.is_empty());
            }
        }
    }
    let env = environment();
    let now = "2024-03-05T07:08:09Z[UTC]".parse().unwrap();
    drop(evaluate(source, &TemplateScope { env: &env, now }));
    for Action { span, kind, .. } in scan(source).unwrap_or_default() {
        let action = &source[span];
        prop_assert!(action.starts_with("{{") && action.ends_with("}}"));
        prop_assert!(kind != ActionKind::Comment || action.contains("/*"));
    }
    prop_assert!(started.elapsed() < Duration::from_secs(20));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_words_end_in_a_text_or_errors(source in words()) {
        check(&source)?;
    }

    #[test]
    fn any_calls_end_in_a_text_or_errors(source in calls()) {
        check(&source)?;
    }

    /// Text without actions stays as it is.
    #[test]
    fn text_is_left_alone(source in "[^{]{0,50}") {
        prop_assert_eq!(text(&source), source);
    }
}
