//! `restart`: a task that has failed goes on by itself.

use rustix::process::Signal;

use crate::harness::{Block, Sandbox, eventually};

const STREAM: &str = "    delivery = \"at_least_once\"\n    checkpoint_interval = { lines = 500 }";

const SUCCEEDED: &str = "✅ Task \"t\" executed successfully\n";

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
    let outcome = sandbox.run(&["run", "t", "--stats", "--stats-format", "json"]);
    outcome.has(
        0,
        "✅ Task \"t\" executed successfully\n",
        &["attempt 1)", "resuming after", "after "],
    );
    let report = outcome.stderr.lines().find(|line| line.contains("\"final\":true")).unwrap();
    let report: serde_json::Value = serde_json::from_str(report).unwrap();
    assert!(report["lines"].as_u64() >= Some(COUNT), "of all attempts: {report}");
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
    outcome.has(1, "", &["attempt 2)", "giving up after 2 restarts", "❌ Task \"t\" failed"]);
    assert!(!outcome.stderr.contains("attempt 3)"), "{}", outcome.stderr);
    // What was not written comes again, and is no loss.
    assert!(!outcome.stderr.contains("never written"), "{}", outcome.stderr);
}

#[test]
fn the_numbers_of_all_attempts_are_one_report() {
    let sandbox = Sandbox::new();
    let input = Block::builtin("counter")
        .config("interval = 0")
        .config("maxCount = 3")
        .with(&restart("always", "max_attempts = 2"));
    sandbox.write_task(&input, &[Block::builtin("null")], STREAM);
    sandbox.run(&["state", "set", "t", "{\"value\":1}"]).said(0, &[]);
    let outcome = sandbox.run(&["run", "t", "-f", "json", "--stats"]);
    let log: Vec<serde_json::Value> =
        outcome.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let finals: Vec<_> = log.iter().filter(|line| line["final"] == true).collect();
    // The first attempt has had two lines, the others none.
    assert_eq!(finals.len(), 1, "{}", outcome.stderr);
    assert_eq!((&finals[0]["lines"], &finals[0]["latency_us"]["count"]), (&2.into(), &2.into()));
    assert_eq!(finals[0]["outputs"][0]["lines_written"], 2);
    let whole = log.iter().find(|line| line["elapsed_ms"].is_u64()).unwrap();
    assert_eq!((&whole["lines"], &whole["restarts"]), (&2.into(), &2.into()));
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
    outcome.has(1, "", &["exited while the stream was running"]);
    assert!(!outcome.stderr.contains("starting again"), "{}", outcome.stderr);
}

#[test]
fn a_stop_ends_the_wait_for_the_next_attempt() {
    let sandbox = Sandbox::new();
    let restart = "restart {\n      policy = \"on_failure\"\n      backoff_min = \"1h\"\n      backoff_max = \"1h\"\n    }";
    let output = crashes_after(&sandbox, "1", restart);
    sandbox.write_task(&generate(30_000), &[output], STREAM);
    let running = sandbox.start(&["run", "t"]);
    running.says("restarting in");
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
        &["attempt 2)", "resuming after 3", "ended after 2 restarts", "3 lines"],
    );
    assert!(!outcome.stderr.contains("ERROR"), "{}", outcome.stderr);
}

/// Appends what it reads to `out`; the first so many processes of it die after so many lines each.
/// How often it was started is in `starts`. It reads and writes by single bytes until then, so that
/// what it has read is what it has written.
fn dies_after(sandbox: &Sandbox, lines: u64, deaths: u64, restart: &str) -> Block {
    let program = format!(
        r#"#!/usr/bin/env python3
import os, shutil, sys

def line():
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit(0)
        line += byte
    return line

line()
print('{{"status":"ready"}}', flush=True)
with open("starts", "a") as starts:
    starts.write("x")
out = open("out", "ab", 0)
if os.path.getsize("starts") <= {deaths}:
    for _ in range({lines}):
        out.write(line())
    os.kill(os.getpid(), 9)
shutil.copyfileobj(open(0, "rb"), out)
"#
    );
    sandbox.write_executable("dies", program);
    Block::path("./dies").named("sink").with(restart)
}

fn seqs(sandbox: &Sandbox) -> Vec<u64> {
    let text = String::from_utf8(sandbox.read_or_empty("out")).unwrap();
    let seq = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["data"]["seq"].as_u64().unwrap()
    };
    text.lines().map(seq).collect()
}

/// The number in `N lines (…) of task "t" were lost`, written with commas.
fn reported_lost(stderr: &str) -> u64 {
    let line = stderr.lines().find(|line| line.contains("of task \"t\" were lost"));
    let number = line.map_or("0", |line| line.split(' ').next().unwrap());
    number.replace(',', "").parse().unwrap()
}

#[test]
fn without_checkpoints_an_output_comes_back_and_what_is_lost_is_counted() {
    const COUNT: u64 = 150_000;
    for transport in ["auto", "uring", "portable"] {
        let sandbox = Sandbox::new();
        let output = dies_after(&sandbox, 1000, 3, &restart("on_failure", "max_attempts = 0"));
        let stream = format!("    transport = \"{transport}\"");
        sandbox.write_task(&generate(COUNT), &[output], &stream);
        let outcome = sandbox.run_task();
        let started = "restarting in";
        outcome.has(0, SUCCEEDED, &[started, "SIGKILL", "were lost"]);
        let arrived = seqs(&sandbox);
        assert!(arrived.windows(2).all(|pair| pair[0] < pair[1]), "in order, none twice");
        assert_eq!(sandbox.read("starts").len(), 4);
        assert_eq!(arrived.len() as u64 + reported_lost(&outcome.stderr), COUNT);
        // The input was not touched.
        assert_eq!(outcome.stderr.matches("source: starting with").count(), 1, "{outcome:?}");
    }
}

#[test]
fn an_output_that_dies_before_the_stream_begins_comes_back() {
    let sandbox = Sandbox::new();
    sandbox.write_executable(
        "late",
        "#!/bin/sh\n[ -e tried ] || { touch tried; exit 3; }\nread -r command\necho '{\"status\":\"ready\"}'\nexec cat > out\n",
    );
    let output = Block::path("./late").named("late").with(&restart("on_failure", ""));
    sandbox.write_task(&generate(100), &[output, Block::builtin("null")], "");
    let outcome = sandbox.run_task();
    outcome.has(0, SUCCEEDED, &["exited before it was ready", "restarting in"]);
    assert_eq!(seqs(&sandbox).len(), 100);
}

#[test]
fn an_output_that_stays_away_ends_the_task_with_what_it_has_not_got() {
    let sandbox = Sandbox::new();
    let output = dies_after(&sandbox, 1, 9, &restart("on_failure", "max_attempts = 2"));
    sandbox.write_task(&generate(400_000), &[output], "");
    let outcome = sandbox.run_task();
    let parts = ["attempt 2)", "giving up after 2 restarts", "and never written to `sink`"];
    outcome.has(1, "", &parts);
    assert_eq!(sandbox.read("starts").len(), 3);
    assert_eq!(outcome.stderr.matches("(killed by SIGKILL)").count(), 3, "{}", outcome.stderr);
}

#[test]
fn an_idle_output_that_dies_comes_back_for_the_next_line() {
    let sandbox = Sandbox::new();
    sandbox.write_executable(
        "input",
        "#!/bin/sh\nread -r command\necho '{\"status\":\"ready\"}'\necho '{\"data\":{\"seq\":1}}'\n\
         while [ ! -e twice ]; do sleep 0.05; done\necho '{\"data\":{\"seq\":2}}'\n",
    );
    sandbox.write_executable(
        "output",
        "#!/bin/sh\nread -r command\necho '{\"status\":\"ready\"}'\n\
         if [ -e once ]; then touch twice; else touch once; read -r line; echo \"$line\" >> out; exit 4; fi\nexec cat >> out\n",
    );
    let output = Block::path("./output").named("out").with(&restart("on_failure", ""));
    sandbox.write_task(&Block::path("./input").named("in"), &[output], "");
    let outcome = sandbox.run_task();
    outcome.has(0, SUCCEEDED, &["exited while the stream was running (exit status 4)"]);
    assert_eq!(seqs(&sandbox), [1, 2]);
    assert_eq!(reported_lost(&outcome.stderr), 0);
}

#[test]
fn an_input_comes_back_while_the_outputs_go_on() {
    let sandbox = Sandbox::new();
    sandbox.write_executable(
        "input",
        "#!/bin/sh\nread -r command\necho '{\"status\":\"ready\"}'\necho x >> tries\ncount=$(wc -l < tries)\n\
         echo \"{\\\"data\\\":{\\\"seq\\\":$count}}\"\n[ $count = 3 ] || { printf '{\"data\":{'; exit 5; }\n",
    );
    let input = Block::path("./input").named("in").with(&restart("on_failure", ""));
    let output = dies_after(&sandbox, 100, 0, "");
    sandbox.write_task(&input, &[output], "    on_invalid = \"drop\"");
    let outcome = sandbox.run_task();
    outcome.has(0, SUCCEEDED, &["input provider `in` failed (exit status 5)", "attempt 2)"]);
    assert_eq!(seqs(&sandbox), [1, 2, 3]);
    assert_eq!(sandbox.read("starts").len(), 1);
}

#[test]
fn an_input_of_policy_always_begins_again_until_it_is_enough() {
    let sandbox = Sandbox::new();
    let input = Block::builtin("counter").config("interval = 0").config("maxCount = 3");
    let input = input.with(&restart("always", "max_attempts = 2"));
    sandbox.write_task(&input, &[Block::builtin("console")], "");
    let outcome = sandbox.run_task();
    assert_eq!(outcome.stdout.matches("{\"value\":3,").count(), 3, "{}", outcome.stdout);
    assert!(outcome.stderr.contains("attempt 2)") && outcome.stderr.contains("9 lines"));
}

#[test]
fn a_stop_while_an_output_is_away_is_not_a_success() {
    let sandbox = Sandbox::new();
    let restart = "restart {\n      policy = \"on_failure\"\n      backoff_min = \"1h\"\n      backoff_max = \"1h\"\n    }";
    let output = dies_after(&sandbox, 1, 9, restart);
    sandbox.write_task(&generate(400_000), &[output], "");
    let running = sandbox.start(&["run", "t"]);
    running.says("restarting in");
    running.signal(Signal::TERM);
    let parts = ["and never written to `sink`", "❌ Task \"t\" failed"];
    running.outcome().has(1, "", &parts);
}

#[test]
fn a_process_that_has_escaped_with_the_pipes_of_an_output_does_not_keep_it_away() {
    for pipes in ["> /dev/null", "< /dev/null", ""] {
        let sandbox = Sandbox::new();
        // With its stdin, which then fills up, or its stdout, which then does not end, or both.
        sandbox.write_executable(
            "output",
            format!(
                "#!/bin/sh\nread -r command\necho '{{\"status\":\"ready\"}}'\n\
                 if [ ! -e once ]; then touch once; exec 3<&0; setsid sh -c 'echo $$ > escaped; exec 2> /dev/null sleep 1000' <&3 {pipes} 3<&- &\n\
                 while [ ! -s escaped ]; do sleep 0.01; done; exit 3; fi\nexec cat > out\n"
            ),
        );
        let output = Block::path("./output").named("out").with(&restart("on_failure", ""));
        sandbox.write_task(&generate(300_000), &[output], "");
        let outcome = sandbox.run_task();
        let escaped: i32 =
            String::from_utf8(sandbox.read("escaped")).unwrap().trim().parse().unwrap();
        let _ = rustix::process::kill_process(
            rustix::process::Pid::from_raw(escaped).unwrap(),
            Signal::KILL,
        );
        outcome.has(0, SUCCEEDED, &["restarting in"]);
        let lost = reported_lost(&outcome.stderr);
        assert_eq!(seqs(&sandbox).len() as u64 + lost, 300_000, "{pipes}: {outcome:?}");
    }
}

#[test]
fn a_process_that_has_escaped_with_the_pipe_of_an_input_ends_the_task() {
    let sandbox = Sandbox::new();
    sandbox.write_executable(
        "input",
        "#!/bin/sh\nread -r command\necho '{\"status\":\"ready\"}'\necho '{\"data\":{\"seq\":1}}'\n\
         setsid sh -c 'echo $$ > escaped; exec 2> /dev/null sleep 1000' < /dev/null &\n\
         while [ ! -s escaped ]; do sleep 0.01; done; exit 3\n",
    );
    let input = Block::path("./input").named("in").with(&restart("on_failure", ""));
    sandbox.write_task(&input, &[Block::builtin("null")], "");
    let outcome = sandbox.run_task();
    let escaped: i32 = String::from_utf8(sandbox.read("escaped")).unwrap().trim().parse().unwrap();
    let _ = rustix::process::kill_process(
        rustix::process::Pid::from_raw(escaped).unwrap(),
        Signal::KILL,
    );
    outcome.has(1, "", &["input provider `in` failed (exit status 3)", "❌ Task \"t\" failed"]);
}

#[test]
fn a_stop_while_an_output_begins_anew_waits_for_nobody() {
    let sandbox = Sandbox::new();
    sandbox.write_executable(
        "output",
        "#!/bin/sh\nread -r command\n[ ! -e once ] || { touch twice; read -r line; [ -z \"$line\" ] && touch ended; exit 0; }\n\
         touch once\necho '{\"status\":\"ready\"}'\nread -r line\nexit 3\n",
    );
    // However long it may take, it is not what ends it.
    let patient =
        "handshake = \"required\"\n    startup_timeout = \"1h\"\n    shutdown_timeout = \"1h\"";
    let output =
        Block::path("./output").named("out").with(&restart("on_failure", "")).with(patient);
    sandbox.write_task(&generate(400_000), &[output], "");
    let running = sandbox.start(&["run", "t"]);
    eventually("it was started again", || sandbox.path("twice").exists());
    running.signal(Signal::TERM);
    running.outcome().has(1, "", &["and never written to `out`"]);
    assert!(sandbox.path("ended").exists(), "it saw the end of its stdin");
}

#[test]
fn an_input_that_has_gone_while_an_output_was_away_is_heard() {
    let sandbox = Sandbox::new();
    sandbox.write_executable(
        "input",
        "#!/bin/sh\nread -r command\ntouch commanded\nwhile [ ! -e dead ]; do sleep 0.05; done\nsleep 0.2\n\
         echo '{\"status\":\"ready\"}'\necho '{\"data\":{\"seq\":1}}'\n",
    );
    sandbox.write_executable(
        "output",
        "#!/bin/sh\nread -r command\necho '{\"status\":\"ready\"}'\n\
         if [ ! -e dead ]; then while [ ! -e commanded ]; do sleep 0.05; done; touch dead; exit 3; fi\nexec cat > out\n",
    );
    // Longer than it takes to find that a process has gone and left its pipe to others.
    let restart = "restart {\n      policy = \"on_failure\"\n      backoff_min = \"3s\"\n    }";
    let output = Block::path("./output").named("out").with(restart);
    sandbox.write_task(&Block::path("./input").named("in"), &[output], "");
    let outcome = sandbox.run_task();
    outcome.has(0, SUCCEEDED, &["restarting in", "1 line"]);
    assert!(!outcome.stderr.contains("keeps its stdout"), "{}", outcome.stderr);
    assert_eq!(seqs(&sandbox), [1]);
}

/// With `again` it is known whether it was started before.
fn scripted(sandbox: &Sandbox, first: &str, again: &str) -> Block {
    let text =
        format!("#!/bin/sh\nif [ -e begun ]; then\n{again}\nfi\ntouch begun\n{first}\nexit 3\n");
    sandbox.write_executable("sink", text);
    Block::path("./sink").named("sink").with(&restart("on_failure", "max_attempts = 0"))
}

#[test]
fn a_command_that_was_not_read_is_no_lost_line() {
    for transport in ["portable", "uring"] {
        let sandbox = Sandbox::new();
        let ready = "echo '{\"status\":\"ready\"}'";
        let output = scripted(
            &sandbox,
            &format!("{ready}\nwhile [ ! -e go ]; do sleep 0.1; done"),
            &format!("read -r command; {ready}; exec cat > out"),
        );
        let stream = format!("    transport = {transport:?}");
        sandbox.write_task(&generate(30_000), &[output], &stream);
        let running = sandbox.start(&["run", "t", "-l", "debug"]);
        running.says("transport: ");
        std::thread::sleep(std::time::Duration::from_millis(100));
        sandbox.write("go", "");
        let outcome = running.outcome();
        outcome.said(0, &["attempt 1)"]);
        let arrived = sandbox.read("out").iter().filter(|byte| **byte == b'\n').count() as u64;
        assert_eq!(reported_lost(&outcome.stderr), 30_000 - arrived, "{}", outcome.stderr);
    }
}

#[test]
fn a_silent_output_whose_stdout_somebody_else_holds_comes_back() {
    let sandbox = Sandbox::new();
    let output = scripted(&sandbox, "setsid sleep 20 & sleep 0.3", "exec cat > out");
    sandbox.write_task(&generate(30_000), &[output], "");
    sandbox.run_task().said(0, &["attempt 1)"]);
}
