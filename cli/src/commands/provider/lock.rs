//! `dstream provider lock`.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use dstream_registry::lock::{LOCK_FILE, Lock, Pin};
use serde_json::{Map, Value, json};

use super::subjects;
use crate::arguments::Global;
use crate::arguments::provider::Lock as Arguments;
use crate::failures::Problem;
use crate::plural::count;
use crate::{exit, registry};

pub(super) fn lock(global: &Global, arguments: &Arguments) -> Result<ExitCode, u8> {
    let named = &arguments.references.references;
    let subjects = subjects(global, named)?;
    let path = Lock::path_beside(&global.config);
    let known = registry::read_lock(global)?.unwrap_or_default();
    let fetcher = registry::fetcher(global, &subjects.settings).map_err(super::refuse)?;

    // What this configuration does not name may be another's, if there is one beside it.
    let is_whole = named.is_empty() && is_alone(&global.config);
    let mut lock = if is_whole { Lock::default() } else { known.clone() };
    for reference in &subjects.references {
        let pinned = known.pins.get(reference).filter(|_| !arguments.upgrade);
        let pin = fetcher.pin(reference, &arguments.platform, pinned);
        let pin = pin.map_err(|error| registry::failed(&error))?;
        lock.pins.insert(reference.clone(), pin);
    }
    let changed = lock.write(&path).map_err(|error| {
        Problem::new(error.to_string()).hint(error.hint()).print();
        exit::FAILED
    })?;
    if arguments.json {
        let pins: Map<String, Value> = lock
            .pins
            .iter()
            .map(|(reference, pin)| (reference.to_string(), to_json(pin)))
            .collect();
        let text = json!({ "file": path, "changed": changed, "providers": pins });
        return Ok(super::super::print(&format!("{text:#}\n")));
    }
    let mut text = String::new();
    for (reference, pin) in &lock.pins {
        let change = match known.pins.get(reference) {
            None => "+",
            Some(before) if before == pin => " ",
            Some(_) => "~",
        };
        let platforms = count(pin.executables.len() as u64, "platform");
        text.push_str(&format!("{change} {reference}  {}  {platforms}\n", pin.manifest));
    }
    for gone in known.pins.keys().filter(|reference| !lock.pins.contains_key(*reference)) {
        text.push_str(&format!("- {gone}\n"));
    }
    let outcome = if changed { "wrote" } else { "nothing has changed in" };
    text.push_str(&format!("{outcome} {}\n", path.display()));
    Ok(super::super::print(&text))
}

/// Whether no other HCL file in the folder can have use for the lock file.
fn is_alone(config: &Path) -> bool {
    let folder = config.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else { return false };
    let is_other = |name: &OsStr| {
        let is_hcl = Path::new(name).extension().is_some_and(|extension| extension == "hcl");
        is_hcl && name != LOCK_FILE && Some(name) != config.file_name()
    };
    !entries.flatten().any(|entry| is_other(&entry.file_name()))
}

fn to_json(pin: &Pin) -> Value {
    let executables: Map<String, Value> = pin
        .executables
        .iter()
        .map(|(key, digest)| (key.clone(), digest.to_string().into()))
        .collect();
    json!({ "manifest": pin.manifest.to_string(), "executables": executables })
}
