use rustix::process::Signal;
use serde_json::Value;

use crate::process::{READY, Running, run};

#[test]
fn counts_to_its_end() {
    let ended = run("input counter", r#"{"command":"run","config":{"interval":0,"maxCount":5}}"#);
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stderr, "INFO starting with interval=0ms, max_count=5\n");
    let lines: Vec<&str> = ended.stream().lines().collect();
    assert_eq!(lines.len(), 5);
    for (value, line) in (1..).zip(lines) {
        let envelope: Value = serde_json::from_str(line).unwrap();
        let timestamp = envelope["data"]["timestamp"].as_str().unwrap();
        let expected = format!(
            "{{\"data\":{{\"value\":{value},\"timestamp\":\"{timestamp}\"}},\
             \"metadata\":{{\"seq\":{value},\"interval_ms\":0,\"provider\":\"counter\"}}}}"
        );
        assert_eq!(line, expected);
        let shape = timestamp.replace(|c: char| c.is_ascii_digit(), "0");
        assert_eq!(shape, "0000-00-00T00:00:00.000000+00:00");
    }
}

#[test]
fn does_not_sleep_after_the_last() {
    for field in ["maxCount", "max_count"] {
        let ended = run("input counter", format!(r#"{{"interval":3600000,"{field}":1}}"#));
        assert_eq!((ended.code, ended.stream().lines().count()), (Some(0), 1));
    }
}

#[test]
fn the_first_is_written_at_once_and_a_stop_ends_the_wait_for_the_second() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut counter = Running::start("input counter", "{\"interval\":3600000}\n");
        assert_eq!(counter.line(), READY);
        assert!(counter.line().starts_with("{\"data\":{\"value\":1,"));
        counter.signal(signal);
        let ended = counter.end();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""));
        assert!(ended.stderr.ends_with("INFO stopped after 1\n"), "{}", ended.stderr);
    }
}

#[test]
fn a_stop_leaves_whole_lines_in_the_pipe() {
    let mut counter = Running::start("input counter", "{\"interval\":0}\n");
    assert_eq!(counter.line(), READY);
    counter.signal(Signal::TERM);
    let ended = counter.end();
    assert_eq!(ended.code, Some(0));
    let lines = ended.stdout.lines().count();
    assert!(ended.stdout.is_empty() || ended.stdout.ends_with('\n'));
    assert!(ended.stderr.ends_with(&format!("INFO stopped after {lines}\n")), "{}", ended.stderr);
}
