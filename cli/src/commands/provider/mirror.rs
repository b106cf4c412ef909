//! `dstream provider mirror`.

use std::path::Path;
use std::process::ExitCode;

use dstream_reference::Mirror as Target;
use serde_json::{Value, json};

use super::subjects;
use crate::arguments::Global;
use crate::arguments::provider::Mirror;
use crate::failures::Problem;
use crate::plural::bytes;
use crate::{exit, registry};

pub(super) fn mirror(global: &Global, arguments: &Mirror) -> Result<ExitCode, u8> {
    let to = Target::parse(&arguments.to, Path::new("")).map_err(|what| {
        super::refuse(
            Problem::new(format!("cannot copy to `{}`: {what}", arguments.to))
                .hint("a registry (registry.lan:5000/mirror) or a folder (./providers)"),
        )
    })?;
    let subjects = subjects(global, &arguments.references.references)?;
    let lock = registry::read_lock(global)?.unwrap_or_default();
    let fetcher = registry::fetcher(global, &subjects.settings).map_err(super::refuse)?;
    let (mut results, mut status) = (Vec::new(), exit::SUCCESS);
    for reference in &subjects.references {
        match fetcher.mirror(reference, lock.pins.get(reference), &to) {
            Ok(copied) if arguments.json => results.push(json!({
                "reference": copied.reference.as_str(),
                "manifest": copied.manifest.to_string(),
                "target": copied.target,
                "blobs": copied.blobs,
                "copied_bytes": copied.copied_bytes,
                "signatures": copied.signatures,
            })),
            Ok(copied) => {
                let size = bytes(copied.copied_bytes);
                let text = format!(
                    "{} -> {}  {}  {size}\n",
                    copied.reference, copied.target, copied.manifest
                );
                super::super::print(&text);
            }
            Err(error) => status = exit::worst([status, registry::failed(&error)]),
        }
    }
    if arguments.json {
        super::super::print(&format!("{:#}\n", Value::Array(results)));
    }
    Ok(ExitCode::from(status))
}
