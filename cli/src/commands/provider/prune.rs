//! `dstream provider prune`.

use std::collections::BTreeSet;
use std::process::ExitCode;

use dstream_engine::cache::Record;
use serde_json::json;

use crate::arguments::Global;
use crate::arguments::provider::Prune;
use crate::failures::Problem;
use crate::plural::{bytes, count};
use crate::{configuration, exit, registry};

pub(super) fn prune(global: &Global, arguments: &Prune) -> Result<ExitCode, u8> {
    let cache = registry::cache().map_err(super::refuse)?;
    let keep: Box<dyn Fn(&Record) -> bool> = if arguments.all {
        Box::new(|_| false)
    } else {
        let (document, surroundings) = configuration::load(global)?;
        let mut named: BTreeSet<String> =
            configuration::references(&document, &surroundings)?.into_iter().collect();
        let lock = registry::read_lock(global)?.unwrap_or_default();
        named.extend(lock.pins.keys().cloned());
        Box::new(move |record| named.contains(&record.reference))
    };
    let pruned = cache.prune(&*keep, arguments.dry_run).map_err(|error| {
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
