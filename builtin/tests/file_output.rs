use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::{Ended, READY_REJECTS, Running, run};

const OUTPUT: &str = "output file";

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn command(config: &Value) -> String {
    let protocol = json!({ "version": 1, "features": ["checkpoint"] });
    format!("{}\n", json!({ "command": "run", "config": config, "protocol": protocol }))
}

#[track_caller]
fn written(config: &Value, lines: &str) -> Ended {
    let ended = run(OUTPUT, command(config) + lines);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended
}

fn envelope(table: &str, number: usize) -> String {
    format!("{{\"data\":{{\"n\" : {number}}},\"metadata\":{{\"table\":\"{table}\"}}}}\n")
}

fn envelopes(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| envelope("t", number)).collect()
}

/// Each file with its text, uncompressed as its name says.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let text = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let mut text = String::new();
        let file = fs::File::open(&path).unwrap();
        let read = match path.extension().and_then(|ending| ending.to_str()) {
            Some("gz") => flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text),
            Some("zst") => zstd::Decoder::new(file).unwrap().read_to_string(&mut text),
            _ => { file }.read_to_string(&mut text),
        };
        read.unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, text)
    };
    fs::read_dir(folder).unwrap().map(|entry| text(entry.unwrap().path())).collect()
}

/// Their names alone: nothing is opened, so that files may be renamed meanwhile.
fn names(folder: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| name(entry.unwrap())).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_named_file_is_appended_to_byte_for_byte() {
    let folder = folder();
    let path = folder.path().join("deep/er/out.jsonl");
    let config = json!({ "path": path });
    written(&config, "{\"data\": 1 }\r\n\nno envelope\n");
    written(&config, "{\"data\":2}\n");
    written(&config, "");
    let expected = "{\"data\": 1 }\r\n\nno envelope\n{\"data\":2}\n";
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
    // Whoever has left half a line: it is not mixed with what comes.
    fs::write(&path, "half").unwrap();
    let ended = written(&config, "{\"data\":3}\n");
    assert!(ended.stderr.contains("middle of a line"), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), "half\n{\"data\":3}\n");
}

#[test]
fn a_line_can_be_read_as_soon_as_it_was_written() {
    let folder = folder();
    let path = folder.path().join("out.jsonl");
    let mut output = Running::start(OUTPUT, &command(&json!({ "path": path })));
    assert_eq!(output.line(), READY_REJECTS);
    for number in 0..3 {
        output.write(&envelope("t", number));
        while fs::read_to_string(&path).unwrap_or_default() != envelopes(0..number + 1) {
            assert!(output.is_running());
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}

#[test]
fn data_alone_is_written_as_it_stands() {
    let folder = folder();
    let config = json!({ "path": folder.path().join("out.jsonl"), "format": "data" });
    written(&config, "{\"metadata\":{},\"data\": {\"a\" : 1.50} }\n\n{\"data\":\"x\"}\n");
    assert_eq!(files(folder.path())["out.jsonl"], "{\"a\" : 1.50}\n\"x\"\n");
    let ended = run(OUTPUT, command(&config) + "{\"data\":1}\nno envelope\n");
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("a line is not an envelope"), "{}", ended.stderr);
}

#[test]
fn a_line_without_data_is_given_back_where_that_is_wanted() {
    let folder = folder();
    let config = json!({ "path": folder.path().join("out.jsonl"), "format": "data" });
    let protocol = json!({ "version": 1, "features": ["checkpoint", "reject"] });
    let command = json!({ "command": "run", "config": config, "protocol": protocol });
    let lines = "{\"data\":1}\nno envelope\n{\"checkpoint\":{\"id\":7}}\n{\"data\":2}\n";
    let ended = run(OUTPUT, format!("{command}\n{lines}"));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let reason = "it is not an envelope, so it has no data to write";
    let said = format!(
        "{{\"reject\":{{\"reason\":\"{reason}\",\"line\":\"no envelope\"}}}}\n{{\"ack\":{{\"id\":7}}}}\n"
    );
    assert!(ended.stdout.ends_with(&said), "{}", ended.stdout);
    assert_eq!(files(folder.path())["out.jsonl"], "1\n2\n");
}

#[test]
fn a_full_file_is_finished_and_the_next_has_the_next_number() {
    let folder = folder();
    let path = folder.path().join("out.jsonl");
    let line = envelope("t", 0).len();
    for (rotation, value) in [("rotate_lines", 3), ("rotate_bytes", 3 * line + 1)] {
        let mut config = json!({ "path": path });
        config[rotation] = json!(value);
        written(&config, &envelopes(0..7));
        let found: Vec<_> = files(folder.path()).into_iter().collect();
        let expected: Vec<_> = [("1", 0..3), ("2", 3..6), ("3", 6..7)]
            .map(|(number, lines)| (format!("out-00000{number}.jsonl"), envelopes(lines)))
            .into();
        assert_eq!(found, expected, "{rotation}");
        // A line that is longer than a file may be has one for itself, and nothing is overwritten.
        config[rotation] = json!(1);
        written(&config, &envelopes(7..9));
        assert_eq!(files(folder.path())["out-000004.jsonl"], envelopes(7..8));
        assert_eq!(files(folder.path()).len(), 5);
        for name in names(folder.path()) {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
    }
}

#[test]
fn a_file_is_finished_when_its_time_has_come_though_no_line_comes() {
    let folder = folder();
    let config = json!({ "path": folder.path().join("out.jsonl"), "rotate_seconds": 1 });
    let mut output = Running::start(OUTPUT, &command(&config));
    assert_eq!(output.line(), READY_REJECTS);
    output.write(&envelopes(0..2));
    while names(folder.path()) != ["out-000001.jsonl"] {
        assert!(output.is_running());
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!(files(folder.path())["out-000001.jsonl"], envelopes(0..2));
    output.close_stdin();
    assert_eq!(output.end().code, Some(0));
}

#[test]
fn metadata_says_where_a_line_goes_and_few_files_are_open() {
    let folder = folder();
    let config = json!({ "path": folder.path().join("{metadata.table}.jsonl") });
    let tables: Vec<String> = (0..150).map(|number| format!("table {number}")).collect();
    let round = |number| tables.iter().map(|table| envelope(table, number)).collect::<String>();
    written(&config, &(round(1) + &round(2) + &envelope("../../x", 3) + "no envelope\n"));
    let found = files(folder.path());
    assert_eq!(found.len(), 152);
    for table in &tables {
        assert_eq!(found[&format!("{table}.jsonl")], envelope(table, 1) + &envelope(table, 2));
    }
    assert_eq!(found["_._.._x.jsonl"], envelope("../../x", 3));
    assert_eq!(found["_.jsonl"], "no envelope\n");
}

#[test]
fn compressed_files_decode_to_what_was_written() {
    // A path may have the ending already; it comes once.
    for (compress, ending, name) in [("gzip", "gz", "jsonl"), ("zstd", "zst", "jsonl.zst")] {
        let folder = folder();
        let path = folder.path().join(format!("out-{{time:%Y}}.{name}"));
        let config = json!({ "path": path, "compress": compress, "rotate_lines": 5000 });
        let mut stdin = String::new();
        for piece in 0..12 {
            stdin += &envelopes(piece * 1000..(piece + 1) * 1000);
            stdin += &format!("{{\"checkpoint\":{{\"id\":{piece}}}}}\n");
        }
        let ended = written(&config, &stdin);
        assert!(ended.stream().ends_with("{\"ack\":{\"id\":11}}\n"), "{}", ended.stdout);
        let found = files(folder.path());
        assert_eq!(found.len(), 3, "{:?}", names(folder.path()));
        let suffix = format!("1.jsonl.{ending}");
        assert!(found.keys().next().unwrap().ends_with(&suffix), "{:?}", found.keys());
        assert_eq!(found.into_values().collect::<String>(), envelopes(0..12_000));
    }
}

#[test]
fn killed_at_any_time_nothing_is_missing_that_was_acknowledged() {
    for more in [
        json!({}),
        json!({ "rotate_lines": 700 }),
        json!({ "compress": "gzip" }),
        json!({ "compress": "zstd", "rotate_bytes": 50_000 }),
    ] {
        let folder = folder();
        let mut config = more.clone();
        config["path"] = json!(folder.path().join("out.jsonl"));
        let (mut from, mut acknowledged) = (0, Vec::new());
        for round in 0..3 {
            let mut output = Running::start(OUTPUT, &command(&config));
            assert_eq!(output.line(), READY_REJECTS);
            for id in 0..=round {
                output.write(&envelopes(from..from + 500));
                output.write(&format!("{{\"checkpoint\":{{\"id\":{id}}}}}\n"));
                assert_eq!(output.line(), format!("{{\"ack\":{{\"id\":{id}}}}}\n"));
                acknowledged.extend(from..from + 500);
                from += 500;
            }
            // These are in the pipe, in memory, or half in the file.
            output.write(&envelopes(from..from + 300));
            from += 300;
            output.signal(Signal::KILL);
            assert_eq!(output.end().code, None);
        }
        written(&config, "");
        let found = files(folder.path());
        assert!(found.keys().all(|name| !name.ends_with(".partial")), "{more}: {:?}", found.keys());
        let text: String = found.into_values().collect();
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let all = envelopes(0..from);
        let sent: Vec<&str> = all.split_inclusive('\n').collect();
        for number in acknowledged {
            let at = lines.iter().position(|line| *line == sent[number]);
            lines.swap_remove(at.unwrap_or_else(|| panic!("{more}: line {number} is missing")));
        }
        // What else is there was sent too; in the file that is appended to, but for its last line.
        let strange = lines.iter().filter(|line| !sent.contains(line)).count();
        assert!(strange <= if more == json!({}) { 3 } else { 0 }, "{more}: {strange}");
    }
}

#[test]
fn a_file_that_another_process_writes_is_left_alone() {
    let folder = folder();
    let config = json!({ "path": folder.path().join("out.jsonl"), "rotate_lines": 100 });
    let mut first = Running::start(OUTPUT, &command(&config));
    assert_eq!(first.line(), READY_REJECTS);
    first.write(&envelopes(0..1));
    first.write("{\"checkpoint\":{\"id\":1}}\n");
    assert_eq!(first.line(), "{\"ack\":{\"id\":1}}\n");
    written(&config, &envelopes(5..6));
    assert_eq!(names(folder.path()), ["out-000001.jsonl.partial", "out-000002.jsonl"]);
    first.close_stdin();
    assert_eq!(first.end().code, Some(0));
    let found = files(folder.path());
    assert_eq!(found["out-000001.jsonl"], envelopes(0..1));
    assert_eq!(found["out-000002.jsonl"], envelopes(5..6));
}

#[test]
fn what_cannot_be_written_is_an_error_and_not_acknowledged() {
    let folder = folder();
    fs::write(folder.path().join("file"), "").unwrap();
    for path in [folder.path().join("file/out.jsonl"), "/dev/full".into()] {
        let lines = envelopes(0..10) + "{\"checkpoint\":{\"id\":1}}\n";
        let ended = run(OUTPUT, command(&json!({ "path": path })) + &lines);
        assert_eq!((ended.stream(), ended.code), ("", Some(1)));
        assert!(ended.stderr.contains(path.to_str().unwrap()), "{}", ended.stderr);
    }
}

#[test]
fn what_is_wrong_is_said_before_anything_is_written() {
    for (config, said) in [
        (json!({}), "path: say which file"),
        (json!({ "path": "out/{table}" }), "there is no `{table}`"),
        (json!({ "path": "x", "rotate_lines": 0 }), "rotate_lines must be more than 0"),
        (json!({ "path": "x", "compress": "lz4" }), "`compress` must be one of"),
    ] {
        let ended = run(OUTPUT, command(&config));
        let answer = ended.answer();
        assert_eq!((answer["class"].as_str(), ended.code), (Some("config"), Some(1)), "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(said), "{answer}");
    }
}

#[test]
fn init_makes_folders_and_destroy_removes_only_those() {
    let folder = folder();
    let path = folder.path().join("a/b/{metadata.table}.jsonl");
    let config = json!({ "path": path });
    let ask = |command: &str| {
        let ended = run(OUTPUT, json!({ "command": command, "config": config }).to_string());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.answer()
    };
    let changes = |answer: &Value| answer["changes"].as_array().map_or(0, Vec::len);
    assert_eq!(changes(&ask("plan")), 2);
    assert!(!folder.path().join("a").exists());
    assert_eq!(changes(&ask("init")), 2);
    assert_eq!((changes(&ask("init")), changes(&ask("plan"))), (0, 0));
    written(&config, &(envelope("x", 1) + &envelope("y", 2)));
    let status = ask("status");
    let bytes = 2 * envelope("x", 1).len();
    assert_eq!(
        (&status["metadata"]["files"], &status["metadata"]["bytes"]),
        (&json!(2), &json!(bytes))
    );
    assert_eq!(status["resources"].as_array().unwrap().len(), 2);
    assert_eq!(ask("destroy")["status"], "kept");
    for table in ["x", "y"] {
        fs::remove_file(folder.path().join(format!("a/b/{table}.jsonl"))).unwrap();
    }
    assert_eq!(changes(&ask("destroy")), 2);
    assert!(folder.path().exists() && !folder.path().join("a").exists());
    // A folder that was there already.
    fs::create_dir_all(folder.path().join("a/b")).unwrap();
    ask("init");
    assert_eq!(changes(&ask("destroy")), 0);
    assert!(folder.path().join("a/b").exists());
}

#[test]
fn a_line_that_no_file_can_be_named_after_is_given_back() {
    let folder = folder();
    fs::create_dir(folder.path().join("taken")).unwrap();
    let path = folder.path().join("{metadata.table}{metadata.table}{metadata.table}");
    let protocol = json!({ "version": 1, "features": ["reject"] });
    let long = "x".repeat(100);
    for (more, taken) in [(json!({}), "taken"), (json!({ "compress": "gzip" }), "-")] {
        let mut config = json!({ "path": path });
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let whole = json!({ "path": folder.path().join("{metadata.table}") });
        let command = |config: &Value| {
            json!({ "command": "run", "config": config, "protocol": protocol }).to_string() + "\n"
        };
        let ended = run(OUTPUT, command(&config) + &envelope(&long, 1) + &envelope("b", 2));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert_eq!(ended.stream().matches("File name too long").count(), 1, "{ended:?}");
        let ended = run(OUTPUT, command(&whole) + &envelope(taken, 1) + &envelope("c", 2));
        let refused = usize::from(taken == "taken");
        assert_eq!(ended.stream().matches("it is a folder").count(), refused, "{ended:?}");
    }
}

#[test]
fn what_is_removed_while_it_is_written_is_not_acknowledged() {
    let folder = folder();
    let path = folder.path().join("out.jsonl");
    let mut output = Running::start(OUTPUT, &command(&json!({ "path": path })));
    assert_eq!(output.line(), READY_REJECTS);
    output.write(&(envelope("t", 1) + "{\"checkpoint\":{\"id\":1}}\n"));
    assert_eq!(output.line(), "{\"ack\":{\"id\":1}}\n");
    fs::remove_file(&path).unwrap();
    output.write(&(envelope("t", 2) + "{\"checkpoint\":{\"id\":2}}\n"));
    let ended = output.end();
    assert_eq!((ended.stdout.as_str(), ended.code), ("", Some(1)), "{ended:?}");
    assert!(ended.stderr.contains("was removed while it was written"), "{}", ended.stderr);
}

/// A file size limit stands for a full disk.
#[test]
fn a_full_disk_costs_nothing_that_another_process_has_written() {
    use rustix::process::{Resource, Rlimit, prlimit};

    let folder = folder();
    let path = folder.path().join("out.jsonl");
    let mut output = Running::start(OUTPUT, &command(&json!({ "path": path })));
    assert_eq!(output.line(), READY_REJECTS);
    output.write(&(envelope("t", 1) + "{\"checkpoint\":{\"id\":1}}\n"));
    assert_eq!(output.line(), "{\"ack\":{\"id\":1}}\n");
    let theirs = "theirs\n".repeat(100);
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, theirs.as_bytes()).unwrap();
    let limit = Rlimit { current: Some(2000), maximum: Some(2000) };
    prlimit(Some(output.id()), Resource::Fsize, limit).unwrap();
    output.write(&format!("{}{{\"data\":\"{}\"}}\n", envelope("t", 2), "x".repeat(5000)));
    let ended = output.end();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("cannot write"), "{}", ended.stderr);
    let ours = [envelope("t", 1), theirs, envelope("t", 2)].concat();
    let text = fs::read_to_string(&path).unwrap();
    assert!(ours.starts_with(&text) && text.len() >= ours.len() - envelope("t", 2).len(), "{text}");
}
