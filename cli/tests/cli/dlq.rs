//! `dstream dlq`: dead letters, seen and sent again.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Block, Sandbox, eventually, task};

const STREAM: &str = "    validate = \"full\"\n    on_invalid = \"dead_letter\"\n    dead_letter = \"dead/letters\"\n    max_line = \"2KiB\"";
/// Which takes what the one above does not.
const LAX: &str = "    validate = \"off\"\n    on_invalid = \"dead_letter\"\n    dead_letter = \"dead/letters\"\n    max_line = \"2KiB\"";

/// An input that writes these bytes.
fn source(text: &[u8]) -> Block {
    let digits: String = text.iter().map(|byte| format!("{byte:02x}")).collect();
    Block::script(&["ready", &format!("bytes {digits}")])
}

fn sink(sandbox: &Sandbox) -> Block {
    Block::script(&["ready", &format!("sink {}", sandbox.at("out"))])
}

/// Three lines that no output gets, one of which is not UTF-8, and two of which only a part is kept.
fn five_letters(sandbox: &Sandbox) {
    let long = "x".repeat(3000);
    let text = [b"{\"data\":}\n\x01\xff\n{\"no\":1}\n", long.as_bytes(), b"\n{\"data\":1}\n{\"da"]
        .concat();
    sandbox.write_task(&source(&text), &[sink(sandbox)], STREAM);
    sandbox.run_task().said(0, &["1 line (11 B) written to sink, 5 lines rejected"]);
    assert_eq!(sandbox.read("out"), b"{\"data\":1}\n");
    std::fs::remove_file(sandbox.path("out")).unwrap();
}

/// Has the task's outputs and stream changed; its input is not started by a replay.
fn change(sandbox: &Sandbox, outputs: &[Block], stream: &str) {
    sandbox.write_task(&Block::script(&["exit 9"]), outputs, stream);
}

/// The letters of a task as programs see them.
fn letters(sandbox: &Sandbox, task: &str) -> Vec<Value> {
    let outcome = sandbox.run(&["dlq", "show", task, "--json"]);
    assert_eq!(outcome.status, "0", "{outcome:?}");
    outcome.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn names(sandbox: &Sandbox) -> Vec<String> {
    let entries = std::fs::read_dir(sandbox.path("dead")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn letters_are_listed_and_shown() {
    let sandbox = Sandbox::new();
    five_letters(&sandbox);
    sandbox.run(&["dlq", "list"]).said(0, &["TASK", "LETTERS", "t     5 ", "dead/letters"]);
    let listed: Value =
        serde_json::from_str(&sandbox.run(&["dlq", "list", "--json"]).stdout).unwrap();
    let listed = &listed[0];
    assert_eq!((&listed["task"], &listed["letters"]), (&json!("t"), &json!(5)));
    assert_eq!((&listed["letters_not_whole"], &listed["files"]), (&json!(2), &json!(1)));
    assert_eq!(listed["bytes"], sandbox.read("dead/letters").len());
    assert!(listed["oldest"].is_string() && listed["error"].is_null(), "{listed}");

    let shown = sandbox.run(&["dlq", "show", "t"]);
    shown.said(
        0,
        &[
            "UTC  source, line 1, byte 0: ",
            "\n    {\"data\":}\n",
            "\n    \\u{1}\u{fffd}\n",
            "longer than max_line (2048 bytes) (only its beginning was kept)\n    xxx",
            "x…\n",
            "(cut off)\n    {\"da\n",
        ],
    );
    let limited = sandbox.run(&["dlq", "show", "t", "--limit", "1"]);
    limited.said(0, &["4 letters earlier; --limit shows more\n", "    {\"da\n"]);
    assert!(!limited.stdout.contains("max_line"), "{}", limited.stdout);
    let as_they_are = sandbox.command(&["dlq", "show", "t", "--json"]).output().unwrap();
    assert_eq!(as_they_are.stdout, sandbox.read("dead/letters"));
    assert_eq!(letters(&sandbox, "t").len(), 5);
    let limited = sandbox.run(&["dlq", "show", "t", "--json", "--limit", "2"]);
    assert_eq!(limited.stdout.lines().count(), 2);

    // A torn line is reported, and hides nothing.
    let mut torn = sandbox.read("dead/letters");
    torn.truncate(torn.len() - 10);
    sandbox.write("dead/letters", torn);
    let shown = sandbox.run(&["dlq", "show", "t"]);
    shown.said(0, &["longer than max_line", "1 line in these files cannot be read as letters"]);
    assert_eq!(letters(&sandbox, "t").len(), 4);
}

#[test]
fn letters_are_sent_again_unchanged_and_parts_of_lines_stay() {
    let sandbox = Sandbox::new();
    five_letters(&sandbox);
    let rest = "2 others stay: they hold only a part of their line";
    let dry = sandbox.run(&["dlq", "replay", "t", "--dry-run"]);
    dry.said(0, &["3 letters (", "of task `t` would be sent to sink; ", rest]);
    assert_eq!(letters(&sandbox, "t").len(), 5);

    // Nothing was changed: they fail again.
    let again = sandbox.run(&["dlq", "replay", "t"]);
    again.said(0, &["✅ Task \"t\": 0 letters replayed, 3 failed again, 2 kept\n"]);
    let kept = letters(&sandbox, "t");
    assert_eq!(kept.len(), 5);
    let replayed = kept.iter().filter(|letter| letter["provider"] == "dead-letters");
    let reasons: Vec<_> = replayed.map(|letter| letter["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons.len(), 3);
    assert_eq!(sandbox.read_or_empty("out"), b"");

    change(&sandbox, &[sink(&sandbox)], LAX);
    let sent = sandbox.run(&["dlq", "replay", "t"]);
    sent.said(0, &["✅ Task \"t\": 3 letters replayed, 0 failed again, 2 kept\n"]);
    assert_eq!(sandbox.read("out"), b"{\"data\":}\n\x01\xff\n{\"no\":1}\n");
    assert_eq!(letters(&sandbox, "t").len(), 2);
    assert_eq!(names(&sandbox), ["letters", "letters.1"]);
    let nothing = sandbox.run(&["dlq", "replay", "t"]);
    nothing.said(0, &["task `t` has no dead letters that can be sent; 2 others stay"]);

    sandbox.run(&["dlq", "drop", "t"]).said(2, &["needs a yes", "give --yes"]);
    sandbox.run(&["dlq", "drop", "t", "--yes"]).said(0, &["2 letters of task `t` removed"]);
    sandbox.run(&["dlq", "drop", "t", "--yes"]).said(0, &["task `t` has no dead letters"]);
    sandbox.run(&["dlq", "show", "t"]).said(0, &["task `t` has no dead letters"]);
}

#[test]
fn the_filter_applies_to_letters_too() {
    let sandbox = Sandbox::new();
    five_letters(&sandbox);
    let stream = STREAM.replace("\"full\"", "\"off\"\n    filter = data == 7");
    change(&sandbox, &[sink(&sandbox)], &stream);
    let sent = sandbox.run(&["dlq", "replay", "t"]);
    let count = "0 letters replayed, 2 failed again, 2 kept, 1 filtered out";
    sent.said(0, &[count]);
    assert_eq!(letters(&sandbox, "t").len(), 4);
}

#[test]
fn after_a_failure_all_stay_for_the_next_replay() {
    let sandbox = Sandbox::new();
    five_letters(&sandbox);
    let crash = Block::script(&["ready", "read 2", "exit 5"]);
    change(&sandbox, &[crash], LAX);
    let failed = sandbox.run(&["dlq", "replay", "t"]);
    failed.said(1, &["output provider `sink`", "3 letters stay for the next one"]);
    assert_eq!(letters(&sandbox, "t").len(), 5);

    // Killed in the middle; meanwhile there are new ones.
    let wait = format!("wait {}", sandbox.at("go"));
    let note = format!("touch {}", sandbox.at("begun"));
    change(&sandbox, &[Block::script(&["ready", &note, &wait, "read-all"])], LAX);
    let running = sandbox.start(&["dlq", "replay", "t"]);
    eventually("the replay has begun", || sandbox.path("begun").exists());
    let second = sandbox.command(&["dlq", "replay", "t"]).output().unwrap();
    let stderr = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{stderr}");
    let holder = "somebody else is sending or removing its letters, process ";
    assert!(stderr.contains(holder), "{stderr}");
    running.signal(Signal::KILL);
    drop(running);
    sandbox.write("go", "");

    let outputs = [sink(&sandbox)];
    sandbox.write_task(&source(b"new\n"), &outputs, STREAM);
    sandbox.run_task().said(0, &["1 line rejected"]);
    assert_eq!(letters(&sandbox, "t").len(), 6);
    change(&sandbox, &outputs, LAX);
    let sent = sandbox.run(&["dlq", "replay", "t"]);
    sent.said(0, &["4 letters replayed, 0 failed again, 2 kept"]);
    assert_eq!(sandbox.read("out"), b"{\"data\":}\n\x01\xff\n{\"no\":1}\nnew\n");
    assert_eq!(names(&sandbox), ["letters", "letters.1"]);
}

#[test]
fn a_stop_is_no_end_of_a_replay() {
    let sandbox = Sandbox::new();
    let lines: String = (0..2000).map(|n| format!("{n} {}\n", "x".repeat(1000))).collect();
    sandbox.write("lines", &lines);
    let input = Block::path("./source");
    sandbox.write_executable(
        "source",
        "#!/bin/sh\nread -r command\necho '{\"status\":\"ready\"}'\ncat lines\n",
    );
    sandbox.write_task(&input, &[sink(&sandbox)], STREAM);
    sandbox.run_task().said(0, &["2,000 lines rejected"]);
    // It takes a little, and no more until it is asked to: the rest does not fit into pipes and buffer.
    let (note, go) = (sandbox.at("begun"), sandbox.at("go"));
    let steps = ["ready", "read 1", &format!("touch {note}"), &format!("wait {go}"), "read-all"];
    let stream = format!("{LAX}\n    transport = \"splice\"");
    change(&sandbox, &[Block::script(&steps)], &stream);
    let running = sandbox.start(&["dlq", "replay", "t"]);
    eventually("the replay has begun", || sandbox.path("begun").exists());
    running.signal(Signal::INT);
    running.says("SIGINT");
    sandbox.write("go", "");
    let outcome = running.outcome();
    // Whether the input had written all of it before is up to the kernel's pipes.
    let all = outcome.status == "0";
    assert!(all || outcome.status == "130", "{outcome:?}");
    assert_eq!(letters(&sandbox, "t").len(), if all { 0 } else { 2000 });
}

#[test]
fn letters_of_other_tasks_are_left_alone() {
    let sandbox = Sandbox::new();
    let of = |name: &str, text: &str, stream: &str| {
        let out = format!("sink {}", sandbox.at(&format!("out-{name}")));
        task(name, &source(text.as_bytes()), &[Block::script(&["ready", &out])], stream)
    };
    let tasks = |stream: &str| {
        sandbox.write("dstream.hcl", of("a", "one\ntwo\n", stream) + &of("b", "three\n", stream));
    };
    tasks(STREAM);
    for name in ["a", "b", "a"] {
        sandbox.run(&["run", name]).said(0, &["rejected"]);
    }
    tasks(LAX);
    let sent = sandbox.run(&["dlq", "replay", "a"]);
    sent.said(0, &["4 letters replayed, 0 failed again, 0 kept"]);
    assert_eq!(sandbox.read("out-a"), b"one\ntwo\none\ntwo\n");
    assert_eq!((letters(&sandbox, "a").len(), letters(&sandbox, "b").len()), (0, 1));
    sandbox.run(&["dlq", "drop", "a", "--yes"]).said(0, &["has no dead letters"]);
    sandbox.run(&["dlq", "replay", "b"]).said(0, &["1 letter replayed"]);
    assert_eq!(sandbox.read("out-b"), b"three\n");
}

#[test]
fn a_replay_makes_room_in_files_that_are_full() {
    let sandbox = Sandbox::new();
    let limits = "\n    dead_letter_size = \"1KiB\"\n    dead_letter_files = 2";
    let text = format!("{}\n", "x".repeat(400)).repeat(8);
    let outputs = [sink(&sandbox)];
    sandbox.write_task(&source(text.as_bytes()), &outputs, &format!("{STREAM}{limits}"));
    let full = sandbox.run_task();
    full.said(1, &["all 2 files have their 1024 bytes", "dstream dlq replay TASK"]);
    let count = letters(&sandbox, "t").len();
    assert!(count > 1 && count < 8, "{count}");
    change(&sandbox, &outputs, &format!("{LAX}{limits}"));
    let sent = format!("{count} letters replayed");
    sandbox.run(&["dlq", "replay", "t"]).said(0, &[&sent]);
    assert_eq!(sandbox.read("out").len(), count * 401);
    assert_eq!(names(&sandbox), ["letters"]);
}

#[test]
fn with_checkpoints_a_letter_is_gone_when_all_outputs_have_it_and_the_tasks_own_stays() {
    let at_least_once = |stream: &str| format!("{stream}\n    delivery = \"at_least_once\"");
    let sandbox = Sandbox::new();
    sandbox.write_executable(
        "source",
        "#!/bin/sh\nread -r command\necho '{\"status\":\"ready\",\"capabilities\":[\"checkpoint\"]}'\necho one\necho '{\"checkpoint\":7}'\n",
    );
    let silent = |hold: &str| {
        let env = format!("env = {{ SINK = {:?}{hold} }}", sandbox.at("out"));
        Block::fixture("bash/acknowledges.sh").with(&env).named("acknowledges")
    };
    sandbox.write_task(&Block::path("./source"), &[silent("")], &at_least_once(STREAM));
    sandbox.run_task().said(0, &["1 line rejected"]);
    let state = || sandbox.run(&["state", "show", "t"]).stdout;
    assert_eq!(state(), "7\n");
    change(&sandbox, &[silent(", HOLD_ACKS = \"1\"")], &at_least_once(LAX));
    let held = sandbox.run(&["dlq", "replay", "t"]);
    held.said(1, &["the replay was not brought to its end; 1 letter stays for the next one"]);
    change(&sandbox, &[silent("")], &at_least_once(LAX));
    sandbox.run(&["dlq", "replay", "t"]).said(0, &["1 letter replayed"]);
    assert_eq!(sandbox.read("out"), b"one\none\n");
    assert_eq!(state(), "7\n");
    assert_eq!(names(&sandbox), ["letters"]);
}

#[test]
fn who_keeps_no_letters_is_told_how_to() {
    let sandbox = Sandbox::task(&Block::builtin("counter"), &[Block::builtin("null")]);
    sandbox.run(&["dlq", "list"]).said(0, &["no task keeps dead letters\n"]);
    for command in [&["dlq", "show", "t"][..], &["dlq", "replay", "t"], &["dlq", "drop", "t"]] {
        let outcome = sandbox.run(command);
        outcome.said(2, &["task `t` keeps no dead letters", "hint: on_invalid = "]);
    }
    sandbox.run(&["dlq", "show", "u"]).said(2, &["has no task `u`"]);
    // The provider that reads letters is none for configurations.
    let task = Block::builtin("dead-letters").config("files = []");
    let sandbox = Sandbox::task(&task, &[Block::builtin("null")]);
    sandbox.run_task().said(2, &["dead-letters"]);
    let stream = "    on_invalid = \"dead_letter\"\n    dead_letter = \"/dev/null\"";
    let sandbox = Sandbox::stream(&Block::builtin("counter"), &[Block::builtin("null")], stream);
    sandbox.run(&["dlq", "list"]).said(0, &["t     0 "]);
    sandbox.run(&["dlq", "replay", "t"]).said(0, &["has no dead letters"]);
}

#[test]
fn what_fails_again_is_there_once_however_often_a_replay_breaks_off() {
    let sandbox = Sandbox::new();
    five_letters(&sandbox);
    sandbox.write_executable(
        "breaks",
        "#!/bin/sh\nread -r command\necho '{\"status\":\"ready\",\"capabilities\":[\"reject\"]}'\n\
         read -r line\necho '{\"reject\":{\"reason\":\"no\",\"line\":\"{\\\"data\\\":}\"}}'\nexit 3\n",
    );
    change(&sandbox, &[Block::path("./breaks")], LAX);
    let before = letters(&sandbox, "t");
    for _ in 0..3 {
        let broken = sandbox.run(&["dlq", "replay", "t"]);
        broken.said(1, &["rejected a line", "3 letters stay for the next one"]);
        assert_eq!(letters(&sandbox, "t"), before);
    }
    assert_eq!(names(&sandbox), ["letters"]);
}

#[test]
fn a_letter_is_sent_whole_whatever_max_line_is_now() {
    let sandbox = Sandbox::new();
    let line = format!("{{\"no\":\"{}\"}}\n", "x".repeat(1500));
    sandbox.write_task(&source(line.as_bytes()), &[sink(&sandbox)], STREAM);
    sandbox.run_task().said(0, &["1 line rejected"]);
    change(&sandbox, &[sink(&sandbox)], &LAX.replace("2KiB", "1KiB"));
    sandbox.run(&["dlq", "replay", "t"]).said(0, &["1 letter replayed, 0 failed again, 0 kept"]);
    assert_eq!(sandbox.read("out"), line.as_bytes());
}
