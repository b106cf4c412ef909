//! `stall_timeout`: who neither reads nor writes although it has work to do.

use crate::harness::{Block, Sandbox};

const SUCCEEDED: &str = "✅ Task \"t\" executed successfully\n";

const RESTART: &str = "restart {\n      policy = \"on_failure\"\n      max_attempts = 0\n      backoff_min = \"10ms\"\n    }";

/// A provider in shell: what it says in its handshake, and what it does then. With `again` it is
/// known whether it was started before.
fn provider(sandbox: &Sandbox, name: &str, does: &str) -> Block {
    sandbox.write_executable(
        name,
        format!(
            "#!/bin/sh\nread -r command\necho '{{\"status\":\"ready\",\"capabilities\":[\"checkpoint\"]}}'\n\
             again=; [ -e {name}.begun ] && again=yes; touch {name}.begun\n{does}\n"
        ),
    );
    Block::path(&format!("./{name}")).named(name).with("stall_timeout = \"500ms\"")
}

fn generate(count: u64) -> Block {
    Block::builtin("generate").config(&format!("count = {count}"))
}

#[test]
fn an_output_that_stalls_is_named_once_and_let_be() {
    let sandbox = Sandbox::new();
    let waits = "while [ ! -e go ]; do sleep 0.1; done; exec cat > out";
    sandbox.write_task(&generate(100), &[provider(&sandbox, "sink", waits)], "");
    let running = sandbox.start(&["run", "t"]);
    running.says(
        "stalled: this output has neither read nor written for 0.5 s although it has work to do",
    );
    sandbox.write("go", "");
    let outcome = running.outcome();
    outcome.has(0, SUCCEEDED, &["WARN  sink: stalled: this output has neither"]);
    assert_eq!(outcome.stderr.matches("has neither read").count(), 1, "{}", outcome.stderr);
}

#[test]
fn an_output_that_stalls_is_started_again_where_its_policy_says_so() {
    let sandbox = Sandbox::new();
    // More than pipes and buffer hold, so that the stream has not ended when it is noticed.
    let stalls = "[ $again ] || exec sleep 1000; exec cat > out";
    let output = provider(&sandbox, "sink", stalls).with(RESTART);
    sandbox.write_task(&generate(50_000), &[output], "");
    let outcome = sandbox.run_task();
    let stalled = "output provider `sink` has neither read nor written for 0.5 s";
    outcome.has(0, SUCCEEDED, &[stalled, "restarting in", "were lost"]);
}

#[test]
fn an_output_that_owes_an_acknowledgement_stalls_though_its_pipe_is_empty() {
    let sandbox = Sandbox::new();
    // Its pipe is read, and nothing is said.
    let stalls = "[ $again ] || exec cat > /dev/null\n\
                  while read -r line; do case $line in *checkpoint*) echo \"{\\\"ack\\\":${line#*:}\";; esac; done";
    let output = provider(&sandbox, "sink", stalls).with(RESTART);
    let input = "echo '{\"data\":1}'; echo '{\"checkpoint\":1}'; cat > /dev/null";
    let input = provider(&sandbox, "in", &format!("[ $again ] && exit 0\n{input}; sleep 1000"));
    sandbox.write_task(&input, &[output], "    delivery = \"at_least_once\"");
    let outcome = sandbox.run_task();
    let stalled = "output provider `sink` has neither read nor written for 0.5 s";
    outcome.has(0, SUCCEEDED, &[stalled, "restarting in", "from the last checkpoint"]);
}

#[test]
fn an_input_that_is_silent_for_too_long_is_started_again() {
    let sandbox = Sandbox::new();
    let says = "echo '{\"data\":1}'; [ $again ] || exec sleep 1000";
    let input = provider(&sandbox, "in", says).with(RESTART);
    sandbox.write_task(&input, &[Block::builtin("null")], "");
    let outcome = sandbox.run_task();
    let stalled = "input provider `in` has neither read nor written for 0.5 s";
    outcome.has(0, SUCCEEDED, &[stalled, "restarting in", "2 lines"]);
}

#[test]
fn an_output_that_is_slow_and_moves_does_not_stall() {
    let sandbox = Sandbox::new();
    let slow = "while head -c 65536 > chunk && [ -s chunk ]; do cat chunk >> out; sleep 0.2; done";
    let output = provider(&sandbox, "sink", slow).with(RESTART);
    // Less than its buffer at once would take longer than this.
    sandbox.write_task(&generate(4_000), &[output], "");
    let hcl = String::from_utf8(sandbox.read("dstream.hcl")).unwrap();
    sandbox.write("dstream.hcl", hcl.replace("\"500ms\"", "\"2s\""));
    let outcome = sandbox.run_task();
    outcome.has(0, SUCCEEDED, &["4,000 lines"]);
    assert!(!outcome.stderr.contains("has neither read"), "{}", outcome.stderr);
}

#[test]
fn an_output_that_stalls_reads_what_is_in_its_pipe_to_the_end_and_its_next_process_the_rest() {
    let sandbox = Sandbox::new();
    let wakes = "[ $again ] && exec cat >> out\n\
                 trap 'cat >> out; exit 0' TERM; while :; do sleep 0.1; done";
    let output = provider(&sandbox, "sink", wakes).with(RESTART);
    sandbox.write_task(&generate(30_000), &[output], "");
    let outcome = sandbox.run_task();
    outcome.has(0, SUCCEEDED, &["has neither read", "restarting in", "30,000 lines"]);
    assert!(!outcome.stderr.contains("lost"), "{}", outcome.stderr);
    assert_eq!(sandbox.read("out").iter().filter(|byte| **byte == b'\n').count(), 30_000);
}
