//! Providers that fail while the stream runs.

use crate::harness::{Block, Sandbox, emitted, has_python, same_bytes};

const FAILED: &str = "❌ Task \"t\" failed\n";

fn printing() -> Block {
    Block::fixture("bash/ready_then_reads.sh")
}

#[test]
fn what_came_before_the_input_crashed_is_delivered() {
    if !has_python() {
        return;
    }
    let stdout: String = (1..=7).map(|seq| format!("{{\"data\":{{\"seq\":{seq}}}}}\n")).collect();
    let input = Block::fixture("bash/crash_after_lines.sh").config("lines = 7");
    Sandbox::task(&input, &[printing()]).run_task().is(
        1,
        &stdout,
        "INFO  source: the source went away\n\
         error: input provider `source` failed (exit status 4)\n\
         cause: last stderr lines:\n    the source went away\n\
         INFO  dstream: 7 lines (133 B) written to sink in [TIME]\n\
         ❌ Task \"t\" failed\n",
    );
    let input = Block::fixture("python/crash_after_lines.py").config("lines = 7");
    let outcome = Sandbox::task(&input, &[printing()]).run_task();
    let stderr = [
        "error: input provider `source` failed (exit status 1)\n",
        "    RuntimeError: the source went away\n",
        "7 lines (133 B) written to sink",
        FAILED,
    ];
    outcome.has(1, &stdout, &stderr);
}

#[test]
fn the_last_ten_lines_of_a_log_are_repeated() {
    let input = Block::script(&["ready", "stderr 100", "exit 3"]);
    let last: String = (91..=100).map(|line| format!("    log line {line}\n")).collect();
    let stderr = format!(
        "error: input provider `source` failed (exit status 3)\n\
         cause: last stderr lines:\n{last}"
    );
    Sandbox::task(&input, &[printing()]).run_task().has(1, "", &["log line 1\n", &stderr, FAILED]);
}

#[test]
fn a_signal_that_ended_a_provider_is_named() {
    let input = Block::script(&["ready", "emit 3 100", "kill-self"]);
    let outcome = Sandbox::task(&input, &[Block::builtin("null")]).run_task();
    let stderr = ["error: input provider `source` failed", "SIGKILL", "3 lines (300 B)", FAILED];
    outcome.has(1, "", &stderr);
}

#[test]
fn a_crash_in_the_middle_of_a_line_delivers_no_half_line() {
    let sandbox = Sandbox::new();
    let input = Block::script(&["ready", "emit 3 100", "half {\"data\":{\"seq\":4", "exit 3"]);
    let output = Block::script(&["ready", &format!("sink {}", sandbox.at("out"))]);
    sandbox.write_task(&input, &[output], "");
    sandbox.run_task().has(
        1,
        "",
        &["error: input provider `source` failed (exit status 3)\n", "3 lines (300 B)", FAILED],
    );
    same_bytes(&sandbox.read("out"), &emitted(1, 3, 100));
}

#[test]
fn an_output_that_dies_stops_the_task_and_the_input() {
    let sandbox = Sandbox::new();
    let pid = format!("pidfile {}", sandbox.at("pids"));
    let input = Block::script(&[&pid, "ready", "emit-until-term 100"]);
    let output = Block::fixture("bash/crash_after_reading.sh").config("lines = 4");
    sandbox.write_task(&input, &[output], "");
    let outcome = sandbox.run_task();
    let stdout = String::from_utf8(emitted(1, 4, 100)).unwrap();
    let stderr = [
        "error: output provider `sink`",
        "exit status 5",
        "cause: last stderr lines:\n    the disk is full\n",
        "written to sink in [TIME]\n",
        FAILED,
    ];
    outcome.has(1, &stdout, &stderr);
    let ids = sandbox.process_ids("pids", 1);
    assert!(!crate::harness::alive(ids[0]));
    let blamed = outcome.stderr.matches("error: input provider").count();
    assert_eq!(blamed, 0, "the input is blamed:\n{}", outcome.stderr);
}

/// How many lines had been written is exact when the output has taken all that it was given.
#[test]
fn how_many_lines_a_dead_output_was_given_is_said() {
    let sandbox = Sandbox::new();
    let (read, gone) = (sandbox.at("read"), sandbox.at("gone"));
    let input = Block::script(&["ready", "emit 4 100", &format!("wait {gone}"), "emit 1 100"]);
    let output = Block::script(&["ready", &format!("sink-lines 4 {read}"), "exit 5"]);
    sandbox.write_task(&input, &[output], "");
    let running = sandbox.start(&["run", "t"]);
    running.says("error: output provider `sink`");
    sandbox.write("gone", "");
    let stderr = ["(exit status 5)", "4 lines (400 B) written to sink", FAILED];
    running.outcome().has(1, "", &stderr);
    same_bytes(&sandbox.read("read"), &emitted(1, 4, 100));
}

/// An output that leaves early with 0 has still not taken the stream.
#[test]
fn an_output_that_ends_before_its_input_has_failed() {
    let output = Block::script(&["ready", "read 2", "exit 0"]);
    let input = Block::script(&["ready", "emit-until-term 100"]);
    let outcome = Sandbox::task(&input, &[output]).run_task();
    outcome.has(1, "", &["error: output provider `sink`", "exit status 0", FAILED]);
}

#[test]
fn one_of_three_outputs_that_dies_stops_the_others() {
    let sandbox = Sandbox::new();
    let pid = format!("pidfile {}", sandbox.at("pids"));
    let input = Block::script(&[&pid, "ready", "emit-until-term 100"]);
    let well = Block::script(&[&pid, "ready", "read-all"]);
    let dying = Block::script(&[&pid, "ready", "read 10", "stderr 2", "exit 6"]);
    let outputs = [well.clone().named("one"), dying.named("two"), well.named("three")];
    sandbox.write_task(&input, &outputs, "");
    let outcome = sandbox.run_task();
    let cause = "cause: last stderr lines:\n    log line 1\n    log line 2\n";
    outcome.has(1, "", &["error: output provider `two`", "exit status 6", cause, FAILED]);
    for id in sandbox.process_ids("pids", 4) {
        assert!(!crate::harness::alive(id));
    }
}

#[test]
fn a_failure_at_the_very_end_counts() {
    let output = Block::script(&["ready", "read-all", "stderr 1", "exit 9"]);
    let input = Block::script(&["ready", "emit 3 100"]);
    let outcome = Sandbox::task(&input, &[output]).run_task();
    outcome.has(1, "", &["error: output provider `sink`", "exit status 9", "log line 1", FAILED]);
}

#[test]
fn a_flood_on_stderr_blocks_nobody() {
    let input = Block::fixture("bash/chatty_stderr.sh");
    let sandbox = Sandbox::task(&input, &[printing()]);
    let outcome = sandbox.run_task();
    let stdout = "{\"data\":{\"seq\":1}}\n✅ Task \"t\" executed successfully\n";
    let end = "INFO  dstream: 1 line (19 B) written to sink";
    outcome.has(0, stdout, &["INFO  source: log line 1\n", "INFO  source: log line 100000\n", end]);
    assert!(outcome.stderr.lines().count() < 100_000 + 100);
}

#[test]
fn an_input_that_closes_its_stdout_has_ended_its_stream() {
    let input = Block::script(&["ready", "emit 2 100", "close-stdout", "until-term"])
        .with("shutdown_timeout = \"300ms\"");
    let outcome = Sandbox::task(&input, &[printing()]).run_task();
    let expected = String::from_utf8(emitted(1, 2, 100)).unwrap();
    assert!(outcome.stdout.starts_with(&expected), "{}", outcome.stdout);
    assert!(outcome.stderr.contains("2 lines (200 B) written to sink"), "{}", outcome.stderr);
}

#[test]
fn an_output_that_closes_its_stdin_has_failed() {
    let input = Block::script(&["ready", "emit-until-term 100"]);
    let output =
        Block::script(&["ready", "close-stdin", "until-term"]).with("shutdown_timeout = \"300ms\"");
    let outcome = Sandbox::task(&input, &[output]).run_task();
    outcome.has(1, "", &["error: output provider `sink`", FAILED]);
}

/// What is in a pipe has been written, and has still not arrived.
#[test]
#[cfg(target_os = "linux")]
fn an_output_that_leaves_lines_in_its_pipe_has_failed() {
    let input = Block::script(&["ready", "emit 3 100"]);
    let output = Block::script(&["ready", "read 1", "until-stdin-closed", "exit 0"]);
    let stderr = [
        "error: output provider `sink` exited with 200 bytes unread (exit status 0); \
         1 line (100 B) had been written to it\n",
        "INFO  dstream: 1 line (100 B) written to sink in [TIME]\n",
        "error: 2 lines (200 B) of task `t` were read from the input and never written to `sink`\n",
        FAILED,
    ];
    Sandbox::task(&input, &[output]).run_task().has(1, "", &stderr);
}

/// What is in the pipe of an output that dies in mid-stream has been written, and did not arrive.
#[test]
#[cfg(target_os = "linux")]
fn what_an_output_that_died_had_not_read_counts_as_not_written() {
    for transport in ["splice", "portable"] {
        let sandbox = Sandbox::new();
        let (read, full) = (sandbox.at("read"), sandbox.at("full"));
        // More than pipes and buffer take.
        let input = Block::script(&["ready", "emit 200000 100"]);
        let output = Block::script(&[
            "ready",
            &format!("sink-lines 3 {read}"),
            &format!("wait {full}"),
            "exit 3",
        ]);
        let stream = format!("transport = \"{transport}\"");
        sandbox.write_task(&input, &[output], &stream);
        let running = sandbox.start(&["run", "t"]);
        crate::harness::eventually("some lines", || sandbox.read_or_empty("read").len() == 300);
        std::thread::sleep(std::time::Duration::from_millis(300)); // the pipe fills meanwhile
        sandbox.write("full", "");
        let outcome = running.outcome();
        let written = outcome.stderr.lines().find(|line| line.contains("written to sink in"));
        assert!(
            written.is_some_and(|line| line.contains("dstream: 3 lines (300 B)")),
            "{outcome:?}"
        );
        outcome.has(1, "", &["(exit status 3)", "and never written to `sink`", FAILED]);
    }
}

/// However many others have failed before.
#[test]
fn each_provider_fails_once() {
    let sandbox = Sandbox::new();
    let wait = |name: &str| format!("wait {}", sandbox.at(name));
    let steps = ["ignore-term", &wait("one"), "error config no", &wait("two"), "exit 7"];
    let output = Block::script(&steps).with("handshake = \"required\"");
    sandbox.write_executable("crash.sh", "#!/bin/sh\nexit 3\n");
    sandbox.write_task(&Block::path("./crash.sh"), &[output], "");
    let running = sandbox.start(&["run", "t"]);
    running.says("error: input provider `source` exited before it was ready (exit status 3");
    sandbox.write("one", "");
    running.says("error: output provider `sink` reported an error (config)");
    sandbox.write("two", "");
    let outcome = running.outcome();
    outcome.has(1, "", &[FAILED]);
    assert_eq!(outcome.stderr.matches("error: output provider").count(), 1, "{}", outcome.stderr);
}

/// Wherever a secret has got to: a path, a cause, a log line, an error with an escape in it.
#[test]
fn secrets_are_masked_in_failures_and_the_log_stays_json() {
    let sandbox = Sandbox::new();
    let run = |format: &str| {
        let mut command = sandbox.command(&["run", "t", "-l", "debug", "-f", format]);
        command.env("SECRET", "hunter\"2&2");
        let outcome = sandbox.start_command(command).outcome();
        assert_eq!(outcome.status, "1");
        assert!(!outcome.stderr.contains("hunter"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("(secret)"), "{}", outcome.stderr);
        let objects = outcome.stderr.lines().filter(|line| line.starts_with('{'));
        let objects = objects.inspect(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        });
        assert_eq!(objects.count() > 0, format == "json", "{}", outcome.stderr);
    };
    let hcl = "task \"t\" {\n  type = \"providers\"\n  \
               input { provider_path = \"./missing-${env(\"SECRET\")}\" }\n  \
               output { provider = \"null\" }\n}\n";
    sandbox.write("dstream.hcl", hcl);
    run("json");
    run("text");
    let error = r#"line {"status":"error","message":"no access with hunter\"2\u00262"}"#;
    let input = Block::script(&[error, "exit 1"]).config("password = env(\"SECRET\")");
    sandbox.write_task(&input, &[Block::builtin("null")], "");
    run("json");
    run("text");
}
