//! What an earlier run has left unfinished: it is made whole and finished, or removed if there is
//! no whole line in it. Files that another process is at are left alone.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use dstream_sdk::{ProviderError, log};
use flate2::bufread::GzDecoder;

use super::durable::{Fsync, failed};
use super::names::{self, PARTIAL};
use super::template::Template;
use super::writing::lock;
use crate::file::GLOB_OPTIONS;
use crate::file::tail::after_last_newline;

/// Finishes all files that a template can have left.
pub(crate) fn finish_left(template: &Template, fsync: Fsync) -> Result<(), ProviderError> {
    for pattern in names::globs(&template.glob(), PARTIAL) {
        let paths = glob::glob_with(&pattern, GLOB_OPTIONS)
            .map_err(|error| ProviderError::config(format!("path: {}", error.msg)))?;
        for path in paths.flatten() {
            match finish(&path, fsync) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {} // done by its writer
                other => other.map_err(|error| failed("finish", &path, &error))?,
            }
        }
    }
    Ok(())
}

fn finish(path: &Path, fsync: Fsync) -> io::Result<()> {
    let shown = path.display();
    let finished: PathBuf = match path.to_str().and_then(|path| path.strip_suffix(PARTIAL)) {
        Some(finished) if path.is_file() => finished.into(),
        _ => return Ok(()),
    };
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    if !lock(&file) {
        log::debug!("{shown}: another process writes it");
        return Ok(());
    }
    if finished.exists() {
        log::warn!("{shown}: cannot be finished: there is a finished file of that name");
        return Ok(());
    }
    let size = file.metadata()?.len();
    let whole = whole_bytes(&mut file)?;
    if whole == 0 {
        log::info!("{shown}: removed: an earlier run left it without a whole line");
        fs::remove_file(path)?;
        return fsync.folder_of(path);
    }
    if whole < size {
        log::warn!("{shown}: truncated to its whole lines, from {size} bytes to {whole}");
        file.set_len(whole)?;
    }
    fsync.file(&file)?;
    fs::rename(path, &finished)?;
    log::info!("{}: left unfinished by an earlier run, finished now", finished.display());
    fsync.folder_of(&finished)
}

/// How many bytes from the beginning are whole: lines, or gzip members or zstd frames.
fn whole_bytes(file: &mut File) -> io::Result<u64> {
    let mut reader = BufReader::new(&*file);
    let start = reader.fill_buf()?;
    if !start.starts_with(&[0x1f, 0x8b]) && !start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        return after_last_newline(file);
    }
    let mut whole = 0;
    while !reader.fill_buf()?.is_empty() {
        let decoded = if reader.buffer().first() == Some(&0x1f) {
            read_to_end(GzDecoder::new(&mut reader))
        } else {
            zstd::Decoder::with_buffer(&mut reader)
                .and_then(|decoder| read_to_end(decoder.single_frame()))
        };
        match decoded {
            // What the disk refuses is no broken member.
            Err(error) if error.raw_os_error().is_some_and(|code| code > 0) => return Err(error),
            Err(_) => break,
            Ok(()) => whole = reader.stream_position()?,
        }
    }
    Ok(whole)
}

fn read_to_end(mut decoder: impl Read) -> io::Result<()> {
    io::copy(&mut decoder, &mut io::sink()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::pack::{Compress, Packer};
    use super::*;

    #[test]
    fn whatever_is_cut_off_the_members_before_it_are_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        for compress in Compress::ALL {
            let mut packer = Packer::new(compress);
            let mut ends = vec![0];
            for number in 0..3 {
                let lines = format!("line {number}\n").repeat(10);
                packer.add(lines.as_bytes()).unwrap();
                packer.end_member().unwrap();
                ends.push(packer.packed().len() as u64);
            }
            let bytes = packer.packed().clone();
            for cut in 0..=bytes.len() {
                fs::write(&path, &bytes[..cut]).unwrap();
                let mut file = File::open(&path).unwrap();
                let whole = whole_bytes(&mut file).unwrap();
                let expected = match compress {
                    Compress::None => cut as u64 / 7 * 7,
                    _ => *ends.iter().rfind(|end| **end <= cut as u64).unwrap(),
                };
                assert_eq!(whole, expected, "{compress:?} {cut}");
            }
            fs::write(&path, [&bytes[..], b"\0garbage"].concat()).unwrap();
            let whole = whole_bytes(&mut File::open(&path).unwrap()).unwrap();
            assert_eq!(whole, bytes.len() as u64);
        }
    }
}
