//! `cargo xtask chaos`: kills providers and DStream itself while lines flow, and counts what arrives.
//!
//! A round is one stream of numbered lines to its end, with checkpoints (`at_least_once`) or without
//! them (`at_most_once`).

mod at_least_once;
mod at_most_once;
mod sink;
mod writer;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

pub(crate) use self::sink::sink;
use crate::cargo::{Profile, build};

/// Lines of a round: a second or two of the stream.
const LINES: u64 = 200_000;
const LINE_BYTES: u64 = 100;
const LINES_PER_S: u64 = 150_000;
/// Nothing takes this long.
const PATIENCE: Duration = Duration::from_secs(60);

/// By which transport each round goes, and how.
const ROUNDS: [(&str, Kind); 6] = [
    ("splice", Kind::FromFile),
    ("portable", Kind::AtMostOnce),
    ("uring", Kind::FromGenerate),
    ("portable", Kind::FromFile),
    ("uring", Kind::AtMostOnce),
    ("splice", Kind::FromGenerate),
];

#[derive(Debug, Clone, Copy)]
enum Kind {
    FromGenerate,
    FromFile,
    AtMostOnce,
}

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
    /// How the killed program is built.
    #[arg(long, default_value = "release", conflicts_with = "quick")]
    profile: Profile,
    /// Twenty kills of the program that the tests are built with.
    #[arg(long, conflicts_with = "minutes")]
    quick: bool,
}

/// Kills of `--quick`.
const QUICK_KILLS: u64 = 20;

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
    reported_lost: u64,
}

pub(crate) fn chaos(arguments: &Arguments) -> Result<(), String> {
    let profile = if arguments.quick { Profile::Dev } else { arguments.profile };
    let dstream = build(profile, ["dstream"])?.join("dstream");
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let mut random = Rng::with_seed(seed);
    let until = Instant::now() + Duration::from_secs_f64(arguments.minutes * 60.0);
    let mut tally = Tally::default();
    let kills = arguments.kills.or(arguments.quick.then_some(QUICK_KILLS));
    let is_done = |tally: &Tally| match kills {
        Some(kills) => tally.kills >= kills,
        None => Instant::now() >= until,
    };
    while tally.rounds == 0 || !is_done(&tally) {
        let (transport, kind) = ROUNDS[tally.rounds as usize % ROUNDS.len()];
        let round = match kind {
            Kind::FromGenerate => at_least_once::from_generate,
            Kind::FromFile => at_least_once::from_file,
            Kind::AtMostOnce => at_most_once::round,
        };
        round(Subject { dstream: &dstream, transport }, &mut random, &mut tally).map_err(
            |what| format!("seed {seed}, round {} ({kind:?}, {transport}): {what}", tally.rounds),
        )?;
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
            self.reported_lost
        )
    }
}

/// What is disturbed.
#[derive(Debug, Clone, Copy)]
struct Subject<'a> {
    dstream: &'a Path,
    transport: &'a str,
}

impl Subject<'_> {
    /// Starts the run, with an output that cannot write more than `limit_bytes` beyond what is there.
    fn start(self, folder: &Path, limit_bytes: Option<u64>) -> Result<Child, String> {
        let size = fs::metadata(folder.join("out.jsonl")).map_or(0, |metadata| metadata.len());
        let mut command = match limit_bytes {
            None => Command::new(self.dstream),
            // In blocks of 512 bytes, as POSIX has it.
            Some(more) => {
                let mut command = Command::new("sh");
                let script =
                    format!("ulimit -f {}; exec \"$0\" \"$@\"", (size + more).div_ceil(512));
                command.args(["-c", &script]).arg(self.dstream);
                command
            }
        };
        let log = File::create(folder.join("log")).map_err(|error| error.to_string())?;
        command.args(["run", "chaos"]).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.spawn().map_err(|error| error.to_string())
    }
}

fn children(parent: u32) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let texts = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    texts
        .flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

/// Waits as [`wait`] does, while something is done again and again to what the run has started.
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
