//! `index.json`: which manifests a layout has, and what they are called.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::LayoutError;

/// The annotation that names an entry (image specification, pre-defined annotation keys).
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// The text as a tree, so that what this version does not know is kept.
pub(super) struct Index {
    path: PathBuf,
    rest: Map<String, Value>,
    entries: Vec<Value>,
}

impl Index {
    pub(super) fn empty() -> Self {
        let mut rest = Map::new();
        rest.insert("schemaVersion".to_owned(), json!(2));
        rest.insert("mediaType".to_owned(), json!("application/vnd.oci.image.index.v1+json"));
        rest.insert("manifests".to_owned(), json!([]));
        Self { path: PathBuf::new(), rest, entries: Vec::new() }
    }

    pub(super) fn parse(text: &[u8], path: &Path) -> Result<Self, LayoutError> {
        let malformed = |what: String| LayoutError::Malformed(path.to_owned(), what);
        let mut rest: Map<String, Value> =
            serde_json::from_slice(text).map_err(|error| malformed(error.to_string()))?;
        if rest.get("schemaVersion").is_some_and(|version| *version != json!(2)) {
            return Err(malformed("its `schemaVersion` is not 2".to_owned()));
        }
        // The place in the file stays, so that only what changes is different afterwards.
        let manifests = rest.entry("manifests").or_insert(Value::Null);
        let entries = match manifests.take() {
            Value::Array(entries) => entries,
            // Go's programs write an empty list so.
            Value::Null => Vec::new(),
            _ => return Err(malformed("its `manifests` is not a list".to_owned())),
        };
        if entries.iter().any(|entry| !entry.is_object()) {
            return Err(malformed("a manifest in it is not an object".to_owned()));
        }
        Ok(Self { path: path.to_owned(), rest, entries })
    }

    pub(super) fn to_text(&self) -> String {
        let mut whole = self.rest.clone();
        whole.insert("manifests".to_owned(), Value::Array(self.entries.clone()));
        Value::Object(whole).to_string()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Value> {
        self.entries.iter()
    }

    /// The entry of a name. Several of them are an error, unless they are of the same manifest.
    pub(super) fn named(&self, wanted: &str) -> Result<Option<&Value>, LayoutError> {
        let mut found = self.entries.iter().filter(|entry| name(entry) == Some(wanted));
        let first = found.next();
        if found.any(|other| Some(&other["digest"]) != first.map(|first| &first["digest"])) {
            let name = wanted.escape_debug().to_string();
            return Err(LayoutError::Ambiguous(self.path.clone(), name));
        }
        Ok(first)
    }

    pub(super) fn with_digest(&self, digest: &str) -> Option<&Value> {
        self.entries.iter().find(|entry| entry["digest"] == *digest)
    }

    pub(super) fn digest<'a>(&self, entry: &'a Value) -> Result<&'a str, LayoutError> {
        entry["digest"].as_str().ok_or_else(|| {
            LayoutError::Malformed(self.path.clone(), "a manifest in it has no digest".to_owned())
        })
    }

    /// Puts an entry in the place of those of the same name, or, without a name, to the end unless
    /// its manifest has an entry. Returns whether anything changed.
    pub(super) fn put(&mut self, entry: Value, wanted: Option<&str>) -> bool {
        let Some(wanted) = wanted else {
            let new = self.entries.iter().all(|known| known["digest"] != entry["digest"]);
            if new {
                self.entries.push(entry);
            }
            return new;
        };
        let is_named = |known: &Value| name(known) == Some(wanted);
        let mut named = self.entries.iter().filter(|known| is_named(known));
        match (named.next(), named.next()) {
            // The same once more: what others have noted about it stays.
            (Some(only), None) if only["digest"] == entry["digest"] => return false,
            (None, _) => {
                self.entries.push(entry);
                return true;
            }
            _ => {}
        }
        let mut new = Some(entry);
        self.entries.retain_mut(|known| {
            if !is_named(known) {
                return true;
            }
            new.take().map(|entry| *known = entry).is_some()
        });
        true
    }
}

pub(super) fn name(entry: &Value) -> Option<&str> {
    entry["annotations"][REF_NAME].as_str()
}

/// An entry as a registry would list it as a referrer: with the artifact type and the annotations
/// that the manifest itself has (distribution specification, listing referrers).
pub(super) fn descriptor(entry: &Value, manifest: &Value) -> Value {
    let mut descriptor = entry.clone();
    let artifact_type = [&manifest["artifactType"], &manifest["config"]["mediaType"]]
        .into_iter()
        .find(|text| text.as_str().is_some_and(|text| !text.is_empty()));
    if let Some(artifact_type) = artifact_type {
        descriptor["artifactType"] = artifact_type.clone();
    }
    if let Value::Object(annotations) = &manifest["annotations"] {
        if !descriptor["annotations"].is_object() {
            descriptor["annotations"] = json!({});
        }
        for (key, value) in annotations {
            descriptor["annotations"][key] = value.clone();
        }
    }
    descriptor
}
