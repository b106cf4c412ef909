use rustix::process::Signal;

use crate::process::{READY, Running, run};

const LINES: &str =
    "{\"data\":{\"a\" : 1.50},\"metadata\":{\"seq\":1}}\nno envelope\n{\"data\":2}\n";

#[test]
fn prints_each_format() {
    for (config, printed) in [
        ("{}", "Message #1: {\"a\" : 1.50}\nMessage #2: no envelope\nMessage #3: 2\n"),
        (r#"{"outputFormat":"json"}"#, LINES),
        (
            r#"{"output_format":"structured"}"#,
            "Message #1\n  metadata: {\n    \"seq\": 1\n  }\n  data: {\n    \"a\": 1.50\n  }\n\
             Message #2: no envelope\nMessage #3\n  data: 2\n",
        ),
    ] {
        let ended = run("output console", format!("{config}\n{LINES}"));
        assert_eq!((ended.stream(), ended.code), (printed, Some(0)), "{config}");
        assert_eq!(ended.stderr, "");
    }
}

#[test]
fn a_line_that_comes_alone_is_printed_at_once() {
    let mut console = Running::start("output console", "{}\n");
    assert_eq!(console.line(), READY);
    for number in 1..=3 {
        console.write(&format!("{{\"data\":{number}}}\n"));
        assert_eq!(console.line(), format!("Message #{number}: {number}\n"));
    }
    console.close_stdin();
    assert_eq!(console.end().code, Some(0));
}

#[test]
fn many_and_long_lines_come_out_in_order() {
    let long = "x".repeat(1 << 20);
    let lines: String = (1..=20_000).map(|n| format!("{{\"data\":{n}}}\n")).collect();
    let ended = run("output console", format!("{{}}\n{lines}{{\"data\":\"{long}\"}}\n"));
    let mut expected: String = (1..=20_000).map(|n| format!("Message #{n}: {n}\n")).collect();
    expected.push_str(&format!("Message #20001: \"{long}\"\n"));
    assert!(ended.stream() == expected, "{} bytes", ended.stream().len());
}

#[test]
fn told_to_leave_it_leaves_with_what_it_had_printed() {
    let mut console = Running::start("output console", "{}\n");
    assert_eq!(console.line(), READY);
    console.write("{\"data\":1}\n");
    assert_eq!(console.line(), "Message #1: 1\n");
    console.signal(Signal::TERM); // stdin is still open
    let ended = console.end();
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr, "ERROR stopped before the end of the stream\n");
}

#[test]
fn an_interrupt_is_for_the_input() {
    let mut console = Running::start("output console", "{}\n");
    assert_eq!(console.line(), READY);
    console.signal(Signal::INT);
    console.write("{\"data\":1}\n");
    assert_eq!(console.line(), "Message #1: 1\n");
    // The second ends it. Signals of one kind that are still pending are one, hence as many as
    // are needed.
    while console.is_running() {
        console.signal(Signal::INT);
        std::thread::yield_now();
    }
    assert_eq!(console.end().code, None);
}

#[test]
fn answers_the_lifecycle_commands() {
    for (command, resources, action) in [
        ("init", 2, Some("create")),
        ("plan", 0, Some("create")),
        ("status", 2, None),
        ("destroy", 0, Some("delete")),
    ] {
        let line = format!(r#"{{"command":"{command}","config":{{"resourceCount":2}}}}"#);
        let ended = run("output console", line);
        let answer = ended.answer();
        assert_eq!(ended.code, Some(0), "{answer}");
        assert!(answer["status"].is_string() && answer.get("error").is_none(), "{answer}");
        let count = |field: &str| answer[field].as_array().map_or(0, Vec::len);
        assert_eq!(count("resources"), resources, "{answer}");
        assert_eq!(count("changes"), if action.is_some() { 2 } else { 0 }, "{answer}");
        if let Some(action) = action {
            assert_eq!(answer["changes"][1]["action"], action);
            assert_eq!(answer["changes"][1]["resource"]["name"], "console-2");
        }
    }
    let plan = run("output console", r#"{"command":"plan","config":{}}"#).answer();
    assert_eq!(plan["changes"].as_array().unwrap().len(), 3, "the documentation says 3");
    let refused = run("output console", r#"{"command":"plan","config":{"resource_count":10001}}"#);
    assert_eq!(refused.code, Some(1));
    assert!(refused.answer()["message"].as_str().unwrap().contains("at most 10000"));
}
