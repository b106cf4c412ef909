//! What the files are called.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What stands before the number of a file that a replay has claimed.
const REPLAY: &str = "replay";

/// The same name with something after it.
pub(super) fn with_ending(path: &Path, ending: impl std::fmt::Display) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{ending}"));
    name.into()
}

/// The name of the claimed file with this number.
pub(super) fn claim(path: &Path, number: u32) -> PathBuf {
    with_ending(path, format_args!("{REPLAY}.{number}"))
}

/// What belongs to a replay and holds no letters.
pub(super) fn of_replay(path: &Path, what: &str) -> PathBuf {
    with_ending(path, format_args!("{REPLAY}.{what}"))
}

/// The name behind symbolic links: that is the one that is changed.
pub(super) fn real(path: &Path) -> PathBuf {
    let is_link = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    let real = is_link.then(|| fs::canonicalize(path).ok()).flatten();
    real.unwrap_or_else(|| path.to_owned())
}

/// The full files of this name, the oldest first.
pub(super) fn older(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut numbers = numbers(path, "")?;
    numbers.reverse();
    Ok(numbers.into_iter().map(|number| with_ending(path, number)).collect())
}

/// The files that replays have claimed, the oldest first.
pub(super) fn claimed(path: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(claims(path)?.into_iter().map(|number| claim(path, number)).collect())
}

/// Their numbers: a later one has a larger number.
pub(super) fn claims(path: &Path) -> io::Result<Vec<u32>> {
    numbers(path, "replay.")
}

/// The numbers that stand behind a name in its folder, ascending.
fn numbers(path: &Path, before: &str) -> io::Result<Vec<u32>> {
    let Some(name) = path.file_name() else { return Ok(Vec::new()) };
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut prefix = name.to_owned();
    prefix.push(format!(".{before}"));
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let rest = name.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes());
        let digits = rest.and_then(|rest| std::str::from_utf8(rest).ok());
        let number = digits.and_then(|digits| digits.parse::<u32>().ok());
        // As they are written here, not 01 or +1.
        numbers.extend(number.filter(|number| digits == Some(number.to_string().as_str())));
    }
    numbers.sort_unstable();
    Ok(numbers)
}
