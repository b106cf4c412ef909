//! `dstream provider inspect`.

use std::fmt::Write as _;
use std::process::ExitCode;

use dstream_registry::fetch::Inspection;
use serde_json::{Value, json};

use super::{reference, settings};
use crate::arguments::Global;
use crate::plural::{bytes, count};
use crate::registry;
use crate::table::table;
use crate::visible::visible;

pub(super) fn inspect(global: &Global, text: &str, json: bool) -> Result<ExitCode, u8> {
    let settings = settings(global)?;
    let reference = reference(text, &settings)?;
    let fetcher = registry::fetcher(global, &settings).map_err(super::refuse)?;
    let inspection = fetcher.inspect(&reference).map_err(|error| registry::failed(&error))?;
    let text = if json { format!("{:#}\n", to_json(&inspection)) } else { to_text(&inspection) };
    Ok(super::super::print(&text))
}

fn to_json(inspection: &Inspection) -> Value {
    let platforms: Vec<Value> = inspection
        .platforms
        .iter()
        .map(|each| {
            json!({
                "platform": each.platform.map(|platform| platform.to_string()),
                "digest": each.digest.to_string(),
                "size_bytes": each.size_bytes,
                "media_type": each.media_type,
            })
        })
        .collect();
    json!({
        "reference": inspection.reference.as_str(),
        "manifest": inspection.manifest.to_string(),
        "media_type": inspection.media_type,
        "artifact_type": inspection.artifact_type,
        "platforms": platforms,
        "provider": inspection.metadata,
        "annotations": inspection.annotations,
        "signatures": inspection.signatures,
    })
}

fn to_text(inspection: &Inspection) -> String {
    let mut text = format!("{}\n{}\n", inspection.reference, inspection.manifest);
    if let Some(metadata) = &inspection.metadata {
        let described = [
            ("name", &metadata.name),
            ("version", &metadata.version),
            ("type", &metadata.kind),
            ("description", &metadata.description),
        ];
        for (name, value) in described {
            if let Some(value) = value {
                let _ = writeln!(text, "{name}: {}", visible(value));
            }
        }
        if let Some(Value::Object(schema)) = &metadata.config_schema {
            let fields = schema.get("properties").and_then(Value::as_object).unwrap_or(schema);
            let fields: Vec<String> = fields.keys().map(|key| visible(key)).collect();
            let _ = writeln!(text, "config: {}", fields.join(", "));
        }
    }
    for (key, value) in &inspection.annotations {
        let _ = writeln!(text, "annotation {} = {}", visible(key), visible(value));
    }
    let _ = writeln!(text, "{}\n", count(inspection.signatures as u64, "signature"));
    let rows = inspection.platforms.iter().map(|each| {
        [
            each.platform.map_or_else(|| "any".to_owned(), |platform| platform.to_string()),
            bytes(each.size_bytes),
            each.digest.to_string(),
        ]
    });
    text + &table(["PLATFORM", "SIZE", "DIGEST"], rows)
}
