//! The cache: shared, verified, never half.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use super::full_path::published;
use super::here_shown;
use super::real::Registry;
use crate::harness::Sandbox;

fn executable(sandbox: &Sandbox, registry: &Registry) -> (String, std::path::PathBuf) {
    let reference = registry.reference("dstream/counter:v1");
    let pulled = sandbox.dstream(&["provider", "pull", &reference, "--json"]).json();
    let digest = pulled[0]["executable"].as_str().unwrap().to_owned();
    (digest, sandbox.shown_path(&pulled[0]["path"]))
}

#[test]
fn twenty_at_once_download_once() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    // Large enough that all of them are there before the first has it.
    let mut large = b"#!/bin/sh\nexit 0\n".to_vec();
    large.resize(24 << 20, b'#');
    sandbox.write("large", &large);
    let reference = registry.reference("dstream/large:v1");
    let platform = format!("{}=large", here_shown());
    sandbox.dstream(&["provider", "push", &reference, "--platform", &platform]).said(0, &[]);
    let processes: Vec<_> = (0..20)
        .map(|_| {
            let mut command = sandbox.provider_command(&["provider", "pull", &reference, "--json"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut downloaded = 0;
    let mut digest = String::new();
    for process in processes {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let pulled: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        downloaded += pulled[0]["downloaded_bytes"].as_u64().unwrap();
        digest = pulled[0]["executable"].as_str().unwrap().to_owned();
    }
    assert_eq!(downloaded, large.len() as u64);
    assert_eq!(registry.downloads(&digest), 1);
    assert_eq!(sandbox.cached("executables").len(), 1);
    assert_eq!(sandbox.cached("partial"), [""; 0]);
}

#[test]
fn an_executable_that_was_changed_is_never_run() {
    let Some(mut registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    sandbox.dstream(&["provider", "lock"]).said(0, &[]);
    let (digest, path) = executable(&sandbox, &registry);
    let evil = format!("#!/bin/sh\ntouch {}\n", sandbox.at("evil"));
    fs::write(&path, &evil).unwrap();
    sandbox.dstream(&["provider", "verify"]).said(1, &["damaged or missing", &digest]);
    // With a network it is simply fetched again.
    sandbox.dstream(&["run", "seed"]).said(0, &["executed successfully"]);
    assert_eq!(registry.downloads(&digest), 2);
    fs::write(&path, &evil).unwrap();
    registry.stop();
    let refused = sandbox.dstream(&["run", "seed"]);
    refused.said(1, &["cannot be reached"]);
    assert!(!sandbox.path("evil").exists());
}

#[test]
fn what_an_interrupted_download_has_left_is_used_if_it_fits() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    let (digest, path) = executable(&sandbox, &registry);
    let whole = fs::read(&path).unwrap();
    let partial = sandbox.path("cache").join("partial").join(digest.replace(':', "-"));
    let reference = registry.reference("dstream/counter:v1");
    for (left, expected) in [
        (&whole[..10], whole.len() - 10),
        // Not its beginning: all of it once more, after the part that seemed to be missing.
        (&[b'x'; 10][..], 2 * whole.len() - 10),
        // Longer than it is.
        (&[b'x'; 4096][..], whole.len()),
        (&whole[..], 0),
    ] {
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&partial, left).unwrap();
        let pulled = sandbox.dstream(&["provider", "pull", &reference, "--json"]).json();
        assert_eq!(pulled[0]["downloaded_bytes"], expected, "{}", left.len());
        assert_eq!(fs::read(&path).unwrap(), whole);
        assert!(!partial.exists());
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_an_error_that_names_the_place() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    sandbox.write("file", b"");
    let home = sandbox.at("file");
    let outcome = sandbox.dstream_with(&["run", "seed"], &[("DSTREAM_HOME", &home)]);
    outcome.said(1, &["the cache cannot be used", "[DIR]/file", "DSTREAM_HOME"]);
    let outcome = sandbox.dstream_with(
        &["provider", "list"],
        &[("DSTREAM_HOME", ""), ("HOME", ""), ("XDG_CACHE_HOME", "")],
    );
    outcome.said(2, &["there is no folder for the cache"]);
}

#[test]
fn the_cache_is_where_the_platform_keeps_caches_and_old_plugins_are_left_alone() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    let old = sandbox.path("home/.dstream/plugins/x/v1/linux_amd64");
    fs::create_dir_all(&old).unwrap();
    fs::File::create(old.join("plugin")).unwrap().write_all(b"old").unwrap();
    let env = [("DSTREAM_HOME", "")];
    sandbox.dstream_with(&["run", "seed"], &env).said(0, &["executed successfully"]);
    assert!(sandbox.path("home/.cache/dstream/executables").is_dir());
    sandbox.dstream_with(&["provider", "prune", "--all"], &env).said(0, &["freed"]);
    assert_eq!(fs::read(old.join("plugin")).unwrap(), b"old");
}
