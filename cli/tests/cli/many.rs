//! Several tasks in one process: `dstream run a b`, `--all`, `--fail-fast`.

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Block, Sandbox, alive, emitted, eventually, same_bytes};

/// An input of this script, and an output that keeps everything in a file of the task's name.
fn kept(sandbox: &Sandbox, steps: &[&str], name: &str) -> (Block, Block) {
    let output = Block::script(&["ready", &format!("sink {}", sandbox.at(name))]);
    (Block::script(steps), output)
}

fn three(sandbox: &Sandbox, steps: [&[&str]; 3]) {
    let names = ["one", "two", "three"];
    let tasks = [0, 1, 2].map(|at| {
        let (input, output) = kept(sandbox, steps[at], names[at]);
        (names[at], input, output)
    });
    sandbox.write_tasks(&tasks);
}

/// Lines of stdout in an order that does not depend on which task was faster.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

const ALL_WELL: [&str; 4] = [
    "✅ 3 tasks: 3 succeeded",
    "✅ Task \"one\" executed successfully",
    "✅ Task \"three\" executed successfully",
    "✅ Task \"two\" executed successfully",
];

#[test]
fn each_task_delivers_all_its_lines() {
    let sandbox = Sandbox::new();
    three(
        &sandbox,
        [&["ready", "emit 20000 100"], &["ready", "emit 3 50"], &["ready", "emit 500 1000"]],
    );
    for args in [&["run", "one", "two", "three"][..], &["run", "--all"]] {
        let outcome = sandbox.run(args);
        assert_eq!(outcome.status, "0", "{}", outcome.stderr);
        assert_eq!(sorted(&outcome.stdout), ALL_WELL);
        assert!(outcome.stdout.ends_with("✅ 3 tasks: 3 succeeded\n"), "{}", outcome.stdout);
        let summary = "INFO  two: 3 lines (150 B) written to sink in [TIME]\n";
        assert!(outcome.stderr.contains(summary), "{}", outcome.stderr);
        same_bytes(&sandbox.read("one"), &emitted(1, 20000, 100));
        same_bytes(&sandbox.read("two"), &emitted(1, 3, 50));
        same_bytes(&sandbox.read("three"), &emitted(1, 500, 1000));
        for name in ["one", "two", "three"] {
            sandbox.write(name, "");
        }
    }
}

#[test]
fn what_several_tasks_print_does_not_mix() {
    let sandbox = Sandbox::new();
    let prints = |name| {
        (
            name,
            Block::script(&["ready", "emit 5000 200"]),
            Block::fixture("bash/ready_then_reads.sh"),
        )
    };
    sandbox.write_tasks(&[prints("a"), prints("b")]);
    let outcome = sandbox.run(&["run", "a", "b"]);
    assert_eq!(outcome.status, "0", "{}", outcome.stderr);
    let (envelopes, closing): (Vec<&str>, Vec<&str>) =
        outcome.stdout.lines().partition(|line| line.starts_with('{'));
    assert_eq!((envelopes.len(), closing.len()), (10_000, 3));
    for line in envelopes {
        assert_eq!(line.len(), 199, "{line}");
        serde_json::from_str::<Value>(line).unwrap();
    }
}

#[test]
fn one_that_fails_does_not_stop_the_others() {
    let sandbox = Sandbox::new();
    let failed = sandbox.at("failed");
    // The others deliver only after the failure.
    let wait = format!("wait {failed}");
    three(
        &sandbox,
        [
            &["ready", &wait, "emit 1000 100"],
            &["stderr 1", "exit 3"],
            &["ready", &wait, "emit 9 100"],
        ],
    );
    let running = sandbox.start(&["run", "--all"]);
    running.says("❌ Task \"two\" failed");
    sandbox.write("failed", "");
    let outcome = running.outcome();
    outcome.has(
        1,
        &outcome.stdout,
        &[
            "error: task `two`: input provider `source` exited before it was ready (exit status 3",
            "    log line 1",
            "❌ Task \"two\" failed",
            "❌ 3 tasks: 2 succeeded, 1 failed: two\n",
        ],
    );
    assert_eq!(sorted(&outcome.stdout), [ALL_WELL[1], ALL_WELL[2]]);
    assert!(outcome.stderr.contains("INFO  two/source: log line 1\n"), "{}", outcome.stderr);
    same_bytes(&sandbox.read("one"), &emitted(1, 1000, 100));
    same_bytes(&sandbox.read("three"), &emitted(1, 9, 100));
}

#[test]
fn fail_fast_stops_the_others_in_good_order() {
    let sandbox = Sandbox::new();
    let last = "half {\"data\":{\"last\":1}}\n";
    let flows = ["a", "b"].map(|name| format!("touch {}", sandbox.at(name)));
    let endless =
        |touch| ["ignore-term", "ready", "emit 1 100", touch, "emit-until-term 100", last];
    let wait = ["a", "b"].map(|name| format!("wait {}", sandbox.at(name)));
    let fails = ["ready", &wait[0], &wait[1], "exit 3"];
    three(&sandbox, [&endless(&flows[0]), &fails, &endless(&flows[1])]);
    let outcome = sandbox.run(&["run", "--all", "--fail-fast"]);
    outcome.has(1, "", &["INFO  one: stopping: another task failed"]);
    outcome.has(1, "", &["❌ Task \"two\" failed"]);
    for name in ["one", "three"] {
        let stopped = format!(
            "⏹ Task \"{name}\" stopped because another task failed; all lines that were read were delivered\n"
        );
        outcome.has(1, "", &[&stopped, "❌ 3 tasks: 2 stopped, 1 failed: two\n"]);
    }
    for name in ["one", "three"] {
        assert!(sandbox.read(name).ends_with(b"{\"data\":{\"last\":1}}\n"), "{name}");
    }
}

#[test]
fn a_signal_drains_all_tasks() {
    let sandbox = Sandbox::new();
    let pid = format!("pidfile {}", sandbox.at("pids"));
    let endless = [&pid, "ready", "emit-until-term 100", "half {\"data\":{\"last\":1}}\n"];
    three(&sandbox, [&endless; 3]);
    let running = sandbox.start(&["run", "one", "two", "three"]);
    for name in ["one", "two", "three"] {
        eventually("lines", || sandbox.read_or_empty(name).len() > 10_000);
    }
    running.signal(Signal::INT);
    let outcome = running.outcome();
    outcome.has(130, "", &["⏹ 3 tasks: 3 stopped\n"]);
    for name in ["one", "two", "three"] {
        let out = sandbox.read(name);
        let lines = out.iter().filter(|&&byte| byte == b'\n').count() as u64;
        let last = b"{\"data\":{\"last\":1}}\n".to_vec();
        same_bytes(&out, &[emitted(1, lines - 1, 100), last].concat());
    }
    for id in sandbox.process_ids("pids", 3) {
        eventually(&format!("the end of process {id}"), || !alive(id));
    }
}

#[test]
fn a_second_signal_ends_all_tasks_at_once() {
    let sandbox = Sandbox::new();
    let pid = format!("pidfile {}", sandbox.at("pids"));
    let stubborn = |name| {
        // A grace that the watchdog would not wait for.
        let block = |steps: &[&str]| Block::script(steps).with("shutdown_timeout = \"10m\"");
        let input = block(&[&pid, "ignore-term", "ready", "emit 3 100", "hang"]);
        (name, input, block(&[&pid, "ignore-term", "ready", "read-all", "hang"]))
    };
    sandbox.write_tasks(&[stubborn("a"), stubborn("b")]);
    let running = sandbox.start(&["run", "--all"]);
    sandbox.process_ids("pids", 4);
    running.signal(Signal::INT);
    running.says("a: stopping: SIGINT");
    running.says("b: stopping: SIGINT");
    running.signal(Signal::TERM);
    running.outcome().has(1, "", &[]);
    for id in sandbox.process_ids("pids", 4) {
        eventually(&format!("the end of process {id}"), || !alive(id));
    }
}

#[test]
fn wrong_names_start_nothing() {
    let sandbox = Sandbox::new();
    let touch = format!("touch {}", sandbox.at("started"));
    three(&sandbox, [&[&touch, "ready"]; 3]);
    let unknown = "\
error: dstream.hcl has no task `tow`
hint: did you mean `two`?
error: dstream.hcl has no task `zzzzzz`
hint: it has: one, two, three
";
    sandbox.run(&["run", "one", "tow", "zzzzzz"]).is(2, "", unknown);
    let twice = "\
error: task `two` is given more than once
hint: a task runs once at a time: name it once
";
    sandbox.run(&["run", "two", "one", "two", "two"]).is(2, "", twice);
    sandbox.run(&["run", "--all", "one"]).has(2, "", &["Usage: dstream run"]);
    sandbox.run(&["run"]).has(2, "", &["has the tasks `one`, `two` and `three`"]);
    assert!(!sandbox.path("started").exists());
}

#[test]
fn one_wrong_task_keeps_all_from_starting() {
    let sandbox = Sandbox::new();
    let touch = format!("touch {}", sandbox.at("started"));
    let wrong = Block::builtin("null").config("x = env(\"DSTREAM_TEST_UNSET\")");
    sandbox.write_tasks(&[
        ("good", Block::script(&[&touch, "ready"]), Block::builtin("null")),
        ("bad", Block::script(&[&touch, "ready"]), wrong.clone()),
        ("worse", Block::script(&[&touch, "ready"]), wrong),
    ]);
    sandbox.run(&["run", "--all"]).has(
        2,
        "",
        &["DSTREAM_TEST_UNSET", "2 errors; nothing was started"],
    );
    assert!(!sandbox.path("started").exists());
    // What is wrong with a task that is not asked for is not in the way.
    assert_eq!(sandbox.run(&["run", "good"]).status, "0");
}

#[test]
fn all_of_no_tasks_is_an_error() {
    let sandbox = Sandbox::hcl("# nothing yet\n");
    sandbox.run(&["run", "--all"]).is(2, "", "error: dstream.hcl has no tasks\n");
}

#[test]
fn json_log_lines_carry_the_task() {
    let sandbox = Sandbox::new();
    three(&sandbox, [&["ready", "stderr 2", "emit 3 100"]; 3]);
    for (args, tasks) in
        [(&["run", "--all", "--log-format", "json"][..], 3), (&["run", "-f", "json", "one"], 1)]
    {
        let outcome = sandbox.run(args);
        assert_eq!(outcome.status, "0", "{}", outcome.stderr);
        let lines: Vec<Value> =
            outcome.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        // Two lines of its log and the summary.
        assert_eq!(lines.len(), 3 * tasks, "{}", outcome.stderr);
        for name in &["one", "two", "three"][..tasks] {
            let of_task = lines.iter().filter(|line| line["task"] == **name).count();
            assert_eq!(of_task, 3, "{}", outcome.stderr);
        }
    }
}

#[test]
fn tasks_may_share_a_dead_letter_file() {
    use crate::harness::task;
    let sandbox = Sandbox::new();
    let stream = format!(
        "    on_invalid = \"dead_letter\"\n    dead_letter = \"{}\"\n    max_line = \"200KiB\"",
        sandbox.at("dead")
    );
    // Longer than what is written at once.
    let steps: Vec<String> = (0..20).map(|n| format!("line {n}{}", "x".repeat(9))).collect();
    let mut steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    steps.insert(0, "ready");
    steps.extend(["big 250000"; 20]);
    let text = ["a", "b", "c"]
        .map(|name| task(name, &Block::script(&steps), &[Block::builtin("null")], &stream));
    sandbox.write("dstream.hcl", text.concat());
    let outcome = sandbox.run(&["run", "--all"]);
    assert_eq!(outcome.status, "0", "{}", outcome.stderr);
    let dead = String::from_utf8(sandbox.read("dead")).unwrap();
    let letters: Vec<Value> =
        dead.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for name in ["a", "b", "c"] {
        assert_eq!(letters.iter().filter(|letter| letter["task"] == name).count(), 40, "{name}");
    }
}
