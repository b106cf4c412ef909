use rustix::process::Signal;

use crate::process::{READY, Running, run};

#[test]
fn counts_lines_and_bytes() {
    for config in ["{}", r#"{"rate":1000000}"#] {
        let ended = run("output null", format!("{config}\n{}", "{\"data\":0}\n".repeat(100)));
        assert_eq!((ended.stream(), ended.code), ("", Some(0)), "{config}");
        assert_eq!(ended.stderr, "INFO 100 envelopes, 1100 bytes\n", "{config}");
    }
    assert_eq!(run("output null", "{}\n").stderr, "INFO 0 envelopes, 0 bytes\n");
}

#[test]
fn a_slow_one_still_leaves_at_once() {
    let mut null =
        Running::start("output null", "{\"delay_ms\":3600000}\n{\"data\":1}\n{\"data\":2}\n");
    assert_eq!(null.line(), READY);
    null.signal(Signal::TERM);
    let ended = null.end();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.ends_with("ERROR stopped before the end of the stream\n"));
}
