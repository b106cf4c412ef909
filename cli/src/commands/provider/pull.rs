//! `dstream provider pull`.

use std::process::ExitCode;

use dstream_registry::fetch::{Fetched, Freshness};
use serde_json::{Value, json};

use super::subjects;
use crate::arguments::Global;
use crate::arguments::provider::Pull;
use crate::plural::bytes;
use crate::{exit, registry};

pub(super) fn pull(global: &Global, arguments: &Pull) -> Result<ExitCode, u8> {
    let subjects = subjects(global, &arguments.references.references)?;
    let lock = registry::read_lock(global)?;
    let fetcher = registry::fetcher(global, &subjects.settings).map_err(super::refuse)?;
    let mut platforms = arguments.platform.clone();
    if platforms.is_empty() {
        platforms.push(registry::this_platform()?);
    }
    let (mut results, mut status) = (Vec::new(), exit::SUCCESS);
    for reference in &subjects.references {
        let pin = lock.as_ref().and_then(|lock| lock.pins.get(reference));
        for platform in &platforms {
            match fetcher.fetch(reference, *platform, pin, Freshness::Asked) {
                Ok(fetched) if arguments.json => results.push(to_json(&fetched, pin.is_some())),
                Ok(fetched) => drop(super::super::print(&line(&fetched))),
                Err(error) => status = exit::worst([status, registry::failed(&error)]),
            }
        }
    }
    if arguments.json {
        super::super::print(&format!("{:#}\n", Value::Array(results)));
    }
    Ok(ExitCode::from(status))
}

fn line(fetched: &Fetched) -> String {
    let platform =
        fetched.platform.map_or_else(|| "any".to_owned(), |platform| platform.to_string());
    let size = bytes(fetched.size_bytes);
    let news = if fetched.downloaded_bytes == 0 { "  (was there)" } else { "" };
    format!("{}  {}  {platform}  {size}{news}\n", fetched.reference, fetched.manifest)
}

fn to_json(fetched: &Fetched, locked: bool) -> Value {
    json!({
        "reference": fetched.reference.as_str(),
        "manifest": fetched.manifest.to_string(),
        "platform": fetched.platform.map(|platform| platform.to_string()),
        "executable": fetched.executable.to_string(),
        "path": fetched.path,
        "size_bytes": fetched.size_bytes,
        "downloaded_bytes": fetched.downloaded_bytes,
        "locked": locked,
    })
}
