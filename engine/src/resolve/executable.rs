//! Whether a file can be started here, found out before it is tried: a C library hands what the
//! kernel refuses to a shell, whose complaints then have nothing to do with the cause.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::ResolveError;

/// Bytes of a file's start that are looked at; the kernel reads as many of a script's first line.
const HEAD_BYTES: usize = 256;

pub(super) fn is_executable_file(path: &Path) -> bool {
    fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

pub(super) fn check(path: &Path) -> Result<(), ResolveError> {
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ResolveError::NotFound(path.to_owned()),
        _ => ResolveError::Unreadable(path.to_owned(), error),
    })?;
    if metadata.is_dir() {
        return Err(ResolveError::Folder(path.to_owned()));
    }
    if metadata.permissions().mode() & 0o111 == 0 {
        return Err(ResolveError::NotExecutable(path.to_owned()));
    }
    let Ok(head) = head(path) else {
        return Ok(()); // executable without being readable is allowed
    };
    if let Some((interpreter, argument)) = interpreter(&head) {
        if argument.ends_with(b"\r") && !takes_carriage_return(&interpreter, argument) {
            return Err(ResolveError::CarriageReturn(path.to_owned()));
        }
        if !interpreter.exists() {
            return Err(ResolveError::NoInterpreter { path: path.to_owned(), interpreter });
        }
    }
    match platform(&head) {
        Some(found) if !runs_foreign_files() => {
            let here = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
            Err(ResolveError::WrongPlatform { path: path.to_owned(), found, here })
        }
        _ => Ok(()),
    }
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    File::open(path)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// The interpreter that a script's first line names, if a file is one and can be read.
#[cfg(target_os = "linux")]
pub(crate) fn interpreter_of(path: &Path) -> Option<PathBuf> {
    let head = head(path).ok()?;
    interpreter(&head).map(|(interpreter, _)| interpreter)
}

/// The interpreter that a script's first line names, and the rest of the line: for the kernel, a
/// carriage return is a character of it like any other.
fn interpreter(head: &[u8]) -> Option<(PathBuf, &[u8])> {
    let line = head.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let line = line.trim_ascii_start();
    let name = line.split(u8::is_ascii_whitespace).next().filter(|name| !name.is_empty())?;
    Some((PathBuf::from(std::ffi::OsStr::from_bytes(name)), &line[name.len()..]))
}

/// Whether this interpreter overlooks a carriage return at the end of its argument, as Perl does
/// among its switches and env among what -S splits.
fn takes_carriage_return(interpreter: &Path, argument: &[u8]) -> bool {
    let argument = argument.trim_ascii();
    match interpreter.file_name().map(OsStrExt::as_bytes) {
        Some(b"perl") => !argument.is_empty(),
        Some(b"env") => argument.starts_with(b"-S") || argument.starts_with(b"--split-string"),
        _ => false,
    }
}

/// The platform a binary is made for, if it is known not to be this one.
fn platform(head: &[u8]) -> Option<&'static str> {
    match head {
        [0x7f, b'E', b'L', b'F', ..] if cfg!(target_os = "macos") => Some("Linux"),
        // ELF: byte 5 is the byte order, 18 and 19 are the machine (System V ABI, e_machine).
        [0x7f, b'E', b'L', b'F', ..] if head.len() < 20 => Some("no machine: it is cut off"),
        [0x7f, b'E', b'L', b'F', _, order, ..] => {
            let machine = [head[18], head[19]];
            let machine =
                if *order == 2 { u16::from_be_bytes(machine) } else { u16::from_le_bytes(machine) };
            let (arch, name) = match machine {
                3 => ("x86", "32-bit x86"),
                8 => ("mips", "MIPS"),
                21 => ("powerpc64", "64-bit PowerPC"),
                22 => ("s390x", "IBM Z"),
                40 => ("arm", "32-bit ARM"),
                62 => ("x86_64", "x86_64"),
                183 => ("aarch64", "aarch64"),
                243 => ("riscv64", "RISC-V"),
                _ => return None,
            };
            let same = arch == std::env::consts::ARCH
                || (arch, std::env::consts::ARCH) == ("x86", "x86_64")
                || (arch, std::env::consts::ARCH) == ("arm", "aarch64");
            (!same).then_some(name)
        }
        [b'M', b'Z', ..] => Some("Windows"),
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, ..]
            if !cfg!(target_os = "macos") =>
        {
            Some("macOS")
        }
        _ => None,
    }
}

/// Whether the kernel knows an emulator for it; then it knows better than this module.
fn runs_foreign_files() -> bool {
    let Ok(entries) = fs::read_dir("/proc/sys/fs/binfmt_misc") else {
        return false;
    };
    entries.flatten().any(|entry| !matches!(entry.file_name().as_bytes(), b"register" | b"status"))
}
