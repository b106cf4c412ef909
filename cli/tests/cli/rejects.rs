//! Single lines that an output gives back.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Block, DSTREAM, Outcome, Sandbox, deny_syscalls};

const DEAD: &str =
    "    on_invalid = \"dead_letter\"\n    dead_letter = \"dead/letters\"\n    max_line = \"1MiB\"";
const AT_LEAST_ONCE: &str = "\n    delivery = \"at_least_once\"";

const BAD: &str = "{\"data\": \"bad\" ,\"metadata\":{\"n\":1e400}}";
const GOOD: &str = "{\"data\":1}\n{\"data\":2}\n";

/// Good, bad, a checkpoint, good, a checkpoint.
fn source(sandbox: &Sandbox) -> Block {
    sandbox.write_executable(
        "source",
        format!(
            "#!/bin/sh\nread -r command\necho '{{\"status\":\"ready\",\"capabilities\":[\"checkpoint\"]}}'\ncase $command in *interval*) mark=1;; esac\necho '{{\"data\":1}}'\necho '{BAD}'\n[ -z \"$mark\" ] || echo '{{\"checkpoint\":7}}'\necho '{{\"data\":2}}'\n[ -z \"$mark\" ] || echo '{{\"checkpoint\":8}}'\n"
        ),
    );
    Block::path("./source")
}

fn sink(sandbox: &Sandbox, more: &str) -> Block {
    let env = format!("env = {{ SINK = {:?}{more} }}", sandbox.at("out"));
    Block::fixture("bash/rejects.sh").with(&env)
}

fn with(stream: &str, more: &str) -> (Sandbox, Outcome) {
    let sandbox = Sandbox::new();
    sandbox.write_task(&source(&sandbox), &[sink(&sandbox, more)], stream);
    let outcome = sandbox.run_task();
    (sandbox, outcome)
}

fn text(sandbox: &Sandbox, name: &str) -> String {
    String::from_utf8(sandbox.read_or_empty(name)).unwrap()
}

#[test]
fn a_line_that_an_output_gives_back_is_a_dead_letter_and_can_be_sent_again() {
    for delivery in ["", AT_LEAST_ONCE] {
        let (sandbox, outcome) = with(&format!("{DEAD}{delivery}"), "");
        let reported = "rejected a line: it is bad: kept as a dead letter";
        outcome.said(0, &[reported, "3 lines (", "1 line rejected by sink"]);
        assert!(!outcome.stdout.contains("reject"), "{}", outcome.stdout);
        assert_eq!(text(&sandbox, "out"), GOOD);
        let letter: Value = serde_json::from_slice(&sandbox.read("dead/letters")).unwrap();
        assert_eq!((&letter["provider"], &letter["reason"]), (&json!("sink"), &json!("it is bad")));
        assert_eq!((&letter["line"], &letter["line_number"]), (&json!(BAD), &Value::Null));
        sandbox.run(&["dlq", "show", "t"]).said(0, &["UTC  sink: it is bad\n    {\"data\": \"bad"]);
        let again = sandbox.run(&["dlq", "replay", "t"]);
        again.said(0, &["0 letters replayed, 1 failed again, 0 kept"]);
        let env = format!("env = {{ SINK = {:?} }}", sandbox.at("out"));
        let takes_all = Block::fixture("bash/acknowledges.sh").with(&env);
        sandbox.write_task(&source(&sandbox), &[takes_all], &format!("{DEAD}{delivery}"));
        let sent = sandbox.run(&["dlq", "replay", "t"]);
        sent.said(0, &["1 letter replayed, 0 failed again, 0 kept"]);
        assert_eq!(text(&sandbox, "out"), format!("{GOOD}{BAD}\n"));
    }
}

#[test]
fn the_file_output_gives_back_what_has_no_data() {
    let sandbox = Sandbox::new();
    let source = source(&sandbox);
    let no_data = text(&sandbox, "source").replace(BAD, "{\"id\":7}");
    sandbox.write_executable("source", no_data);
    let file = |format: &str| {
        let path = format!("path = {:?}", sandbox.at("out"));
        Block::builtin("file").config(&path).config(&format!("format = {format:?}"))
    };
    let stream = format!("{DEAD}{AT_LEAST_ONCE}\n    validate = \"off\"");
    sandbox.write_task(&source, &[file("data")], &stream);
    let reported = "it is not an envelope, so it has no data to write: kept as a dead letter";
    sandbox.run_task().said(0, &[reported, "1 line rejected by sink"]);
    assert_eq!(text(&sandbox, "out"), "1\n2\n");
    sandbox.run(&["state", "show", "t"]).is(0, "8\n", "");
    sandbox.run(&["dlq", "replay", "t"]).said(0, &["0 letters replayed, 1 failed again, 0 kept"]);
    sandbox.write_task(&source, &[file("envelope")], &stream);
    sandbox.run(&["dlq", "replay", "t"]).said(0, &["1 letter replayed, 0 failed again, 0 kept"]);
    assert_eq!(text(&sandbox, "out"), "1\n2\n{\"id\":7}\n");
}

#[test]
fn it_goes_by_on_invalid() {
    let (sandbox, outcome) = with("    on_invalid = \"drop\"", "");
    outcome.said(0, &["rejected a line: it is bad: dropped", "1 line rejected by sink"]);
    assert_eq!(text(&sandbox, "out"), GOOD);
    let command = text(&sandbox, "out.commands");
    let asked = "\"protocol\":{\"version\":1,\"features\":[\"reject\"]}}\n";
    assert!(command.ends_with(asked), "{command}");

    // What it says after the line is of no account: the line comes again.
    let (sandbox, outcome) = with(&AT_LEAST_ONCE[1..], "");
    let hint = "hint: on_invalid = \"drop\" or \"dead_letter\" keeps the task running";
    outcome.said(1, &["output provider `sink` rejected a line: it is bad", hint]);
    sandbox.run(&["state", "show", "t"]).said(1, &["there is no checkpoint"]);
}

#[test]
fn who_was_not_asked_or_has_not_said_so_prints_for_people() {
    let printed = format!("{{\"reject\":{{\"reason\":\"it is bad\",\"envelope\":{BAD}}}}}\n");
    let (sandbox, outcome) = with("", "");
    outcome.said(0, &[&printed]);
    assert_eq!(text(&sandbox, "out.commands"), "{\"command\":\"run\",\"config\":{}}\n");
    let (sandbox, outcome) = with(DEAD, ", CAPABILITIES = \"[]\"");
    outcome.said(0, &[&printed]);
    assert_eq!(sandbox.read("dead/letters"), b"");
}

#[test]
fn the_statistics_count_it() {
    let sandbox = Sandbox::new();
    sandbox.write_task(&source(&sandbox), &[sink(&sandbox, "")], DEAD);
    let outcome = sandbox.run(&["run", "t", "--stats", "--stats-format", "json"]);
    let last = outcome.stderr.lines().rfind(|line| line.contains("\"type\":\"stats\""));
    let last: Value = serde_json::from_str(last.unwrap()).unwrap();
    assert_eq!(last["outputs"][0]["lines_rejected"], 1, "{last}");
    assert_eq!(last["lines_rejected"], 0);
    let outcome = sandbox.run(&["run", "t", "--stats"]);
    outcome.said(0, &["to sink, 1 line rejected by it\n"]);
}

/// The disk promises nothing: an acknowledgement behind a letter does not count.
#[cfg(target_os = "linux")]
#[test]
fn an_acknowledgement_counts_when_the_letters_before_it_are_on_the_disk() {
    let sandbox = Sandbox::new();
    let stream = format!("{DEAD}{AT_LEAST_ONCE}");
    sandbox.write_task(&source(&sandbox), &[sink(&sandbox, "")], &stream);
    std::fs::create_dir_all(sandbox.path(".dstream/state")).unwrap();
    let mut denied = Command::new(deny_syscalls());
    denied.args(["sync", DSTREAM, "run", "t"]).current_dir(sandbox.path(""));
    let outcome = sandbox.start_command(denied).outcome();
    outcome.said(1, &["output provider `sink` has invalid lines that cannot be kept in"]);
    outcome.said(1, &["0 checkpoints stored"]);
    let state = "has checkpoints that cannot be stored";
    assert!(!outcome.stderr.contains(state), "it comes later: {}", outcome.stderr);
}

/// The number before ` lines` in the line of stderr that has this in it; 0 if there is none.
fn reported(outcome: &Outcome, what: &str) -> usize {
    let Some(line) = outcome.stderr.lines().find(|line| line.contains(what)) else { return 0 };
    let before = line.split(" lines").next().unwrap();
    before.rsplit(' ').next().unwrap().replace(',', "").parse().unwrap()
}

#[test]
fn lines_that_are_given_back_when_there_is_no_room_are_counted() {
    const LINES: usize = 1_000;
    let sandbox = Sandbox::new();
    let lines = (0..LINES).map(|number| format!("{{\"data\":\"bad {number:04}\"}}\n"));
    sandbox.write("lines", lines.collect::<String>());
    sandbox.write_executable("source", format!("#!/bin/sh\nexec cat {}\n", sandbox.at("lines")));
    let one_file = format!("{DEAD}\n    dead_letter_files = 1");
    let small = format!("{one_file}\n    dead_letter_size = \"32KiB\"");
    let limited = ["sh", "-c", "ulimit -f 64; exec \"$@\"", "sh"];
    for (stream, wrapper, cause) in [
        (&small, &[][..], "cause: it has its 32768 bytes"),
        (&one_file, &limited, "cause: File too large"),
    ] {
        sandbox.write_task(&Block::path("./source"), &[sink(&sandbox, "")], stream);
        let _ = std::fs::remove_dir_all(sandbox.path("dead"));
        let outcome = sandbox.start_command(sandbox.wrapped(wrapper, &["run", "t"])).outcome();
        let not_kept = "that could not be kept";
        outcome.said(1, &["`sink` has invalid lines that cannot be kept in", cause, not_kept]);
        let kept = text(&sandbox, "dead/letters");
        assert!(kept.ends_with('\n') && kept.len() > 30_000, "{} bytes", kept.len());
        let accounted = kept.lines().count()
            + reported(&outcome, not_kept)
            + reported(&outcome, "and never written to `sink`");
        assert_eq!(accounted, LINES, "{outcome:?}");
    }

    std::fs::remove_dir_all(sandbox.path("dead")).unwrap();
    sandbox.write_task(&Block::path("./source"), &[sink(&sandbox, "")], &small);
    let outcome = sandbox.run(&["run", "t", "-f", "json"]);
    let log: Vec<Value> =
        outcome.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line =
        log.iter().find(|line| line["message"].as_str().unwrap().contains("could not be kept"));
    assert_eq!(line.unwrap()["provider"], "sink");
    assert!(line.unwrap()["lines"].as_u64().unwrap() > 1, "{log:?}");
    let last = json!({ "level": "ERROR", "message": "the task failed", "task": "t" });
    assert_eq!(log.last(), Some(&last));
}

/// An output that says one thing and takes all.
fn saying(said: &str) -> (Sandbox, Outcome) {
    let sandbox = Sandbox::new();
    let source = source(&sandbox);
    sandbox.write_executable(
        "says",
        format!("#!/bin/sh\nread -r command\necho '{{\"status\":\"ready\",\"capabilities\":[\"reject\"]}}'\n{said}\nexec cat > /dev/null\n"),
    );
    sandbox.write_task(&source, &[Block::path("./says").named("says")], DEAD);
    let outcome = sandbox.run_task();
    (sandbox, outcome)
}

#[test]
fn a_long_line_comes_back_whole_and_a_longer_one_is_an_error() {
    let long = |bytes: u32| {
        format!(
            "printf '{{\"reject\":{{\"reason\":\"r\",\"line\":\"'; head -c {bytes} /dev/zero | tr '\\0' x; echo '\"}}}}'; echo after"
        )
    };
    let (sandbox, outcome) = saying(&long(1_000_000));
    outcome.said(0, &["after\n", "1 line rejected by says"]);
    assert!(!outcome.stdout.contains("xx"), "nothing of it is for people");
    let letter: Value = serde_json::from_slice(&sandbox.read("dead/letters")).unwrap();
    assert_eq!(letter["line"].as_str().unwrap(), "x".repeat(1_000_000));
    let (sandbox, outcome) = saying(&long(7_000_000));
    outcome.said(1, &["invalid reject message: it has more than 6356992 bytes", "after\n"]);
    assert!(!outcome.stdout.contains("xx"), "nothing of it is for people");
    assert_eq!(sandbox.read("dead/letters"), b"");
}

#[test]
fn what_cannot_be_understood_is_an_error() {
    let (_, outcome) = saying("echo '{\"reject\":{\"reason\":\"r\"}}'");
    let what = "output provider `says` sent an invalid reject message: it needs one of `envelope`, `line` and `line_base64`";
    outcome.said(1, &[what]);
}
