//! Mirrors: another registry, or a folder; both without the origin.

use super::artifacts::{Blob, INDEX, MANIFEST, layer, manifest};
use super::full_path::published;
use super::here;
use super::real::Registry;

#[test]
fn a_folder_is_enough_where_there_is_no_network() {
    let Some(mut registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    sandbox.dstream(&["provider", "lock"]).said(0, &[]);
    let copied = sandbox.dstream(&["provider", "mirror", "./mirror", "--json"]).json();
    assert_eq!(copied.as_array().unwrap().len(), 2);
    assert!(copied[0]["blobs"].as_u64().unwrap() >= 3, "{copied}");
    let again = sandbox.dstream(&["provider", "mirror", "./mirror", "--json"]).json();
    assert_eq!((&again[0]["blobs"], &again[0]["copied_bytes"]), (&0.into(), &0.into()));
    registry.stop();
    let elsewhere = sandbox.at("elsewhere");
    let env = [("DSTREAM_MIRROR", "./mirror"), ("DSTREAM_HOME", elsewhere.as_str())];
    sandbox.dstream_with(&["run", "seed", "--locked"], &env).said(0, &["executed successfully"]);
    let missing = registry.reference("dstream/counter:v9");
    let outcome = sandbox.dstream_with(&["provider", "pull", &missing], &env);
    outcome.said(1, &["the folder ./mirror has no `", "v9", "dstream provider mirror"]);
    let outcome =
        sandbox.dstream_with(&["run", "seed"], &[("DSTREAM_MIRROR", "./missing"), env[1]]);
    outcome.said(0, &["executed successfully"]);
    let env = [("DSTREAM_MIRROR", "./missing"), ("DSTREAM_HOME", "other")];
    sandbox.dstream_with(&["run", "seed"], &env).said(2, &["is not an OCI image layout"]);
}

#[test]
fn another_registry_serves_the_same_names() {
    let (Some(mut registry), Some(other)) = (Registry::start(), Registry::start()) else { return };
    let sandbox = published(&registry);
    sandbox.dstream(&["provider", "lock"]).said(0, &[]);
    let to = format!("{}/copies", other.host);
    let host = registry.host.replace(':', "_");
    let target = format!("{to}/{host}/dstream/counter:v1");
    sandbox.dstream(&["provider", "mirror", &to]).said(0, &[&target]);
    registry.stop();
    let elsewhere = sandbox.at("elsewhere");
    let env = [("DSTREAM_MIRROR", to.as_str()), ("DSTREAM_HOME", elsewhere.as_str())];
    sandbox.dstream_with(&["run", "seed", "--locked"], &env).said(0, &["executed successfully"]);

    // The same by the configuration.
    let hcl = String::from_utf8(sandbox.read("dstream.hcl")).unwrap();
    sandbox.write(
        "dstream.hcl",
        hcl.replace("dstream {", &format!("dstream {{\n  mirror = \"{to}\"")),
    );
    let env = [("DSTREAM_HOME", "third")];
    sandbox.dstream_with(&["run", "seed", "--locked"], &env).said(0, &["executed successfully"]);
}

#[test]
fn an_index_is_mirrored_with_all_its_manifests() {
    let (Some(mut registry), Some(_)) = (Registry::start(), Some(())) else { return };
    let sandbox = published(&registry);
    let script = b"#!/bin/sh\necho '{\"data\":1}'\n";
    let child = manifest(&[layer("application/octet-stream", None, script)]).to_string();
    let only = [Blob { media_type: "application/octet-stream", title: None, bytes: script }];
    let digest = registry.put_artifact("dstream/indexed", "child", &only);
    let (os, arch) = here().split_once('_').unwrap();
    let index = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [{
            "mediaType": MANIFEST, "digest": digest, "size": child.len(),
            "platform": { "os": os, "architecture": arch },
        }],
    });
    registry.put_manifest("dstream/indexed", "v1", INDEX, &index.to_string());
    let reference = registry.reference("dstream/indexed:v1");
    sandbox.dstream(&["provider", "mirror", "./mirror", &reference]).said(0, &["-> ./mirror"]);
    registry.stop();
    let env = [("DSTREAM_MIRROR", "./mirror")];
    sandbox.dstream_with(&["provider", "pull", &reference], &env).said(0, &[&reference]);
}

#[test]
fn a_mirror_is_a_registry_or_a_folder() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    let env = [("DSTREAM_MIRROR", "https://registry.lan")];
    sandbox.dstream_with(&["run", "seed"], &env).said(2, &["DSTREAM_MIRROR is wrong"]);
    sandbox
        .dstream(&["provider", "mirror", "not a place"])
        .said(2, &["cannot copy to `not a place`"]);
    std::fs::create_dir(sandbox.path("full")).unwrap();
    sandbox.write("full/file", b"x");
    sandbox.dstream(&["provider", "mirror", "./full"]).said(1, &["is not empty"]);
}
