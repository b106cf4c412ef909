//! init, plan, status, destroy: the folders before the first field of the path.
//!
//! `init` leaves a note in the innermost one that says how many it has made, and only so many does
//! `destroy` remove, and only while they are empty: files of the stream are never removed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dstream_sdk::{Command, LifecycleResult};
use serde_json::{Value, json};

use super::durable::{Fsync, missing};
use super::names::{self, PARTIAL};
use super::template::Template;
use crate::file::GLOB_OPTIONS;

/// The note's name.
const NOTE: &str = ".dstream-file.json";

/// Files that `status` lists one by one; the others are only counted.
const LISTED_MAX: usize = 1000;

pub(crate) fn answer(command: Command, template: &Template) -> LifecycleResult {
    let folder = template.folder();
    let answer = match command {
        Command::Init => init(folder),
        Command::Plan => Ok(plan(folder)),
        Command::Status => status(template),
        Command::Destroy => destroy(folder),
        Command::Run => return LifecycleResult::unsupported(command),
    };
    answer.unwrap_or_else(|error| LifecycleResult::error(error.to_string()))
}

fn resource(folder: &Path) -> Value {
    json!({ "name": folder.display().to_string(), "type": "folder" })
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn plan(folder: &Path) -> LifecycleResult {
    let missing = missing(folder);
    let message = format!("would create {}", counted(missing.len(), "folder"));
    let result = LifecycleResult::new("planned", message);
    missing.iter().fold(result, |result, folder| result.with_change("create", resource(folder)))
}

fn init(folder: &Path) -> io::Result<LifecycleResult> {
    let missing = missing(folder);
    if !missing.is_empty() {
        Fsync::Checkpoint
            .create_folders(folder)
            .map_err(|error| named("create", folder, &error))?;
        let note = folder.join(NOTE);
        let text = format!("{}\n", json!({ "version": 1, "folders_made": missing.len() }));
        fs::write(&note, text).map_err(|error| named("write", &note, &error))?;
    }
    let message = format!("created {}", counted(missing.len(), "folder"));
    let result = LifecycleResult::new("initialized", message);
    let result = missing
        .iter()
        .fold(result, |result, folder| result.with_change("create", resource(folder)));
    let is_here = folder.as_os_str().is_empty();
    Ok(if is_here { result } else { result.with_resource(resource(folder)) })
}

fn destroy(folder: &Path) -> io::Result<LifecycleResult> {
    let note = folder.join(NOTE);
    let made = match fs::read(&note) {
        Ok(bytes) => {
            let note: Option<Value> = serde_json::from_slice(&bytes).ok();
            note.and_then(|note| note["folders_made"].as_u64()).unwrap_or(0)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(named("read", &note, &error)),
    };
    if made == 0 {
        let message = "init has made no folder here, so there is nothing to remove";
        return Ok(LifecycleResult::new("destroyed", message));
    }
    let mut names = fs::read_dir(folder).map_err(|error| named("list", folder, &error))?;
    if names.any(|entry| entry.map_or(true, |entry| entry.file_name() != NOTE)) {
        let message = format!(
            "{} is not empty, and stays: remove what is in it yourself, then destroy again",
            folder.display()
        );
        return Ok(LifecycleResult::new("kept", message).with_resource(resource(folder)));
    }
    fs::remove_file(&note).map_err(|error| named("remove", &note, &error))?;
    let mut removed = Vec::new();
    let made = usize::try_from(made).unwrap_or(usize::MAX);
    for folder in folder.ancestors().take(made).filter(|part| !part.as_os_str().is_empty()) {
        // Somebody else may use one that is further out.
        if fs::remove_dir(folder).is_err() {
            break;
        }
        removed.push(folder);
    }
    let message = format!("removed {}", counted(removed.len(), "folder"));
    let result = LifecycleResult::new("destroyed", message);
    Ok(removed.iter().fold(result, |result, folder| result.with_change("delete", resource(folder))))
}

fn status(template: &Template) -> io::Result<LifecycleResult> {
    let base = template.glob();
    let numbered = names::globs(&base, "").into_iter().chain(names::globs(&base, PARTIAL));
    let mut found: BTreeMap<PathBuf, u64> = BTreeMap::new();
    for pattern in std::iter::once(base.clone()).chain(numbered) {
        let paths = glob::glob_with(&pattern, GLOB_OPTIONS).map_err(io::Error::other)?;
        for path in paths.flatten() {
            if let Ok(metadata) = fs::metadata(&path).as_ref()
                && metadata.is_file()
            {
                found.insert(path, metadata.len());
            }
        }
    }
    let bytes: u64 = found.values().sum();
    let message = format!("{}, {}", counted(found.len(), "file"), counted(bytes as usize, "byte"));
    let result = LifecycleResult::new("ok", message)
        .with_metadata("files", found.len().into())
        .with_metadata("bytes", bytes.into());
    Ok(found.iter().take(LISTED_MAX).fold(result, |result, (path, bytes)| {
        let name = path.display().to_string();
        result.with_resource(json!({ "name": name, "type": "file", "bytes": bytes }))
    }))
}

fn named(what: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot {what} {}: {error}", path.display()))
}
