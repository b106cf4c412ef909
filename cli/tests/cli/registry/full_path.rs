//! The whole way: publish, name by reference, run, run again without a network.

use std::fs;

use super::real::Registry;
use super::{here, here_shown};
use crate::harness::Sandbox;

const COUNTER: &str =
    r#"{"name":"counter","version":"1.2.0","type":"input","description":"counts"}"#;
const CONSOLE: &str = r#"{"name":"console","type":"output"}"#;

/// The seed example, its providers in a registry.
pub(super) fn seed(settings: &str, counter: &str, console: &str) -> String {
    format!(
        r#"dstream {{
{settings}
}}
task "seed" {{
  type = "providers"
  input {{
    provider_ref = "{counter}"
    config {{
      interval  = 1
      max_count = 2
    }}
  }}
  output {{
    provider_ref = "{console}"
    config {{
      outputFormat = "simple"
    }}
  }}
}}
"#
    )
}

/// A sandbox with the counter and the console in this registry.
pub(super) fn published(registry: &Registry) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_provider("counter", "input counter", COUNTER);
    sandbox.write_provider("console", "output console", CONSOLE);
    for name in ["counter", "console"] {
        let reference = registry.reference(&format!("dstream/{name}:v1"));
        sandbox.dstream(&["provider", "push", &reference, name]).said(0, &[&reference, "@sha256:"]);
    }
    let counter = registry.reference("dstream/counter:v1");
    sandbox.write("dstream.hcl", seed("", &counter, &registry.reference("dstream/console:v1")));
    sandbox
}

const MESSAGES: &[&str] = &[
    "Message #1: {\"value\":1,",
    "Message #2: {\"value\":2,",
    "✅ Task \"seed\" executed successfully",
];

#[test]
fn providers_are_published_named_by_reference_and_run_offline_the_second_time() {
    let Some(mut registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    let unlocked = ["not locked: ", "`dstream provider lock`"];
    let first = sandbox.dstream(&["run", "seed"]);
    first.said(0, MESSAGES).said(0, &unlocked);

    let before = registry.requests().len();
    sandbox.dstream(&["run", "seed"]).said(0, MESSAGES);
    assert_eq!(registry.requests().len(), before, "the second run has asked for something");

    sandbox.dstream(&["provider", "lock"]).said(0, &["wrote .dstream.lock.hcl"]);
    let before = registry.requests().len();
    let locked = sandbox.dstream(&["run", "seed", "--locked"]);
    locked.said(0, MESSAGES);
    assert!(!locked.stderr.contains("not locked"), "{}", locked.stderr);
    assert_eq!(registry.requests().len(), before);
    registry.stop();
    sandbox.dstream(&["run", "seed", "--locked"]).said(0, MESSAGES);
    sandbox.dstream(&["plan", "seed"]).said(0, &["console"]);
}

#[test]
fn a_short_name_is_completed_by_the_registry_of_the_file() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    let settings = format!("registry = \"{}/dstream\"", registry.host);
    sandbox.write("dstream.hcl", seed(&settings, "counter:v1", "console:v1"));
    sandbox.dstream(&["run", "seed"]).said(0, MESSAGES);
    sandbox.dstream(&["provider", "inspect", "counter:v1"]).said(0, &[&registry.host]);
}

#[test]
fn only_what_this_platform_needs_is_downloaded() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    let inspected = sandbox.dstream(&[
        "provider",
        "inspect",
        &registry.reference("dstream/counter:v1"),
        "--json",
    ]);
    let inspected = inspected.json();
    sandbox.dstream(&["provider", "pull"]).said(0, &["dstream/counter:v1", "dstream/console:v1"]);
    for platform in inspected["platforms"].as_array().unwrap() {
        let downloads = registry.downloads(platform["digest"].as_str().unwrap());
        assert_eq!(downloads, usize::from(platform["platform"] == here_shown()), "{platform}");
    }
}

#[test]
fn what_is_published_is_described_listed_verified_and_pruned() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    let reference = registry.reference("dstream/counter:v1");

    let inspected = sandbox.dstream(&["provider", "inspect", &reference, "--json"]).json();
    assert_eq!(inspected["artifact_type"], "application/vnd.dstream.provider");
    assert_eq!(inspected["provider"]["version"], "1.2.0");
    assert_eq!(inspected["provider"]["platforms"][0], "linux/amd64");
    assert_eq!(inspected["platforms"].as_array().unwrap().len(), 2);
    assert_eq!(inspected["annotations"]["org.opencontainers.image.version"], "1.2.0");
    assert_eq!(inspected["signatures"], 0);
    let text = sandbox.dstream(&["provider", "inspect", &reference]);
    text.said(0, &["version: 1.2.0", "description: counts", "linux/arm64"]);

    sandbox.dstream(&["provider", "list"]).said(0, &["the cache is empty"]);
    sandbox.dstream(&["provider", "verify"]).said(1, &["is not in the cache", "provider pull"]);
    let pulled = sandbox.dstream(&["provider", "pull", "--json"]).json();
    assert_eq!(pulled[0]["reference"], reference.as_str());
    assert_eq!(pulled[0]["manifest"], inspected["manifest"]);
    assert_eq!(pulled[0]["locked"], false);
    assert_eq!(pulled[0]["downloaded_bytes"], pulled[0]["size_bytes"]);
    let again = sandbox.dstream(&["provider", "pull", "--json"]).json();
    assert_eq!(again[0]["downloaded_bytes"], 0);
    let listed = sandbox.dstream(&["provider", "list", "--json"]).json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[1]["platform"], here_shown());
    assert_eq!(listed[1]["executable"], pulled[0]["executable"]);
    sandbox.dstream(&["provider", "verify"]).said(0, &["ok ", "not locked"]);

    // Nothing of what the file names goes.
    let kept = sandbox.dstream(&["provider", "prune", "--json"]).json();
    assert_eq!((&kept["files"], &kept["references"]), (&0.into(), &serde_json::json!([])));
    let would = sandbox.dstream(&["provider", "prune", "--all", "--dry-run", "--json"]).json();
    assert_eq!(sandbox.cached("executables").len(), 2);
    let done = sandbox.dstream(&["provider", "prune", "--all", "--json"]).json();
    assert_eq!(would["freed_bytes"], done["freed_bytes"]);
    assert!(done["freed_bytes"].as_u64().unwrap() > 0);
    for folder in ["executables", "blobs", "references", "partial"] {
        assert_eq!(sandbox.cached(folder), [""; 0], "{folder}");
    }
}

#[test]
fn the_same_files_have_the_same_digest_and_go_up_once() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    let push = |tag: &str, more: &[&str]| {
        let reference = registry.reference(&format!("dstream/counter:{tag}"));
        let mut args = vec!["provider", "push", &reference, "counter", "--json"];
        args.extend(more);
        sandbox.dstream(&args).json()
    };
    let (one, two) = (push("v1", &[]), push("v2", &[]));
    assert_eq!(one["manifest"], two["manifest"]);
    assert_eq!(two["uploaded_bytes"], 0);
    let noted = push("v3", &["--annotation", "org.example.build=7", "--version", "2.0.0"]);
    assert_ne!(noted["manifest"], one["manifest"]);
    let reference = registry.reference("dstream/counter:v3");
    let inspected = sandbox.dstream(&["provider", "inspect", &reference, "--json"]).json();
    assert_eq!(inspected["annotations"]["org.example.build"], "7");
    assert_eq!(inspected["provider"]["version"], "2.0.0");
}

#[test]
fn what_cannot_be_published_is_refused_before_anything_is_sent() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    let before = registry.requests().len();
    let reference = registry.reference("dstream/x:v1");
    let by_digest = format!("{}@sha256:{}", registry.reference("dstream/x"), "0".repeat(64));
    fs::create_dir(sandbox.path("empty")).unwrap();
    sandbox.write("exe", b"MZ and so on");
    sandbox.write("nothing", b"");
    sandbox.write("bad.json", b"[1]");
    sandbox.write("kind.json", br#"{"type":"filter"}"#);
    let layer = format!("counter/plugin.{}", here());
    for (args, status, expected) in [
        (vec![reference.as_str()], 2, "no executable of any platform"),
        (vec![&reference, "empty"], 2, "nothing to publish in empty"),
        (vec![&reference, "missing"], 2, "does not say which platform"),
        (vec![&reference, "--platform", "linux/amd64=missing"], 2, "`missing` cannot be read"),
        (vec![&reference, "--platform", "linux/amd64=exe"], 2, "it is made for windows"),
        (vec![&reference, "--platform", "linux/amd64=nothing"], 2, "it is empty"),
        (vec![&reference, "--platform", "linux/amd64=counter"], 2, "it is not a file"),
        (vec![&reference, "--platform", "plan9/amd64=exe"], 2, "invalid platform `plan9/amd64`"),
        (vec![&reference, "--platform", "exe"], 2, "OS/ARCH=PATH"),
        (vec![&reference, &layer, "counter"], 2, "two executables for"),
        (vec![&reference, &layer, "--provider-json", "bad.json"], 2, "bad.json cannot be used"),
        (vec![&reference, &layer, "--provider-json", "kind.json"], 2, "neither input nor output"),
        (vec![&reference, &layer, "--sign", "exe"], 2, "the key exe cannot be used"),
        (vec![&by_digest, &layer], 2, "published under a tag"),
        (vec!["dstream/x:v1", &layer], 2, "names no registry"),
    ] {
        let args: Vec<&str> = ["provider", "push"].into_iter().chain(args).collect();
        sandbox.dstream(&args).said(status, &[expected]);
    }
    assert_eq!(registry.requests().len(), before);
}
