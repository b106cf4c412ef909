use std::time::{Duration, Instant};

use super::super::limits::{LIST_DEPTH_MAX, NESTING_MAX};
use super::{rendered, text};

/// Templates made to never end or to take all memory: each ends in an error, soon.
#[test]
fn nothing_runs_away() {
    let deep = |open: &str, close: &str| {
        format!("{{{{ {}1{} }}}}", open.repeat(100_000), close.repeat(100_000))
    };
    let doubling = |step: &str| {
        format!(
            "{{{{ $x := {step} }}}}{{{{ range until 100000 }}}}{{{{ $x = cat $x $x }}}}{{{{ end }}}}"
        )
    };
    let started = Instant::now();
    for source in [
        deep("(", ")"),
        "{{ if 1 }}".repeat(100_000),
        format!("{}x{}", "{{ if 1 }}".repeat(5_000), "{{ end }}".repeat(5_000)),
        doubling("`x`"),
        "{{ repeat 1000000000 `abc` }}".to_owned(),
        "{{ indent 1000000000 `abc` }}".to_owned(),
        "{{ printf `%1000000d%1000000d` 1 2 }}".to_owned(),
        "{{ $s := repeat 1000000 `a` }}{{ replace `a` $s $s }}".to_owned(),
        "{{ $s := repeat 1000000 `a` }}{{ regexReplaceAll `a` $s $s }}".to_owned(),
        "{{ $s := repeat 1000000 `a` }}{{ range until 100000 }}{{ $s }}{{ end }}".to_owned(),
        "{{ until 1000000000 }}".to_owned(),
        "{{ range until 90000 }}{{ range until 90000 }}{{ end }}{{ end }}".to_owned(),
        "{{ $l := list 1 }}{{ range until 1000 }}{{ $l = list $l $l }}{{ end }}{{ $l }}".to_owned(),
        "{{ $l := list 1 }}{{ range until 30 }}{{ $l = list $l $l }}{{ end }}{{ $l }}".to_owned(),
        "{{ $l := list 1 }}{{ range until 1000 }}{{ $l = concat $l $l }}{{ end }}".to_owned(),
        "{{ $d := dict }}{{ $_ := set $d `a` $d }}{{ $d }}".to_owned(),
        "{{ $d := dict }}{{ $_ := set $d `a` $d }}{{ toJson $d }}".to_owned(),
        "{{ $d := dict }}{{ $e := dict }}{{ $_ := set $d `a` $d }}{{ $_ := set $e `a` $e }}{{ deepEqual $d $e }}".to_owned(),
        "{{ $d := dict `a` (dict) }}{{ $e := dict }}{{ $_ := set $d `a` $d }}{{ $_ := set $e `a` $e }}{{ $_ := merge $d $e }}{{ toJson $d }}".to_owned(),
        "{{ $p := repeat 50 `a?` }}{{ range until 90000 }}{{ regexMatch $p `b` }}{{ end }}".to_owned(),
        "{{ regexMatch `(a{1000}){1000}` `b` }}".to_owned(),
        "{{ $s := repeat 1000000 `A` }}{{ regexFindAll `.*[^A-Z]|[A-Z]` $s -1 }}".to_owned(),
        "{{ $s := repeat 1000000 `aB` }}{{ regexMatch `(\\w{50}|[ab]{40}){9}x` $s }}".to_owned(),
        "{{ $r := repeat 50000 `$0` }}{{ regexReplaceAll `.+` (repeat 100000 `x`) $r }}".to_owned(),
        format!("{{{{ {} }}}}", "x".repeat(1_000_000)),
        format!("{{{{ fromJson `{}` }}}}", "[".repeat(100_000)),
        format!("{{{{ fromJson `{}{}` }}}}", "[".repeat(100), "]".repeat(100)),
        "{{ $x := 1 }}".repeat(10_000),
        "{{ range until 90000 }}{{ uniq (until 5000) }}{{ end }}".to_owned(),
    ] {
        let started = Instant::now();
        assert!(rendered(&source).is_err(), "{}", &source[..source.len().min(200)]);
        let time = started.elapsed();
        assert!(time < Duration::from_secs(20), "{time:?}: {}", &source[..source.len().min(200)]);
    }
    // Deep values are freed without deep recursion, and a large sum of small things is no error.
    assert!(rendered(&"{{ upper `a` }}, ".repeat(20_000)).is_ok());
    assert!(started.elapsed() < Duration::from_secs(120), "{:?}", started.elapsed());
}

/// What the limit allows fits a test's stack, which is as large as that of any thread, without
/// the optimiser's help.
#[test]
fn the_deepest_nesting_fits() {
    let ifs = |count| format!("{}x{}", "{{ if 1 }}".repeat(count), "{{ end }}".repeat(count));
    assert_eq!(text(&ifs(NESTING_MAX)), "x");
    assert!(rendered(&ifs(NESTING_MAX + 1)).is_err());
    let lists = |count| format!("{{{{ {}1{} }}}}", "(list ".repeat(count), ")".repeat(count));
    assert!(text(&lists(LIST_DEPTH_MAX)).ends_with(&"]".repeat(LIST_DEPTH_MAX)));
    assert!(rendered(&lists(LIST_DEPTH_MAX + 1)).is_err());
    let parentheses =
        |count| format!("{{{{ {}1{} }}}}", "(print ".repeat(count), ")".repeat(count));
    assert_eq!(text(&parentheses(NESTING_MAX)), "1");
    assert!(rendered(&parentheses(NESTING_MAX + 1)).is_err());
}
