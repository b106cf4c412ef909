//! `dstream provider prune`.

use std::process::ExitCode;

use dstream_registry::artifact::Digest;
use dstream_registry::cache::Keep;
use serde_json::json;
use tracing::info;

use crate::arguments::Global;
use crate::arguments::provider::Prune;
use crate::failures::Problem;
use crate::plural::{bytes, count};
use crate::{configuration, exit, registry};

pub(super) fn prune(global: &Global, arguments: &Prune) -> Result<ExitCode, u8> {
    let cache = registry::cache().map_err(super::refuse)?;
    let keep = if arguments.all { Keep::default() } else { keep(global)? };
    let waiting = || info!("another dstream is fetching; waiting for its end");
    let pruned = cache.prune(&keep, arguments.dry_run, waiting).map_err(|error| {
        Problem::new(error.to_string()).hint(error.hint()).print();
        exit::FAILED
    })?;
    if arguments.json {
        let text = json!({
            "references": pruned.references,
            "files": pruned.files,
            "freed_bytes": pruned.freed_bytes,
            "dry_run": arguments.dry_run,
        });
        return Ok(super::super::print(&format!("{text:#}\n")));
    }
    let mut text: String = pruned.references.iter().map(|gone| format!("- {gone}\n")).collect();
    let verb = if arguments.dry_run { "would free" } else { "freed" };
    let files = count(pruned.files, "file");
    text.push_str(&format!("{verb} {} in {files}\n", bytes(pruned.freed_bytes)));
    Ok(super::super::print(&text))
}

/// What the configuration names and what its lock file pins. A cache is shared: what a tag has led
/// another project to need not be what is locked here.
fn keep(global: &Global) -> Result<Keep, u8> {
    let (document, surroundings) = configuration::load(global)?;
    let references = configuration::references(&document, &surroundings)?;
    let lock = registry::read_lock(global)?.unwrap_or_default();
    let mut keep = Keep::default();
    for reference in references.into_iter().chain(lock.pins.keys().cloned()) {
        keep.manifests.extend(reference.digest().and_then(|digest| Digest::parse(digest).ok()));
        keep.references.insert(reference.to_string());
    }
    for pin in lock.pins.into_values() {
        keep.manifests.insert(pin.manifest);
        keep.executables.extend(pin.executables.into_values());
    }
    Ok(keep)
}
