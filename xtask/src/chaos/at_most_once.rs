//! A stream without checkpoints whose output is killed again and again: what is said to be lost is what
//! is lost.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};

use super::{LINE_BYTES, LINES, LINES_PER_S, Subject, Tally, children, wait_disturbing};
use crate::cargo::own_program;

/// The file of the output that is killed, and that of the one that is not.
const KILLED: &str = "killed.jsonl";
const STEADY: &str = "steady.jsonl";

/// One stream to its end.
pub(super) fn round(
    subject: Subject<'_>,
    random: &mut Rng,
    tally: &mut Tally,
) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = folder.path();
    for name in [KILLED, STEADY] {
        write_sink(path, name).map_err(|error| error.to_string())?;
    }
    fs::write(path.join("dstream.hcl"), configuration(subject.transport))
        .map_err(|error| error.to_string())?;
    let child = subject.start(path, None)?;
    tally.runs += 1;
    let parent = child.id();
    let mut log = String::new();
    let disturb = |random: &mut Rng, tally: &mut Tally| {
        thread::sleep(Duration::from_millis(random.u64(1..150)));
        let Some(pid) = output(parent) else { return };
        let send = |signal| kill_process(pid, signal).is_ok();
        let how = random.u8(..8);
        if how == 0 && send(Signal::STOP) {
            tally.pauses += 1;
            thread::sleep(Duration::from_millis(random.u64(1..100)));
        }
        let signal = if how == 1 { Signal::TERM } else { Signal::KILL };
        let counter = if how == 1 { &mut tally.terms } else { &mut tally.kills };
        *counter += u64::from(send(signal));
        let _ = write!(log, "{how} ");
    };
    let status = wait_disturbing(child, random, tally, disturb)?;
    let said = fs::read_to_string(path.join("log")).unwrap_or_default();
    let checked = check(path, &said, tally);
    checked.map_err(|what| {
        format!("{what}; status {status:?} after {log}\n{said}\nin {}", folder.keep().display())
    })
}

fn configuration(transport: &str) -> String {
    format!(
        r#"task "chaos" {{
  input {{
    provider = "generate"
    config {{
      count      = {LINES}
      line_bytes = {LINE_BYTES}
      rate       = {LINES_PER_S}
    }}
  }}
  output "killed" {{
    provider_path = "./{KILLED}.sh"
    restart {{
      policy       = "on_failure"
      max_attempts = 0
      backoff_min  = "10ms"
      backoff_max  = "50ms"
    }}
  }}
  output "steady" {{
    provider_path = "./{STEADY}.sh"
  }}
  stream {{
    transport = "{transport}"
  }}
}}
"#
    )
}

/// A provider that has no arguments, of this program with some.
fn write_sink(folder: &Path, name: &str) -> std::io::Result<()> {
    let program = own_program()?;
    let script = folder.join(format!("{name}.sh"));
    let text = format!("#!/bin/sh\nexec {program:?} sink {:?}\n", folder.join(name));
    fs::write(&script, text)?;
    fs::set_permissions(script, fs::Permissions::from_mode(0o755))
}

/// The process of the output that is to be killed, whether it is still its shell or not.
fn output(parent: u32) -> Option<Pid> {
    let is_it = |pid: &i32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(KILLED)
    };
    children(parent).into_iter().find(is_it).and_then(Pid::from_raw)
}

/// Compares what is there with what was said.
fn check(folder: &Path, said: &str, tally: &mut Tally) -> Result<(), String> {
    let mut torn = 0;
    let steady = arrived(&folder.join(STEADY), &mut torn)?;
    if steady.len() as u64 != LINES || torn > 0 {
        return Err(format!("the other output has {} lines of {LINES}", steady.len()));
    }
    let there = arrived(&folder.join(KILLED), &mut torn)?;
    let missing = LINES - there.len() as u64;
    let reported: u64 =
        ["` were read from the input and never written to `killed`", "were lost when"]
            .iter()
            .filter_map(|what| said.lines().find(|line| line.contains(what)))
            .map(number_in)
            .sum();
    tally.lines += there.len() as u64;
    tally.torn += torn;
    tally.reported_lost += reported;
    if reported == missing {
        Ok(())
    } else {
        Err(format!("{missing} lines are missing, {reported} are said to be lost"))
    }
}

/// The number of `1,234 lines (…`, whatever stands before it.
fn number_in(line: &str) -> u64 {
    let before = line.split(" line").next().unwrap_or_default();
    let number = before.rsplit(' ').next().unwrap_or_default().replace(',', "");
    number.parse().unwrap_or_default()
}

/// The numbers of the lines in a file: in order, and none twice.
fn arrived(path: &Path, torn: &mut u64) -> Result<Vec<u64>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut numbers: Vec<u64> = Vec::new();
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(|error| error.to_string())?;
        let value: Option<serde_json::Value> = serde_json::from_slice(&line).ok();
        let Some(seq) = value.and_then(|value| value["data"]["seq"].as_u64()) else {
            *torn += 1;
            continue;
        };
        if numbers.last().is_some_and(|last| *last >= seq) {
            return Err(format!("after line {} comes {seq}", numbers[numbers.len() - 1]));
        }
        numbers.push(seq);
    }
    Ok(numbers)
}
