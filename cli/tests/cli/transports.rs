//! Every way to move the bytes gives the same result, with real processes at both ends.

use std::process::Command;

use crate::harness::{Block, DSTREAM, Sandbox, deny_syscalls, emitted, same_bytes};

const TRANSPORTS: [&str; 3] = ["splice", "uring", "portable"];

/// A folder with a task of some sound lines with an invalid and a blank one in their middle.
fn with_odd_lines(transport: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    let odd: String = "oops\n\n".bytes().map(|byte| format!("{byte:02x}")).collect();
    let odd = format!("bytes {odd}");
    let input = Block::script(&["ready", "emit 40000 300", &odd, "emit 200 70000"]);
    let output = Block::script(&["ready", &format!("sink {}", sandbox.at("out"))]);
    let stream = format!("    transport = \"{transport}\"\n    on_invalid = \"drop\"");
    sandbox.write_task(&input, &[output], &stream);
    sandbox
}

fn expected() -> Vec<u8> {
    let mut bytes = emitted(1, 40_000, 300);
    bytes.extend(emitted(40_001, 200, 70_000));
    bytes
}

#[test]
fn every_transport_delivers_the_same_bytes() {
    let expected = expected();
    for transport in TRANSPORTS {
        let sandbox = with_odd_lines(transport);
        let outcome = sandbox.run(&["-l", "debug", "run", "t"]);
        let flow = format!("transport: {transport}");
        let counts =
            "40,200 lines (24.8 MiB) written to sink, 1 blank line left out, 1 line rejected";
        // Where a kernel denies io_uring, the fall-back is what is tested.
        let said: &[&str] = if transport == "uring" { &[counts] } else { &[&flow, counts] };
        outcome.has(0, "✅ Task \"t\" executed successfully\n", said);
        same_bytes(&sandbox.read("out"), &expected);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn where_io_uring_is_denied_the_run_is_the_same_and_nothing_is_said() {
    let sandbox = with_odd_lines("uring");
    let mut denied = Command::new(deny_syscalls());
    denied.arg("io-uring").arg(DSTREAM).args(["run", "t"]).current_dir(sandbox.path(""));
    let outcome = sandbox.start_command(denied).outcome();
    outcome.has(0, "✅ Task \"t\" executed successfully\n", &["40,200 lines"]);
    assert!(!outcome.stderr.contains("uring"), "{}", outcome.stderr);
    same_bytes(&sandbox.read("out"), &expected());
    let mut denied = Command::new(deny_syscalls());
    denied
        .arg("io-uring")
        .arg(DSTREAM)
        .args(["-l", "debug", "run", "t"])
        .current_dir(sandbox.path(""));
    let outcome = sandbox.start_command(denied).outcome();
    outcome.has(0, "✅ Task \"t\" executed successfully\n", &["transport: portable"]);
}

#[test]
fn several_outputs_have_a_transport_too() {
    let sandbox = Sandbox::new();
    let input = Block::script(&["ready", "emit 1000 100"]);
    let outputs = ["one", "two"]
        .map(|name| Block::script(&["ready", &format!("sink {}", sandbox.at(name))]).named(name));
    sandbox.write_task(&input, &outputs, "    transport = \"splice\"");
    let outcome = sandbox.run(&["-l", "debug", "run", "t"]);
    outcome.has(0, "✅ Task \"t\" executed successfully\n", &["transport: portable"]);
    for name in ["one", "two"] {
        same_bytes(&sandbox.read(name), &emitted(1, 1000, 100));
    }
}

#[test]
fn the_command_line_counts_before_the_file() {
    let sandbox = Sandbox::new();
    let input = Block::script(&["ready", "emit 1000 100"]);
    let output = Block::script(&["ready", &format!("sink {}", sandbox.at("out"))]);
    for (file, flag) in [("splice", "portable"), ("portable", "splice"), ("portable", "auto")] {
        sandbox.write("out", "");
        let stream = format!("    transport = \"{file}\"");
        sandbox.write_task(&input, std::slice::from_ref(&output), &stream);
        let outcome = sandbox.run(&["-l", "debug", "run", "t", "--transport", flag]);
        // Of one pipe into another, the fastest is splice, where there is such a thing.
        let by = if flag == "portable" || cfg!(not(target_os = "linux")) {
            "portable"
        } else {
            "splice"
        };
        let flow = format!("transport: {by}");
        outcome.has(0, "✅ Task \"t\" executed successfully\n", &[&flow, "1,000 lines"]);
        same_bytes(&sandbox.read("out"), &emitted(1, 1000, 100));
    }
}
