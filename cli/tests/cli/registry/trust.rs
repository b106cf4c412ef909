//! Signatures: asked for by a policy, made by `push --sign`.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{KeyPair, SigningKey as _};

use super::artifacts::{INDEX, MANIFEST, layer, manifest, sha256};
use super::full_path::seed;
use super::misbehaving::{Server, respond};
use super::real::Registry;
use crate::harness::Sandbox;

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// A private key and its public key, in PEM.
fn keys() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    (key.serialize_pem(), key.public_key_pem())
}

fn prepared(registry: &Registry) -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    for name in ["good", "other"] {
        let (private, public) = keys();
        sandbox.write(&format!("{name}.key"), private);
        sandbox.write(&format!("{name}.pub"), public);
    }
    sandbox.write_provider("counter", "input counter", "{}");
    let reference = registry.reference("signed/counter:v1");
    sandbox.write("dstream.hcl", policy(registry, &reference, "file(\"good.pub\")"));
    (sandbox, reference)
}

fn policy(registry: &Registry, reference: &str, key: &str) -> String {
    let settings =
        format!("  trust \"{}/signed/*\" {{\n    public_key = {key}\n  }}", registry.host);
    seed(&settings, reference, "x").replace("provider_ref = \"x\"", "provider = \"console\"")
}

fn push(sandbox: &Sandbox, reference: &str, more: &[&str]) {
    let args: Vec<&str> = ["provider", "push", reference, "counter"]
        .into_iter()
        .chain(more.iter().copied())
        .collect();
    sandbox.dstream(&args).said(0, &["@sha256:"]);
}

#[test]
fn a_policy_is_met_by_its_key_alone() {
    let Some(mut registry) = Registry::start() else { return };
    let (sandbox, reference) = prepared(&registry);
    push(&sandbox, &reference, &[]);
    let unsigned = sandbox.dstream(&["run", "seed"]);
    unsigned.said(2, &["is not signed as `trust \"", "there is no signature", "--sign"]);
    assert!(!unsigned.stdout.contains("Message"), "{}", unsigned.stdout);

    push(&sandbox, &reference, &["--sign", "other.key"]);
    sandbox.dstream(&["run", "seed"]).said(2, &["not made with a key that the policy names"]);

    push(&sandbox, &reference, &["--sign", "good.key"]);
    sandbox.dstream(&["run", "seed"]).said(0, &["executed successfully"]);
    let inspected = sandbox.dstream(&["provider", "inspect", &reference, "--json"]).json();
    assert_eq!(inspected["signatures"], 2);
    sandbox.dstream(&["provider", "verify"]).said(0, &["signed as demanded"]);

    // The signature was kept with the rest.
    sandbox.dstream(&["provider", "mirror", "./mirror"]).said(0, &[]);
    registry.stop();
    sandbox.dstream(&["run", "seed"]).said(0, &["executed successfully"]);
    // What is in the cache does not count for another key.
    sandbox.write(
        "dstream.hcl",
        policy(&registry, &reference, "[file(\"other.pub\"), file(\"good.pub\")]"),
    );
    sandbox.dstream(&["run", "seed"]).said(0, &["executed successfully"]);
    let third = keys().1;
    sandbox.write("third.pub", third);
    sandbox.write("dstream.hcl", policy(&registry, &reference, "file(\"third.pub\")"));
    sandbox.dstream(&["run", "seed"]).said(1, &["cannot be reached"]);
    // Signatures go with a mirror.
    sandbox.write("dstream.hcl", policy(&registry, &reference, "file(\"good.pub\")"));
    let env = [("DSTREAM_MIRROR", "./mirror"), ("DSTREAM_HOME", "elsewhere")];
    sandbox.dstream_with(&["run", "seed"], &env).said(0, &["executed successfully"]);
}

#[test]
fn what_was_fetched_without_a_policy_is_not_run_under_one() {
    let Some(registry) = Registry::start() else { return };
    let (sandbox, reference) = prepared(&registry);
    push(&sandbox, &reference, &[]);
    let with = sandbox.read("dstream.hcl");
    let without =
        seed("", &reference, "x").replace("provider_ref = \"x\"", "provider = \"console\"");
    sandbox.write("dstream.hcl", without);
    sandbox.dstream(&["run", "seed"]).said(0, &["executed successfully"]);
    sandbox.write("dstream.hcl", with);
    sandbox.dstream(&["run", "seed"]).said(2, &["there is no signature"]);
    sandbox.dstream(&["provider", "verify"]).said(2, &["there is no signature"]);
}

#[test]
fn a_signature_of_another_manifest_does_not_count() {
    let Some(registry) = Registry::start() else { return };
    let (sandbox, reference) = prepared(&registry);
    push(&sandbox, &reference, &["--sign", "good.key"]);
    let signed = sandbox.dstream(&["provider", "inspect", &reference, "--json"]).json();
    let tag = signed["manifest"].as_str().unwrap().replace(':', "-");
    // The signature's own artifact, under the name of another manifest's.
    let other = registry.reference("signed/counter:v2");
    push(&sandbox, &other, &["--version", "2"]);
    let unsigned = sandbox.dstream(&["provider", "inspect", &other, "--json"]).json();
    let other_tag = unsigned["manifest"].as_str().unwrap().replace(':', "-");
    let artifact = registry.get_manifest("signed/counter", &format!("{tag}.sig"));
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    registry.put_manifest("signed/counter", &format!("{other_tag}.sig"), media_type, &artifact);
    sandbox.write("dstream.hcl", policy(&registry, &other, "file(\"good.pub\")"));
    sandbox.dstream(&["run", "seed"]).said(2, &["it is about another manifest"]);
}

#[test]
fn a_signature_that_refers_to_its_manifest_counts_and_is_mirrored() {
    let (Some(mut registry), Some(other)) = (Registry::start(), Registry::start()) else { return };
    let (sandbox, reference) = prepared(&registry);
    push(&sandbox, &reference, &["--sign", "good.key"]);
    let signed = sandbox.dstream(&["provider", "inspect", &reference, "--json"]).json();
    let digest = signed["manifest"].as_str().unwrap();
    let tag = digest.replace(':', "-");
    // The same signature, as a referrer; this registry keeps the list of these under a tag.
    let artifact = registry.get_manifest("signed/counter", &format!("{tag}.sig"));
    let mut artifact: serde_json::Value = serde_json::from_str(&artifact).unwrap();
    let kind = "application/vnd.dev.cosign.artifact.sig.v1+json";
    artifact["artifactType"] = kind.into();
    artifact["subject"] = serde_json::json!({ "mediaType": MANIFEST, "digest": digest, "size": 1 });
    let artifact = artifact.to_string();
    let referrer =
        registry.put_manifest("signed/counter", &sha256(artifact.as_bytes()), MANIFEST, &artifact);
    let index = serde_json::json!({
        "schemaVersion": 2, "mediaType": INDEX,
        "manifests": [{
            "mediaType": MANIFEST, "digest": referrer, "size": artifact.len(), "artifactType": kind,
        }],
    });
    registry.put_manifest("signed/counter", &tag, INDEX, &index.to_string());
    registry.delete_manifest(
        "signed/counter",
        &sha256(registry.get_manifest("signed/counter", &format!("{tag}.sig")).as_bytes()),
    );
    sandbox.dstream(&["run", "seed"]).said(0, &["executed successfully"]);

    sandbox.dstream(&["provider", "mirror", "./mirror"]).said(0, &[]);
    sandbox.dstream(&["provider", "mirror", &other.host]).said(0, &[]);
    registry.stop();
    for mirror in ["./mirror", &other.host] {
        let cache = sandbox.at(&mirror.replace(['.', '/', ':'], "-"));
        let env = [("DSTREAM_MIRROR", mirror), ("DSTREAM_HOME", cache.as_str())];
        sandbox.dstream_with(&["run", "seed"], &env).said(0, &["executed successfully"]);
    }
}

/// A bundle as cosign 3 makes one, that says this of a manifest.
fn bundle(key: &KeyPair, manifest: &str, predicate: &str) -> Vec<u8> {
    let kind = "application/vnd.in-toto+json";
    let statement = serde_json::json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "digest": { "sha256": manifest.trim_start_matches("sha256:") } }],
        "predicateType": predicate,
        "predicate": {},
    })
    .to_string();
    let signed = format!("DSSEv1 {} {kind} {} {statement}", kind.len(), statement.len());
    let signature = STANDARD.encode(key.sign(signed.as_bytes()).unwrap());
    serde_json::json!({
        "mediaType": BUNDLE,
        "verificationMaterial": { "publicKey": { "hint": "x" } },
        "dsseEnvelope": {
            "payload": STANDARD.encode(statement),
            "payloadType": kind,
            "signatures": [{ "sig": signature }],
        },
    })
    .to_string()
    .into_bytes()
}

#[test]
fn a_bundle_counts_and_what_else_is_said_in_one_does_not() {
    let Some(mut registry) = Registry::start() else { return };
    let (sandbox, reference) = prepared(&registry);
    let key = KeyPair::generate().unwrap();
    sandbox.write("good.pub", key.public_key_pem());
    push(&sandbox, &reference, &[]);
    let inspected = sandbox.dstream(&["provider", "inspect", &reference, "--json"]).json();
    let digest = inspected["manifest"].as_str().unwrap();
    let mut entries = Vec::new();
    for (predicate, status, expected) in [
        ("https://slsa.dev/provenance/v1", 2, "is not signed as `trust"),
        ("https://sigstore.dev/cosign/sign/v1", 0, "executed successfully"),
    ] {
        let bytes = bundle(&key, digest, predicate);
        registry.put_blob("signed/counter", &bytes);
        let mut artifact = manifest(&[layer(BUNDLE, None, &bytes)]);
        artifact["artifactType"] = BUNDLE.into();
        artifact["subject"] =
            serde_json::json!({ "mediaType": MANIFEST, "digest": digest, "size": 1 });
        let artifact = artifact.to_string();
        let referrer = sha256(artifact.as_bytes());
        registry.put_manifest("signed/counter", &referrer, MANIFEST, &artifact);
        // The first without the note that tells them apart: what it says is looked at.
        let mut entry = serde_json::json!({
            "mediaType": MANIFEST, "digest": referrer, "size": artifact.len(),
            "artifactType": BUNDLE,
        });
        if status == 0 {
            entry["annotations"] =
                serde_json::json!({ "dev.sigstore.bundle.predicateType": predicate });
        }
        entries.push(entry);
        let index =
            serde_json::json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
        let tag = digest.replace(':', "-");
        registry.put_manifest("signed/counter", &tag, INDEX, &index.to_string());
        sandbox.dstream(&["run", "seed"]).said(status, &[expected]);
    }
    sandbox.dstream(&["provider", "mirror", "./mirror"]).said(0, &[]);
    registry.stop();
    sandbox.dstream(&["run", "seed"]).said(0, &["executed successfully"]);
    let env = [("DSTREAM_MIRROR", "./mirror"), ("DSTREAM_HOME", "elsewhere")];
    sandbox.dstream_with(&["run", "seed"], &env).said(0, &["executed successfully"]);
}

#[test]
fn a_policy_holds_however_the_registry_is_written() {
    let Some(registry) = Registry::start() else { return };
    let (sandbox, reference) = prepared(&registry);
    push(&sandbox, &reference, &[]);
    let port = registry.host.split_once(':').unwrap().1;
    let spelt = [format!("localhost:{port}"), format!("LocalHost:{port}")];
    for host in &spelt {
        for pattern in &spelt {
            let text = policy(&registry, &reference, "file(\"good.pub\")");
            let text = text.replace(&registry.host, "HOST");
            let text = text.replacen("HOST", pattern, 1).replace("HOST", host);
            sandbox.write("dstream.hcl", text);
            sandbox.dstream(&["run", "seed"]).said(2, &["there is no signature"]);
        }
    }
    // One that is about nothing may be misspelt.
    let text =
        policy(&registry, &reference, "file(\"good.pub\")").replace("/signed/*", "/singed/*");
    sandbox.write("dstream.hcl", &text);
    sandbox.dstream(&["run", "seed"]).said(0, &["singed/*\"` is about none of the providers"]);
    let block = &text[text.find("  trust").unwrap()..=text.find('}').unwrap()];
    sandbox.write("dstream.hcl", text.replace(block, &format!("{block}\n{block}")));
    sandbox.dstream(&["validate"]).said(2, &["duplicate `trust` block for this pattern"]);
}

#[test]
fn a_signature_counts_whatever_lies_beside_it() {
    let Some(registry) = Registry::start() else { return };
    let (sandbox, reference) = prepared(&registry);
    push(&sandbox, &reference, &["--sign", "good.key"]);
    let signed = sandbox.dstream(&["provider", "inspect", &reference, "--json"]).json();
    let digest = signed["manifest"].as_str().unwrap();
    let tag = digest.replace(':', "-");
    let mut artifact: serde_json::Value =
        serde_json::from_str(&registry.get_manifest("signed/counter", &format!("{tag}.sig")))
            .unwrap();
    let good = artifact["layers"][0].clone();
    // Texts that are too large, no JSON, or not what their digest says; the good one comes last.
    let large = registry.put_blob("signed/counter", &vec![b'x'; 100_000]);
    let nonsense = registry.put_blob("signed/counter", b"nonsense");
    let mut layers = Vec::new();
    for (digest, size) in [(&large, 100_000), (&nonsense, 8), (&nonsense, 7)] {
        let mut layer = good.clone();
        layer["digest"] = digest.as_str().into();
        layer["size"] = size.into();
        layers.push(layer);
    }
    let mut odd = good.clone();
    odd["annotations"] = serde_json::json!({});
    layers.extend([odd, good]);
    artifact["layers"] = layers.into();
    let artifact = artifact.to_string();
    registry.put_manifest("signed/counter", &format!("{tag}.sig"), MANIFEST, &artifact);
    sandbox.dstream(&["run", "seed"]).said(0, &["executed successfully"]);
    sandbox.dstream(&["provider", "inspect", &reference]).said(0, &["4 signatures"]);

    // A front that answers with a page for people where it knows no interface, or with an error.
    for status in ["200 OK", "400 Bad Request", "403 Forbidden"] {
        let real = registry.host.clone();
        let front = Server::start(move |request, stream| {
            if request.line.contains("/referrers/") {
                return respond(stream, status, &[("Content-Type", "text/html")], b"<p>Welcome");
            }
            let mut real = TcpStream::connect(&real)?;
            let head = format!("{}\r\nHost: x\r\nConnection: close\r\n", request.line);
            let accept = request.header("accept").unwrap_or("*/*");
            real.write_all(format!("{head}Accept: {accept}\r\n\r\n").as_bytes())?;
            std::io::copy(&mut real, stream).map(|_| ())
        });
        let text = String::from_utf8(sandbox.read("dstream.hcl")).unwrap();
        sandbox.write("fronted.hcl", text.replace(&registry.host, &front.host));
        let env = [("DSTREAM_HOME", "another")];
        let run = ["-c", "fronted.hcl", "run", "seed"];
        sandbox.dstream_with(&run, &env).said(0, &["executed successfully"]);
    }
}

#[test]
fn a_policy_that_could_not_work_is_an_error_in_the_file() {
    let Some(registry) = Registry::start() else { return };
    let (sandbox, reference) = prepared(&registry);
    for (key, expected) in [
        ("file(\"good.key\")", "unusable public key"),
        ("\"ssh-rsa AAAA\"", "not PEM"),
        ("17", "the text of a key, or a list of them"),
        ("file(\"missing.pub\")", "missing.pub"),
    ] {
        sandbox.write("dstream.hcl", policy(&registry, &reference, key));
        sandbox.dstream(&["validate"]).said(2, &[expected, "dstream.hcl:"]);
    }
    let text = policy(&registry, &reference, "file(\"good.pub\")");
    sandbox.write("dstream.hcl", text.replace("/signed/*", ""));
    sandbox.dstream(&["validate"]).said(2, &["names a registry and no repository"]);
    fs::remove_file(sandbox.path("good.pub")).unwrap();
}
