//! `cargo xtask chaos`: kills providers and DStream itself while lines flow, and counts what arrives.
//!
//! A round is one stream of numbered lines from `generate` into a `file`, with
//! `delivery = "at_least_once"`. Its runs are interfered with at random moments, again and again; the
//! last is left alone. Then every number has to be there, in order within each run, and what came
//! twice has to be no more than the checkpoint interval and what was on its way. Between such rounds
//! there are others without checkpoints (`at_most_once`).

mod at_most_once;
mod sink;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};

pub(crate) use self::sink::sink;
use crate::{root, run};

/// Lines of a round: a second or two of the stream.
const LINES: u64 = 200_000;
const LINE_BYTES: u64 = 100;
const LINES_PER_S: u64 = 150_000;
/// Lines between checkpoints.
const INTERVAL: u64 = 2_000;
/// Bytes that may be on their way: the buffer, both pipes, what `generate` and `file` hold.
const UNDERWAY_BYTES: u64 = 12 << 20;
/// Runs of a round that are interfered with.
const RUNS_DISTURBED: u64 = 12;
/// Nothing takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// By which transport each round goes, and whether it keeps checkpoints.
const ROUNDS: [(&str, bool); 5] =
    [("splice", true), ("portable", false), ("uring", true), ("uring", false), ("portable", true)];

/// Kill providers and DStream at random moments, and check that nothing is lost.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// For how long.
    #[arg(long, default_value_t = 1.0)]
    minutes: f64,
    /// Until so many processes were killed with SIGKILL, however long that takes.
    #[arg(long)]
    kills: Option<u64>,
    /// What is done when; the same seed makes the same choices.
    #[arg(long)]
    seed: Option<u64>,
}

/// What was done and what came of it.
#[derive(Default)]
struct Tally {
    rounds: u64,
    runs: u64,
    kills: u64,
    terms: u64,
    pauses: u64,
    full_disks: u64,
    lines: u64,
    duplicates: u64,
    torn: u64,
    /// Without checkpoints: as many as were said to be.
    told_lost: u64,
}

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

pub(crate) fn chaos(arguments: &Arguments) -> Result<(), String> {
    run("cargo build --release --quiet -p dstream-cli")?;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut random = Rng::with_seed(seed);
    let until = Instant::now() + Duration::from_secs_f64(arguments.minutes * 60.0);
    let mut tally = Tally::default();
    let is_done = |tally: &Tally| match arguments.kills {
        Some(kills) => tally.kills >= kills,
        None => Instant::now() >= until,
    };
    while tally.rounds == 0 || !is_done(&tally) {
        let (transport, has_checkpoints) = ROUNDS[tally.rounds as usize % ROUNDS.len()];
        let round = if has_checkpoints { round } else { at_most_once::round };
        round(transport, &mut random, &mut tally)
            .map_err(|what| format!("seed {seed}, round {} ({transport}): {what}", tally.rounds))?;
        tally.rounds += 1;
        let _ = writeln!(std::io::stderr(), "{}", tally.in_words());
    }
    let _ = writeln!(
        std::io::stdout(),
        "seed {seed}: {}, 0 lost with checkpoints; without, none but those that were said to be",
        tally.in_words()
    );
    Ok(())
}

impl Tally {
    fn in_words(&self) -> String {
        format!(
            "{} rounds, {} runs, {} SIGKILL, {} SIGTERM, {} SIGSTOP, {} full disks; {} lines, {} of them twice, {} torn, {} said to be lost",
            self.rounds,
            self.runs,
            self.kills,
            self.terms,
            self.pauses,
            self.full_disks,
            self.lines,
            self.duplicates,
            self.torn,
            self.told_lost
        )
    }
}

fn round(transport: &str, random: &mut Rng, tally: &mut Tally) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let hcl = format!(
        r#"task "chaos" {{
  input {{
    provider = "generate"
    config {{
      count      = {LINES}
      line_bytes = {LINE_BYTES}
      rate       = {LINES_PER_S}
    }}
  }}
  output {{
    provider         = "file"
    shutdown_timeout = "2s"
    config {{
      path = "out.jsonl"
    }}
  }}
  stream {{
    delivery            = "at_least_once"
    checkpoint_interval = {{ lines = {INTERVAL} }}
    transport           = "{transport}"
  }}
}}
"#
    );
    fs::write(folder.path().join("dstream.hcl"), hcl).map_err(|error| error.to_string())?;
    let mut log = String::new();
    for _ in 0..RUNS_DISTURBED {
        let act = any_act(random);
        let _ = write!(log, "{act:?} ");
        let limit = matches!(act, Act::FullDisk).then(|| random.u64(1..4_000_000));
        let child = start(folder.path(), limit)?;
        tally.runs += 1;
        let providers = disturb(&child, act, random, tally);
        wait(child, providers)?;
    }
    let mut status = None;
    // A run that is left alone can still meet what an earlier one has left behind.
    for _ in 0..3 {
        tally.runs += 1;
        status = wait(start(folder.path(), None)?, Vec::new())?;
        if status == Some(0) {
            break;
        }
    }
    let log_path = folder.path().join("log");
    let failed = || fs::read_to_string(&log_path).unwrap_or_default();
    if status != Some(0) {
        return Err(format!("the last run ended with {status:?} after {log}:\n{}", failed()));
    }
    let checked = check(&folder.path().join("out.jsonl"), tally);
    checked.map_err(|what| {
        let said = failed();
        format!("{what}, after {log}\n{said}\nin {}", folder.keep().display())
    })
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

fn start(folder: &Path, limit_bytes: Option<u64>) -> Result<Child, String> {
    let dstream = root().join("target/release/dstream");
    let size = fs::metadata(folder.join("out.jsonl")).map_or(0, |metadata| metadata.len());
    let mut command = match limit_bytes {
        None => Command::new(dstream),
        // In blocks of 512 bytes, as POSIX has it.
        Some(more) => {
            let mut command = Command::new("sh");
            let script = format!("ulimit -f {}; exec \"$0\" \"$@\"", (size + more).div_ceil(512));
            command.args(["-c", &script]).arg(dstream);
            command
        }
    };
    let log = File::create(folder.join("log")).map_err(|error| error.to_string())?;
    command.args(["run", "chaos"]).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(log).spawn().map_err(|error| error.to_string())
}

/// Does it. Gives the processes that the run has started until then: those of a DStream that was
/// killed are nobody's children.
fn disturb(child: &Child, act: Act, random: &mut Rng, tally: &mut Tally) -> Vec<i32> {
    thread::sleep(Duration::from_millis(random.u64(1..350)));
    let providers = children(child.id());
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
            // A pause alone ends nothing.
            thread::sleep(Duration::from_millis(random.u64(1..100)));
            tally.kills += u64::from(send(pid_of(child, Victim::Dstream), Signal::KILL));
        }
        Act::FullDisk => tally.full_disks += 1,
    }
    providers
}

/// The process, if it is there. Built-in providers are children of DStream with names of their own.
fn pid_of(child: &Child, victim: Victim) -> Option<Pid> {
    let name = match victim {
        Victim::Dstream => return Some(Pid::from_child(child)),
        Victim::Input => "ds:generate",
        Victim::Output => "ds:file",
    };
    let is_it = |pid: &i32| {
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        comm.trim() == name
    };
    children(child.id()).into_iter().find(is_it).and_then(Pid::from_raw)
}

fn children(parent: u32) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let texts = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    texts
        .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// The same while something is done again and again to what it has started.
fn wait_disturbing(
    mut child: Child,
    random: &mut Rng,
    tally: &mut Tally,
    mut disturb: impl FnMut(&mut Rng, &mut Tally),
) -> Result<Option<i32>, String> {
    let started = Instant::now();
    let mut known = Vec::new();
    while started.elapsed() < PATIENCE {
        if child.try_wait().map_err(|error| error.to_string())?.is_some() {
            break;
        }
        known.extend(children(child.id()));
        disturb(random, tally);
    }
    wait(child, known)
}

/// Waits for the end of a run and of all that it had started; gives its status.
fn wait(mut child: Child, mut known: Vec<i32>) -> Result<Option<i32>, String> {
    let started = Instant::now();
    let status = loop {
        for pid in children(child.id()) {
            if !known.contains(&pid) {
                known.push(pid);
            }
        }
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() > PATIENCE => {
                let _ = child.kill();
                return Err("a run does not end".to_owned());
            }
            Ok(None) => thread::sleep(Duration::from_millis(2)),
            Err(error) => return Err(error.to_string()),
        }
    };
    while known.iter().any(|pid| is_alive(*pid)) {
        if started.elapsed() > PATIENCE {
            return Err("a provider has outlived its run".to_owned());
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(status.code())
}

fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

/// Goes through what has arrived.
fn check(out: &PathBuf, tally: &mut Tally) -> Result<(), String> {
    let allowed = INTERVAL + UNDERWAY_BYTES / LINE_BYTES;
    let file = File::open(out).map_err(|error| error.to_string())?;
    let (mut last, mut highest) = (0, 0);
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(|error| error.to_string())?;
        let value: Option<serde_json::Value> = serde_json::from_slice(&line).ok();
        let Some(seq) = value.and_then(|value| value["data"]["seq"].as_u64()) else {
            // Half a line, at which its writer was killed; it has to come again.
            tally.torn += 1;
            continue;
        };
        tally.lines += 1;
        if seq > last + 1 {
            return Err(format!("after line {last} comes {seq}: {} are lost", seq - last - 1));
        }
        if seq <= last {
            let twice = last + 1 - seq;
            if twice > allowed {
                return Err(format!("{twice} lines come twice at once, {allowed} may"));
            }
            tally.duplicates += twice;
        }
        last = seq;
        highest = highest.max(seq);
    }
    if highest == LINES && last == LINES {
        Ok(())
    } else {
        Err(format!("it ends with line {last} of {LINES}"))
    }
}
