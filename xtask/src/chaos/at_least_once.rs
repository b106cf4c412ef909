//! A stream with checkpoints, from `generate` or from a log that is written and renamed meanwhile, into
//! a `file`. Its runs are interfered with at random moments, again and again; the last is left alone.
//! Then every number has to be there, in order within each run, and what came twice has to be no more
//! than the checkpoint interval and what was on its way.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};

use super::writer::{LOG, Writer};
use super::{LINE_BYTES, LINES, LINES_PER_S, Subject, Tally, children, wait};

/// Lines between checkpoints.
const INTERVAL: u64 = 2_000;
/// Bytes that may be on their way: the buffer, both pipes, what the providers hold.
const UNDERWAY_BYTES: u64 = 12 << 20;
/// Runs of a round that are interfered with; more, if its source is not done by then.
const RUNS_DISTURBED: u64 = 12;
/// What is done to a run that goes on by itself after a failure, at most.
const ACTS_MAX: u64 = 6;

/// What is done to a run.
#[derive(Debug, Clone, Copy)]
enum Act {
    Signal(Victim, Signal),
    /// Stopped for a while.
    Pause(Victim),
    /// The output cannot write beyond a size.
    FullDisk,
}

#[derive(Debug, Clone, Copy)]
enum Victim {
    Dstream,
    Input,
    Output,
}

/// One stream from `generate`.
pub(super) fn from_generate(
    subject: Subject<'_>,
    random: &mut Rng,
    tally: &mut Tally,
) -> Result<(), String> {
    let input = format!(
        r#"provider = "generate"
    config {{
      count      = {LINES}
      line_bytes = {LINE_BYTES}
      rate       = {LINES_PER_S}
    }}"#
    );
    let round = Round::new(subject, random.bool())?;
    round.configure(&input)?;
    let mut log = String::new();
    for _ in 0..RUNS_DISTURBED {
        round.disturbed_run(&mut log, random, tally)?;
    }
    round.conclude(&log, &[1], tally)
}

/// One stream from a log.
pub(super) fn from_file(
    subject: Subject<'_>,
    random: &mut Rng,
    tally: &mut Tally,
) -> Result<(), String> {
    let input = |follow: bool| {
        format!(
            r#"provider = "file"
    config {{
      path             = "in/{LOG}*"
      follow           = {follow}
      poll_interval_ms = 20
    }}"#
        )
    };
    let round = Round::new(subject, random.bool())?;
    let source = round.folder.path().join("in");
    fs::create_dir(&source).map_err(|error| error.to_string())?;
    let writer = Writer::start(&source, random.u64(..));
    round.configure(&input(true))?;
    let mut log = String::new();
    let mut runs = 0;
    while runs < RUNS_DISTURBED || !writer.is_done() {
        round.disturbed_run(&mut log, random, tally)?;
        runs += 1;
    }
    let firsts = writer.firsts()?;
    round.configure(&input(false))?;
    round.conclude(&log, &firsts, tally)
}

struct Round<'a> {
    folder: tempfile::TempDir,
    subject: Subject<'a>,
    /// Whether a run goes on by itself after a failure.
    restarts: bool,
}

impl<'a> Round<'a> {
    fn new(subject: Subject<'a>, restarts: bool) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        Ok(Self { folder, subject, restarts })
    }

    fn configure(&self, input: &str) -> Result<(), String> {
        let Self { folder, subject: Subject { transport, .. }, restarts } = self;
        let restart = if *restarts {
            r#"restart {
      policy       = "on_failure"
      max_attempts = 0
      backoff_min  = "10ms"
      backoff_max  = "50ms"
    }"#
        } else {
            ""
        };
        let hcl = format!(
            r#"task "chaos" {{
  input {{
    {input}
    {restart}
  }}
  output {{
    provider         = "file"
    shutdown_timeout = "2s"
    config {{
      path = "out.jsonl"
    }}
    {restart}
  }}
  stream {{
    delivery            = "at_least_once"
    checkpoint_interval = {{ lines = {INTERVAL} }}
    transport           = "{transport}"
  }}
}}
"#
        );
        fs::write(folder.path().join("dstream.hcl"), hcl).map_err(|error| error.to_string())
    }

    /// A run to which something is done, which then has some time to go on; ended after that, if it has
    /// not ended.
    fn disturbed_run(
        &self,
        log: &mut String,
        random: &mut Rng,
        tally: &mut Tally,
    ) -> Result<(), String> {
        let acts = if self.restarts { random.u64(1..=ACTS_MAX) } else { 1 };
        let acts: Vec<Act> = (0..acts).map(|_| any_act(random)).collect();
        let full = acts.iter().any(|act| matches!(act, Act::FullDisk));
        let limit = full.then(|| random.u64(1..4_000_000));
        let _ = write!(log, "{acts:?} ");
        let mut child = self.subject.start(self.folder.path(), limit)?;
        tally.runs += 1;
        let mut known = Vec::new();
        for act in acts {
            thread::sleep(Duration::from_millis(random.u64(1..350)));
            // Those of a DStream that is killed are nobody's children.
            known.extend(children(child.id()));
            disturb(&child, act, random, tally);
        }
        let until = Instant::now() + Duration::from_millis(random.u64(1..1_500));
        while Instant::now() < until {
            if child.try_wait().map_err(|error| error.to_string())?.is_some() {
                return wait(child, known).map(|_| ());
            }
            known.extend(children(child.id()));
            thread::sleep(Duration::from_millis(2));
        }
        tally.terms += u64::from(kill_process(Pid::from_child(&child), Signal::TERM).is_ok());
        wait(child, known).map(|_| ())
    }

    /// The last run, which is left alone, and what has come of it all. `firsts` are the numbers with
    /// which the files of the source begin.
    fn conclude(self, log: &str, firsts: &[u64], tally: &mut Tally) -> Result<(), String> {
        let folder = self.folder.path();
        let mut status = None;
        // A run that is left alone can still meet what an earlier one has left behind.
        for _ in 0..3 {
            tally.runs += 1;
            status = wait(self.subject.start(folder, None)?, Vec::new())?;
            if status == Some(0) {
                break;
            }
        }
        let checked = match status {
            Some(0) => check(&folder.join("out.jsonl"), firsts, tally),
            _ => Err(format!("the last run ended with {status:?}")),
        };
        checked.map_err(|what| {
            let folder = self.folder.keep();
            let said = fs::read_to_string(folder.join("log")).unwrap_or_default();
            format!("{what}, after {log}\n{said}\nin {}", folder.display())
        })
    }
}

fn any_act(random: &mut Rng) -> Act {
    let victim = [Victim::Dstream, Victim::Input, Victim::Output][random.usize(..3)];
    match random.u8(..10) {
        0..7 => Act::Signal(victim, Signal::KILL),
        7 => Act::Signal(victim, Signal::TERM),
        8 => Act::Pause(victim),
        _ => Act::FullDisk,
    }
}

/// Does it, if there is somebody to do it to.
fn disturb(child: &Child, act: Act, random: &mut Rng, tally: &mut Tally) {
    let send = |pid: Option<Pid>, signal| pid.is_some_and(|pid| kill_process(pid, signal).is_ok());
    match act {
        Act::Signal(victim, signal) => {
            let sent = send(pid_of(child, victim), signal);
            let counter = if signal == Signal::KILL { &mut tally.kills } else { &mut tally.terms };
            *counter += u64::from(sent);
        }
        Act::Pause(victim) => {
            let pid = pid_of(child, victim);
            tally.pauses += u64::from(send(pid, Signal::STOP));
            thread::sleep(Duration::from_millis(random.u64(1..300)));
            send(pid, Signal::CONT);
        }
        Act::FullDisk => tally.full_disks += 1,
    }
}

/// The process, if it is there. Built-in providers are children of DStream, which has started itself
/// with a word that says which side they are.
fn pid_of(child: &Child, victim: Victim) -> Option<Pid> {
    let side: &[u8] = match victim {
        Victim::Dstream => return Some(Pid::from_child(child)),
        Victim::Input => b"input",
        Victim::Output => b"output",
    };
    let is_it = |pid: &i32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.split(|byte| *byte == 0).any(|word| word == side)
    };
    children(child.id()).into_iter().find(is_it).and_then(Pid::from_raw)
}

/// Goes through what has arrived. Each file of the source has its own order.
fn check(out: &Path, firsts: &[u64], tally: &mut Tally) -> Result<(), String> {
    let allowed = INTERVAL + UNDERWAY_BYTES / LINE_BYTES;
    let file = File::open(out).map_err(|error| error.to_string())?;
    let mut lasts: Vec<u64> = firsts.iter().map(|first| first - 1).collect();
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(|error| error.to_string())?;
        let value: Option<serde_json::Value> = serde_json::from_slice(&line).ok();
        let Some(seq) = value.and_then(|value| value["data"]["seq"].as_u64()) else {
            // Half a line, at which its writer was killed; it has to come again.
            tally.torn += 1;
            continue;
        };
        tally.lines += 1;
        let source = firsts.partition_point(|first| *first <= seq);
        let Some(last) = source.checked_sub(1).and_then(|index| lasts.get_mut(index)) else {
            return Err(format!("there is no line {seq}"));
        };
        if seq > *last + 1 {
            return Err(format!("after line {last} comes {seq}: {} are lost", seq - *last - 1));
        }
        if seq <= *last {
            let twice = *last + 1 - seq;
            if twice > allowed {
                return Err(format!("{twice} lines come twice at once, {allowed} may"));
            }
            tally.duplicates += twice;
        }
        *last = seq;
    }
    let ends = firsts.iter().skip(1).map(|first| first - 1).chain([LINES]);
    match lasts.iter().zip(ends).find(|(last, end)| *last != end) {
        None => Ok(()),
        Some((last, end)) => Err(format!("it ends with line {last} where {end} is the last")),
    }
}
