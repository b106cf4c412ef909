//! A terminal whose last line changes in place: what is written goes above it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Moves to the start of the line and clears it.
const CLEAR: &[u8] = b"\r\x1b[2K";

/// Columns where the terminal does not tell.
const COLUMNS: usize = 80;

static SCREEN: Mutex<Screen> = Mutex::new(Screen { drawn: false });

/// What the live line is made of: a text for each task. Never held while the terminal is written to,
/// which may not take anything: whoever changes it must not wait for that.
static PARTS: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

struct Screen {
    /// The live line stands on the terminal.
    drawn: bool,
}

fn parts() -> MutexGuard<'static, BTreeMap<String, String>> {
    PARTS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn screen() -> MutexGuard<'static, Screen> {
    SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Changes a task's part of the live line, or takes it away. It is drawn with the next flush.
pub(super) fn set(task: &str, part: Option<String>) {
    let mut parts = parts();
    match part {
        Some(part) => drop(parts.insert(task.to_owned(), part)),
        None => drop(parts.remove(task)),
    }
}

impl Screen {
    fn clear(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.drawn) { io::stderr().write_all(CLEAR) } else { Ok(()) }
    }

    fn draw(&mut self) -> io::Result<()> {
        self.clear()?;
        let width = rustix::termios::tcgetwinsize(io::stderr())
            .map(|size| usize::from(size.ws_col))
            .ok()
            .filter(|&columns| columns > 1)
            .unwrap_or(COLUMNS);
        let line = line(&parts(), width);
        if line.is_empty() {
            return Ok(());
        }
        self.drawn = true;
        io::stderr().write_all(line.as_bytes())
    }
}

/// The live line; with several tasks each part begins with its name. One column stays free, so
/// that no terminal wraps it.
fn line(parts: &BTreeMap<String, String>, width: usize) -> String {
    let named = |(task, part): (&String, &String)| {
        if parts.len() > 1 { format!("{task}: {part}") } else { part.clone() }
    };
    let line = parts.iter().map(named).collect::<Vec<_>>().join("  |  ");
    line.chars().take(width - 1).collect()
}

/// Stderr above the live line; a flush draws it again.
pub(super) struct Above;

impl Write for Above {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        screen().clear()?;
        io::stderr().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        screen().draw()
    }
}

/// Stdout on the same terminal; the live line comes back with its next change.
pub(crate) struct Beside;

impl Write for Beside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut screen = screen(); // held, so that nothing is drawn in the middle
        screen.clear()?;
        io::stdout().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_set_while_the_terminal_takes_nothing() {
        let _writing = screen();
        set("stuck", Some("1 line".to_owned()));
        set("stuck", None);
    }

    #[test]
    fn the_live_line_fits_the_terminal_and_names_tasks_where_there_are_several() {
        let mut parts = BTreeMap::from([("b".to_owned(), "12 lines µ".to_owned())]);
        assert_eq!(line(&parts, 80), "12 lines µ");
        assert_eq!(line(&parts, 5), "12 l");
        parts.insert("a".to_owned(), "3 lines".to_owned());
        assert_eq!(line(&parts, 80), "a: 3 lines  |  b: 12 lines µ");
    }
}
