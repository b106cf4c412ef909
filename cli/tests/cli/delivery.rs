//! `delivery = "at_least_once"`: nothing is lost, whoever dies.

use std::collections::BTreeSet;
use std::fs;

use rustix::process::Signal;

use crate::harness::{Block, Sandbox, alive, eventually};

const AT_LEAST_ONCE: &str = "    delivery = \"at_least_once\"";

/// Makes envelopes whose `data.seq` counts from 1.
fn generate(count: u64) -> Block {
    let block = Block::builtin("generate").config(&format!("count = {count}"));
    block.config("line_bytes = 60")
}

fn counter(count: u64) -> Block {
    Block::builtin("counter").config("interval = 0").config(&format!("maxCount = {count}"))
}

/// Appends to a file of the folder, and acknowledges.
fn acknowledges(sandbox: &Sandbox, file: &str) -> Block {
    let env = format!("env = {{ SINK = {:?} }}", sandbox.at(file));
    Block::fixture("bash/acknowledges.sh").with(&env).named(file)
}

/// The numbers of the lines that have arrived, run by run; of a line that was cut off by a kill only
/// the beginning may be there.
fn arrived(sandbox: &Sandbox, file: &str) -> Vec<u64> {
    let text = String::from_utf8(sandbox.read_or_empty(file)).unwrap();
    let seq = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        line["data"]["seq"].as_u64()
    };
    text.lines().filter_map(seq).collect()
}

/// Every number is there; where one is not greater than the one before it, a run began.
#[track_caller]
fn nothing_is_lost(sandbox: &Sandbox, file: &str, count: u64, runs: usize) {
    let arrived = arrived(sandbox, file);
    let there: BTreeSet<u64> = arrived.iter().copied().collect();
    let missing: Vec<u64> = (1..=count).filter(|seq| !there.contains(seq)).take(5).collect();
    assert_eq!(missing, [0; 0], "of {count}, {} are there", there.len());
    let begun = arrived.windows(2).filter(|pair| pair[1] <= pair[0]).count() + 1;
    assert!(begun <= runs, "{begun} beginnings in {runs} runs");
}

fn checkpoint(sandbox: &Sandbox) -> serde_json::Value {
    let outcome = sandbox.run(&["state", "show", "t", "--json"]);
    serde_json::from_str::<serde_json::Value>(&outcome.stdout).unwrap()["checkpoint"].clone()
}

#[test]
fn a_run_goes_on_where_the_last_one_was() {
    let sandbox = Sandbox::stream(&counter(3), &[Block::builtin("console")], AT_LEAST_ONCE);
    let first = sandbox.run_task();
    first.said(0, &["Message #3: {\"value\":3", "1 checkpoint stored"]);
    assert!(!first.stdout.contains("ack"), "{}", first.stdout);
    let second = sandbox.run_task();
    second.said(0, &["resuming after 3"]);
    assert!(!second.stdout.contains("Message"), "{}", second.stdout);
    sandbox.run(&["state", "list"]).said(0, &["TASK", "t  "]);
    sandbox.run(&["state", "show", "t"]).said(0, &["{\"value\":3}\n"]);
    let undo = "dstream state set t '{\"value\":3}'";
    sandbox.run(&["state", "reset", "t"]).said(0, &["starts again", undo]);
    sandbox.run(&["state", "show", "t"]).said(1, &["there is no checkpoint of task `t`"]);
    sandbox.run(&["state", "reset", "t"]).said(1, &["there is no checkpoint"]);
    sandbox.run(&["state", "set", "t", "{\"value\": 1 }"]).said(0, &["resumes from"]);
    let third = sandbox.run_task();
    third.said(0, &["Message #1: {\"value\":2", "Message #2: {\"value\":3"]);

    sandbox.run(&["state", "set", "t", "{"]).said(2, &["this is no checkpoint"]);
    sandbox.run(&["state", "set", "u", "1"]).said(2, &["has no task `u`", "it has: t"]);
    sandbox.run(&["state", "set", "t", "{\"other\":1}"]);
    sandbox.run_task().said(1, &["was not made by this provider", "dstream state reset"]);
}

#[test]
fn what_is_killed_in_the_middle_comes_again_by_every_transport() {
    const COUNT: u64 = 30_000;
    for transport in ["splice", "uring", "portable"] {
        let sandbox = Sandbox::new();
        let stream = format!(
            "{AT_LEAST_ONCE}\n    checkpoint_interval = {{ lines = 500 }}\n    transport = \"{transport}\""
        );
        sandbox.write_task(&generate(COUNT), &[acknowledges(&sandbox, "out")], &stream);
        let mut runs = 0;
        for _ in 0..4 {
            let before = sandbox.read_or_empty("out").len();
            let mut running = sandbox.start(&["run", "t"]);
            runs += 1;
            let mut ended = false;
            eventually("lines arrive, or the run ends", || {
                ended = running.child.try_wait().unwrap().is_some();
                ended || sandbox.read_or_empty("out").len() > before + 100_000
            });
            if !ended {
                running.signal(Signal::KILL);
            }
            drop(running);
            // Its providers see it; the next run must not write beside an old one.
            let holder = format!("SINK={}", sandbox.at("out"));
            eventually("no output of the killed run is left", || !is_running(&holder));
        }
        let last = sandbox.run_task();
        last.said(0, &["executed successfully"]);
        nothing_is_lost(&sandbox, "out", COUNT, runs + 1);
        assert_eq!(checkpoint(&sandbox), serde_json::json!({ "seq": COUNT }));
    }
}

/// Whether a process has this in its environment.
fn is_running(variable: &str) -> bool {
    let ids = fs::read_dir("/proc").unwrap().flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.into_iter().any(|id| {
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        let has = environment.split(|byte| *byte == 0).any(|each| each == variable.as_bytes());
        has && alive(id)
    })
}

#[test]
fn an_output_that_dies_costs_nothing_but_time() {
    const COUNT: u64 = 20_000;
    let sandbox = Sandbox::new();
    let stream = format!("{AT_LEAST_ONCE}\n    checkpoint_interval = {{ lines = 100 }}");
    let output = acknowledges(&sandbox, "out").with("shutdown_timeout = \"1s\"");
    sandbox.write_task(&generate(COUNT), &[output], &stream);
    let variable = format!("SINK={}", sandbox.at("out"));
    let running = sandbox.start(&["run", "t"]);
    eventually("lines arrive", || sandbox.read_or_empty("out").len() > 50_000);
    let ids = fs::read_dir("/proc").unwrap().flatten();
    for id in ids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
        let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        if environment.split(|byte| *byte == 0).any(|each| each == variable.as_bytes()) {
            let _ = rustix::process::kill_process(
                rustix::process::Pid::from_raw(id).unwrap(),
                Signal::KILL,
            );
        }
    }
    let outcome = running.outcome();
    outcome.said(1, &["exited while the stream was running", "will be sent again"]);
    sandbox.run_task().said(0, &["resuming after", "executed successfully"]);
    nothing_is_lost(&sandbox, "out", COUNT, 2);
}

#[test]
fn a_checkpoint_counts_when_all_outputs_have_it() {
    let sandbox = Sandbox::new();
    let silent = Block::fixture("bash/acknowledges.sh")
        .named("silent")
        .with(&format!("env = {{ SINK = {:?}, HOLD_ACKS = \"1\" }}", sandbox.at("silent")));
    let outputs = [acknowledges(&sandbox, "out"), silent];
    let stream = format!("{AT_LEAST_ONCE}\n    checkpoint_interval = {{ lines = 10 }}");
    sandbox.write_task(&generate(5000), &outputs, &stream);
    let outcome = sandbox.run_task();
    outcome.said(0, &["0 checkpoints stored", "5,000 lines after it will be sent again"]);
    sandbox.run(&["state", "show", "t"]).said(1, &["there is no checkpoint"]);
    sandbox.run_task().said(0, &[]);
    // All of it came twice, to both.
    assert_eq!(
        (arrived(&sandbox, "out").len(), arrived(&sandbox, "silent").len()),
        (10_000, 10_000)
    );
}

#[test]
fn a_stop_is_a_checkpoint() {
    let sandbox = Sandbox::new();
    let input = Block::builtin("counter").config("interval = 1");
    sandbox.write_task(&input, &[Block::builtin("console")], AT_LEAST_ONCE);
    let running = sandbox.start(&["run", "t"]);
    eventually("some are printed", || sandbox.read_or_empty("stdout").len() > 1000);
    running.signal(Signal::TERM);
    let outcome = running.outcome();
    outcome.said(0, &["all lines that were read were delivered"]);
    let printed = outcome.stdout.lines().filter(|line| line.starts_with("Message")).count();
    assert_eq!(checkpoint(&sandbox), serde_json::json!({ "value": printed }));
}

#[test]
fn a_second_run_of_a_task_is_refused() {
    let sandbox = Sandbox::new();
    let input = Block::builtin("counter").config("interval = 1");
    sandbox.write_task(&input, &[Block::builtin("null")], AT_LEAST_ONCE);
    let running = sandbox.start(&["run", "t"]);
    running.says("starting with");
    eventually("the state is held", || {
        let listed = sandbox.command(&["state", "set", "t", "1"]).output().unwrap();
        String::from_utf8_lossy(&listed.stderr).contains("is going on")
    });
    for command in [&["run", "t"][..], &["state", "reset", "t"], &["state", "set", "t", "1"]] {
        let output = sandbox.command(command).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let holder = format!("another run of task `t` is going on, process {}", running.child.id());
        assert!(stderr.contains(&holder), "{stderr}");
    }
    running.signal(Signal::KILL);
    drop(running);
    // The lock ends with the process and its providers, however that ended.
    sandbox.run(&["state", "set", "t", "{\"value\":7}"]).said(0, &["resumes from"]);
}

#[test]
fn the_next_run_waits_for_the_outputs_of_one_that_was_killed() {
    let sandbox = Sandbox::new();
    // An output that does not leave when it is asked to, and says when it has gone, if it ever does.
    sandbox.write_executable(
        "slow",
        "#!/bin/bash\ntrap '' TERM\nread -r command\necho '{\"status\":\"ready\",\"capabilities\":[\"checkpoint\"]}'\n\
         [ -e old ] && { kill -0 $(cat old) 2> /dev/null && echo 'the old one lives' > both; exec cat > /dev/null; }\n\
         echo $$ > old\nwhile true; do sleep 0.1; done\n",
    );
    let output = Block::path("./slow").named("out");
    sandbox.write_task(&counter(3), &[output], AT_LEAST_ONCE);
    let running = sandbox.start(&["run", "t"]);
    eventually("the output runs", || !sandbox.read_or_empty("old").is_empty());
    running.signal(Signal::KILL);
    drop(running);
    sandbox.run_task().said(0, &["executed successfully"]);
    assert_eq!(sandbox.read_or_empty("both"), b"");
}

#[test]
fn a_state_that_is_taken_away_ends_the_run() {
    let sandbox = Sandbox::new();
    let input = Block::builtin("counter").config("interval = 1");
    let stream = format!("{AT_LEAST_ONCE}\n    checkpoint_interval = {{ lines = 1 }}");
    sandbox.write_task(&input, &[Block::builtin("console")], &stream);
    let running = sandbox.start(&["run", "t"]);
    eventually("it stores", || sandbox.path(".dstream/state/t.json").exists());
    fs::remove_file(sandbox.path(".dstream/state/t.lock")).unwrap();
    let gone = ["the state of task `t` is no longer this run's", "leave the folder alone"];
    running.outcome().said(1, &gone);
    sandbox.run(&["state", "show", "t"]).said(0, &["{\"value\":"]);
}

#[test]
fn programs_get_a_position_as_it_is() {
    let sandbox = Sandbox::stream(&counter(3), &[Block::builtin("console")], AT_LEAST_ONCE);
    let deep = format!("{}1e400{}", "[".repeat(100), "]".repeat(100));
    for position in ["123456789012345678901234567890", "1.10", &deep] {
        sandbox.run(&["state", "set", "t", position]).said(0, &[]);
        for command in ["show t", "list"] {
            let words: Vec<&str> = command.split(' ').collect();
            let outcome = sandbox.run(&[&["state"], &words[..], &["--json"]].concat());
            let json = format!("\"checkpoint\": {position},");
            assert!(outcome.stdout.contains(&json), "{}", outcome.stdout);
        }
    }
}

#[test]
fn a_name_that_a_shell_would_take_apart_is_quoted_in_what_to_do() {
    let sandbox = Sandbox::stream(&counter(3), &[Block::builtin("null")], AT_LEAST_ONCE);
    let text = String::from_utf8(sandbox.read("dstream.hcl")).unwrap();
    sandbox.write("dstream.hcl", text.replace("task \"t\"", "task \"it's one\""));
    sandbox.run(&["run", "it's one"]).said(0, &[]);
    let reset = sandbox.run(&["state", "reset", "it's one"]);
    reset.said(0, &["to undo: dstream state set \"it's one\" '{\"value\":3}'"]);
}

#[test]
fn a_damaged_state_is_an_error_with_a_way_out() {
    let sandbox = Sandbox::stream(&counter(3), &[Block::builtin("console")], AT_LEAST_ONCE);
    sandbox.run_task().said(0, &[]);
    let file = ".dstream/state/t.json";
    let whole = sandbox.read(file);
    for damaged in [&whole[..whole.len() / 2], &whole[..whole.len() - 2], b"", b"{}\n1\n"] {
        sandbox.write(file, damaged);
        let outcome = sandbox.run_task();
        outcome
            .said(1, &["cannot resume from its checkpoint", "is damaged", "dstream state reset t"]);
        assert!(!outcome.stdout.contains("Message"), "{}", outcome.stdout);
    }
    sandbox.run(&["state", "list"]).said(0, &["damaged"]);
    sandbox.run(&["state", "reset", "t"]).said(0, &["starts again"]);
    sandbox.run_task().said(0, &["Message #3"]);
}

#[test]
fn a_provider_without_checkpoints_is_named_before_a_line_has_passed() {
    let plain = Block::script(&["ready", "emit 3 100"]).named("plain");
    let sandbox = Sandbox::stream(&plain, &[Block::builtin("console")], AT_LEAST_ONCE);
    let needs = "does not support checkpoints, which delivery = \"at_least_once\" needs";
    sandbox.run_task().said(1, &[&format!("input provider `plain` {needs}")]);
    let sandbox = Sandbox::new();
    let sink = Block::script(&["ready", &format!("sink {}", sandbox.at("out"))]);
    sandbox.write_task(&counter(3), &[sink], AT_LEAST_ONCE);
    sandbox.run_task().said(1, &[&format!("output provider `sink` {needs}")]);
    assert_eq!(sandbox.read_or_empty("out"), b"");
}

#[test]
fn an_acknowledgement_of_what_never_came_is_a_failure() {
    let sandbox = Sandbox::new();
    sandbox.write_executable(
        "liar",
        "#!/bin/sh\nread -r command\necho '{\"status\":\"ready\",\"capabilities\":[\"checkpoint\"]}'\necho '{\"ack\":{\"id\":7}}'\necho for people\nexec cat > /dev/null\n",
    );
    sandbox.write_task(&counter(3), &[Block::path("./liar")], AT_LEAST_ONCE);
    let outcome = sandbox.run_task();
    outcome.said(1, &["acknowledged checkpoint 7, which it never received"]);
    assert_eq!(outcome.stdout, "for people\n");
}

#[test]
fn the_state_is_where_the_file_says_and_not_asked_for_otherwise() {
    let sandbox = Sandbox::stream(&counter(3), &[Block::builtin("console")], AT_LEAST_ONCE);
    let task = String::from_utf8(sandbox.read("dstream.hcl")).unwrap();
    sandbox.write("dstream.hcl", format!("dstream {{\n  state = \"elsewhere\"\n}}\n{task}"));
    sandbox.run_task().said(0, &[]);
    assert!(sandbox.path("elsewhere/t.json").is_file() && !sandbox.path(".dstream").exists());
    let sandbox = Sandbox::task(&counter(3), &[Block::builtin("console")]);
    sandbox.run_task().said(0, &["Message #3"]);
    sandbox.run_task().said(0, &["Message #3"]);
    assert!(!sandbox.path(".dstream").exists());
    sandbox.write("file", "");
    sandbox.write("dstream.hcl", format!("dstream {{\n  state = \"file/state\"\n}}\n{task}"));
    sandbox.run_task().said(1, &["creating the folder", "dstream { state = "]);
}

#[test]
fn files_go_into_a_file_and_each_line_once() {
    let sandbox = Sandbox::new();
    for name in ["one", "two"] {
        let line = |number: u64| format!("{{\"data\":{{\"seq\":{number}}}}}\n");
        let start = if name == "one" { 1 } else { 1001 };
        let text: String = (start..start + 1000).map(line).collect();
        sandbox.write(&format!("{name}.jsonl"), text);
    }
    let input = Block::builtin("file").config(&format!("path = {:?}", sandbox.at("*.jsonl")));
    let output = Block::builtin("file").config(&format!("path = {:?}", sandbox.at("{task}.out")));
    sandbox.write_task(&input, &[output], AT_LEAST_ONCE);
    for _ in 0..2 {
        sandbox.run_task().said(0, &["executed successfully"]);
        assert_eq!(arrived(&sandbox, "t.out"), (1..=2000).collect::<Vec<u64>>());
    }
}

#[test]
fn what_is_acknowledged_after_the_terminal_refused_something_does_not_count() {
    let sandbox = Sandbox::stream(&counter(3), &[Block::builtin("console")], AT_LEAST_ONCE);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = sandbox.command(&["run", "t"]).stdout(full).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("3 lines after it will be sent again"), "{stderr}");
    sandbox.run(&["state", "show", "t"]).said(1, &["there is no checkpoint"]);
}

/// An input of so many lines that keeps checkpoints, and what it does with them.
fn input_that(sandbox: &Sandbox, does: &str) -> Block {
    sandbox.write_executable(
        "input",
        format!(
            "#!/bin/sh\nread -r command\necho '{{\"status\":\"ready\",\"capabilities\":[\"checkpoint\"]}}'\n\
             for seq in 1 2 3; do echo \"{{\\\"data\\\":{{\\\"seq\\\":$seq}}}}\"; done\n{does}\n"
        ),
    );
    Block::path("./input").named("in")
}

#[test]
fn an_input_may_wait_for_its_last_acknowledgement_and_then_its_stdin_ends() {
    let sandbox = Sandbox::new();
    let waits = "echo '{\"checkpoint\":[3]}'\nexec >&-\ncat > reported";
    // However long it may take, it is not what ends it.
    let input = input_that(&sandbox, waits).with("shutdown_timeout = \"1h\"");
    sandbox.write_task(&input, &[acknowledges(&sandbox, "out")], AT_LEAST_ONCE);
    sandbox.run_task().said(0, &["1 checkpoint stored", "executed successfully"]);
    assert_eq!(sandbox.read("reported"), b"{\"ack\":[3]}\n");
    assert_eq!(checkpoint(&sandbox), serde_json::json!([3]));
}

#[test]
fn a_checkpoint_that_is_none_fails_the_task_whatever_becomes_of_invalid_lines() {
    for (checkpoint, says_what) in [
        ("{\"checkpoint\":NaN}", "neither a checkpoint nor an envelope"),
        ("{\"checkpoint\":1,\"checkpoint\":2}", "neither a checkpoint nor an envelope"),
        ("{\"checkpoint\":1,\"at\":2}", "neither a checkpoint nor an envelope"),
        (
            &format!("{{\"checkpoint\":\"{}\"}}", "x".repeat(2000)),
            "longer than max_line (1024 bytes)",
        ),
    ] {
        let sandbox = Sandbox::new();
        let input = input_that(&sandbox, &format!("echo '{checkpoint}'; sleep 100"));
        let stream = format!(
            "{AT_LEAST_ONCE}\n    validate = \"off\"\n    on_invalid = \"dead_letter\"\n    \
             dead_letter = {:?}\n    max_line = \"1KiB\"",
            sandbox.at("dead")
        );
        sandbox.write_task(&input, &[acknowledges(&sandbox, "out")], &stream);
        let at = "sent an invalid checkpoint: line 4, which begins at byte 57,";
        sandbox.run_task().said(1, &[at, says_what]);
        assert_eq!(arrived(&sandbox, "out"), [1, 2, 3]);
        // It may hold what nobody is to read.
        assert_eq!(sandbox.read_or_empty("dead"), b"");
    }
    // With `data` it is an envelope, whatever else it has.
    let sandbox = Sandbox::new();
    let input = input_that(&sandbox, "echo '{\"checkpoint\":1,\"data\":{\"seq\":4}}'");
    sandbox.write_task(&input, &[acknowledges(&sandbox, "out")], AT_LEAST_ONCE);
    sandbox.run_task().said(0, &["4 lines after it will be sent again"]);
    assert_eq!(arrived(&sandbox, "out"), [1, 2, 3, 4]);
}

#[test]
fn a_last_acknowledgement_without_a_newline_counts() {
    let sandbox = Sandbox::new();
    sandbox.write_executable(
        "output",
        "#!/bin/sh\nread -r command\necho '{\"status\":\"ready\",\"capabilities\":[\"checkpoint\"]}'\n\
         cat > /dev/null\nprintf 'done\\n{\"ack\":{\"id\":1}}'\n",
    );
    sandbox.write_task(&counter(3), &[Block::path("./output")], AT_LEAST_ONCE);
    let outcome = sandbox.run_task();
    outcome.said(0, &["done\n", "1 checkpoint stored"]);
    assert!(!outcome.stdout.contains("ack"), "{}", outcome.stdout);
}
