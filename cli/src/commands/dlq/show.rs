//! `dstream dlq show TASK`: the letters themselves.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use dstream_engine::delivery::{Entry, Letter, Letters, Place, letter_line, read_letter};

use crate::arguments::Global;
use crate::plural::count;

/// Letters that are shown to people who do not say how many.
const SHOWN: u32 = 20;

/// Characters of a line that are shown to people.
const LINE_CHARS: usize = 100;

/// Characters of a reason.
const REASON_CHARS: usize = 300;

pub(super) fn show(
    global: &Global,
    name: &str,
    limit: Option<u32>,
    json: bool,
) -> Result<ExitCode, u8> {
    let (task, letters, _) = super::task(global, name)?;
    let failed = |error: io::Error| super::failed(&task, &letters, &error.into());
    let all = letters.letters().map_err(|error| super::failed(&task, &letters, &error))?;
    let most = limit.or((!json).then_some(SHOWN));
    if json && most.is_none() {
        return Ok(all_of(&all, name).map_or_else(closed, |()| ExitCode::SUCCESS));
    }
    let newest = newest(&all, name, most.unwrap_or(SHOWN) as usize).map_err(failed)?;
    if json {
        let mut out = io::stdout().lock();
        let printed = newest.places.iter().try_for_each(|place| copy(&all, place, &mut out));
        return Ok(printed.map_or_else(closed, |()| ExitCode::SUCCESS));
    }
    let mut text = String::new();
    if newest.letters == 0 {
        text = format!("task `{name}` has no dead letters\n");
    }
    let earlier = newest.letters - newest.places.len() as u64;
    if earlier > 0 {
        text = format!("{} earlier; --limit shows more\n", count(earlier, "letter"));
    }
    for place in &newest.places {
        let mut line = Vec::new();
        all.text(place).read_to_end(&mut line).map_err(failed)?;
        // It was one a moment ago, and the file is the same.
        if let Some(letter) = read_letter(&line) {
            text.push_str(&shown(&letter));
        }
    }
    if newest.unreadable > 0 {
        let lines = count(newest.unreadable, "line");
        text.push_str(&format!("{lines} in these files cannot be read as letters\n"));
    }
    Ok(super::super::print(&text))
}

/// Whoever reads stdout may have left, which is a normal end.
fn closed(error: io::Error) -> ExitCode {
    match error.kind() {
        io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        _ => ExitCode::from(crate::exit::FAILED),
    }
}

/// The last letters of a task.
#[derive(Default)]
struct Newest {
    places: VecDeque<Place>,
    letters: u64,
    unreadable: u64,
}

fn newest(all: &Letters, task: &str, most: usize) -> io::Result<Newest> {
    let mut newest = Newest::default();
    all.each(|entry: &Entry<'_>| {
        match &entry.letter {
            Some(letter) if letter.task == task => {
                newest.letters += 1;
                if newest.places.len() == most {
                    newest.places.pop_front();
                }
                newest.places.push_back(entry.place.clone());
            }
            Some(_) => {}
            None => newest.unreadable += 1,
        }
        Ok::<_, io::Error>(())
    })?;
    Ok(newest)
}

fn all_of(all: &Letters, task: &str) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    all.each(|entry| match &entry.letter {
        Some(letter) if letter.task == task => copy(all, &entry.place, &mut out),
        _ => Ok(()),
    })?;
    out.flush()
}

fn copy(all: &Letters, place: &Place, out: &mut impl Write) -> io::Result<()> {
    io::copy(&mut all.text(place), out)?;
    out.write_all(b"\n")
}

fn shown(letter: &Letter<'_>) -> String {
    let time = letter.time.strftime("%Y-%m-%d %H:%M:%S UTC");
    let provider = clear(&letter.provider, REASON_CHARS);
    let reason = clear(&letter.reason, REASON_CHARS);
    let mut place = String::new();
    if let Some(number) = letter.line_number {
        place = format!(", line {number}");
    }
    if let Some(offset) = letter.offset_bytes {
        place.push_str(&format!(", byte {offset}"));
    }
    let part = match letter {
        Letter { truncated: true, .. } => " (only its beginning was kept)",
        Letter { cut_off: true, .. } => " (cut off)",
        _ => "",
    };
    let line = letter_line(letter).unwrap_or_default();
    // No character takes more than four bytes.
    let beginning = &line[..line.len().min(4 * LINE_CHARS + 4)];
    let line = clear(&String::from_utf8_lossy(beginning), LINE_CHARS);
    format!("{time}  {provider}{place}: {reason}{part}\n    {line}\n")
}

/// So much of a text, without what could make a terminal do something.
fn clear(text: &str, chars_max: usize) -> String {
    let is_plain = |char: char| {
        let turns = matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        !(char.is_control() || turns || matches!(char, '\u{2028}' | '\u{2029}'))
    };
    let mut cleared = String::new();
    let mut chars = text.chars();
    for char in chars.by_ref().take(chars_max) {
        match char {
            char if is_plain(char) => cleared.push(char),
            '\n' | '\r' | '\t' => cleared.extend(char.escape_default()),
            char => cleared.extend(char.escape_unicode()),
        }
    }
    if chars.next().is_some() {
        cleared.push('…');
    }
    cleared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_does_nothing_to_a_terminal() {
        assert_eq!(
            clear("a\x1b[31mb\tc\u{202e}d\u{9b}", 100),
            "a\\u{1b}[31mb\\tc\\u{202e}d\\u{9b}"
        );
        assert_eq!(clear("äöü", 3), "äöü");
        assert_eq!(clear("äöüß", 3), "äöü…");
    }
}
