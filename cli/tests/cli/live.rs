//! The live line of `--stats` on a terminal: it never stands in a log line's way.

use std::fs::File;
use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::thread;

use regex::Regex;

use crate::harness::{Block, Sandbox, emitted, eventually};
use crate::stats::{run_with, without_times};

/// A terminal of 200 columns: what was written to it so far, and its other end, to be given to a
/// process and then closed.
fn terminal() -> (Arc<Mutex<String>>, File, thread::JoinHandle<()>) {
    use rustix::fs::{Mode, OFlags, open};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use rustix::termios::{Winsize, tcsetwinsize};
    let near = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&near).unwrap();
    unlockpt(&near).unwrap();
    let name = ptsname(&near, Vec::new()).unwrap();
    let far = open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let size = Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&far, size).unwrap();
    let written = Arc::new(Mutex::new(String::new()));
    let (kept, mut near) = (Arc::clone(&written), File::from(near));
    let reading = thread::spawn(move || {
        let (mut pending, mut bytes) = (Vec::new(), [0; 4096]);
        // A terminal whose other end has been closed gives an error, or nothing.
        while let Ok(count @ 1..) = near.read(&mut bytes) {
            pending.extend_from_slice(&bytes[..count]);
            let whole = match std::str::from_utf8(&pending) {
                Ok(_) => pending.len(),
                Err(cut) => cut.valid_up_to(),
            };
            let text: Vec<u8> = pending.drain(..whole).collect();
            kept.lock().unwrap().push_str(std::str::from_utf8(&text).unwrap());
        }
    });
    (written, far.into(), reading)
}

/// The rows that a terminal shows after this.
fn rows(written: &str) -> Vec<String> {
    let mut rows = vec![String::new()];
    // Whatever is not cleared would be written over from the left.
    let mut column = 0;
    let mut rest = written;
    while let Some(next) = rest.chars().next() {
        let row = rows.last_mut().unwrap();
        if let Some(after) = rest.strip_prefix("\x1b[2K") {
            row.clear();
            rest = after;
            continue;
        }
        match next {
            '\r' => column = 0,
            '\n' => {
                rows.push(String::new());
                column = 0;
            }
            _ => {
                let mut cells: Vec<char> = row.chars().collect();
                cells.resize(cells.len().max(column + 1), ' ');
                cells[column] = next;
                *row = cells.into_iter().collect();
                column += 1;
            }
        }
        rest = &rest[next.len_utf8()..];
    }
    rows
}

#[test]
fn a_terminal_shows_its_rows() {
    assert_eq!(rows("one\r\nlive 12\r\x1b[2Ktwo\r\nlive 13\rl\r\n"), ["one", "two", "live 13", ""]);
    assert_eq!(rows("live 12\rtwo"), ["twoe 12"]);
}

#[test]
fn the_live_line_stands_below_the_log_and_goes_before_the_report() {
    let sandbox = Sandbox::new();
    let wait = ["log", "go"].map(|name| format!("wait {}", sandbox.at(name)));
    let steps = ["ready", "emit 100 100", &wait[0], "stderr 2", &wait[1], "emit 5 100"];
    let output = Block::script(&["ready", "emit 1 50", "read-all", "emit 1 50"]);
    sandbox.write_task(&Block::script(&steps), &[output], "");
    let (written, far, reading) = terminal();
    let mut command = sandbox.command(&run_with(&["--stats", "--transport", "portable"]));
    command.stdout(far.try_clone().unwrap()).stderr(far).env("NO_COLOR", "1");
    let mut child = command.spawn().unwrap();
    drop(command); // and with it this end of the terminal
    let live = Regex::new(r"^\d+\.\d s, 100 lines \(9\.8 KiB\), .*-bound \d+ %$").unwrap();
    let shows = |what: &str, holds: &dyn Fn(&[String]) -> bool| {
        eventually(what, || holds(&rows(&written.lock().unwrap())));
    };
    shows("a live line", &|rows| live.is_match(rows.last().unwrap()));
    sandbox.write("log", "");
    shows("a live line below the log", &|rows| {
        let log = rows.iter().position(|row| row == "INFO  source: log line 2");
        log.is_some_and(|at| rows[at + 1..].iter().any(|row| live.is_match(row)))
    });
    sandbox.write("go", "");
    let mut status = None;
    eventually("the end", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    reading.join().unwrap();
    let written = written.lock().unwrap();
    assert_eq!(status.unwrap().code(), Some(0), "{written}");
    assert!(written.matches("\x1b[2K").count() >= 2, "{written:?}");
    let shown = rows(&written).join("\n");
    let (log, report) = shown.split_once("Statistics").unwrap_or_else(|| panic!("{shown}"));
    // What the output prints at its start and the log line of the input come in any order.
    let mut log: Vec<&str> = log.lines().collect();
    log.sort_unstable();
    let printed = |seq: u64| emitted(seq, 1, 50);
    let printed = [printed(1), printed(2)].map(|line| String::from_utf8(line).unwrap());
    let lines = ["INFO  source: log line 1", "INFO  source: log line 2"];
    assert_eq!(log, [&lines[..], &printed.each_ref().map(|line| line.trim_end())].concat());
    assert_eq!(
        without_times(report),
        " of task \"t\", [TIME] by portable:
  relayed   105 lines (10.3 KiB), on average [RATE]
  written   105 lines (10.3 KiB) to sink
  latency   p50 [TIME], p90 [TIME], p99 [TIME], p99.9 [TIME], max [TIME]
  time      [SHARE] waiting for the input, [SHARE] waiting for the output, [SHARE] at work
  [BOTTLENECK]
INFO  dstream: 105 lines (10.3 KiB) written to sink in [TIME]
✅ Task \"t\" executed successfully
"
    );
}
