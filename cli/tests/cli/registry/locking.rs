//! The lock file.

use std::fs;

use super::full_path::published;
use super::here;
use super::real::Registry;
use crate::harness::Sandbox;

fn lock_file(sandbox: &Sandbox) -> String {
    String::from_utf8(sandbox.read(".dstream.lock.hcl")).unwrap()
}

/// Publishes another counter under the same tag; gives its manifest's digest.
fn move_tag(sandbox: &Sandbox, registry: &Registry) -> String {
    let reference = registry.reference("dstream/counter:v1");
    let args = ["provider", "push", &reference, "counter", "--version", "6.6.6", "--json"];
    sandbox.dstream(&args).json()["manifest"].as_str().unwrap().to_owned()
}

#[test]
fn every_platform_is_locked_and_nothing_else_may_run() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    sandbox.dstream(&["run", "seed", "--locked"]).said(
        2,
        &["is not in the lock file, and --locked was given", "hint: dstream provider lock"],
    );
    assert_eq!(registry.requests().iter().filter(|request| request.starts_with("GET")).count(), 0);

    let locked = sandbox.dstream(&["provider", "lock", "--json"]).json();
    assert_eq!(locked["changed"], true);
    let text = lock_file(&sandbox);
    let counter = registry.reference("dstream/counter:v1");
    assert!(text.contains(&format!("provider \"{counter}\" {{")), "{text}");
    for platform in ["linux_amd64", "linux_arm64"] {
        let digest = locked["providers"][&counter]["executables"][platform].as_str().unwrap();
        assert!(text.contains(&format!("{platform} = \"{digest}\"")), "{text}");
    }
    sandbox.dstream(&["provider", "lock"]).said(0, &["nothing has changed"]);
    assert_eq!(lock_file(&sandbox), text);
    sandbox.dstream(&["run", "seed", "--locked"]).said(0, &["executed successfully"]);
    sandbox.dstream(&["provider", "verify"]).said(0, &["as locked"]);

    // What another file of the folder may name stays, what nobody names any more leaves.
    sandbox.write("other.hcl", "");
    sandbox
        .dstream(&["-c", "other.hcl", "provider", "lock"])
        .said(2, &["no provider by reference"]);
    let only = "task \"t\" {\n  input {\n    provider = \"counter\"\n  }\n  output {\n    provider_ref = \"REF\"\n  }\n}\n";
    let console = registry.reference("dstream/console:v1");
    sandbox.write("other.hcl", only.replace("REF", &console));
    sandbox.dstream(&["-c", "other.hcl", "provider", "lock"]).said(0, &["nothing has changed"]);
    fs::remove_file(sandbox.path("other.hcl")).unwrap();
    let hcl = String::from_utf8(sandbox.read("dstream.hcl")).unwrap();
    let console = registry.reference("dstream/console:v1");
    sandbox.write(
        "dstream.hcl",
        hcl.replace(&format!("provider_ref = \"{console}\""), "provider = \"console\""),
    );
    sandbox.dstream(&["provider", "lock"]).said(0, &[&format!("- {console}")]);
    assert!(!lock_file(&sandbox).contains("console"));
}

#[test]
fn a_lock_for_another_platform_is_none_for_this_one() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    let other = if here() == "linux_amd64" { "linux/arm64" } else { "linux/amd64" };
    sandbox.dstream(&["provider", "lock", "--platform", other]).said(0, &["1 platform"]);
    let refused = sandbox.dstream(&["run", "seed", "--locked"]);
    refused.said(2, &["is locked for other platforms than this one"]);
    // Without --locked the manifest, which is locked, says what this platform's executable is.
    sandbox.dstream(&["run", "seed"]).said(0, &["executed successfully"]);
    sandbox
        .dstream(&["provider", "lock", "--platform", &here().replace('_', "/")])
        .said(0, &["2 platforms"]);
    sandbox.dstream(&["run", "seed", "--locked"]).said(0, &["executed successfully"]);
    let missing = sandbox.dstream(&["provider", "lock", "--platform", "darwin/arm64"]);
    missing.said(1, &["is not made for darwin/arm64", "linux/amd64, linux/arm64"]);
}

#[test]
fn a_tag_that_has_moved_is_an_error_that_shows_both_digests() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    sandbox.dstream(&["provider", "lock"]).said(0, &[]);
    let text = lock_file(&sandbox);
    let before = text.lines().find(|line| line.contains("manifest")).unwrap();
    assert!(before.contains("sha256:"));
    let moved = move_tag(&sandbox, &registry);
    assert!(!text.contains(&moved));

    // What is in the cache is what is locked: nobody asks.
    sandbox.dstream(&["run", "seed"]).said(0, &["executed successfully"]);
    let reference = registry.reference("dstream/counter:v1");
    let locked = text.split(&reference).nth(1).unwrap().split('"').nth(2).unwrap().to_owned();
    assert!(locked.starts_with("sha256:"), "{locked}");
    let hint =
        format!("hint: if that is wanted, accept it: dstream provider lock --upgrade {reference}");
    let both = [locked.as_str(), moved.as_str(), "now means other bytes", hint.as_str()];
    fs::remove_dir_all(sandbox.path("cache")).unwrap();
    sandbox.dstream(&["run", "seed"]).said(2, &both);
    sandbox.dstream(&["provider", "pull"]).said(2, &both);
    sandbox.dstream(&["provider", "lock"]).said(2, &both);
    sandbox.dstream(&["provider", "mirror", "./mirror"]).said(2, &both);
    assert_eq!(lock_file(&sandbox), text);

    sandbox.dstream(&["provider", "lock", "--upgrade", &reference]).said(0, &["~ ", &moved]);
    assert!(lock_file(&sandbox).contains(&moved));
    sandbox.dstream(&["run", "seed", "--locked"]).said(0, &["executed successfully"]);
}

#[test]
fn a_lock_file_that_lies_about_an_executable_stops_the_run() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    let locked = sandbox.dstream(&["provider", "lock", "--json"]).json();
    let counter = registry.reference("dstream/counter:v1");
    let digest = locked["providers"][&counter]["executables"][here()].as_str().unwrap();
    let lie = format!("sha256:{}", "0".repeat(64));
    sandbox.write(".dstream.lock.hcl", lock_file(&sandbox).replace(digest, &lie));
    let refused = sandbox.dstream(&["run", "seed"]);
    refused.said(2, &["is not the one in the lock file", digest, &lie]);
    assert!(!refused.stdout.contains("Message"), "{}", refused.stdout);
}

#[test]
fn a_lock_file_that_cannot_be_read_stops_the_run_and_says_what_to_do() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    sandbox.dstream(&["provider", "lock"]).said(0, &[]);
    let good = lock_file(&sandbox);
    for (text, expected) in [
        (format!("<<<<<<< HEAD\n{good}=======\n>>>>>>> other\n"), "a merge that is not finished"),
        (good.replace("sha256:", "sha1:"), "invalid digest"),
        (good.replace("manifest", "manifesto"), "`manifesto` that is not understood"),
        ("\u{0}\u{1}".to_owned(), "is not valid"),
    ] {
        sandbox.write(".dstream.lock.hcl", text);
        for command in [&["run", "seed"][..], &["provider", "pull"], &["provider", "lock"]] {
            sandbox.dstream(command).said(2, &[expected, "dstream provider lock"]);
        }
    }
}

#[test]
fn a_lock_file_does_not_overrule_a_digest() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    let reference = registry.reference("dstream/counter:v1");
    let digest = sandbox.dstream(&["provider", "inspect", &reference, "--json"]).json();
    let digest = digest["manifest"].as_str().unwrap().to_owned();
    let moved = move_tag(&sandbox, &registry);
    sandbox.dstream(&["provider", "pull", &reference]).said(0, &[&moved]);
    let hcl = String::from_utf8(sandbox.read("dstream.hcl")).unwrap();
    sandbox.write("dstream.hcl", hcl.replace(&reference, &format!("{reference}@{digest}")));
    sandbox.dstream(&["provider", "lock"]).said(0, &[]);
    let good = lock_file(&sandbox);
    let other =
        good.replace(&format!("manifest = \"{digest}\""), &format!("manifest = \"{moved}\""));
    assert_ne!(good, other);
    sandbox.write(".dstream.lock.hcl", other);
    sandbox.dstream(&["run", "seed"]).said(2, &["is locked to another digest", &moved]);
}

#[test]
fn what_is_locked_here_is_not_pruned_because_the_tag_has_moved_elsewhere() {
    let Some(mut registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    sandbox.dstream(&["provider", "lock"]).said(0, &[]);
    sandbox.dstream(&["run", "seed", "--locked"]).said(0, &["executed successfully"]);
    let moved = move_tag(&sandbox, &registry);
    // Another project shares the cache, and is not locked.
    std::fs::create_dir(sandbox.path("elsewhere")).unwrap();
    sandbox.write("elsewhere/dstream.hcl", sandbox.read("dstream.hcl"));
    sandbox.dstream(&["-c", "elsewhere/dstream.hcl", "provider", "pull"]).said(0, &[&moved]);
    sandbox.dstream(&["provider", "prune"]).said(0, &["freed"]);
    registry.stop();
    sandbox.dstream(&["run", "seed", "--locked"]).said(0, &["executed successfully"]);
}

#[test]
fn a_reference_by_its_digest_means_these_bytes_without_a_lock_file() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = published(&registry);
    let reference = registry.reference("dstream/counter:v1");
    let digest = sandbox.dstream(&["provider", "inspect", &reference, "--json"]).json();
    let digest = digest["manifest"].as_str().unwrap().to_owned();
    move_tag(&sandbox, &registry);
    let hcl = String::from_utf8(sandbox.read("dstream.hcl")).unwrap();
    let pinned = format!("{reference}@{digest}");
    sandbox.write("dstream.hcl", hcl.replace(&reference, &pinned));
    let outcome = sandbox.dstream(&["run", "seed"]);
    outcome.said(0, &["executed successfully"]);
    let unlocked = outcome.stderr.lines().find(|line| line.contains("not locked")).unwrap();
    assert!(!unlocked.contains("counter"), "{unlocked}");
    let pulled = sandbox.dstream(&["provider", "pull", &pinned, "--json"]).json();
    assert_eq!(pulled[0]["manifest"], digest.as_str());
}
