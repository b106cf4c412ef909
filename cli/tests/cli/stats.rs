//! `--stats`: the figures are right and come when they should.
//!
//! Whatever takes time waits for a file that the test makes once it has seen what it wants to see;
//! a stream that is to be held up is held up until then.

use regex::Regex;
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Block, Outcome, Running, Sandbox, eventually, task};

const DONE: &str = "✅ Task \"t\" executed successfully\n";
const FAILED: &str = "❌ Task \"t\" failed\n";

/// An interval that no test lives to see the end of.
const NEVER: [&str; 2] = ["--stats-interval", "24h"];
const OFTEN: [&str; 5] = ["--stats", "--stats-format", "json", "--stats-interval", "50ms"];

pub(crate) fn run_with<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&["run", "t"], args].concat()
}

/// The task `t`, run with `--stats` and no figures before its end.
fn reported(sandbox: &Sandbox) -> Outcome {
    sandbox.run(&run_with(&[&["--stats"], &NEVER[..]].concat()))
}

/// An output that reads nothing until there is a file `go`.
fn held_up(sandbox: &Sandbox) -> Block {
    let (wait, out) = (format!("wait {}", sandbox.at("go")), format!("sink {}", sandbox.at("out")));
    Block::script(&["ready", &wait, &out])
}

/// The text with every time, rate and share in it replaced: what is left is the same in every run.
pub(crate) fn without_times(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, to) in [
        (r"[\d,.]+ lines/s \([\d.]+ [KMGT]?i?B/s\)", "[RATE]"),
        (r"\d[\d.]* (µs|ms|s)\b", "[TIME]"),
        (r"\d+ %", "[SHARE]"),
        (r"(?m)^  (input|output|relay)-bound: .*$", "  [BOTTLENECK]"),
    ] {
        text = Regex::new(pattern).unwrap().replace_all(&text, to).into_owned();
    }
    text
}

/// The statistics on a JSON stderr so far.
fn objects(stderr: &str) -> Vec<Value> {
    let whole = stderr.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let stats = whole.lines().filter(|line| line.contains("\"type\":\"stats\""));
    stats.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until the latest statistics are such.
#[track_caller]
fn until(sandbox: &Sandbox, what: &str, holds: impl Fn(&[Value]) -> bool) {
    eventually(what, || {
        let stderr = String::from_utf8(sandbox.read_or_empty("stderr")).unwrap_or_default();
        holds(&objects(&stderr))
    });
}

fn share(stats: &[Value], of: &str) -> f64 {
    stats.last().map_or(0.0, |last| last["shares"][of].as_f64().unwrap())
}

#[test]
fn the_report_says_what_went_where() {
    let sandbox = Sandbox::new();
    let odd: String = "\noops\n{\"data\":0}\n\n".bytes().map(|b| format!("{b:02x}")).collect();
    let input = Block::script(&["ready", "emit 3 100", &format!("bytes {odd}"), "emit 4 1000"]);
    let outputs = ["one", "two"]
        .map(|name| Block::script(&["ready", &format!("sink {}", sandbox.at(name))]).named(name));
    let stream = "    filter = data.seq != 2 && data.seq != 7\n    on_invalid = \"drop\"";
    // `{"data":0}` has no `seq`, which is not equal to any number: it passes.
    sandbox.write_task(&input, &outputs, stream);
    let outcome = reported(&sandbox);
    let (_, report) = outcome.stderr.split_once("Statistics").unwrap();
    assert_eq!(
        without_times(report),
        " of task \"t\", [TIME] by portable:
  relayed   6 lines (3.1 KiB), on average [RATE]
  left out  2 blank, 2 filtered out, 1 rejected
  written   6 lines (3.1 KiB) to one
  written   6 lines (3.1 KiB) to two
  latency   p50 [TIME], p90 [TIME], p99 [TIME], p99.9 [TIME], max [TIME]
  time      [SHARE] waiting for the input, [SHARE] waiting for the output, [SHARE] at work
  [BOTTLENECK]
INFO  dstream: 6 lines (3.1 KiB) written to one, 6 lines (3.1 KiB) written to two, \
2 blank lines left out, 2 lines filtered out, 1 line rejected in [TIME]
"
    );
    outcome.has(0, DONE, &[]);
}

#[test]
fn a_stream_without_lines_has_no_latency() {
    let input = Block::script(&["ready"]);
    let outcome = reported(&Sandbox::task(&input, &[Block::script(&["ready", "read-all"])]));
    outcome.has(0, DONE, &["relayed   0 lines (0 B)", "written   0 lines (0 B) to sink\n  time"]);
    assert!(!outcome.stderr.contains("left out"), "{}", outcome.stderr);
}

#[test]
fn a_failure_has_a_report_too() {
    let sink = Block::script(&["ready", "read-all"]);
    let input = Block::script(&["ready", "emit 10 100", "exit 3"]);
    let outcome = reported(&Sandbox::task(&input, std::slice::from_ref(&sink)));
    let expected = ["Statistics of task \"t\"", "written   10 lines (1000 B) to sink\n", FAILED];
    outcome.has(1, "", &expected);
    assert!(
        outcome.stderr.contains("error: input provider `source` failed (exit status 3)"),
        "{}",
        outcome.stderr
    );

    let invalid = Block::script(&["ready", "emit 2 100", "half oops\n"]);
    let outcome = reported(&Sandbox::task(&invalid, std::slice::from_ref(&sink)));
    let expected = ["relayed   2 lines", "0 blank, 0 filtered out, 1 rejected\n", FAILED];
    outcome.has(1, "", &expected);

    // There was no stream.
    let outcome = reported(&Sandbox::task(&Block::path("./missing"), &[sink]));
    outcome.has(1, "", &[FAILED]);
    assert!(!outcome.stderr.contains("Statistics"), "{}", outcome.stderr);
}

/// What an output has left in its pipe has not reached it, and every count says so.
#[test]
fn the_report_counts_as_the_summary_does() {
    let sandbox = Sandbox::new();
    let input = Block::script(&["ready", "emit 10 100"]);
    let output = Block::script(&["ready", &format!("wait {}", sandbox.at("go")), "read 2"]);
    for format in ["text", "json"] {
        sandbox.write_task(&input, std::slice::from_ref(&output), "");
        let args = [&["--stats", "--stats-format", format], &NEVER[..]].concat();
        let running =
            sandbox.start(&run_with(&["-l", "debug"]).into_iter().chain(args).collect::<Vec<_>>());
        // All ten are in the pipe and the stream is over before the output leaves.
        running.says("source: ended");
        sandbox.write("go", "");
        let outcome = running.outcome();
        let written = match format {
            "text" => "  written   2 lines (200 B) to sink\n",
            _ => "\"bytes_written\":200",
        };
        let summary = "INFO  dstream: 2 lines (200 B) written to sink";
        outcome.has(1, "", &[written, summary, FAILED]);
        std::fs::remove_file(sandbox.path("go")).unwrap();
    }
}

#[test]
fn an_idle_input_is_what_holds_the_stream_up() {
    for transport in ["splice", "uring", "portable"] {
        let input = Block::script(&["ready", "emit 3 100", "until-term"]);
        let sandbox = Sandbox::task(&input, &[Block::script(&["ready", "read-all"])]);
        let running = sandbox.start(&run_with(&[&OFTEN[..], &["--transport", transport]].concat()));
        until(&sandbox, "an idle input", |stats| share(stats, "input") > 0.9);
        // Until its pipe ends the stream waits for the input all the same.
        running.signal(Signal::INT);
        let outcome = running.outcome();
        let stopped = "⏹ Task \"t\" stopped; all lines that were read were delivered\n";
        outcome.has(130, "", &["\"final\":true", stopped]);
        let stats = objects(&outcome.stderr);
        let last = stats.last().unwrap();
        assert_eq!((&last["bottleneck"], &last["lines"]), (&"input".into(), &3.into()));
    }
}

#[test]
fn an_output_that_does_not_read_is_what_holds_the_stream_up() {
    for transport in ["splice", "uring", "portable"] {
        let sandbox = Sandbox::new();
        // More than two pipes and a buffer hold.
        let input = Block::script(&["ready", "emit 100000 100"]);
        sandbox.write_task(&input, &[held_up(&sandbox)], "    buffer = \"1MiB\"");
        let running = sandbox.start(&run_with(&[&OFTEN[..], &["--transport", transport]].concat()));
        until(&sandbox, "a slow output", |stats| {
            let last = stats.last();
            last.is_some_and(|last| last["bottleneck"] == "output" && share(stats, "output") > 0.9)
        });
        sandbox.write("go", "");
        running.outcome().has(0, DONE, &["\"final\":true", "100,000 lines"]);
    }
}

#[test]
fn a_run_that_is_ended_by_force_has_a_report_that_names_the_slow_output() {
    let sandbox = Sandbox::new();
    let input = Block::script(&["ready", "emit 100000 100", "until-term"]);
    sandbox.write_task(&input, &[held_up(&sandbox)], "    buffer = \"1MiB\"");
    let args = ["--stats", "--stats-format", "text", "--stats-interval", "50ms"];
    let running = sandbox.start(&run_with(&args));
    // It only grows from there: nothing moves any more.
    let slow = Regex::new(r"STATS t: .*, output-bound (9\d|100) %\n").unwrap();
    eventually("a slow output", || {
        slow.is_match(&String::from_utf8_lossy(&sandbox.read_or_empty("stderr")))
    });
    running.signal(Signal::TERM);
    running.says("stopping: SIGTERM");
    running.signal(Signal::INT);
    let bottleneck = "  output-bound: the output kept the stream waiting ";
    running.outcome().has(1, "", &["Statistics of task \"t\"", bottleneck, "❌ Task \"t\" "]);
}

#[test]
fn each_of_several_tasks_has_its_report() {
    let sandbox = Sandbox::new();
    let tasks = [("a", 10), ("b", 200)].map(|(name, count)| {
        let emit = format!("emit {count} 100");
        let sink = Block::script(&["ready", "read-all"]).named(&format!("to-{name}"));
        (name, Block::script(&["ready", &emit]), sink)
    });
    sandbox.write_tasks(&tasks);
    let outcome = sandbox.run(&["run", "--all", "--stats", NEVER[0], NEVER[1]]);
    assert_eq!(outcome.status, "0", "{}", outcome.stderr);
    for (name, written) in
        [("a", "10 lines (1000 B) to to-a"), ("b", "200 lines (19.5 KiB) to to-b")]
    {
        let report = format!("Statistics of task \"{name}\", ");
        let parts: Vec<&str> = outcome.stderr.split(&report).collect();
        assert_eq!(parts.len(), 2, "{}", outcome.stderr);
        let own = parts[1].split("-bound: ").next().unwrap();
        assert!(own.contains(&format!("  written   {written}\n")), "{}", outcome.stderr);
    }
    let outcome = sandbox.run(&["run", "--all", "-f", "json", "--stats", NEVER[0], NEVER[1]]);
    let mut all = objects(&outcome.stderr);
    all.sort_by_key(|one| one["task"].to_string());
    let shown = |one: &Value| format!("{} {} {}", one["task"], one["final"], one["lines"]);
    assert_eq!(all.iter().map(shown).collect::<Vec<_>>(), ["\"a\" true 10", "\"b\" true 200"]);
}

/// A run of 1000 lines, a rest, 500 lines, to two outputs, with statistics every 50 ms.
fn rests(sandbox: &Sandbox) {
    let wait = format!("wait {}", sandbox.at("go"));
    let input = Block::script(&["ready", "emit 1000 100", &wait, "emit 500 100"]);
    let outputs = ["one", "two"]
        .map(|name| Block::script(&["ready", &format!("sink {}", sandbox.at(name))]).named(name));
    sandbox.write_task(&input, &outputs, "    filter = data.seq % 10 != 0");
}

/// Lets a run of [`rests`] go on once it has shown some statistics of its rest.
fn shown_then_ended(sandbox: &Sandbox, running: Running<'_>) -> Outcome {
    until(sandbox, "statistics of a stream at rest", |stats| {
        let resting = |stats: &&Value| stats["lines"] == 900;
        stats.iter().filter(resting).count() >= 3
    });
    sandbox.write("go", "");
    running.outcome()
}

#[test]
fn json_statistics_add_up() {
    let sandbox = Sandbox::new();
    rests(&sandbox);
    let running = sandbox.start(&run_with(&OFTEN));
    let outcome = shown_then_ended(&sandbox, running);
    outcome.has(0, DONE, &["\"final\":true", "INFO  dstream: 1,350 lines"]);
    let stats = objects(&outcome.stderr);
    let number = |stats: &Value, pointer: &str| {
        stats
            .pointer(pointer)
            .and_then(Value::as_f64)
            .unwrap_or_else(|| panic!("{pointer}: {stats}"))
    };
    let (last, before) = stats.split_last().unwrap();
    assert!(before.len() >= 3);
    assert!(before.iter().all(|stats| stats["final"] == false));
    for one in &stats {
        assert_eq!((&one["type"], &one["task"]), (&"stats".into(), &"t".into()));
        assert_eq!(one["transport"], "portable");
        let of = |share: &str| number(one, &format!("/shares/{share}"));
        let all = of("input") + of("output") + of("work");
        assert!((all - 1.0).abs() < 0.01, "{one}");
        let most = ["input", "output", "work"].into_iter().map(of).fold(0.0, f64::max);
        let named = one["bottleneck"].as_str().unwrap().replace("relay", "work");
        assert_eq!(of(&named), most, "{one}");
    }
    for (one, next) in stats.iter().zip(&stats[1..]) {
        for counter in [
            "/elapsed_s",
            "/lines",
            "/bytes",
            "/bytes_read",
            "/lines_blank",
            "/lines_filtered",
            "/lines_rejected",
            "/latency_us/count",
            "/latency_us/max",
            "/outputs/0/lines_written",
            "/outputs/1/bytes_written",
        ] {
            assert!(number(one, counter) <= number(next, counter), "{counter}: {one} {next}");
        }
    }
    assert_eq!(last["final"], true);
    for (counter, expected) in [
        ("/lines", 1350),
        ("/bytes", 135_000),
        ("/bytes_read", 150_000),
        ("/lines_blank", 0),
        ("/lines_filtered", 150),
        ("/lines_rejected", 0),
        ("/queued_bytes", 0),
        ("/queue_bytes_max", 8 << 20),
        ("/latency_us/count", 2 * 1350),
        ("/outputs/0/lines_written", 1350),
        ("/outputs/0/bytes_written", 135_000),
        ("/outputs/1/lines_written", 1350),
        ("/outputs/1/bytes_written", 135_000),
    ] {
        assert_eq!(last.pointer(counter), Some(&expected.into()), "{counter}");
    }
    assert_eq!(
        (&last["outputs"][0]["name"], &last["outputs"][1]["name"]),
        (&"one".into(), &"two".into())
    );
    assert_eq!(last["lines_per_s"], last["lines_per_s_average"]);
    let latencies = ["p50", "p90", "p99", "p99.9", "max"].map(|of| last["latency_us"][of].as_u64());
    assert!(latencies.is_sorted() && latencies[0] >= Some(1), "{last}");
}

#[test]
fn with_a_json_log_everything_on_stderr_is_json() {
    let sandbox = Sandbox::new();
    rests(&sandbox);
    let args = ["-f", "json", "-l", "debug", "--stats", "--stats-interval", "50ms"];
    let running = sandbox.start(&run_with(&args));
    let outcome = shown_then_ended(&sandbox, running);
    outcome.has(0, DONE, &["\"final\":true"]);
    for line in outcome.stderr.lines() {
        let object: Value = serde_json::from_str(line).unwrap();
        // What is no statistics is a log line.
        assert!(object["type"] == "stats" || object["level"].is_string(), "{line}");
        assert_eq!(object["task"], "t", "{line}");
    }
}

#[test]
fn text_statistics_come_at_their_interval() {
    let sandbox = Sandbox::new();
    rests(&sandbox);
    let running = sandbox.start(&run_with(&["--stats", "--stats-interval", "50ms"]));
    let stats = Regex::new(
        r"(?m)^STATS t: \d+\.\d s, 900 lines \(87\.9 KiB\), [\d,.]+ lines/s \([\d.]+ \S+/s\), queue \d+ %, p50 \S+ \S+, p99 \S+ \S+, (input|output|relay)-bound \d+ %, 100 filtered out$",
    )
    .unwrap();
    eventually("three lines", || {
        let stderr = sandbox.read_or_empty("stderr");
        stats.find_iter(&String::from_utf8_lossy(&stderr)).count() >= 3
    });
    sandbox.write("go", "");
    running.outcome().has(0, DONE, &["STATS t: ", "Statistics of task \"t\""]);
}

#[test]
fn without_the_flag_there_are_none() {
    let sandbox = Sandbox::new();
    let input = Block::script(&["ready", "emit 10 100"]);
    sandbox.write("dstream.hcl", task("t", &input, &[Block::script(&["ready", "read-all"])], ""));
    let summary = "INFO  dstream: 10 lines (1000 B) written to sink in [TIME]\n";
    sandbox.run_task().is(0, DONE, summary);
}

#[test]
fn a_wrong_interval_starts_nothing() {
    let sandbox = Sandbox::new();
    let input = Block::script(&[&format!("touch {}", sandbox.at("started")), "ready"]);
    sandbox.write_task(&input, &[Block::builtin("null")], "");
    for (interval, why) in [
        ("0s", "it must be between 50ms and 24h"),
        ("49ms", "it must be between 50ms and 24h"),
        ("25h", "it must be between 50ms and 24h"),
        ("24h30m", "it must be between 50ms and 24h"),
        ("99999999999999999999h", "too large"),
        ("s", "not a duration; write it like"),
        ("1.2.3s", "not a duration; write it like"),
        ("1d", "not a duration; write it like"),
        ("often", "not a duration; write it like"),
        ("", "not a duration; write it like"),
    ] {
        let outcome = sandbox.run(&run_with(&["--stats", "--stats-interval", interval]));
        let what = format!("invalid value '{interval}' for '--stats-interval <TIME>': {why}");
        outcome.has(2, "", &[&what]);
    }
    for wrong in [&["--stats-interval", "1s"], &["--stats-format", "json"]] {
        let outcome = sandbox.run(&run_with(wrong));
        outcome.has(2, "", &["required arguments were not provided", "--stats\n"]);
    }
    for wrong in [&["--stats", "--stats-format", "xml"][..], &["--transport", "pigeon"]] {
        let outcome = sandbox.run(&run_with(wrong));
        outcome.has(2, "", &["invalid value '", "possible values: "]);
    }
    assert!(!sandbox.path("started").exists());
}
