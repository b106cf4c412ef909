//! `dstream provider verify`.

use std::process::ExitCode;

use dstream_reference::Reference;
use dstream_registry::fetch::{FetchError, Verified};
use serde_json::{Value, json};

use super::subjects;
use crate::arguments::Global;
use crate::arguments::provider::References;
use crate::failures::Problem;
use crate::{exit, registry};

pub(super) fn verify(global: &Global, references: &References, json: bool) -> Result<ExitCode, u8> {
    let subjects = subjects(global, &references.references)?;
    let lock = registry::read_lock(global)?.unwrap_or_default();
    let fetcher = registry::fetcher(global, &subjects.settings).map_err(super::refuse)?;
    let (mut results, mut status) = (Vec::new(), exit::SUCCESS);
    for reference in &subjects.references {
        let outcome = fetcher.verify(reference, lock.pins.get(reference));
        if let Err(error) = &outcome {
            status = exit::worst([status, registry::status_of(error)]);
        }
        if json {
            results.push(to_json(reference, &outcome));
            continue;
        }
        match outcome {
            Ok(verified) => drop(super::super::print(&line(reference, &verified))),
            Err(error) => Problem::new(error.to_string()).hint(error.hint()).print(),
        }
    }
    if json {
        super::super::print(&format!("{:#}\n", Value::Array(results)));
    }
    Ok(ExitCode::from(status))
}

fn line(reference: &Reference, verified: &Verified) -> String {
    let locked = if verified.locked { "as locked" } else { "not locked" };
    let signed = match verified.policies {
        0 => "",
        _ => ", signed as demanded",
    };
    let platforms: Vec<&str> = verified.platforms.iter().map(String::as_str).collect();
    format!("ok {reference}  {}  {}: {locked}{signed}\n", verified.manifest, platforms.join(", "))
}

fn to_json(reference: &Reference, outcome: &Result<Verified, FetchError>) -> Value {
    match outcome {
        Ok(verified) => json!({
            "reference": reference.as_str(),
            "ok": true,
            "manifest": verified.manifest.to_string(),
            "platforms": verified.platforms,
            "locked": verified.locked,
            "signed": verified.policies > 0,
        }),
        Err(error) => json!({
            "reference": reference.as_str(),
            "ok": false,
            "error": error.to_string(),
            "hint": error.hint(),
        }),
    }
}
