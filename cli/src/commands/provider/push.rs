//! `dstream provider push`.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use dstream_registry::artifact::Platform;
use dstream_registry::fetch::{Publication, PublishError};
use dstream_registry::signature::PrivateKey;
use serde_json::{Map, Value, json};

use super::{reference, refuse, settings};
use crate::arguments::Global;
use crate::arguments::provider::{Kind, Push};
use crate::failures::Problem;
use crate::plural::bytes;
use crate::{exit, registry};

const METADATA: &str = "provider.json";

pub(super) fn push(global: &Global, arguments: &Push) -> Result<ExitCode, u8> {
    let settings = settings(global)?;
    let reference = reference(&arguments.reference, &settings)?;
    let publication = publication(arguments).map_err(refuse)?;
    let key = arguments.sign.as_deref().map(private_key).transpose().map_err(refuse)?;
    let fetcher = registry::fetcher(global, &settings).map_err(refuse)?;
    let published = dstream_prepare::publish(&fetcher, &reference, &publication, key.as_ref());
    let published = published.map_err(|error| {
        Problem::new(error.to_string()).hint(error.hint()).print();
        if matches!(error, PublishError::Fetch(_)) { exit::FAILED } else { exit::USAGE }
    })?;
    let platforms: Vec<String> = published.platforms.iter().map(ToString::to_string).collect();
    let text = if arguments.json {
        let text = json!({
            "reference": published.reference.as_str(),
            "manifest": published.manifest.to_string(),
            "platforms": platforms,
            "uploaded_bytes": published.uploaded_bytes,
            "signed": published.signed,
        });
        format!("{text:#}\n")
    } else {
        tracing::info!(
            "{} for {}{}",
            bytes(published.uploaded_bytes),
            platforms.join(", "),
            if published.signed { ", signed" } else { "" }
        );
        format!("{}@{}\n", published.reference, published.manifest)
    };
    Ok(super::super::print(&text))
}

/// What the command line says is to be published.
fn publication(arguments: &Push) -> Result<Publication, Problem> {
    let mut executables = BTreeMap::new();
    let mut add = |platform: Platform, path: PathBuf| match executables.insert(platform, path) {
        None => Ok(()),
        Some(other) => Err(Problem::new(format!("two executables for {platform}"))
            .cause(format!("one of them is {}", other.display()))
            .hint("an artifact has one for each platform")),
    };
    let mut described = arguments.provider_json.clone();
    for file in files(&arguments.files)? {
        let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name == METADATA {
            described.get_or_insert(file);
            continue;
        }
        let key =
            name.strip_prefix("plugin.").map(|rest| rest.strip_suffix(".exe").unwrap_or(rest));
        let platform = key.and_then(Platform::from_key).ok_or_else(|| {
            Problem::new(format!("`{}` does not say which platform it is for", file.display()))
                .hint("name it plugin.<os>_<arch>, or give it as --platform linux/amd64=PATH")
        })?;
        add(platform, file)?;
    }
    for (platform, path) in &arguments.platform {
        add(*platform, path.clone())?;
    }
    let mut metadata = described.as_deref().map(read_metadata).transpose()?.unwrap_or_default();
    let kind = arguments.kind.map(|kind| match kind {
        Kind::Input => "input".to_owned(),
        Kind::Output => "output".to_owned(),
    });
    for (key, value) in [
        ("name", arguments.name.clone()),
        ("version", arguments.version.clone()),
        ("description", arguments.description.clone()),
        ("type", kind),
    ] {
        if let Some(value) = value {
            metadata.insert(key.to_owned(), value.into());
        }
    }
    let annotations = arguments.annotation.iter().cloned().collect();
    Ok(Publication { executables, metadata, annotations })
}

/// The files that were named; a folder stands for those in it that belong to a provider.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, Problem> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let unreadable = |error: std::io::Error| {
            Problem::new(format!("the folder {} cannot be read", path.display()))
                .cause(error.to_string())
        };
        let before = files.len();
        for entry in fs::read_dir(path).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?.path();
            let name = entry.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if name == METADATA || name.starts_with("plugin.") {
                files.push(entry);
            }
        }
        files[before..].sort();
        if files.len() == before {
            return Err(Problem::new(format!("there is nothing to publish in {}", path.display()))
                .hint("its files are named plugin.<os>_<arch> and provider.json"));
        }
    }
    Ok(files)
}

fn read_metadata(path: &Path) -> Result<Map<String, Value>, Problem> {
    let problem = |what: String| {
        Problem::new(format!("{} cannot be used", path.display()))
            .cause(what)
            .hint("it is an object with name, version, description, type, config_schema")
    };
    let text = fs::read(path).map_err(|error| problem(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| problem(error.to_string()))
}

fn private_key(path: &Path) -> Result<PrivateKey, Problem> {
    let problem = |what: String| {
        Problem::new(format!("the key {} cannot be used", path.display())).cause(what).hint(
            "a private key of ECDSA P-256 in PEM; the password of an encrypted one in COSIGN_PASSWORD",
        )
    };
    let pem = fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    let password = env::var("COSIGN_PASSWORD").ok();
    PrivateKey::from_pem(&pem, password.as_deref().map(str::as_bytes))
        .map_err(|error| problem(error.to_string()))
}
