//! Artifacts by hand: manifests of every form, archives of every kind.

use std::io::Write as _;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::real::Registry;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A layer's descriptor.
pub(crate) fn layer(media_type: &str, title: Option<&str>, bytes: &[u8]) -> Value {
    let mut layer =
        json!({ "mediaType": media_type, "digest": sha256(bytes), "size": bytes.len() });
    if let Some(title) = title {
        layer["annotations"] = json!({ "org.opencontainers.image.title": title });
    }
    layer
}

/// A manifest with these layers and an empty config.
pub(crate) fn manifest(layers: &[Value]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": "application/vnd.dstream.provider",
        "config": layer("application/vnd.oci.empty.v1+json", None, b"{}"),
        "layers": layers,
    })
}

/// A layer that is put into a registry with its blob.
pub(crate) struct Blob<'a> {
    pub(crate) media_type: &'a str,
    pub(crate) title: Option<&'a str>,
    pub(crate) bytes: &'a [u8],
}

impl Registry {
    /// Puts an artifact of these layers in; gives the digest of its manifest.
    pub(crate) fn put_artifact(&self, repository: &str, tag: &str, blobs: &[Blob<'_>]) -> String {
        self.put_blob(repository, b"{}");
        let layers: Vec<Value> = blobs
            .iter()
            .map(|blob| {
                self.put_blob(repository, blob.bytes);
                layer(blob.media_type, blob.title, blob.bytes)
            })
            .collect();
        self.put_manifest(repository, tag, MANIFEST, &manifest(&layers).to_string())
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

/// An entry of an archive; the header is written as it is given, however bad.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) kind: tar::EntryType,
    pub(crate) mode: u32,
    pub(crate) link: &'a str,
    pub(crate) bytes: &'a [u8],
}

impl<'a> Entry<'a> {
    pub(crate) fn file(name: &'a str, bytes: &'a [u8]) -> Self {
        Self { name, kind: tar::EntryType::Regular, mode: 0o755, link: "", bytes }
    }
}

pub(crate) fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        // The crate's own setter refuses the names that matter here.
        header.as_mut_bytes()[..entry.name.len()].copy_from_slice(entry.name.as_bytes());
        header.as_mut_bytes()[157..157 + entry.link.len()].copy_from_slice(entry.link.as_bytes());
        header.set_entry_type(entry.kind);
        header.set_mode(entry.mode);
        header.set_size(entry.bytes.len() as u64);
        header.set_cksum();
        builder.append(&header, entry.bytes).unwrap();
    }
    builder.into_inner().unwrap()
}
