//! Files and paths. Relative paths are relative to the folder of the HCL file, never to where
//! `dstream` was started; `~` is the home folder. What is read from a file is a secret.
//!
//! Paths in results are cleaned as text, without a look at the disk, and use `/`.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::arguments::Arguments;
use super::call::{Context, Function, Outcome, Secrecy, function};
use super::limits::FILE_BYTES_MAX;
use crate::values::value::Value;

pub(super) const TABLE: &[Function] = &[
    function("abspath", "path", abspath),
    function("basename", "path", basename),
    function("dirname", "path", dirname),
    function("file", "path", file).that(Secrecy::Marks),
    function("filebase64", "path", filebase64).that(Secrecy::Marks),
    function("fileexists", "path", fileexists),
    function("pathexpand", "path", pathexpand),
];

fn file(arguments: &mut Arguments<'_>) -> Outcome {
    let path = arguments.text()?;
    let content = String::from_utf8(read(arguments.context, &path)?)
        .map_err(|_| format!("`{path}` is not UTF-8 text; `filebase64` reads any file"))?;
    Ok(Value::from(content).tainted(true))
}

fn filebase64(arguments: &mut Arguments<'_>) -> Outcome {
    let path = arguments.text()?;
    let content = STANDARD.encode(read(arguments.context, &path)?);
    Ok(Value::from(content).tainted(true))
}

/// Whether there is a file. A folder, a pipe or a device in its place is an error.
fn fileexists(arguments: &mut Arguments<'_>) -> Outcome {
    let path = arguments.text()?;
    match std::fs::metadata(resolve(arguments.context, &path)?) {
        Ok(metadata) if metadata.is_file() => Ok(true.into()),
        Ok(_) => Err(format!("`{path}` is not a regular file")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false.into()),
        Err(error) => Err(format!("cannot look at `{path}`: {error}")),
    }
}

/// The bytes of a file of at most [`FILE_BYTES_MAX`]. Only of a regular file: opening a pipe could
/// wait for ever, and a device may have no end.
pub(super) fn read(context: &Context<'_>, path: &str) -> Result<Vec<u8>, String> {
    let place = resolve(context, path)?;
    let failed = |error: std::io::Error| format!("cannot read `{path}`: {error}");
    if !std::fs::metadata(&place).map_err(failed)?.is_file() {
        return Err(format!("`{path}` is not a regular file"));
    }
    let mut content = Vec::new();
    let file = File::open(&place).map_err(failed)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut content).map_err(failed)?;
    if content.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("`{path}` is larger than {} MiB", FILE_BYTES_MAX >> 20));
    }
    Ok(content)
}

fn resolve(context: &Context<'_>, path: &str) -> Result<PathBuf, String> {
    Ok(context.base_dir.join(expand(context, path)?))
}

fn pathexpand(arguments: &mut Arguments<'_>) -> Outcome {
    let path = arguments.text()?;
    Ok(expand(arguments.context, &path)?.into())
}

/// With the home folder in the place of a leading `~`. `~name` stays: whose home that is only the
/// system's user database knows.
fn expand(context: &Context<'_>, path: &str) -> Result<String, String> {
    let rest = match path.strip_prefix('~') {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => return Ok(path.to_owned()),
    };
    match context.env.get("HOME").filter(|home| !home.is_empty()) {
        Some(home) => Ok(clean(&format!("{home}{rest}"))),
        None => Err("`~` stands for the home folder, but `HOME` is not set".to_owned()),
    }
}

fn abspath(arguments: &mut Arguments<'_>) -> Outcome {
    let path = arguments.text()?;
    let place = resolve(arguments.context, &path)?;
    let place = std::path::absolute(place).map_err(|error| format!("no such path: {error}"))?;
    let place = place.to_str().ok_or_else(|| "the path is not UTF-8 text".to_owned())?;
    Ok(clean(place).into())
}

/// What follows the last `/`, ends of which do not count; `.` for an empty path.
fn basename(arguments: &mut Arguments<'_>) -> Outcome {
    let path = arguments.text()?;
    let trimmed = path.trim_end_matches('/');
    Ok(match (path.as_str(), trimmed) {
        ("", _) => ".".into(),
        (_, "") => "/".into(),
        (_, trimmed) => trimmed.rsplit('/').next().unwrap_or(trimmed).into(),
    })
}

/// What precedes the last `/`, cleaned; `.` if there is none.
fn dirname(arguments: &mut Arguments<'_>) -> Outcome {
    let path = arguments.text()?;
    let end = path.rfind('/').map_or(0, |at| at + 1);
    Ok(clean(&path[..end]).into())
}

/// Without `.`, doubled `/`, and `..` where what it undoes is known.
fn clean(path: &str) -> String {
    let is_rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match (part, parts.last()) {
            ("" | ".", _) => {}
            ("..", Some(last)) if *last != ".." => {
                parts.pop();
            }
            ("..", None) if is_rooted => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (is_rooted, joined.as_str()) {
        (true, _) => format!("/{joined}"),
        (false, "") => ".".to_owned(),
        (false, _) => joined,
    }
}
