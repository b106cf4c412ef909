//! Names of finished files and of those that are being written: `orders.jsonl` becomes
//! `orders-000001.jsonl.gz`, and has `.partial` behind that until it is finished.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::pack::Compress;

/// What an unfinished file's name ends with.
pub(crate) const PARTIAL: &str = ".partial";

/// Digits of a number in a name: six at least, and no more than can be counted on from.
const DIGITS: RangeInclusive<usize> = 6..=15;

/// The folder of a file, as something that can be opened.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Name and extension, the dot with the latter.
fn split(base: &Path) -> (&str, &str) {
    let name = base.file_name().and_then(OsStr::to_str).unwrap_or_default();
    match name.rfind('.') {
        Some(at) if at > 0 => name.split_at(at),
        _ => (name, ""),
    }
}

/// The finished file of this number.
pub(crate) fn numbered(base: &Path, number: u64, compress: Compress) -> PathBuf {
    let (stem, extension) = split(base);
    base.with_file_name(format!("{stem}-{number:06}{extension}{}", compress.ending()))
}

/// The same while it is unfinished.
pub(crate) fn partial(finished: &Path) -> PathBuf {
    let mut name = finished.as_os_str().to_owned();
    name.push(PARTIAL);
    name.into()
}

/// The highest number that a file of this base has, finished or not, however it is compressed.
pub(crate) fn highest(base: &Path) -> io::Result<u64> {
    let (stem, extension) = split(base);
    let mut highest = 0;
    for entry in fs::read_dir(folder(base))? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| number_in(name, stem, extension));
        highest = highest.max(number.unwrap_or(0));
    }
    Ok(highest)
}

fn number_in(name: &str, stem: &str, extension: &str) -> Option<u64> {
    let name = name.strip_suffix(PARTIAL).unwrap_or(name);
    let rest = name.strip_prefix(stem)?.strip_prefix('-')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let ending = rest[digits..].strip_prefix(extension)?;
    let is_known = Compress::ALL.iter().any(|compress| compress.ending() == ending);
    if is_known && DIGITS.contains(&digits) { rest[..digits].parse().ok() } else { None }
}

/// Globs for the numbered files of all bases that a glob stands for, and what they end with.
pub(crate) fn globs(base: &str, ending: &str) -> [String; 3] {
    let at = base.rfind('/').map_or(0, |at| at + 1);
    let (folder, name) = base.split_at(at);
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    };
    let digits = "[0-9]".repeat(6);
    Compress::ALL
        .map(|compress| format!("{folder}{stem}-{digits}*{extension}{}{ending}", compress.ending()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_before_the_extension() {
        let gzip = Compress::Gzip;
        assert_eq!(numbered(Path::new("a/b.jsonl"), 7, gzip), Path::new("a/b-000007.jsonl.gz"));
        assert_eq!(numbered(Path::new("b"), 1_000_000, Compress::None), Path::new("b-1000000"));
        assert_eq!(partial(Path::new("a/b-000007")), Path::new("a/b-000007.partial"));
        assert_eq!(
            globs("a/*.b.c", ".partial")[1],
            format!("a/*.b-{}*.c.gz.partial", "[0-9]".repeat(6))
        );
    }

    #[test]
    fn numbers_are_found_in_every_form_of_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("a.log");
        assert_eq!(highest(&base).unwrap(), 0);
        for (name, expected) in [
            ("a-000003.log", 3),
            ("a-000004.log.gz", 4),
            ("a-000005.log.zst.partial", 5),
            ("a-7.log", 5),
            ("b-000009.log", 5),
            ("a-000009.log.bz2", 5),
            ("a-000009", 5),
            ("a-x-000009.log", 5),
            ("a-18446744073709551615.log", 5),
            ("a-1000000.log", 1_000_000),
        ] {
            fs::write(folder.path().join(name), "").unwrap();
            assert_eq!(highest(&base).unwrap(), expected, "{name}");
        }
    }
}
