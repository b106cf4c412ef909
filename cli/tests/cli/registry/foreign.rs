//! Artifacts that other programs have published, and forms that DStream does not publish itself.

use std::fs;
use std::io::Write as _;
use std::process::Command;

use serde_json::json;
use tar::EntryType;

use super::artifacts::{
    Blob, Entry, INDEX, MANIFEST, archive, gzip, layer, manifest, sha256, zstd,
};
use super::misbehaving::{Server, respond};
use super::real::Registry;
use super::{here, here_shown};
use crate::harness::Sandbox;

const OCTETS: &str = "application/octet-stream";
const SCRIPT: &[u8] = b"#!/bin/sh\nexec cat\n";

fn is_there(program: &str, args: &[&str]) -> bool {
    let there =
        Command::new(program).args(args).output().is_ok_and(|output| output.status.success());
    if !there {
        let _ = writeln!(std::io::stderr(), "left out: there is no {program} {}", args.join(" "));
    }
    there
}

/// Pulls it; gives the bytes of the executable.
#[track_caller]
fn pull(sandbox: &Sandbox, reference: &str) -> Vec<u8> {
    let pulled = sandbox.dstream(&["provider", "pull", reference, "--json"]).json();
    fs::read(sandbox.shown_path(&pulled[0]["path"])).unwrap()
}

#[test]
fn what_could_be_read_as_two_things_is_refused() {
    let title = format!("plugin.{}", here());
    let executable = layer(OCTETS, Some(&title), SCRIPT);
    let mut both = manifest(&[executable]);
    both["manifests"] = json!([]);
    let text = both.to_string();
    // A real registry takes none of it; another one may.
    let server = Server::start(move |request, stream| {
        if request.is("GET /v2/x/y/manifests/v1 ") {
            return respond(stream, "200 OK", &[("Content-Type", MANIFEST)], text.as_bytes());
        }
        respond(stream, "404 Not Found", &[], b"{}")
    });
    let sandbox = Sandbox::new();
    let reference = server.reference("x/y:v1");
    let expected = ["it has both `manifests` and `layers`"];
    sandbox.dstream(&["provider", "pull", &reference]).said(1, &expected);
    sandbox.dstream(&["provider", "mirror", "./mirror", &reference]).said(1, &expected);
}

#[test]
fn what_oras_has_pushed_is_understood() {
    let Some(registry) = Registry::start() else { return };
    if !is_there("python3", &["-c", "import oras"]) {
        return;
    }
    let sandbox = Sandbox::new();
    let title = format!("plugin.{}", here());
    sandbox.write(&title, SCRIPT);
    sandbox.write("provider.json", br#"{"name":"by oras"}"#);
    let reference = registry.reference("foreign/oras:v1");
    let program = format!(
        "import oras.client\noras.client.OrasClient(hostname='{}', insecure=True).push(target='{reference}', files=['{title}:application/vnd.oci.image.layer.v1.tar', 'provider.json:application/json'], disable_path_validation=True)",
        registry.host
    );
    let pushed = Command::new("python3")
        .args(["-c", &program])
        .current_dir(sandbox.path("."))
        .output()
        .unwrap();
    assert!(pushed.status.success(), "{}", String::from_utf8_lossy(&pushed.stderr));
    assert_eq!(pull(&sandbox, &reference), SCRIPT);
    sandbox.dstream(&["provider", "inspect", &reference]).said(0, &["name: by oras", here_shown()]);
}

#[test]
fn what_skopeo_has_copied_is_understood() {
    let Some(registry) = Registry::start() else { return };
    if !is_there("skopeo", &["--version"]) {
        return;
    }
    let sandbox = Sandbox::new();
    let title = format!("plugin.{}", here());
    let blob = [Blob { media_type: OCTETS, title: Some(&title), bytes: SCRIPT }];
    let digest = registry.put_artifact("foreign/origin", "v1", &blob);
    let copy = Command::new("skopeo")
        .args(["copy", "--insecure-policy", "--preserve-digests"])
        .args(["--src-tls-verify=false", "--dest-tls-verify=false"])
        .arg(format!("docker://{}", registry.reference("foreign/origin:v1")))
        .arg(format!("docker://{}", registry.reference("foreign/copy:v2")))
        .output()
        .unwrap();
    assert!(copy.status.success(), "{}", String::from_utf8_lossy(&copy.stderr));
    let reference = registry.reference("foreign/copy:v2");
    let pulled = sandbox.dstream(&["provider", "pull", &reference, "--json"]).json();
    assert_eq!(pulled[0]["manifest"], digest.as_str());

    // And the other way: skopeo reads what we have mirrored.
    sandbox.dstream(&["provider", "mirror", "./mirror", &reference]).said(0, &[]);
    let inspect = Command::new("skopeo")
        .args(["inspect", "--raw"])
        .arg(format!("oci:{}:{reference}", sandbox.at("mirror")))
        .output()
        .unwrap();
    assert_eq!(sha256(&inspect.stdout), digest, "{}", String::from_utf8_lossy(&inspect.stderr));
}

#[test]
fn packed_layers_are_unpacked() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = Sandbox::new();
    let tar = archive(&[Entry::file("bin/plugin", SCRIPT)]);
    let (gz, zst, tgz, tzst) = (gzip(SCRIPT), zstd(SCRIPT), gzip(&tar), zstd(&tar));
    for (tag, media_type, bytes) in [
        ("gzip", "application/vnd.dstream.plugin+gzip", &gz),
        ("zstd", "application/vnd.dstream.plugin+zstd", &zst),
        ("tar", "application/x-tar", &tar),
        ("tgz", "application/vnd.oci.image.layer.v1.tar+gzip", &tgz),
        ("tzst", "application/vnd.oci.image.layer.v1.tar+zstd", &tzst),
        ("unsaid", OCTETS, &tgz),
    ] {
        let title = format!("plugin.{}", here());
        let blob = [Blob { media_type, title: Some(&title), bytes }];
        registry.put_artifact("foreign/packed", tag, &blob);
        let reference = registry.reference(&format!("foreign/packed:{tag}"));
        assert_eq!(pull(&sandbox, &reference), SCRIPT, "{tag}");
        let again = sandbox.dstream(&["provider", "pull", &reference, "--json"]).json();
        assert_eq!(again[0]["downloaded_bytes"], 0, "{tag}");
        assert_eq!(again[0]["executable"], sha256(SCRIPT).as_str());
    }
    assert_eq!(sandbox.cached("executables").len(), 1);
    assert_eq!(sandbox.cached("partial"), [""; 0]);
}

#[test]
fn archives_and_titles_that_were_made_to_do_harm_are_refused() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = Sandbox::new();
    let plain = |name, kind, mode, link| Entry { name, kind, mode, link, bytes: b"" };
    let good = || Entry::file("plugin", SCRIPT);
    let setuid = Entry { mode: 0o4755, ..good() };
    let archives = [
        ("traversal", archive(&[Entry::file("../../plugin", SCRIPT)])),
        ("absolute", archive(&[Entry::file("/etc/cron.d/plugin", SCRIPT)])),
        ("symlink", archive(&[plain("plugin", EntryType::Symlink, 0o777, "/bin/sh")])),
        ("beside", archive(&[good(), plain("x", EntryType::Symlink, 0o777, "../../x")])),
        ("hardlink", archive(&[good(), plain("x", EntryType::Link, 0o755, "/etc/passwd")])),
        ("device", archive(&[good(), plain("x", EntryType::Block, 0o755, "")])),
        ("setuid", archive(&[setuid])),
        ("several", archive(&[Entry::file("a", SCRIPT), Entry::file("b", SCRIPT)])),
        ("empty", archive(&[])),
        ("cut", gzip(&archive(&[good()]))[..60].to_vec()),
    ];
    let title = format!("plugin.{}", here());
    for (tag, bytes) in &archives {
        let media_type = if *tag == "cut" { "application/x-tar+gzip" } else { "application/x-tar" };
        let blob = [Blob { media_type, title: Some(&title), bytes }];
        registry.put_artifact("hostile/archive", tag, &blob);
        let reference = registry.reference(&format!("hostile/archive:{tag}"));
        let refused = sandbox.dstream(&["provider", "pull", &reference]);
        refused.said(1, &["cannot be unpacked", "hint: "]);
    }
    for (tag, title) in [("up", "../plugin"), ("root", "/bin/sh"), ("back", "..\\plugin")] {
        let blob = [Blob { media_type: OCTETS, title: Some(title), bytes: SCRIPT }];
        registry.put_artifact("hostile/title", tag, &blob);
        let reference = registry.reference(&format!("hostile/title:{tag}"));
        sandbox.dstream(&["provider", "pull", &reference]).said(1, &["title is refused"]);
    }
    assert_eq!(sandbox.cached("executables"), [""; 0]);
    assert_eq!(sandbox.cached("partial"), [""; 0]);
}

#[test]
fn a_single_layer_is_the_executable() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = Sandbox::new();
    let blob = [Blob { media_type: OCTETS, title: Some("my-provider"), bytes: SCRIPT }];
    registry.put_artifact("foreign/single", "v1", &blob);
    let reference = registry.reference("foreign/single:v1");
    assert_eq!(pull(&sandbox, &reference), SCRIPT);
    sandbox.dstream(&["provider", "inspect", &reference]).said(0, &["any"]);
    sandbox.write(
        "dstream.hcl",
        format!("task \"t\" {{\n  input {{\n    provider = \"counter\"\n  }}\n  output {{\n    provider_ref = \"{reference}\"\n  }}\n}}\n"),
    );
    sandbox.dstream(&["provider", "lock"]).said(0, &["wrote"]);
    let lock = String::from_utf8(sandbox.read(".dstream.lock.hcl")).unwrap();
    assert!(lock.contains(&format!("any = \"{}\"", sha256(SCRIPT))), "{lock}");
    sandbox.dstream(&["provider", "verify"]).said(0, &["as locked"]);
}

#[test]
fn an_index_gives_each_platform_its_manifest() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = Sandbox::new();
    let child = |platform: &str, bytes: &[u8], tag: &str| {
        let blob = [Blob { media_type: OCTETS, title: None, bytes }];
        let digest = registry.put_artifact("foreign/index", tag, &blob);
        let size = manifest(&[layer(OCTETS, None, bytes)]).to_string().len();
        let (os, arch) = platform.split_once('_').unwrap();
        json!({
            "mediaType": MANIFEST, "digest": digest, "size": size,
            "platform": { "os": os, "architecture": arch },
        })
    };
    let other = if here() == "linux_amd64" { "linux_arm64" } else { "linux_amd64" };
    let attestation = child("unknown_unknown", b"not for running", "c");
    let index = json!({
        "schemaVersion": 2, "mediaType": INDEX,
        "manifests": [child(other, b"#!/bin/other\n", "a"), child(here(), SCRIPT, "b"), attestation],
    });
    registry.put_manifest("foreign/index", "v1", INDEX, &index.to_string());
    let reference = registry.reference("foreign/index:v1");
    assert_eq!(pull(&sandbox, &reference), SCRIPT);
    let refused = sandbox.dstream(&["provider", "pull", &reference, "--platform", "windows/amd64"]);
    refused.said(1, &["it is not made for windows/amd64", "linux/amd64", "linux/arm64"]);
}

#[test]
fn what_is_no_provider_for_this_machine_is_said() {
    let Some(registry) = Registry::start() else { return };
    let sandbox = Sandbox::new();
    let foreign = [
        Blob { media_type: OCTETS, title: Some("plugin.darwin_arm64"), bytes: b"one" },
        Blob { media_type: OCTETS, title: Some("plugin.windows_amd64.exe"), bytes: b"two" },
    ];
    registry.put_artifact("other/platforms", "v1", &foreign);
    let refused = sandbox.dstream(&["provider", "pull", &registry.reference("other/platforms:v1")]);
    let expected =
        format!("it is not made for {}; it has darwin/arm64, windows/amd64", here_shown());
    refused.said(1, &[&expected, "hint: "]);

    let config =
        br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let rootfs = gzip(&archive(&[Entry::file("bin/sh", SCRIPT)]));
    registry.put_blob("other/image", config);
    registry.put_blob("other/image", &rootfs);
    let image = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": layer("application/vnd.oci.image.config.v1+json", None, config),
        "layers": [layer("application/vnd.oci.image.layer.v1.tar+gzip", None, &rootfs)],
    });
    registry.put_manifest("other/image", "v1", MANIFEST, &image.to_string());
    let refused = sandbox.dstream(&["provider", "pull", &registry.reference("other/image:v1")]);
    refused.said(1, &["this is a container image, not a provider"]);

    let chart = [
        Blob { media_type: OCTETS, title: Some("values.yaml"), bytes: b"a" },
        Blob { media_type: OCTETS, title: Some("chart.yaml"), bytes: b"b" },
    ];
    registry.put_artifact("other/chart", "v1", &chart);
    let refused = sandbox.dstream(&["provider", "pull", &registry.reference("other/chart:v1")]);
    refused.said(1, &["no layer that could be a provider's executable", "values.yaml"]);
    let refused = sandbox.dstream(&["provider", "pull", &registry.reference("other/none:v1")]);
    refused.said(1, &["has no tag `v1`", "no credentials were sent"]);
}
