//! plan, init, status, destroy: the output alone answers.

use rustix::process::Signal;

use crate::harness::{Block, Sandbox, alive, eventually};

fn console() -> Sandbox {
    let output = Block::builtin("console").config("resourceCount = 2");
    // Were the input started, it would be noted.
    Sandbox::task(&Block::script(&["touch /nonexistent/input"]), &[output])
}

#[test]
fn plan_shows_what_init_would_do() {
    console().run(&["plan", "t"]).is(
        0,
        "sink: planned: would create 2 demo resources\n  \
           + create console-1 type=demo\n  \
           + create console-2 type=demo\n  \
           2 to create, 0 to change, 0 to delete\n  \
           provider = console\n",
        "",
    );
}

#[test]
fn init_shows_what_it_has_done() {
    let outcome = console().run(&["init", "t"]);
    outcome.has(0, &outcome.stdout, &[]);
    assert_eq!(outcome.stderr, "");
    for part in
        ["sink: initialized: created 2 demo resources\n", "  + create console-2 type=demo\n"]
    {
        assert!(outcome.stdout.contains(part), "{}", outcome.stdout);
    }
}

#[test]
fn status_lists_resources() {
    console().run(&["status", "t"]).is(
        0,
        "sink: ok: has 2 demo resources\n  \
           • console-1 type=demo\n  \
           • console-2 type=demo\n  \
           provider = console\n",
        "",
    );
}

#[test]
fn json_is_the_result_as_it_came() {
    console().run(&["status", "t", "--json"]).is(
        0,
        "{\"status\":\"ok\",\"message\":\"has 2 demo resources\",\
         \"metadata\":{\"provider\":\"console\"},\"resources\":[\
         {\"name\":\"console-1\",\"type\":\"demo\"},{\"name\":\"console-2\",\"type\":\"demo\"}]}\n",
        "",
    );
}

#[test]
fn destroy_does_as_it_is_told() {
    console().run(&["destroy", "t", "--yes"]).is(
        0,
        "sink: destroyed: deleted 2 demo resources\n  \
           - delete console-1 type=demo\n  \
           - delete console-2 type=demo\n  \
           0 to create, 0 to change, 2 to delete\n  \
           provider = console\n",
        "",
    );
}

#[test]
fn destroy_without_a_terminal_needs_a_yes() {
    let sandbox = Sandbox::new();
    let touch = format!("touch {}", sandbox.at("started"));
    let output = Block::script(&[&touch, "line {\"status\":\"ok\"}"]);
    sandbox.write_task(&Block::builtin("counter"), &[output], "");
    sandbox.run(&["destroy", "t"]).is(
        2,
        "",
        "error: destroying what task `t` has needs a yes\n\
         hint: there is no terminal to ask on: give --yes\n",
    );
    assert!(!sandbox.path("started").exists());
}

#[test]
fn a_result_with_an_error_fails_the_command() {
    let sandbox =
        Sandbox::task(&Block::builtin("counter"), &[Block::fixture("bash/lifecycle_fails.sh")]);
    let stderr = "error: plan failed in output `sink`\ncause: quota exceeded\n";
    sandbox.run(&["plan", "t"]).is(1, "sink: error\n", stderr);
    let raw = "{\"status\":\"error\",\"error\":\"quota exceeded\"}\n";
    sandbox.run(&["plan", "t", "--json"]).is(1, raw, stderr);
}

#[test]
fn an_exit_status_other_than_0_fails_the_command() {
    let sandbox =
        Sandbox::task(&Block::builtin("counter"), &[Block::fixture("bash/lifecycle_exits.sh")]);
    let outcome = sandbox.run(&["init", "t"]);
    outcome.has(1, &outcome.stdout, &["error: ", "`sink`", "exit status 7"]);
}

#[test]
fn a_result_is_shown_whatever_the_exit_status() {
    let sandbox =
        Sandbox::task(&Block::builtin("counter"), &[Block::fixture("bash/lifecycle_exits.sh")]);
    sandbox.run(&["init", "t"]).has(1, "sink: ok: all is well\n", &["exit status 7"]);
    let raw = "{\"status\":\"ok\",\"message\":\"all is well\"}\n";
    sandbox.run(&["init", "t", "--json"]).has(1, raw, &["exit status 7"]);
}

#[test]
fn an_error_and_an_exit_status_are_reported_by_the_error() {
    let result = "line {\"status\":\"error\",\"error\":\"quota exceeded\"}";
    let output = Block::script(&[result, "exit 1"]);
    let outcome = Sandbox::task(&Block::builtin("counter"), &[output]).run(&["plan", "t"]);
    outcome.has(1, &outcome.stdout, &["error: ", "`sink`", "quota exceeded"]);
}

#[test]
fn an_output_that_says_nothing_fails_the_command() {
    let silent = Block::script(&["stderr 1", "exit 0"]);
    let outcome = Sandbox::task(&Block::builtin("counter"), &[silent]).run(&["status", "t"]);
    outcome.has(1, "", &["log line 1", "error: ", "`sink`"]);
}

#[test]
fn a_change_has_its_sign() {
    let result = "line {\"status\":\"planned\",\"changes\":[\
                  {\"action\":\"create\",\"resource\":\"a\"},\
                  {\"action\":\"update\",\"resource\":\"b\"},\
                  {\"action\":\"delete\",\"resource\":\"c\"}]}";
    let output = Block::script(&[result]);
    let outcome = Sandbox::task(&Block::builtin("counter"), &[output]).run(&["plan", "t"]);
    outcome.is(
        0,
        "sink: planned\n  + create a\n  ~ update b\n  - delete c\n  \
         1 to create, 1 to change, 1 to delete\n",
        "",
    );
}

#[test]
fn each_output_answers() {
    let outputs = ["one", "two"].map(|label| Block::builtin("console").named(label));
    let outcome = Sandbox::task(&Block::builtin("counter"), &outputs).run(&["status", "t"]);
    outcome.has(0, &outcome.stdout, &[]);
    let (one, two) = (outcome.stdout.find("one: ok"), outcome.stdout.find("two: ok"));
    assert!(one.is_some() && one < two, "{}", outcome.stdout);
}

#[test]
fn who_is_silent_is_said_and_a_signal_ends_the_wait() {
    for (signal, name, status) in [(Signal::INT, "SIGINT", 130), (Signal::TERM, "SIGTERM", 1)] {
        let sandbox = Sandbox::new();
        let silent = Block::script(&[&format!("pidfile {}", sandbox.at("pids")), "hang"]);
        sandbox.write_task(&Block::builtin("counter"), &[silent], "");
        let running = sandbox.start(&["init", "t"]);
        let ids = sandbox.process_ids("pids", 1);
        if status == 130 {
            running.says("WARN  sink: still working after ");
        }
        running.signal(signal);
        let said = "error: output provider `sink` was stopped before it sent its result\n";
        running.outcome().has(status, "", &[&format!("stopping: {name}\n"), said]);
        eventually("the end of the output", || !alive(ids[0]));
    }
}

#[test]
fn a_second_signal_ends_a_lifecycle_command_at_once() {
    let sandbox = Sandbox::new();
    let pid = format!("pidfile {}", sandbox.at("pids"));
    // A grace that the watchdog would not wait for.
    let stubborn = Block::script(&["ignore-term", &pid, "hang"]).with("shutdown_timeout = \"10m\"");
    sandbox.write_task(&Block::builtin("counter"), &[stubborn], "");
    let running = sandbox.start(&["plan", "t"]);
    let ids = sandbox.process_ids("pids", 1);
    running.signal(Signal::INT);
    running.says("stopping: SIGINT");
    running.signal(Signal::TERM);
    running.outcome().has(130, "", &["asked a second time", "was stopped before it sent"]);
    eventually("the end of the output", || !alive(ids[0]));
}

#[test]
fn an_output_that_does_not_read_its_command_has_failed_it() {
    let sandbox = Sandbox::new();
    sandbox.write("big", "x".repeat(900 << 10));
    sandbox.write_executable("deaf", "#!/bin/sh\nexec sleep 100000\n");
    let deaf = Block::path("./deaf")
        .with("startup_timeout = \"300ms\"")
        .config("one = file(\"big\")")
        .config("two = file(\"big\")");
    sandbox.write_task(&Block::builtin("counter"), &[deaf], "");
    let said = "error: output provider `sink` did not read its command within 0.3 s\n";
    sandbox.run(&["status", "t"]).has(1, "", &[said]);
}

#[test]
fn an_answer_does_not_wait_for_a_process_that_the_output_leaves_behind() {
    let sandbox = Sandbox::new();
    let grandchild = format!("grandchild {}", sandbox.at("pids"));
    let output = Block::script(&[&grandchild, "line {\"status\":\"ok\"}"]);
    sandbox.write_task(&Block::builtin("counter"), &[output], "");
    sandbox.run(&["status", "t"]).is(0, "sink: ok\n", "");
    let ids = sandbox.process_ids("pids", 1);
    eventually("the end of what was left behind", || !alive(ids[0]));
}

/// Whatever form a secret takes in an answer, and the answer stays JSON.
#[test]
fn secrets_in_an_answer_are_masked_and_it_stays_json() {
    let sandbox = Sandbox::new();
    let answer =
        r#"line {"status":"ok","message":"a\u0026b-hunter","metadata":{"pin":48151623,"x":1}}"#;
    let output =
        Block::script(&[answer]).config("word = env(\"WORD\")").config("pin = env(\"PIN\")");
    sandbox.write_task(&Block::builtin("counter"), &[output], "");
    let run = |args: &[&str]| {
        let mut command = sandbox.command(args);
        command.env("WORD", "a&b-hunter").env("PIN", "48151623");
        let outcome = sandbox.start_command(command).outcome();
        assert_eq!((outcome.status.as_str(), outcome.stderr.as_str()), ("0", ""));
        outcome.stdout
    };
    let json: serde_json::Value = serde_json::from_str(&run(&["status", "t", "--json"])).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "status": "ok", "message": "(secret)", "metadata": { "pin": "(secret)", "x": 1 }
        })
    );
    let text = run(&["status", "t"]);
    assert_eq!(text, "sink: ok: (secret)\n  pin = (secret)\n  x = 1\n");
}

/// What the output has said is its answer, also while a process that left its group holds its stdout.
#[test]
fn an_answer_counts_although_an_escaped_process_holds_the_stdout() {
    let sandbox = Sandbox::new();
    sandbox.write_executable(
        "sink.sh",
        "#!/bin/sh\nread -r command\nsetsid sh -c 'echo $$ > escaped; exec sleep 1000' &\n\
         while [ ! -s escaped ]; do sleep 0.05; done\necho '{\"status\":\"fine\"}'\n",
    );
    let output = Block::path("./sink.sh").named("sink");
    sandbox.write_task(&Block::builtin("counter"), &[output], "");
    let outcome = sandbox.run(&["status", "t"]);
    let escaped: i32 = String::from_utf8(sandbox.read("escaped")).unwrap().trim().parse().unwrap();
    let _ = rustix::process::kill_process(
        rustix::process::Pid::from_raw(escaped).unwrap(),
        Signal::KILL,
    );
    outcome.has(0, "sink: fine\n", &[]);
}
