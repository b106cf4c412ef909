//! Dead letters: lines that no output gets, kept.

use std::process::Stdio;

use serde_json::Value;

use crate::harness::{Block, DSTREAM, Outcome, Sandbox, deny_syscalls, task};

const DONE: &str = "✅ Task \"t\" executed successfully\n";
const FAILED: &str = "❌ Task \"t\" failed\n";

/// `line NUMBER x…` for each of the numbers, which are no envelopes.
fn invalid(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("line bad {number:04} {}", "x".repeat(400))).collect()
}

/// Runs a task that gets these steps from its input, and writes its letters to `dead`.
fn run_into_dead(sandbox: &Sandbox, steps: &[String], stream: &str) -> Outcome {
    let steps: Vec<&str> =
        std::iter::once("ready").chain(steps.iter().map(String::as_str)).collect();
    let stream = format!(
        "    on_invalid = \"dead_letter\"\n    dead_letter = \"{}\"\n{stream}",
        sandbox.at("dead")
    );
    sandbox.write_task(&Block::script(&steps), &[Block::builtin("null")], &stream);
    sandbox.run_task()
}

/// The letters of a file; what is no letter is null.
fn letters(sandbox: &Sandbox, name: &str) -> Vec<Value> {
    let text = String::from_utf8(sandbox.read_or_empty(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_default()).collect()
}

/// The lines of the letters in the files that take turns, from the oldest to the newest.
fn kept(sandbox: &Sandbox) -> Vec<String> {
    let older = (1..100).rev().map(|number| format!("dead.{number}"));
    let names = older.chain(["dead".to_owned()]);
    let all = names.flat_map(|name| letters(sandbox, &name));
    all.map(|letter| letter["line"].as_str().unwrap_or("?").to_owned()).collect()
}

#[test]
fn dead_letter_files_take_turns_and_none_is_thrown_away() {
    let sandbox = Sandbox::new();
    let limits = "    dead_letter_size = \"4KiB\"\n    dead_letter_files = 3";
    let outcome = run_into_dead(&sandbox, &invalid(0..15), limits);
    outcome.has(0, DONE, &["kept as a dead letter", "15 lines rejected"]);
    let expected = |count: usize| -> Vec<String> {
        invalid(0..100)[..count].iter().map(|step| step["line ".len()..].to_owned()).collect()
    };
    assert_eq!(kept(&sandbox), expected(15));
    for name in ["dead", "dead.1", "dead.2"] {
        let length = sandbox.read(name).len();
        assert!(length > 400 && length <= 4096, "{name}: {length}");
    }
    assert!(!sandbox.path("dead.3").exists());

    let outcome = run_into_dead(&sandbox, &invalid(15..40), limits);
    outcome.has(
        1,
        "",
        &[
            "error: input provider `source` has invalid lines that cannot be kept in `",
            "cause: all 3 files have their 4096 bytes\n",
            "hint: ",
            "dead_letter_files",
            FAILED,
        ],
    );
    // All that were taken before, and nothing else.
    let all = kept(&sandbox);
    assert!(all.len() > 15 && all.len() < 40, "{}", all.len());
    assert_eq!(all, expected(all.len()));
    // Moved away, the next run has room.
    std::fs::remove_file(sandbox.path("dead.2")).unwrap();
    run_into_dead(&sandbox, &invalid(0..5), limits).has(0, DONE, &["5 lines rejected"]);
}

#[test]
fn several_tasks_share_files_that_take_turns() {
    let sandbox = Sandbox::new();
    let stream = format!(
        "    on_invalid = \"dead_letter\"\n    dead_letter = \"{}\"\n    dead_letter_size = \"8KiB\"\n    dead_letter_files = 99",
        sandbox.at("dead")
    );
    let steps = invalid(0..100);
    let mut steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    steps.insert(0, "ready");
    let of = |name: &str| task(name, &Block::script(&steps), &[Block::builtin("null")], &stream);
    sandbox.write("dstream.hcl", ["a", "b", "c"].map(of).concat());
    let other = of("d");
    sandbox.write("other.hcl", other);
    let mut beside = sandbox.command(&["-c", "other.hcl", "run", "d"]);
    let beside = beside.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let outcome = sandbox.run(&["run", "--all"]);
    assert_eq!(outcome.status, "0", "{}", outcome.stderr);
    assert!(beside.wait_with_output().unwrap().status.success());
    let names: Vec<String> =
        (1..99).rev().map(|number| format!("dead.{number}")).chain(["dead".to_owned()]).collect();
    let all: Vec<Value> = names.iter().flat_map(|name| letters(&sandbox, name)).collect();
    assert_eq!(all.len(), 400);
    for name in ["a", "b", "c", "d"] {
        let numbers = all.iter().filter(|letter| letter["task"] == name);
        let numbers: Vec<u64> =
            numbers.map(|letter| letter["line_number"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=100).collect::<Vec<u64>>(), "{name}");
    }
}

#[test]
fn a_torn_letter_costs_no_other() {
    let sandbox = Sandbox::new();
    sandbox.write("dead", "{\"time\":\"2026-11-2");
    run_into_dead(&sandbox, &invalid(0..2), "").has(0, DONE, &["2 lines rejected"]);
    let kept = letters(&sandbox, "dead");
    assert_eq!(kept.len(), 3);
    assert_eq!((&kept[0], &kept[2]["task"]), (&Value::Null, &Value::from("t")));
}

#[test]
fn a_device_takes_all_letters() {
    let sandbox = Sandbox::new();
    let input = Block::script(&["ready", "line no", "line no", "emit 1 100"]);
    let stream = "    on_invalid = \"dead_letter\"\n    dead_letter = \"/dev/null\"\n    dead_letter_size = \"1KiB\"\n    dead_letter_files = 1";
    sandbox.write_task(&input, &[Block::builtin("null")], stream);
    sandbox.run_task().has(0, DONE, &["2 lines rejected"]);
}

/// A disk that promises nothing: the first who asks it is the one who fails.
#[cfg(target_os = "linux")]
#[test]
fn a_checkpoint_counts_when_the_letters_before_it_are_on_the_disk() {
    let run = |letter: bool, delivery: &str| {
        let sandbox = Sandbox::new();
        let mut lines = vec!["{\"data\":1}"];
        lines.extend(letter.then_some("no envelope"));
        lines.extend(["{\"data\":2}", "{\"checkpoint\":7}", "{\"data\":3}"]);
        let lines: String = lines.iter().map(|line| format!("echo '{line}'\n")).collect();
        sandbox.write_executable(
            "source",
            format!("#!/bin/sh\nread -r command\necho '{{\"status\":\"ready\",\"capabilities\":[\"checkpoint\"]}}'\n{lines}"),
        );
        let output = Block::fixture("bash/acknowledges.sh")
            .with(&format!("env = {{ SINK = {:?} }}", sandbox.at("out")));
        let stream = format!(
            "    delivery = \"{delivery}\"\n    on_invalid = \"dead_letter\"\n    dead_letter = \"dead/letters\""
        );
        sandbox.write_task(&Block::path("./source"), &[output], &stream);
        std::fs::create_dir_all(sandbox.path(".dstream/state")).unwrap();
        let mut denied = std::process::Command::new(deny_syscalls());
        denied.args(["sync", DSTREAM, "run", "t"]).current_dir(sandbox.path(""));
        let outcome = sandbox.start_command(denied).outcome();
        (String::from_utf8(sandbox.read_or_empty("out")).unwrap(), outcome)
    };
    let (out, outcome) = run(true, "at_least_once");
    assert_eq!(outcome.status, "1", "{}", outcome.stderr);
    let cannot = "has invalid lines that cannot be kept in `dead/letters`";
    assert!(outcome.stderr.contains(cannot), "{}", outcome.stderr);
    assert_eq!(out, "{\"data\":1}\n{\"data\":2}\n", "what came before is written");
    // Without a letter nothing is asked of the disk before the state is.
    let (out, outcome) = run(false, "at_least_once");
    assert!(outcome.stderr.contains("has checkpoints that cannot be stored"), "{}", outcome.stderr);
    assert!(out.starts_with("{\"data\":1}\n{\"data\":2}\n"), "{out}");
    // And without checkpoints nothing at all.
    let (_, outcome) = run(true, "auto");
    assert_eq!(outcome.status, "0", "{}", outcome.stderr);
}

#[test]
fn a_letter_says_when_it_holds_only_a_part_of_its_line() {
    let sandbox = Sandbox::new();
    let exact = format!("line {}", "x".repeat(2048));
    let steps = ["line no", &exact, "big 3000", "big 1000000", "half {\"data\":"];
    let outcome = run_into_dead(&sandbox, &steps.map(str::to_owned), "    max_line = \"2KiB\"");
    outcome.has(0, DONE, &["5 lines rejected"]);
    let kept = letters(&sandbox, "dead");
    let lengths = kept.iter().map(|letter| letter["line"].as_str().unwrap().len());
    assert_eq!(lengths.collect::<Vec<_>>(), [2, 2048, 2048, 2048, 8]);
    let flags =
        kept.iter().map(|letter| (letter["truncated"].as_bool(), letter["cut_off"].as_bool()));
    let truncated = (Some(true), None);
    let expected = [(None, None), (None, None), truncated, truncated, (None, Some(true))];
    assert_eq!(flags.collect::<Vec<_>>(), expected);
}
