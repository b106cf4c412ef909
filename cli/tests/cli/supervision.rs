//! `restart`: a task that has failed goes on by itself.

use rustix::process::Signal;

use crate::harness::{Block, Sandbox};

const STREAM: &str = "    delivery = \"at_least_once\"\n    checkpoint_interval = { lines = 500 }";

fn restart(policy: &str, more: &str) -> String {
    format!(
        "restart {{\n      policy = \"{policy}\"\n      backoff_min = \"10ms\"\n      backoff_max = \"20ms\"\n      {more}\n    }}"
    )
}

fn generate(count: u64) -> Block {
    Block::builtin("generate").config(&format!("count = {count}")).config("line_bytes = 60")
}

fn crashes_after(sandbox: &Sandbox, lines: &str, restart: &str) -> Block {
    let env = format!("env = {{ SINK = {:?}, CRASH_AFTER = {lines:?} }}", sandbox.at("out"));
    Block::fixture("bash/acknowledges.sh").with(&env).with(restart)
}

#[test]
fn an_output_that_keeps_dying_gets_everything_in_the_end() {
    const COUNT: u64 = 30_000;
    let sandbox = Sandbox::new();
    let output = crashes_after(&sandbox, "7000", &restart("on_failure", "max_attempts = 0"));
    sandbox.write_task(&generate(COUNT), &[output], STREAM);
    let outcome = sandbox.run_task();
    outcome.has(
        0,
        "✅ Task \"t\" executed successfully\n",
        &["restart 1)", "going on after", "after "],
    );
    let text = String::from_utf8(sandbox.read("out")).unwrap();
    let seq = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["data"]["seq"].as_u64().unwrap()
    };
    let mut last = 0;
    for seq in text.lines().map(seq) {
        assert!(seq <= last + 1, "after {last} comes {seq}");
        last = seq;
    }
    assert_eq!(last, COUNT);
}

#[test]
fn too_many_restarts_are_given_up_and_counted() {
    let sandbox = Sandbox::new();
    let output = crashes_after(&sandbox, "1", &restart("on_failure", "max_attempts = 2"));
    sandbox.write_task(&generate(30_000), &[output], STREAM);
    let outcome = sandbox.run_task();
    outcome.has(1, "", &["restart 2)", "giving up after 2 restarts", "❌ Task \"t\" failed"]);
    assert!(!outcome.stderr.contains("restart 3)"), "{}", outcome.stderr);
}

#[test]
fn what_will_not_pass_is_not_tried_again() {
    let sandbox = Sandbox::new();
    sandbox.write_executable(
        "wrong",
        "#!/bin/sh\nread -r command\necho '{\"status\":\"error\",\"class\":\"config\",\"message\":\"no\"}'\nexit 1\n",
    );
    let output = Block::path("./wrong").with(&restart("always", ""));
    sandbox.write_task(&generate(10), &[output], STREAM);
    let outcome = sandbox.run_task();
    outcome.has(1, "", &["reported an error (config)"]);
    assert!(!outcome.stderr.contains("starting again"), "{}", outcome.stderr);
    // And a policy is the provider's own: the input's says nothing of an output.
    let sandbox = Sandbox::new();
    let output = crashes_after(&sandbox, "1", "shutdown_timeout = \"1s\"");
    let input = generate(30_000).with(&restart("on_failure", ""));
    sandbox.write_task(&input, &[output], STREAM);
    let outcome = sandbox.run_task();
    outcome.has(1, "", &["ended while the stream was running"]);
    assert!(!outcome.stderr.contains("starting again"), "{}", outcome.stderr);
}

#[test]
fn a_stop_ends_the_wait_for_the_next_attempt() {
    let sandbox = Sandbox::new();
    let restart = "restart {\n      policy = \"on_failure\"\n      backoff_min = \"1h\"\n      backoff_max = \"1h\"\n    }";
    let output = crashes_after(&sandbox, "1", restart);
    sandbox.write_task(&generate(30_000), &[output], STREAM);
    let running = sandbox.start(&["run", "t"]);
    running.says("starting again in");
    running.signal(Signal::TERM);
    running.outcome().has(1, "", &["❌ Task \"t\" failed"]);
}

#[test]
fn a_policy_of_always_runs_the_task_again_after_its_end() {
    let sandbox = Sandbox::new();
    let input = Block::builtin("counter")
        .config("interval = 0")
        .config("maxCount = 3")
        .with(&restart("always", "max_attempts = 2"));
    sandbox.write_task(&input, &[Block::builtin("null")], STREAM);
    let outcome = sandbox.run_task();
    outcome.has(
        0,
        "✅ Task \"t\" executed successfully\n",
        &["restart 2)", "going on after 3", "giving up"],
    );
}
