//! How a provider starts, and what is said if it does not.

use crate::harness::{Block, Sandbox, has_python};

const DONE: &str = "✅ Task \"t\" executed successfully\n";

/// Lines `{"data":{"seq":n}}` as the scripts write them.
fn seqs(count: u64) -> String {
    (1..=count).map(|seq| format!("{{\"data\":{{\"seq\":{seq}}}}}\n")).collect()
}

fn printing() -> Block {
    Block::fixture("bash/ready_then_reads.sh")
}

#[test]
fn ready_and_then_lines() {
    for name in ["bash/ready_then_lines.sh", "python/ready_then_lines.py"] {
        if name.starts_with("python/") && !has_python() {
            continue;
        }
        let input = Block::fixture(name).config("lines = 5");
        Sandbox::task(&input, &[printing()]).run_task().is(
            0,
            &(seqs(5) + DONE),
            "INFO  dstream: 5 lines (95 B) written to sink in [TIME]\n",
        );
    }
}

#[test]
fn an_input_that_says_no_hello_begins_with_data() {
    let input = Block::fixture("bash/silent_input.sh").config("lines = 3");
    Sandbox::task(&input, &[printing()]).run_task().is(
        0,
        &(seqs(3) + DONE),
        "INFO  dstream: 3 lines (57 B) written to sink in [TIME]\n",
    );
}

#[test]
fn an_output_that_says_no_hello_is_taken_as_ready() {
    for name in ["bash/silent_output.sh", "python/silent_output.py"] {
        if name.starts_with("python/") && !has_python() {
            continue;
        }
        let input = Block::script(&["ready", "emit 1000 100"]);
        Sandbox::task(&input, &[Block::fixture(name)]).run_task().is(
            0,
            &format!("1000 lines\n{DONE}"),
            "INFO  dstream: 1,000 lines (97.7 KiB) written to sink in [TIME]\n",
        );
    }
}

#[test]
fn an_input_that_reads_its_stdin_to_the_end_starts() {
    let input = Block::fixture("bash/reads_stdin_to_end.sh");
    Sandbox::task(&input, &[printing()]).run_task().has(
        0,
        &format!("{{\"data\":{{\"rest\":0}}}}\n{DONE}"),
        &[],
    );
}

#[test]
fn an_error_is_reported_with_its_class() {
    let error = Block::fixture("bash/handshake_error.sh");
    let cause = "cause: connection_string is empty\n";
    let outcome = Sandbox::task(&error, &[printing()]).run_task();
    let stderr = format!("error: input provider `source` reported an error (config)\n{cause}");
    outcome.has(1, "", &[&stderr, "❌ Task \"t\" failed\n"]);
    let outcome = Sandbox::task(&Block::builtin("counter"), &[error]).run_task();
    let stderr = format!("error: output provider `sink` reported an error (config)\n{cause}");
    outcome.has(1, "", &[&stderr, "❌ Task \"t\" failed\n"]);
}

#[test]
fn a_provider_that_lives_on_after_its_error_is_ended() {
    if !has_python() {
        return;
    }
    let error = Block::fixture("python/handshake_error.py");
    let stderr = [
        "error: input provider `source` reported an error (transient)\n\
         cause: the broker does not answer\n",
        "❌ Task \"t\" failed\n",
    ];
    Sandbox::task(&error, &[printing()]).run_task().has(1, "", &stderr);
}

#[test]
fn a_crash_at_start_is_reported_with_its_last_ten_lines() {
    let crash = Block::fixture("bash/crash_at_start.sh");
    let last: String = (3..=12).map(|line| format!("    log line {line}\n")).collect();
    let end = "❌ Task \"t\" failed\n";
    let report = |who: &str| {
        format!(
            "error: {who} exited before it was ready (exit status 3, after [TIME])\n\
             cause: last stderr lines:\n{last}"
        )
    };
    let outcome = Sandbox::task(&crash, &[printing()]).run_task();
    outcome.has(1, "", &["log line 1\n", "log line 12\n", &report("input provider `source`"), end]);
    let outcome = Sandbox::task(&Block::builtin("counter"), &[crash]).run_task();
    outcome.has(1, "", &["log line 1\n", "log line 12\n", &report("output provider `sink`"), end]);
}

/// Whoever is only caught in somebody else's failure is not to blame.
#[test]
fn the_other_end_is_not_blamed() {
    let input = Block::builtin("counter").config("interval = 1");
    let outcome = Sandbox::task(&input, &[Block::fixture("bash/crash_at_start.sh")]).run_task();
    assert_eq!(outcome.stderr.matches("error: ").count(), 1, "{}", outcome.stderr);
}

#[test]
fn silence_where_a_handshake_is_required_is_a_failure() {
    let attributes = |block: Block| {
        block
            .with("handshake = \"required\"")
            .with("startup_timeout = \"300ms\"")
            .with("shutdown_timeout = \"5s\"")
    };
    let hang = attributes(Block::fixture("bash/hang.sh"));
    let end = "❌ Task \"t\" failed\n";
    let outcome = Sandbox::task(&hang, &[printing()]).run_task();
    outcome.has(1, "", &["error: input provider `source`", "ready", end]);
    let outcome = Sandbox::task(&Block::builtin("counter"), &[hang]).run_task();
    outcome.has(1, "", &["error: output provider `sink`", "ready", end]);
}

#[test]
fn a_provider_that_is_not_there_is_named_with_its_path() {
    let outcome = Sandbox::task(&Block::path("./missing"), &[printing()]).run_task();
    outcome.has(1, "", &["error: input provider `source` cannot be started\n", "missing`\n"]);
    let outcome = Sandbox::task(&Block::path("no-such-program-anywhere"), &[printing()]).run_task();
    let stderr = "error: input provider `source` cannot be started\n\
                  cause: no folder of PATH has an executable `no-such-program-anywhere`\n";
    outcome.has(1, "", &[stderr]);
}

#[test]
fn a_provider_that_cannot_be_executed_is_named_with_the_reason() {
    let mut other_machine = vec![0; 64];
    // The first bytes of an ELF header, 64 bit, little-endian, an executable for s390: what no
    // machine that builds this is.
    other_machine[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    other_machine[16] = 2;
    other_machine[18] = 22;
    let sandbox = Sandbox::new();
    sandbox.write("plain", "#!/bin/sh\n");
    sandbox.write_executable("script", "#!/nonexistent/interpreter\n");
    sandbox.write_executable("crlf", "#!/bin/sh\r\necho\r\n");
    sandbox.write_executable("elf", &other_machine);
    std::fs::create_dir(sandbox.path("folder")).unwrap();
    for (name, reason) in [
        ("plain", "not executable"),
        ("script", "/nonexistent/interpreter"),
        ("crlf", "carriage return (CRLF)"),
        ("elf", "this machine"),
        ("folder", "folder"),
    ] {
        sandbox.write_task(&Block::path(&format!("./{name}")), &[printing()], "");
        let outcome = sandbox.run_task();
        let path = format!("{name}`");
        let start = "error: input provider `source` cannot be started\ncause: ";
        outcome.has(1, "", &[start, &path, reason, "❌ Task \"t\" failed\n"]);
    }
}

#[test]
fn a_cut_off_program_is_no_shell_script() {
    let sandbox = Sandbox::new();
    sandbox.write_executable("cut-off", b"\x7fELF\x02\x01\x01");
    sandbox.write_task(&Block::path("./cut-off"), &[printing()], "");
    let stderr = ["error: input provider `source` cannot be started\ncause: ", "cut-off`"];
    sandbox.run_task().has(1, "", &stderr);
}

#[test]
fn nothing_of_the_others_stays_when_one_cannot_start() {
    let sandbox = Sandbox::new();
    let pid = format!("pidfile {}", sandbox.at("pids"));
    let input = Block::script(&[&pid, "ready", "emit-until-term 100"]);
    sandbox.write_task(&input, &[Block::path("./missing")], "");
    let outcome = sandbox.run_task();
    outcome.has(1, "", &["error: output provider `sink` cannot be started\n"]);
    let ids = String::from_utf8(sandbox.read_or_empty("pids")).unwrap();
    for id in ids.lines() {
        assert!(!crate::harness::alive(id.parse().unwrap()));
    }
}

#[test]
fn a_stdout_closed_without_the_handshake_that_is_required_is_a_failure() {
    let mute = Block::script(&["close-stdout", "hang"]).with("handshake = \"required\"");
    let said = "closed its stdout before it reported ready";
    let outcome = Sandbox::task(&mute, &[printing()]).run_task();
    outcome.has(1, "", &["error: input provider `source`", said]);
    let outcome = Sandbox::task(&Block::builtin("counter"), &[mute]).run_task();
    outcome.has(1, "", &["error: output provider `sink`", said]);
}

/// The command is larger than the pipe, so that it is not taken by anybody but a reader.
#[test]
fn a_provider_that_does_not_read_its_command_has_failed() {
    let sandbox = Sandbox::new();
    sandbox.write("big", "x".repeat(900 << 10));
    sandbox.write_executable("deaf", "#!/bin/sh\nexec sleep 100000\n");
    let deaf = Block::path("./deaf")
        .with("startup_timeout = \"300ms\"")
        .config("one = file(\"big\")")
        .config("two = file(\"big\")");
    let said = "did not read its command within 0.3 s\n";
    sandbox.write_task(&deaf, &[printing()], "");
    let stderr = [&*format!("error: input provider `source` {said}"), "❌ Task \"t\" failed\n"];
    sandbox.run_task().has(1, "", &stderr);
    sandbox.write_task(&Block::builtin("counter"), &[deaf], "");
    let stderr = [&*format!("error: output provider `sink` {said}"), "❌ Task \"t\" failed\n"];
    sandbox.run_task().has(1, "", &stderr);
}
