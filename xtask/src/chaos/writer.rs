//! A program that writes a log: numbered lines, faster and slower, into a file that is renamed now and
//! then, as logrotate does it.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::{LINE_BYTES, LINES};

/// The file that is written to; those that were are called `log.jsonl.1` and so on.
pub(super) const LOG: &str = "log.jsonl";
/// On the average.
const LINES_PER_S: u64 = 60_000;
/// A file is renamed after so many lines, or fewer.
const FILE_LINES_MAX: u64 = 40_000;
/// After the rename its writer goes on for so many lines, or fewer, until it has noticed.
const LATE_LINES_MAX: u64 = 500;
/// Of one write, which may end anywhere in a line.
const WRITE_BYTES_MAX: usize = 1 << 14;

/// One that is at work, until all lines are written.
pub(super) struct Writer(JoinHandle<std::io::Result<Vec<u64>>>);

impl Writer {
    /// Begins in `folder`, which has to be there.
    pub(super) fn start(folder: &Path, seed: u64) -> Self {
        let folder = folder.to_owned();
        Self(thread::spawn(move || write_all(&folder, &mut Rng::with_seed(seed))))
    }

    pub(super) fn is_done(&self) -> bool {
        self.0.is_finished()
    }

    /// When it is done: with which number the files begin.
    pub(super) fn firsts(self) -> Result<Vec<u64>, String> {
        let firsts = self.0.join().map_err(|_| "the writer has panicked")?;
        firsts.map_err(|error| format!("the writer: {error}"))
    }
}

fn write_all(folder: &Path, random: &mut Rng) -> std::io::Result<Vec<u64>> {
    let named = |name: String| -> PathBuf { folder.join(name) };
    let (started, mut firsts, mut next) = (Instant::now(), Vec::new(), 1);
    while next <= LINES {
        firsts.push(next);
        let mut file = File::create_new(named(LOG.to_owned()))?;
        let rename_at = (next + random.u64(1..FILE_LINES_MAX)).min(LINES + 1);
        write_lines(&mut file, next..rename_at, random, started)?;
        fs::rename(named(LOG.to_owned()), named(format!("{LOG}.{}", firsts.len())))?;
        let late_until = (rename_at + random.u64(0..LATE_LINES_MAX)).min(LINES + 1);
        write_lines(&mut file, rename_at..late_until, random, started)?;
        next = late_until;
    }
    Ok(firsts)
}

fn write_lines(
    file: &mut File,
    numbers: std::ops::Range<u64>,
    random: &mut Rng,
    started: Instant,
) -> std::io::Result<()> {
    let mut text = String::new();
    for number in numbers {
        let head = format!(r#"{{"data":{{"seq":{number},"pad":""#);
        let tail = "\"}}\n";
        let pad = (LINE_BYTES as usize).saturating_sub(head.len() + tail.len());
        let _ = write!(text, "{head}{:x<pad$}{tail}", "");
        while text.len() > WRITE_BYTES_MAX {
            let rest = text.split_off(random.usize(1..=WRITE_BYTES_MAX));
            file.write_all(text.as_bytes())?;
            text = rest;
            let due = Duration::from_secs_f64(number as f64 / LINES_PER_S as f64);
            thread::sleep(due.saturating_sub(started.elapsed()).min(Duration::from_millis(50)));
        }
    }
    file.write_all(text.as_bytes())
}
