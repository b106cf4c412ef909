use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Ended, READY, Running, run};

const INPUT: &str = "input file";

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::write(path, text).unwrap();
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).unwrap()
}

/// The command line of a run that keeps checkpoints, every so many lines.
fn command(config: &Value, lines: u64, checkpoint: Option<&Value>) -> String {
    let mut command = json!({
        "command": "run",
        "config": config,
        "protocol": {
            "version": 1, "features": ["checkpoint"], "checkpoint_interval": { "lines": lines },
        },
    });
    if let Some(checkpoint) = checkpoint {
        command["checkpoint"] = checkpoint.clone();
    }
    format!("{command}\n")
}

fn resumed(config: &Value, checkpoint: Option<&Value>) -> Ended {
    let ended = run(INPUT, command(config, 3, checkpoint));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

fn checkpoint_of(line: &str) -> Option<Value> {
    let mut line: Value = serde_json::from_str(line).unwrap();
    line.get_mut("checkpoint").map(Value::take)
}

/// The envelopes alone.
fn envelopes(stream: &str) -> String {
    let lines = stream.split_inclusive('\n');
    lines.filter(|line| !line.starts_with("{\"checkpoint\":")).collect()
}

fn last_checkpoint(stream: &str) -> Value {
    stream.lines().filter_map(checkpoint_of).next_back().unwrap()
}

/// `data` of each envelope, as text.
fn data(stream: &str) -> Vec<String> {
    let text = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["data"].as_str().map_or_else(|| line["data"].to_string(), str::to_owned)
    };
    envelopes(stream).lines().map(text).collect()
}

/// A follower, and what is expected of it.
struct Following(Running);

impl Following {
    fn start(config: &Value, checkpoint: Option<&Value>) -> Self {
        let mut running = Running::start(INPUT, &command(config, 1000, checkpoint));
        assert_eq!(running.line(), READY);
        Self(running)
    }

    /// The next envelope.
    fn next(&mut self) -> Value {
        loop {
            let line = self.0.line();
            assert!(!line.is_empty(), "it has ended");
            if checkpoint_of(&line).is_none() {
                return serde_json::from_str(&line).unwrap();
            }
        }
    }

    #[track_caller]
    fn expect(&mut self, lines: &[&str]) {
        for line in lines {
            assert_eq!(self.next()["data"], *line);
        }
    }

    /// Stops it and gives its last checkpoint. No envelope has come that was not expected.
    fn stop(self) -> Value {
        self.0.signal(Signal::TERM);
        let ended = self.0.end();
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(envelopes(&ended.stdout), "");
        last_checkpoint(&ended.stdout)
    }
}

#[test]
fn files_are_read_by_name_each_to_its_end() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    write(&path("b.log"), "b1\n\nb2");
    write(&path("a.log"), "{\"data\":{\"n\":1.50}}\r\n[1]\n");
    write(&path("c.log"), "");
    write(&path("d.txt"), "no\n");
    fs::hard_link(path("a.log"), path("again.log")).unwrap();
    let config = json!({ "path": path("*.log") });
    let ended = run(INPUT, config.to_string());
    let (a, b) = (path("a.log").display().to_string(), path("b.log").display().to_string());
    let expected = format!(
        "{{\"data\":{{\"n\":1.50}}}}\r\n\
         {{\"data\":[1],\"metadata\":{{\"provider\":\"file\",\"path\":\"{a}\",\"offset\":21,\"line\":2}}}}\n\
         {{\"data\":\"b1\",\"metadata\":{{\"provider\":\"file\",\"path\":\"{b}\",\"offset\":0,\"line\":1}}}}\n\
         {{\"data\":\"b2\",\"metadata\":{{\"provider\":\"file\",\"path\":\"{b}\",\"offset\":4,\"line\":3}}}}\n"
    );
    assert_eq!((ended.stream(), ended.code), (expected.as_str(), Some(0)));
    assert_eq!(ended.stderr, "");
    let paths = json!({ "paths": [path("b.log"), path("*.log")], "format": "text" });
    let ended = run(INPUT, paths.to_string());
    assert_eq!(data(ended.stream()), ["b1", "b2", "{\"data\":{\"n\":1.50}}", "[1]"]);
}

#[test]
fn a_demanded_format_names_file_and_line() {
    let folder = folder();
    let path = folder.path().join("a.log");
    write(&path, "{\"data\":1}\n\n{\"a\":1}\n{\"data\":2}\n");
    for (format, code, count) in [("envelope", 1, 1), ("json", 0, 3), ("auto", 0, 3)] {
        let ended = run(INPUT, json!({ "path": path, "format": format }).to_string());
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert_eq!(ended.stream().lines().count(), count, "what came before went out");
        if code == 1 {
            let place = format!("ERROR {}:3 (offset 12) is no envelope", path.display());
            assert!(ended.stderr.starts_with(&place), "{}", ended.stderr);
        }
    }
}

#[test]
fn what_came_before_a_line_that_cannot_be_passed_on_does_not_come_again() {
    let folder = folder();
    let path = folder.path().join("a.log");
    write(&path, "{\"data\":1}\n{\"data\":2}\n{\"a\":1}\n{\"data\":3}\n");
    for follow in [false, true] {
        let config = json!({ "path": path, "format": "envelope", "follow": follow });
        let ended = run(INPUT, command(&config, 100, None));
        assert_eq!((ended.code, data(ended.stream())), (Some(1), strings(&["1", "2"])));
        let checkpoint = last_checkpoint(ended.stream());
        // The line itself does, and is reported again.
        let ended = run(INPUT, command(&config, 100, Some(&checkpoint)));
        assert_eq!((ended.code, data(ended.stream())), (Some(1), strings(&[])));
        assert!(ended.stderr.contains(":3 (offset 22) is no envelope"), "{}", ended.stderr);
        let config = json!({ "path": path });
        let ended = run(INPUT, command(&config, 100, Some(&checkpoint)));
        assert_eq!(data(ended.stream()), strings(&["{\"a\":1}", "3"]));
    }
}

#[test]
fn what_is_wrong_is_said_before_anything_is_read() {
    let folder = folder();
    let missing = folder.path().join("missing");
    for (config, said) in [
        (json!({}), "path: say which file"),
        (json!({ "path": "a", "paths": ["b"] }), "exclude each other"),
        (json!({ "path": missing }), "there is no file"),
        (json!({ "path": folder.path() }), "is a folder"),
        (json!({ "path": "/dev/null" }), "is not a regular file"),
        (json!({ "path": missing, "follow": true, "poll_interval_ms": 0 }), "from 1 to"),
        (json!({ "path": missing, "start": "middle" }), "`start` must be one of"),
    ] {
        let ended = run(INPUT, config.to_string());
        let answer = ended.answer();
        assert_eq!((answer["class"].as_str(), ended.code), (Some("config"), Some(1)));
        assert!(answer["message"].as_str().unwrap().contains(said), "{answer}");
    }
    let existing = folder.path().join("a");
    write(&existing, "one\n");
    let strange = json!({ "version": 7 });
    let ended = run(INPUT, command(&json!({ "path": existing }), 1, Some(&strange)));
    assert!(ended.answer()["message"].as_str().unwrap().contains("checkpoint"));
}

#[test]
fn compressed_files_are_read_whatever_they_are_called() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    write(&path("1"), [gzip("one\ntw"), gzip("o\n")].concat());
    write(&path("2"), [zstd("three\n"), zstd("four")].concat());
    write(&path("3.gz"), "five\n");
    let ended = run(INPUT, json!({ "path": path("*") }).to_string());
    assert_eq!(data(ended.stream()), ["one", "two", "three", "four", "five"]);
    write(&path("2"), &zstd("three\n")[..9]);
    let ended = run(INPUT, json!({ "path": path("*") }).to_string());
    assert_eq!(ended.code, Some(1));
    let place = format!("ERROR cannot read {}: ", path("2").display());
    assert!(ended.stderr.starts_with(&place), "{}", ended.stderr);
}

/// The property that checkpoints are for.
#[test]
fn from_each_checkpoint_on_comes_exactly_what_had_not_come_before_it() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let lines = |name: &str, count: usize| -> String {
        (0..count).map(|n| format!("{name} line {n}{}\n", "\n".repeat(n % 3))).collect()
    };
    write(&path("a"), lines("a", 20));
    write(&path("b"), gzip(&lines("b", 17)));
    write(&path("c"), [zstd(&lines("c", 9)), zstd(&lines("c", 5))].concat());
    write(&path("d"), "");
    write(&path("e"), lines("e", 11).trim_end());
    write(&path("f"), "{\"data\":1}\n".repeat(10) + "x\n");
    let config = json!({ "path": path("*") });
    let whole = resumed(&config, None).stream().to_owned();
    let expected = envelopes(&whole);
    assert_eq!(expected.lines().count(), 20 + 17 + 14 + 11 + 11);
    let (mut before, mut checkpoints) = (String::new(), 0);
    for line in whole.split_inclusive('\n') {
        let Some(checkpoint) = checkpoint_of(line) else {
            before.push_str(line);
            continue;
        };
        checkpoints += 1;
        let after = resumed(&config, Some(&checkpoint));
        assert_eq!(after.stderr, "");
        assert!(before.clone() + &envelopes(after.stream()) == expected, "{checkpoint}");
    }
    assert_eq!(checkpoints, 73 / 3 + 1);
}

#[test]
fn a_later_run_reads_what_has_come_since() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    write(&path("a.log"), "a1\n");
    write(&path("b.log"), "b1\n");
    let config = json!({ "path": path("*.log") });
    let first = last_checkpoint(resumed(&config, None).stream());
    append(&path("a.log"), "a2\n");
    write(&path("aa.log"), "new\n");
    // Rotated away to a name that the glob does not find.
    append(&path("b.log"), "b2\n");
    fs::rename(path("b.log"), path("b.log.1")).unwrap();
    write(&path("b.log"), "b3\n");
    let ended = resumed(&config, Some(&first));
    assert_eq!(data(ended.stream()), ["b2", "a2", "new", "b3"]);
    let ended = resumed(&config, Some(&last_checkpoint(ended.stream())));
    assert_eq!(data(ended.stream()), [""; 0]);
}

#[test]
fn a_file_that_does_not_fit_its_checkpoint_is_read_anew() {
    let folder = folder();
    let path = folder.path().join("a.log");
    for (later, said) in [
        ("on\n", "is shorter than what was read"),
        ("ONE\nTWO\nTHREE\n", "starts with other bytes"),
    ] {
        write(&path, "one\ntwo\n");
        let config = json!({ "path": path });
        let checkpoint = last_checkpoint(resumed(&config, None).stream());
        write(&path, later); // the same inode
        let ended = resumed(&config, Some(&checkpoint));
        assert_eq!(data(ended.stream()), later.lines().collect::<Vec<_>>());
        assert!(ended.stderr.contains(said) && ended.stderr.contains("WARN"), "{}", ended.stderr);
    }
}

#[test]
fn from_the_end_means_what_comes_later() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    write(&path("a.log"), "old\ncut");
    write(&path("b.log"), gzip("old\n"));
    let config = json!({ "path": path("*.log"), "start": "end" });
    let ended = resumed(&config, None);
    assert_eq!(data(ended.stream()), [""; 0]);
    append(&path("a.log"), " line\n");
    write(&path("c.log"), "new\n");
    let ended = resumed(&config, Some(&last_checkpoint(ended.stream())));
    assert_eq!(data(ended.stream()), ["cut line", "new"]);
    let first: Value = serde_json::from_str(ended.stream().lines().next().unwrap()).unwrap();
    assert_eq!(first["metadata"]["offset"], 4);
    assert_eq!(first["metadata"].get("line"), None, "nobody has counted");
}

/// What stands behind the last newline is a line when the file is not followed; but the file may
/// grow all the same.
#[test]
fn a_last_line_without_a_newline_is_neither_torn_nor_lost_when_the_file_grows() {
    let folder = folder();
    let path = folder.path().join("a.log");
    let packs: [fn(&str) -> Vec<u8>; 3] = [|text| text.as_bytes().to_vec(), gzip, zstd];
    for pack in packs {
        write(&path, pack("one\ntwo"));
        let config = json!({ "path": path });
        let ended = resumed(&config, None);
        assert_eq!(data(ended.stream()), ["one", "two"]);
        // One more run after each change; each begins where the one before has ended.
        let mut checkpoint = last_checkpoint(ended.stream());
        for (more, expected) in [
            ("", &[][..]),
            (" three", &["two three"]),
            ("", &[]),
            ("\n", &[]),
            ("", &[]),
            ("four", &["four"]),
            ("\nfive", &["five"]),
            (" six\nseven\n", &["five six", "seven"]),
        ] {
            let whole = [fs::read(&path).unwrap(), pack(more)].concat();
            write(&path, if more.is_empty() { fs::read(&path).unwrap() } else { whole });
            let ended = resumed(&config, Some(&checkpoint));
            assert_eq!((data(ended.stream()), ended.stderr.as_str()), (strings(expected), ""));
            checkpoint = last_checkpoint(ended.stream());
        }
        assert_eq!(checkpoint["files"][0]["lines"], 5);
    }
}

#[test]
fn a_last_line_that_was_replaced_is_another_line() {
    let folder = folder();
    let path = folder.path().join("a.log");
    let beginning = format!("{}\n", "x".repeat(2000)); // more than what a file is known by
    write(&path, beginning.clone() + "cut");
    let config = json!({ "path": path });
    let checkpoint = last_checkpoint(resumed(&config, None).stream());
    // As a writer does that has come back and cuts off what it had not finished.
    write(&path, beginning + "new\n");
    let ended = resumed(&config, Some(&checkpoint));
    assert_eq!(data(ended.stream()), ["new"]);
}

#[test]
fn from_the_end_of_a_compressed_file_comes_the_last_line_whole() {
    let folder = folder();
    let path = folder.path().join("a.log");
    write(&path, gzip("old\ncut"));
    let config = json!({ "path": path, "start": "end" });
    let checkpoint = last_checkpoint(resumed(&config, None).stream());
    write(&path, [gzip("old\ncut"), gzip(" line\n")].concat());
    let ended = resumed(&config, Some(&checkpoint));
    assert_eq!(data(ended.stream()), ["cut line"]);
}

#[test]
fn a_file_that_was_not_followed_can_be_followed_from_its_checkpoint() {
    let folder = folder();
    let path = folder.path().join("a.log");
    write(&path, "one\ntwo");
    let checkpoint = last_checkpoint(resumed(&json!({ "path": path }), None).stream());
    let mut following = Following::start(&followed(path.clone()), Some(&checkpoint));
    append(&path, "\nthree\n");
    following.expect(&["three"]);
    following.stop();
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn followed(path: PathBuf) -> Value {
    json!({ "path": path, "follow": true, "poll_interval_ms": 1 })
}

#[test]
fn a_followed_file_is_waited_for_and_its_last_line_too() {
    let folder = folder();
    let path = folder.path().join("a.log");
    let mut following = Following::start(&followed(path.clone()), None);
    append(&path, "one\ntw");
    following.expect(&["one"]);
    append(&path, "o\n");
    following.expect(&["two"]);
    append(&path, "cut");
    let checkpoint = following.stop();
    append(&path, " line\n");
    let mut following = Following::start(&followed(path.clone()), Some(&checkpoint));
    let next = following.next();
    assert_eq!((&next["data"], &next["metadata"]["line"]), (&json!("cut line"), &json!(3)));
    following.stop();
}

#[test]
fn idle_following_says_how_far_it_is() {
    let folder = folder();
    let path = folder.path().join("a.log");
    write(&path, "one\n");
    let mut following = Following::start(&followed(path), None);
    following.expect(&["one"]);
    // A thousand lines would be due.
    let checkpoint = checkpoint_of(&following.0.line()).unwrap();
    assert_eq!(checkpoint["files"][0]["offset"], 4);
    following.stop();
}

#[test]
fn a_renamed_file_is_read_before_the_one_that_has_its_name() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let a = path("a.log");
    write(&a, "one\n");
    let mut following = Following::start(&followed(a.clone()), None);
    following.expect(&["one"]);
    for round in 1..=3 {
        append(&a, &format!("before {round}\n"));
        let old = path(&format!("a.log.{round}"));
        fs::rename(&a, &old).unwrap();
        append(&a, &format!("after {round}\n"));
        following.expect(&[&format!("before {round}"), &format!("after {round}")]);
        // Who writes may not have noticed yet.
        append(&old, &format!("late {round}\n"));
        following.expect(&[&format!("late {round}")]);
    }
    // Renamed while nobody reads.
    let checkpoint = following.stop();
    append(&a, "before\n");
    fs::rename(&a, path("a.log.4")).unwrap();
    append(&a, "after\n");
    let mut following = Following::start(&followed(a), Some(&checkpoint));
    following.expect(&["before", "after"]);
    following.stop();
}

#[test]
fn a_truncated_file_is_read_from_its_beginning() {
    let folder = folder();
    let path = folder.path().join("a.log");
    append(&path, "one\ntwo\nthree\n");
    let mut following = Following::start(&followed(path.clone()), None);
    following.expect(&["one", "two", "three"]);
    // As copytruncate does it; the writer appends.
    fs::copy(&path, folder.path().join("a.log.1")).unwrap();
    fs::write(&path, "").unwrap();
    append(&path, "four\n");
    following.expect(&["four"]);
    // What is there then is longer than what was there before.
    fs::write(&path, "five\nsix\nseven\neight\n").unwrap();
    following.expect(&["five", "six", "seven", "eight"]);
    // And just as long, in a moment that the file system can tell from the one before.
    std::thread::sleep(Duration::from_millis(50));
    fs::write(&path, "nine\nten\neleven\nxii.\n").unwrap();
    following.expect(&["nine", "ten", "eleven", "xii."]);
    following.stop();
}

#[test]
fn files_that_appear_under_a_glob_are_followed_too() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    write(&path("a.log"), "old\n");
    write(&path("z.log"), gzip("packed\n"));
    let mut config = followed(path("*.log"));
    config["start"] = json!("end");
    let mut following = Following::start(&config, None);
    // It is ready before it has looked: only its first checkpoint says that it has.
    let checkpoint = checkpoint_of(&following.0.line()).unwrap();
    assert_eq!(checkpoint["files"][0]["offset"], 4);
    append(&path("b.log"), "b1\n");
    following.expect(&["b1"]);
    append(&path("a.log"), "a2\n");
    following.expect(&["a2"]);
    append(&path("b.log"), "b2\n");
    following.expect(&["b2"]);
    following.stop();
}

#[test]
fn a_stop_in_the_middle_of_a_file_ends_with_a_checkpoint() {
    let folder = folder();
    let path = folder.path().join("a.log");
    write(&path, (0..200_000).map(|n| format!("line {n}\n")).collect::<String>());
    let config = json!({ "path": path });
    let mut running = Running::start(INPUT, &command(&config, 1_000_000, None));
    assert_eq!(running.line(), READY);
    let mut stream = running.line();
    running.signal(Signal::TERM);
    let ended = running.end();
    assert_eq!(ended.code, Some(0));
    stream.push_str(&ended.stdout);
    let last = stream.lines().next_back().unwrap();
    let after = resumed(&config, Some(&checkpoint_of(last).unwrap()));
    let count = envelopes(&stream).lines().count() + envelopes(after.stream()).lines().count();
    assert_eq!(count, 200_000);
}

#[test]
fn more_files_can_be_followed_than_are_open_at_a_time() {
    let folder = folder();
    let path = |number: usize| folder.path().join(format!("{number}.log"));
    let lines = |round: usize| -> Vec<String> {
        let mut lines: Vec<_> = (0..600).map(|number| format!("{round} {number}")).collect();
        lines.sort_unstable();
        lines
    };
    let mut following = Following::start(&followed(folder.path().join("*.log")), None);
    for round in 0..3 {
        for number in 0..600 {
            append(&path(number), &format!("{round} {number}\n"));
        }
        let mut came: Vec<String> =
            (0..600).map(|_| following.next()["data"].as_str().unwrap().to_owned()).collect();
        came.sort_unstable();
        assert_eq!(came, lines(round));
    }
    let checkpoint = following.stop();
    assert_eq!(checkpoint["files"].as_array().unwrap().len(), 600);
    let mut following = Following::start(&followed(folder.path().join("*.log")), Some(&checkpoint));
    append(&path(7), "new\n");
    following.expect(&["new"]);
    following.stop();
}
