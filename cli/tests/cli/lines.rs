//! Which bytes arrive: order, completeness, what is left out, rejected or cut off.

use crate::harness::{
    Block, Outcome, Running, Sandbox, emitted, eventually, has_python, same_bytes,
};

const DONE: &str = "✅ Task \"t\" executed successfully\n";
const FAILED: &str = "❌ Task \"t\" failed\n";

/// Runs a script through one output into the file `out`, with the lines of a `stream` block.
fn through(steps: &[&str], stream: &str) -> (Sandbox, Outcome) {
    let sandbox = Sandbox::new();
    let mut script = vec!["ready"];
    script.extend(steps);
    let output = Block::script(&["ready", &format!("sink {}", sandbox.at("out"))]);
    sandbox.write_task(&Block::script(&script), &[output], stream);
    let outcome = sandbox.run_task();
    (sandbox, outcome)
}

/// The bytes as the step of a script.
fn bytes(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("bytes {digits}")
}

#[test]
fn a_hundred_thousand_lines_arrive_in_order() {
    let (sandbox, outcome) = through(&["emit 100000 200"], "");
    outcome.is(0, DONE, "INFO  dstream: 100,000 lines (19.1 MiB) written to sink in [TIME]\n");
    same_bytes(&sandbox.read("out"), &emitted(1, 100_000, 200));
}

#[test]
fn each_of_three_outputs_gets_every_line() {
    let sandbox = Sandbox::new();
    let input = Block::script(&["ready", "emit 100000 120"]);
    let outputs = ["one", "two", "three"]
        .map(|name| Block::script(&["ready", &format!("sink {}", sandbox.at(name))]).named(name));
    sandbox.write_task(&input, &outputs, "");
    let outcome = sandbox.run_task();
    outcome.has(0, DONE, &["to one", "to two", "to three"]);
    let expected = emitted(1, 100_000, 120);
    for name in ["one", "two", "three"] {
        same_bytes(&sandbox.read(name), &expected);
    }
}

#[test]
fn a_slow_output_loses_nothing_and_does_not_starve_a_fast_one() {
    let sandbox = Sandbox::new();
    let input = Block::script(&["ready", "emit 20000 200"]);
    let slow = format!("slow-sink 65536 2 {}", sandbox.at("slow"));
    let outputs = [
        Block::script(&["ready", &slow]).named("slow"),
        Block::script(&["ready", &format!("sink {}", sandbox.at("fast"))]).named("fast"),
    ];
    // Far less than the stream: what is between the pipes cannot hold it.
    sandbox.write_task(&input, &outputs, "    buffer = \"1MiB\"");
    sandbox.run_task().has(0, DONE, &["20,000 lines (3.8 MiB) written to slow"]);
    let expected = emitted(1, 20_000, 200);
    same_bytes(&sandbox.read("slow"), &expected);
    same_bytes(&sandbox.read("fast"), &expected);
}

#[test]
fn a_slow_reader_in_python_gets_everything() {
    if !has_python() {
        return;
    }
    let input = Block::script(&["ready", "emit 2000 500"]);
    let output =
        Block::fixture("python/slow_reader.py").config("chunk = 20000").config("pause_ms = 1");
    let outcome = Sandbox::task(&input, &[output]).run_task();
    let stdout = &outcome.stdout;
    assert!(stdout.starts_with("1000000 bytes ") && stdout.ends_with(DONE), "{stdout}");
    outcome.has(0, stdout, &["2,000 lines (976.6 KiB) written to sink"]);
}

#[test]
fn a_line_of_ten_mebibytes_is_a_line() {
    if !has_python() {
        return;
    }
    let sandbox = Sandbox::new();
    let output = Block::script(&["ready", &format!("sink {}", sandbox.at("out"))]);
    sandbox.write_task(&Block::fixture("python/big_line.py"), &[output], "");
    sandbox.run_task().has(0, DONE, &["3 lines (10.0 MiB) written to sink"]);
    let out = sandbox.read("out");
    assert_eq!(out.len(), 19 + (10 << 20) + 1 + 19);
    assert_eq!(out.iter().filter(|&&byte| byte == b'\n').count(), 3);
    assert!(out.ends_with(b"xxx\"}}\n{\"data\":{\"seq\":3}}\n"));
}

#[test]
fn a_last_line_without_newline_is_delivered_if_it_is_whole() {
    let printing = Block::fixture("bash/ready_then_reads.sh");
    let half = Block::fixture("bash/half_line.sh");
    let outcome =
        Sandbox::task(&half.clone().config("complete = 1"), std::slice::from_ref(&printing));
    outcome.run_task().is(
        0,
        &format!("{{\"data\":{{\"seq\":1}}}}\n{{\"data\":{{\"seq\":2}}}}\n{DONE}"),
        "INFO  dstream: 2 lines (38 B) written to sink in [TIME]\n",
    );
    Sandbox::task(&half.config("complete = 0"), &[printing]).run_task().is(
        0,
        &format!("{{\"data\":{{\"seq\":1}}}}\n{DONE}"),
        "WARN  source: line 2, which begins at byte 19, is cut off: dropped\n\
         INFO  dstream: 1 line (19 B) written to sink, 1 line rejected in [TIME]\n",
    );
}

/// Nothing but `full` asks how deep a line is.
#[test]
fn a_deep_last_line_without_newline_is_delivered() {
    let deep = format!("{{\"data\":{}{}}}", "[".repeat(1000), "]".repeat(1000));
    let (sandbox, outcome) = through(&["emit 1 100", &format!("half {deep}")], "");
    outcome.has(0, DONE, &["2 lines"]);
    same_bytes(
        &sandbox.read("out"),
        &[emitted(1, 1, 100), deep.into_bytes(), b"\n".to_vec()].concat(),
    );
}

#[test]
fn a_carriage_return_is_kept() {
    let text = b"{\"data\":1}\r\n{\"data\":2}\n{\"data\":3}\r\n";
    let (sandbox, outcome) = through(&[&bytes(text)], "");
    outcome.has(0, DONE, &["3 lines"]);
    same_bytes(&sandbox.read("out"), text);
}

#[test]
fn blank_lines_are_counted_and_left_out() {
    let text = b"\n{\"data\":1}\n\n\n \t\n\r\n{\"data\":2}\n\n";
    let (sandbox, outcome) = through(&[&bytes(text)], "");
    outcome.has(0, DONE, &["2 lines (22 B) written to sink, 6 blank lines left out"]);
    same_bytes(&sandbox.read("out"), b"{\"data\":1}\n{\"data\":2}\n");
}

#[test]
fn without_validation_blank_lines_and_anything_else_pass() {
    let text = b"\n{\"data\":1}\nno json\n\n\xff\xfe\x00\n\n";
    let (sandbox, outcome) = through(&[&bytes(text)], "    validate = \"off\"");
    outcome.has(0, DONE, &["6 lines (26 B) written to sink"]);
    same_bytes(&sandbox.read("out"), text);
}

const NUL: &[u8] = b"{\"data\":\"a\x00b\"}\n";
const INVALID_UTF8: &[u8] = b"{\"data\":\"\xff\xfe\"}\n";
const NO_JSON: &[u8] = b"{\"data\":}\n";
const NO_OBJECT: &[u8] = b"just text\n";

/// A good line, the bad one, a good line.
fn around(bad: &[u8]) -> Vec<u8> {
    [b"{\"data\":1}\n", bad, b"{\"data\":3}\n"].concat()
}

#[test]
fn full_validation_fails_the_task_by_default() {
    for bad in [NUL, INVALID_UTF8, NO_JSON, NO_OBJECT] {
        let stream = "    validate = \"full\"";
        let (sandbox, outcome) = through(&[&bytes(&around(bad))], stream);
        outcome.has(1, "", &["error: ", "line 2", FAILED]);
        same_bytes(&sandbox.read("out"), b"{\"data\":1}\n");
    }
}

#[test]
fn full_validation_can_drop_a_line() {
    for bad in [NUL, INVALID_UTF8, NO_JSON, NO_OBJECT] {
        let stream = "    validate = \"full\"\n    on_invalid = \"drop\"";
        let (sandbox, outcome) = through(&[&bytes(&around(bad))], stream);
        let stderr = [
            "WARN  source: line 2, which begins at byte 11, is ",
            ": dropped\n",
            "2 lines (22 B) written to sink, 1 line rejected",
        ];
        outcome.has(0, DONE, &stderr);
        same_bytes(&sandbox.read("out"), b"{\"data\":1}\n{\"data\":3}\n");
    }
}

#[test]
fn a_named_pipe_is_no_place_for_dead_letters() {
    let sandbox = Sandbox::new();
    let fifo = std::process::Command::new("mkfifo").arg(sandbox.path("pipe")).status();
    assert!(fifo.unwrap().success());
    let stream = "    on_invalid = \"dead_letter\"\n    dead_letter = \"pipe\"";
    sandbox.write_task(&Block::builtin("counter"), &[Block::builtin("null")], stream);
    sandbox.run_task().has(
        1,
        "",
        &[
            "error: input provider `source` has invalid lines that cannot be kept in `",
            "cause: it is a named pipe, not a file\n",
            FAILED,
        ],
    );
}

#[test]
fn full_validation_can_keep_a_line_as_a_dead_letter() {
    for bad in [NUL, INVALID_UTF8, NO_JSON] {
        let stream = "    validate = \"full\"\n    on_invalid = \"dead_letter\"\n    \
                      dead_letter = \"dead/t.jsonl\"";
        let (sandbox, outcome) = through(&[&bytes(&around(bad))], stream);
        let stderr =
            [": kept as a dead letter\n", "2 lines (22 B) written to sink, 1 line rejected"];
        outcome.has(0, DONE, &stderr);
        same_bytes(&sandbox.read("out"), b"{\"data\":1}\n{\"data\":3}\n");
        // How it is kept is the format's business; that nothing else is kept is checked here.
        let kept = sandbox.read("dead/t.jsonl");
        assert_eq!(kept.iter().filter(|&&byte| byte == b'\n').count(), 1);
        let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
        assert!(kept.is_object());
    }
}

#[test]
fn the_shape_is_checked_by_default_and_bytes_are_not() {
    let (sandbox, outcome) = through(&[&bytes(&around(INVALID_UTF8))], "");
    outcome.has(0, DONE, &["3 lines"]);
    same_bytes(&sandbox.read("out"), &around(INVALID_UTF8));
    let (sandbox, outcome) = through(&[&bytes(&around(NO_OBJECT))], "");
    outcome.has(1, "", &["error: ", "line 2", FAILED]);
    same_bytes(&sandbox.read("out"), b"{\"data\":1}\n");
}

/// Every byte of what passes is as it was: simd-json rewrites escapes in what it parses.
#[test]
fn a_filter_leaves_out_what_does_not_match_and_changes_no_byte() {
    let wanted = b"{\"metadata\":{\"\\u0074able\":\"users\"},\"data\":\"a\\n\\u00e9\"}\r\n\
                   {\"data\":1e400,\"metadata\":{\"table\":\"users\",\"lsn\":123456789012345678901}}\n";
    let other = b"{\"data\":{},\"metadata\":{\"table\":\"orders\"}}\n{\"data\":1}\n\n\
                  {\"metadata\":{\"table\":\"users\",\"operation\":\"delete\"},\"data\":null}\n";
    let text = [&wanted[..], other, wanted].concat();
    for level in ["off", "shape", "full"] {
        let stream = format!(
            "    validate = \"{level}\"\n    filter = metadata.table == \"users\" && metadata.operation != \"delete\""
        );
        let (sandbox, outcome) = through(&[&bytes(&text)], &stream);
        let count = "4 lines (256 B) written to sink, 1 blank line left out, 3 lines filtered out";
        outcome.has(0, DONE, &[count]);
        same_bytes(&sandbox.read("out"), &[&wanted[..], wanted].concat());
    }
}

#[test]
fn a_filter_works_on_a_long_stream() {
    let (sandbox, outcome) = through(&["emit 100000 200"], "    filter = data.seq > 60000");
    outcome.has(0, DONE, &["40,000 lines (7.6 MiB) written to sink, 60,000 lines filtered out"]);
    same_bytes(&sandbox.read("out"), &emitted(60_001, 40_000, 200));
}

#[test]
fn a_line_that_a_filter_cannot_read_goes_by_on_invalid() {
    for level in ["off", "shape", "full"] {
        for bad in [NUL, INVALID_UTF8, NO_JSON, NO_OBJECT] {
            let stream = format!("    validate = \"{level}\"\n    filter = data != 3");
            let (sandbox, outcome) = through(&[&bytes(&around(bad))], &stream);
            outcome.has(1, "", &["error: ", "line 2", FAILED]);
            same_bytes(&sandbox.read("out"), b"{\"data\":1}\n");
            let stream = format!("{stream}\n    on_invalid = \"drop\"");
            let (sandbox, outcome) = through(&[&bytes(&around(bad))], &stream);
            let count = "1 line (11 B) written to sink, 1 line filtered out, 1 line rejected";
            outcome.has(0, DONE, &[count]);
            same_bytes(&sandbox.read("out"), b"{\"data\":1}\n");
        }
    }
}

#[test]
fn deep_nesting_is_no_way_to_crash() {
    let deep = format!("{{\"data\":{}1{}}}\n", "[".repeat(200_000), "]".repeat(200_000));
    for stream in ["    validate = \"full\"", "    filter = data == 1 || data == metadata"] {
        let stream = format!("{stream}\n    on_invalid = \"drop\"");
        let (_, outcome) = through(&[&format!("half {deep}")], &stream);
        outcome.has(0, DONE, &["written to sink"]);
    }
}

#[test]
fn a_line_longer_than_max_line_goes_by_on_invalid() {
    let script = ["emit 1 100", "big 3000", "emit 1 100"];
    let limit = "    max_line = \"2KiB\"";
    let (sandbox, outcome) = through(&script, limit);
    outcome.has(1, "", &["error: ", "line 2", FAILED]);
    same_bytes(&sandbox.read("out"), &emitted(1, 1, 100));

    let (sandbox, outcome) = through(&script, &format!("{limit}\n    on_invalid = \"drop\""));
    outcome.has(0, DONE, &["line 2, which begins at byte 100, is ", "1 line rejected"]);
    same_bytes(&sandbox.read("out"), &[emitted(1, 1, 100), emitted(3, 1, 100)].concat());
}

#[test]
fn a_line_of_exactly_max_line_passes() {
    // The newline is not counted.
    let (sandbox, outcome) = through(&["big 2049"], "    max_line = \"2KiB\"");
    outcome.has(0, DONE, &["1 line (2.0 KiB)"]);
    same_bytes(&sandbox.read("out"), &emitted(1, 1, 2049));
    let (_, outcome) = through(&["big 2050"], "    max_line = \"2KiB\"");
    outcome.has(1, "", &["error: ", "line 1", FAILED]);
}

/// Bytes of memory that dstream has held at most so far: while it waits for its output to end.
fn memory_peak(running: &Running<'_>) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// Far more than the program and its buffers, far less than the streams of these tests.
const MEMORY_BYTES_MAX: u64 = 64 << 20;

#[test]
fn an_endless_line_takes_no_memory() {
    let sandbox = Sandbox::new();
    let input = Block::script(&["ready", "big 150000000", "emit 1 100"]);
    let (out, go) = (format!("sink {}", sandbox.at("out")), format!("wait {}", sandbox.at("go")));
    let output = Block::script(&["ready", &out, &go]);
    sandbox.write_task(&input, &[output], "    max_line = \"64KiB\"\n    on_invalid = \"drop\"");
    let running = sandbox.start(&["run", "t"]);
    eventually("the line behind it", || sandbox.read_or_empty("out").len() == 100);
    let peak = memory_peak(&running);
    assert!(peak < MEMORY_BYTES_MAX, "{peak} bytes");
    sandbox.write("go", "");
    let stderr = ["line 1, which begins at byte 0, is ", "1 line rejected"];
    running.outcome().has(0, DONE, &stderr);
    same_bytes(&sandbox.read("out"), &emitted(2, 1, 100));
}

#[test]
fn a_slow_output_takes_no_memory() {
    let sandbox = Sandbox::new();
    let input = Block::script(&["ready", "emit 150000 1000"]);
    let slow = format!("slow-sink 262144 1 {}", sandbox.at("out"));
    let outputs = [
        Block::script(&["ready", &slow, &format!("wait {}", sandbox.at("go"))]).named("slow"),
        Block::script(&["ready", "read-all"]).named("fast"),
    ];
    sandbox.write_task(&input, &outputs, "");
    let running = sandbox.start(&["run", "t"]);
    let length = || std::fs::metadata(sandbox.path("out")).map_or(0, |of| of.len());
    eventually("the whole stream", || length() == 150_000_000);
    let peak = memory_peak(&running);
    assert!(peak < MEMORY_BYTES_MAX, "{peak} bytes");
    sandbox.write("go", "");
    running.outcome().has(0, DONE, &["150,000 lines"]);
}

/// An output that prints and is gone in the same moment: what is still in its pipe is printed too.
/// Whether there is something depends on who is quicker, hence more than one run.
#[test]
fn the_last_words_of_an_output_are_printed() {
    let input = Block::script(&["ready", "emit 1 100"]);
    let outputs = ["one", "two", "three"]
        .map(|name| Block::script(&["ready", "read-all", "emit 300 100"]).named(name));
    let sandbox = Sandbox::task(&input, &outputs);
    for _ in 0..20 {
        let outcome = sandbox.run_task();
        assert_eq!(outcome.status, "0", "{}", outcome.stderr);
        // Three outputs print at a time, so only the number of lines is sure.
        let words = outcome.stdout.lines().filter(|line| line.starts_with("{\"data\":{\"seq\""));
        assert_eq!(words.count(), 900);
    }
}

#[test]
fn nothing_is_a_stream_too() {
    let (sandbox, outcome) = through(&[], "");
    outcome.is(0, DONE, "INFO  dstream: 0 lines (0 B) written to sink in [TIME]\n");
    assert_eq!(sandbox.read("out"), b"");
}
