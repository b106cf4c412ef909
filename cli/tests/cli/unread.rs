//! Nobody reads stderr or stdout, as after Ctrl-S on a terminal, and the run goes on.

use std::fs::File;
use std::io::{PipeReader, Read, Write};
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Block, Sandbox, emitted, eventually, holds_in_time, same_bytes};

/// A pipe that takes nothing more.
fn full_pipe() -> (PipeReader, std::io::PipeWriter) {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let (reader, mut writer) = std::io::pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'\n'; 4096]).is_ok() {}
    while writer.write(b"\n").is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

/// Its exit status, even if it has to be killed for it not to stay behind.
fn status(mut child: Child) -> Option<i32> {
    let mut status = None;
    let ended = holds_in_time(|| {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    if !ended {
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("it does not end");
    }
    status.unwrap().code()
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn start(mut command: Command, sandbox: &Sandbox) -> (Child, PipeReader) {
    let (reader, writer) = full_pipe();
    command.stdout(File::create(sandbox.path("stdout")).unwrap()).stderr(writer);
    (command.spawn().unwrap(), reader)
}

#[test]
fn the_stream_completes_though_nobody_reads_stderr() {
    let sandbox = Sandbox::new();
    // More lines than a queue or a pipe holds, and a failure.
    let input = Block::script(&["ready", "stderr 200000", "emit 5000 100", "exit 3"]);
    let output = Block::script(&["ready", &format!("sink {}", sandbox.at("out"))]);
    sandbox.write_task(&input, &[output], "");
    let (child, _unread) = start(sandbox.command(&["run", "t"]), &sandbox);
    assert_eq!(status(child), Some(1));
    same_bytes(&sandbox.read("out"), &emitted(1, 5000, 100));
}

#[test]
fn a_signal_drains_though_nobody_reads_stderr() {
    let sandbox = Sandbox::new();
    let steps =
        ["ignore-term", "ready", "stderr 5000", "emit 1000 100", "until-term", "emit 3 100"];
    let output = Block::script(&["ready", &format!("sink {}", sandbox.at("out"))]);
    sandbox.write_task(&Block::script(&steps), &[output], "");
    for (stop, expected) in [(Signal::TERM, 0), (Signal::INT, 130)] {
        sandbox.write("out", "");
        let (child, _unread) = start(sandbox.command(&["run", "t"]), &sandbox);
        eventually("lines", || sandbox.read_or_empty("out").len() >= 100_000);
        signal(&child, stop);
        assert_eq!(status(child), Some(expected));
        same_bytes(&sandbox.read("out"), &emitted(1, 1003, 100));
    }
}

#[test]
fn lines_dropped_are_counted_once_somebody_reads_again() {
    let sandbox = Sandbox::new();
    let (done, go) = (sandbox.at("done"), sandbox.at("go"));
    let steps =
        ["ready", "stderr 200000", &format!("touch {done}"), &format!("wait {go}"), "stderr 1"];
    sandbox.write_task(&Block::script(&steps), &[Block::builtin("null")], "");
    let (child, mut reader) = start(sandbox.command(&["run", "t"]), &sandbox);
    // All but the last 64 KiB, what a pipe holds, have been taken then: more than the queue holds.
    eventually("the log", || sandbox.path("done").exists());
    let reading = std::thread::spawn(move || {
        let (mut text, mut bytes) = (Vec::new(), [0; 65536]);
        while let Ok(count @ 1..) = reader.read(&mut bytes) {
            text.extend_from_slice(&bytes[..count]);
        }
        String::from_utf8(text).unwrap()
    });
    sandbox.write("go", "");
    assert_eq!(status(child), Some(0));
    let text = reading.join().unwrap();
    let text = text.trim_start_matches('\n');
    assert!(text.starts_with("INFO  source: log line 1\nINFO  source: log line 2\n"));
    let lines = |what: &str| text.lines().filter(|line| line.contains(what)).count();
    let dropped: usize = text
        .lines()
        .filter_map(|line| {
            line.strip_prefix("WARN  dstream: ")?
                .strip_suffix(" log lines were dropped since nobody read them")
        })
        .map(|number| number.replace(',', "").parse::<usize>().unwrap())
        .sum();
    assert!(dropped > 0, "{}", text.len());
    // Every line of the log is there or counted; the others are the summary's.
    let others = lines("INFO  dstream: ") + lines("INFO  null: ");
    assert!((200_001..=200_003).contains(&(lines("log line ") + dropped)), "{dropped} {others}");
}

#[test]
fn a_second_signal_ends_it_though_nobody_reads_anything() {
    let sandbox = Sandbox::new();
    let ended = format!("touch {}", sandbox.at("ended"));
    let output = Block::script(&["ready", "read-all", &ended]);
    sandbox.write_task(&Block::script(&["ready", "stderr 1000"]), &[output], "");
    let mut command = sandbox.command(&["run", "t"]);
    let (_unread_too, stdout) = full_pipe();
    let (_unread, stderr) = full_pipe();
    command.stdout(stdout).stderr(stderr);
    let child = command.spawn().unwrap();
    // It has nothing left to do but to say so on a stdout that takes nothing.
    eventually("the end of the stream", || sandbox.path("ended").exists());
    signal(&child, Signal::INT);
    signal(&child, Signal::TERM);
    assert!(status(child).is_some());
}
