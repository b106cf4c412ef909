//! `dstream provider list`.

use std::process::ExitCode;

use dstream_registry::artifact::Platform;
use dstream_registry::cache::Record;
use serde_json::{Value, json};

use crate::failures::Problem;
use crate::plural::bytes;
use crate::table::table;
use crate::visible::visible;
use crate::{exit, registry};

pub(super) fn list(json: bool) -> Result<ExitCode, u8> {
    let cache = registry::cache().map_err(super::refuse)?;
    let records = cache.records().map_err(|error| {
        Problem::new(error.to_string()).hint(error.hint()).print();
        exit::FAILED
    })?;
    if json {
        let rows: Vec<Value> = records.iter().flat_map(to_json).collect();
        return Ok(super::super::print(&format!("{:#}\n", Value::Array(rows))));
    }
    if records.is_empty() {
        return Ok(super::super::print("the cache is empty\n"));
    }
    let rows = records.iter().flat_map(|record| {
        record.executables.iter().map(|(platform, executable)| {
            let digest = record.manifest.split_once(':').map_or("", |(_, hex)| hex);
            [
                visible(&record.reference),
                visible(&shown(platform)),
                bytes(executable.size_bytes),
                digest.chars().take(12).collect(),
                record.fetched_at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
            ]
        })
    });
    let text = table(["REFERENCE", "PLATFORM", "SIZE", "MANIFEST", "FETCHED"], rows);
    Ok(super::super::print(&text))
}

fn to_json(record: &Record) -> Vec<Value> {
    record
        .executables
        .iter()
        .map(|(platform, executable)| {
            json!({
                "reference": record.reference,
                "manifest": record.manifest,
                "platform": shown(platform),
                "executable": executable.digest,
                "size_bytes": executable.size_bytes,
                "fetched_at": record.fetched_at.to_string(),
            })
        })
        .collect()
}

/// `linux/amd64` for `linux_amd64`.
fn shown(key: &str) -> String {
    Platform::from_key(key).map_or_else(|| key.to_owned(), |platform| platform.to_string())
}
