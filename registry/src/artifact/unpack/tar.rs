//! The one executable of a tar archive.
//!
//! The headers are the tar crate's; its iterator over entries is not used. That one follows links'
//! and sparse files' rules, keeps headers of any size in memory, and stops at the end mark without
//! a look at what follows. Here the few kinds of entries that a provider needs are known, and
//! everything else is refused.

use std::fmt;
use std::fs::File;
use std::io;

use tar::Header;

use super::contents::Contents;
use super::{UnpackError, clear};
use crate::artifact::title::check_title;
use crate::limits::{ARCHIVE_ENTRIES_MAX, ARCHIVE_HEADER_BYTES_MAX, ARCHIVE_NAMES_SHOWN_MAX};

/// Bytes of a header, and what the contents of entries are padded to.
pub(super) const BLOCK_BYTES: usize = 512;

/// Characters of an entry's name that an error shows.
const NAME_CHARS_MAX: usize = 100;

/// What is refused about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forbidden {
    /// It begins at the root or at a drive.
    Absolute,
    /// It goes up.
    Parent,
    /// It is a path on one system and a name on another.
    Backslash,
    /// It ends earlier for one program than for another.
    Nul,
    /// It has no name.
    Nameless,
    /// Points to another path.
    Symlink,
    /// Is another entry or a file outside.
    HardLink,
    /// A character or block device.
    Device,
    /// A pipe with a name.
    Fifo,
    /// Has holes; its size says nothing.
    Sparse,
    /// Setuid, setgid or sticky.
    SpecialBits,
    /// None of the above, such as a part of a volume.
    Unknown(u8),
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absolute => "an absolute path",
            Self::Parent => "a path with `..`",
            Self::Backslash => "a path with a backslash",
            Self::Nul => "a path with a NUL byte",
            Self::Nameless => "an entry without a name",
            Self::Symlink => "a symbolic link",
            Self::HardLink => "a hard link",
            Self::Device => "a device",
            Self::Fifo => "a named pipe",
            Self::Sparse => "a sparse file",
            Self::SpecialBits => "a file with setuid, setgid or sticky bit",
            Self::Unknown(kind) => {
                return write!(f, "an entry of kind `{}`", kind.escape_ascii());
            }
        })
    }
}

/// How much a file looks like the executable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Other,
    /// It has an execute bit.
    Executable,
    /// It is called `plugin`.
    Named,
}

/// The files that stand out most so far. The first of them has been written.
struct Candidates {
    rank: Rank,
    files: usize,
    names: Vec<String>,
    bytes: u64,
}

/// What headers say about the entry that follows them.
#[derive(Default)]
struct Ahead {
    path: Option<Vec<u8>>,
    size: Option<u64>,
    sparse: bool,
}

/// Whether a block is a header: its checksum says so. Nothing else does that for all the dialects.
pub(super) fn is_header(block: &[u8; BLOCK_BYTES]) -> bool {
    // The checksum counts as spaces in its own sum.
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    let field: u32 = block[148..156].iter().map(|&byte| u32::from(byte)).sum();
    Header::from_byte_slice(block)
        .cksum()
        .is_ok_and(|expected| expected == sum - field + 8 * u32::from(b' '))
}

/// Writes the executable of the archive that begins with the block `first` into a file: the only
/// one called `plugin`, `plugin.exe` or `plugin.<os>_<arch>`; if none is called so, the only one
/// with an execute bit; if none has one, the only one there is. Returns its size.
///
/// The archive is a stream, so the best so far is written, and replaced when a better one comes.
pub(super) fn extract(
    contents: &mut Contents<'_>,
    first: [u8; BLOCK_BYTES],
    into: &mut File,
) -> Result<u64, UnpackError> {
    let mut best: Option<Candidates> = None;
    let mut ahead = Ahead::default();
    let mut entries = 0;
    let mut block = first;
    while block != [0; BLOCK_BYTES] {
        entries += 1;
        if entries > ARCHIVE_ENTRIES_MAX {
            return Err(UnpackError::TooManyEntries);
        }
        if !is_header(&block) {
            return Err(UnpackError::Damaged("a header's checksum is wrong"));
        }
        let header = Header::from_byte_slice(&block);
        let size =
            header.entry_size().map_err(|_| UnpackError::Damaged("a size is not a number"))?;
        match header.entry_type().as_byte() {
            b'x' => ahead.read_pax(&read_header(contents, size)?)?,
            b'g' => {
                let mut for_all = Ahead::default();
                for_all.read_pax(&read_header(contents, size)?)?;
                if for_all.path.is_some() || for_all.size.is_some() || for_all.sparse {
                    return Err(UnpackError::Damaged("a global header names or sizes entries"));
                }
            }
            b'L' => {
                let mut name = read_header(contents, size)?;
                while name.pop_if(|byte| *byte == 0).is_some() {}
                ahead.path = Some(name);
            }
            // The target of a link, which will be refused when it comes.
            b'K' => drop(read_header(contents, size)?),
            kind => {
                let about = std::mem::take(&mut ahead);
                entry(contents, header, kind, size, about, &mut best, into)?;
            }
        }
        if contents.fill(&mut block)? < BLOCK_BYTES {
            return Err(UnpackError::Truncated("tar archive"));
        }
    }
    // Read to the end, since only there a compression says whether it was sound.
    if !contents.only_zeros_left()? {
        return Err(UnpackError::Damaged("something follows its end"));
    }
    match best {
        None => Err(UnpackError::Nothing("the tar archive has no file in it")),
        Some(best) if best.files > 1 => {
            Err(UnpackError::Several { names: best.names, files: best.files })
        }
        Some(best) if best.bytes == 0 => Err(UnpackError::Nothing("its file is empty")),
        Some(best) => Ok(best.bytes),
    }
}

/// A file or a folder; everything else is refused.
fn entry(
    contents: &mut Contents<'_>,
    header: &Header,
    kind: u8,
    size: u64,
    about: Ahead,
    best: &mut Option<Candidates>,
    into: &mut File,
) -> Result<(), UnpackError> {
    let path = about.path.unwrap_or_else(|| header.path_bytes().into_owned());
    let shown = shown(&path);
    let refuse = |why| Err(UnpackError::Entry { name: shown.clone(), why });
    if about.sparse {
        return refuse(Forbidden::Sparse);
    }
    let is_file = match kind {
        // The oldest archives have folders as files with a slash at the end.
        0 | b'0' | b'7' => !path.ends_with(b"/"),
        b'5' => false,
        b'1' => return refuse(Forbidden::HardLink),
        b'2' => return refuse(Forbidden::Symlink),
        b'3' | b'4' => return refuse(Forbidden::Device),
        b'6' => return refuse(Forbidden::Fifo),
        b'S' => return refuse(Forbidden::Sparse),
        other => return refuse(Forbidden::Unknown(other)),
    };
    if let Some(why) = forbidden_path(&path) {
        return refuse(why);
    }
    // Two sizes would be two archives, depending on who reads it. A header's own has room for 8 GiB.
    if about.size.is_some_and(|reported| reported != size) {
        return Err(UnpackError::Damaged("an entry has two sizes"));
    }
    if !is_file {
        // Nothing is made from a folder, so its mode does not matter; many have setgid.
        let damaged = UnpackError::Damaged("a folder has contents");
        return if size == 0 { Ok(()) } else { Err(damaged) };
    }
    let mode = header.mode().map_err(|_| UnpackError::Damaged("a mode is not a number"))?;
    if mode & 0o7000 != 0 {
        return refuse(Forbidden::SpecialBits);
    }

    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    // macOS puts a file's attributes beside it, in a file with its mode.
    let companion = name.starts_with(b"._");
    let rank = rank(name, mode);
    let better = best.as_ref().is_none_or(|best| rank > best.rank);
    if better && !companion {
        clear(into)?;
        contents.copy(size, into)?;
        *best = Some(Candidates { rank, files: 1, names: vec![shown], bytes: size });
    } else {
        contents.copy(size, &mut io::sink())?;
        if let Some(best) = best.as_mut().filter(|best| best.rank == rank && !companion) {
            best.files += 1;
            if best.names.len() < ARCHIVE_NAMES_SHOWN_MAX {
                best.names.push(shown);
            }
        }
    }
    skip_padding(contents, size)
}

fn rank(name: &[u8], mode: u32) -> Rank {
    let called_plugin = matches!(name, b"plugin" | b"plugin.exe")
        || std::str::from_utf8(name).is_ok_and(|name| matches!(check_title(name), Ok(Some(_))));
    if called_plugin {
        Rank::Named
    } else if mode & 0o111 != 0 {
        Rank::Executable
    } else {
        Rank::Other
    }
}

fn forbidden_path(path: &[u8]) -> Option<Forbidden> {
    if path.is_empty() {
        Some(Forbidden::Nameless)
    } else if path.contains(&0) {
        Some(Forbidden::Nul)
    } else if path.contains(&b'\\') {
        Some(Forbidden::Backslash)
    } else if path.starts_with(b"/") || path.get(1) == Some(&b':') {
        Some(Forbidden::Absolute)
    } else if path.split(|&byte| byte == b'/').any(|part| part == b"..") {
        Some(Forbidden::Parent)
    } else {
        None
    }
}

/// What a header's entry holds, which is a text about the next entry.
fn read_header(contents: &mut Contents<'_>, size: u64) -> Result<Vec<u8>, UnpackError> {
    if size > ARCHIVE_HEADER_BYTES_MAX {
        return Err(UnpackError::Damaged("a header is far too long"));
    }
    let mut text = Vec::new();
    contents.copy(size, &mut text)?;
    skip_padding(contents, size)?;
    Ok(text)
}

fn skip_padding(contents: &mut Contents<'_>, size: u64) -> Result<(), UnpackError> {
    contents.copy(size.next_multiple_of(BLOCK_BYTES as u64) - size, &mut io::sink())
}

impl Ahead {
    /// Reads records of the form `LENGTH KEY=VALUE\n`, where the length is that of all this
    /// (POSIX `pax`, extended header). The tar crate's reader stops at a value with a line end.
    fn read_pax(&mut self, mut text: &[u8]) -> Result<(), UnpackError> {
        const DAMAGED: UnpackError = UnpackError::Damaged("a pax header has a malformed record");
        while !text.is_empty() {
            let space = text.iter().position(|&byte| byte == b' ').ok_or(DAMAGED)?;
            let length: usize = number(&text[..space]).ok_or(DAMAGED)?;
            let record = text.get(space + 1..length).ok_or(DAMAGED)?;
            let [record @ .., b'\n'] = record else { return Err(DAMAGED) };
            let equals = record.iter().position(|&byte| byte == b'=').ok_or(DAMAGED)?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"path" => self.path = Some(value.to_owned()),
                b"size" => self.size = Some(number(value).ok_or(DAMAGED)?),
                _ if key.starts_with(b"GNU.sparse.") => self.sparse = true,
                _ => {}
            }
            text = &text[length..];
        }
        Ok(())
    }
}

fn number<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// A name as errors show it: no control character of it reaches a terminal.
fn shown(path: &[u8]) -> String {
    let name = String::from_utf8_lossy(path);
    let mut shown: String =
        name.chars().take(NAME_CHARS_MAX).flat_map(char::escape_debug).collect();
    if name.chars().nth(NAME_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}
