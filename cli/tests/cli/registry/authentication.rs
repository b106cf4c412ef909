//! Who we say we are, and to whom.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use super::full_path::seed;
use super::real::{Options, Registry};
use crate::harness::{Outcome, Sandbox};

const USER: &str = "ada";
const PASSWORD: &str = "correct-horse-battery";

fn private() -> Option<(Registry, Sandbox, String)> {
    let registry = Registry::with(&Options { login: Some((USER, PASSWORD)), tls: None })?;
    let sandbox = Sandbox::new();
    sandbox.write_provider("counter", "input counter", "{}");
    let reference = registry.reference("private/counter:v1");
    let push = ["provider", "push", &reference, "counter"];
    let refused = sandbox.dstream(&push);
    refused.said(
        1,
        &["no access to private/counter", "401", "no credentials were sent", "docker login"],
    );
    sandbox.dstream_with(&push, &environment(PASSWORD)).said(0, &["@sha256:"]);
    Some((registry, sandbox, reference))
}

fn environment(password: &str) -> [(&'static str, &str); 2] {
    [("DSTREAM_REGISTRY_USERNAME", USER), ("DSTREAM_REGISTRY_PASSWORD", password)]
}

/// Nothing of a login is in what was said, whatever the log level.
#[track_caller]
fn tells_no_secret(outcome: &Outcome) {
    let secrets = [PASSWORD, "YWRhOmNvcnJlY3Q", "Basic ", "Bearer "];
    for secret in secrets {
        let reported = outcome.stdout.contains(secret) || outcome.stderr.contains(secret);
        assert!(!reported, "{secret} in {outcome:?}");
    }
}

#[test]
fn credentials_come_from_the_environment() {
    let Some((_registry, sandbox, reference)) = private() else { return };
    let pull = ["provider", "pull", &reference, "--log-level", "debug"];
    let refused = sandbox.dstream(&pull);
    refused.said(1, &["no access to private/counter", "no credentials were sent"]);
    let wrong = sandbox.dstream_with(&pull, &environment("wrong-password"));
    wrong.said(1, &["no access to", "credentials were sent, from DSTREAM_REGISTRY_USERNAME"]);
    assert!(!wrong.stderr.contains("wrong-password"), "{}", wrong.stderr);
    let half = sandbox.dstream_with(&pull, &[("DSTREAM_REGISTRY_USERNAME", USER)]);
    half.said(2, &["DSTREAM_REGISTRY_USERNAME is set without DSTREAM_REGISTRY_PASSWORD"]);
    let good = sandbox.dstream_with(&pull, &environment(PASSWORD));
    good.said(0, &[&reference]);
    tells_no_secret(&good);
}

#[test]
fn credentials_come_from_the_files_of_docker_and_podman() {
    let Some((registry, sandbox, reference)) = private() else { return };
    let pull = ["provider", "pull", &reference, "--log-level", "debug"];
    // printf ada:correct-horse-battery | base64
    let auth = "YWRhOmNvcnJlY3QtaG9yc2UtYmF0dGVyeQ==";
    let file = format!(r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, registry.host);
    fs::create_dir_all(sandbox.path("home/.docker")).unwrap();
    fs::create_dir_all(sandbox.path("home/run/containers")).unwrap();

    sandbox.write("home/.docker/config.json", &file);
    let good = sandbox.dstream(&pull);
    good.said(0, &[&reference]);
    tells_no_secret(&good);

    sandbox.write("home/.docker/config.json", "{}");
    sandbox.dstream(&pull).said(1, &["no credentials were sent"]);
    sandbox.write("home/run/containers/auth.json", &file);
    sandbox.dstream(&pull).said(0, &[&reference]);

    // Where there is no run-time folder, as in most scripts.
    fs::create_dir_all(sandbox.path("home/.config/containers")).unwrap();
    let (from, to) = ("home/run/containers/auth.json", "home/.config/containers/auth.json");
    fs::rename(sandbox.path(from), sandbox.path(to)).unwrap();
    sandbox.dstream_with(&pull, &[("XDG_RUNTIME_DIR", "")]).said(0, &[&reference]);
    sandbox.write("home/.docker/config.json", "{");
    sandbox.dstream(&pull).said(1, &["cannot be read", "config.json"]);

    let wrong = file.replace(auth, "YWRhOndyb25n");
    sandbox.write("home/.docker/config.json", wrong);
    sandbox.dstream(&pull).said(1, &["credentials were sent, from Docker's config.json"]);
}

#[test]
fn credentials_come_from_a_helper() {
    let Some((registry, sandbox, reference)) = private() else { return };
    let pull = ["provider", "pull", &reference, "--log-level", "debug"];
    let path = format!("{}:{}", sandbox.at("bin"), std::env::var("PATH").unwrap());
    fs::create_dir_all(sandbox.path("bin")).unwrap();
    fs::create_dir_all(sandbox.path("home/.docker")).unwrap();
    let config = format!(r#"{{"credHelpers":{{"{}":"test"}}}}"#, registry.host);
    sandbox.write("home/.docker/config.json", config);
    let helper = |text: &str| sandbox.write_executable("bin/docker-credential-test", text);
    let env = [("PATH", path.as_str())];

    helper(&format!(
        "#!/bin/sh\nread server\necho \"{{\\\"ServerURL\\\":\\\"$server\\\",\\\"Username\\\":\\\"{USER}\\\",\\\"Secret\\\":\\\"{PASSWORD}\\\"}}\"\n"
    ));
    let good = sandbox.dstream_with(&pull, &env);
    good.said(0, &[&reference]);
    tells_no_secret(&good);
    helper(&format!("#!/bin/sh\nread server\necho {PASSWORD}\nexit 1\n"));
    let failed = sandbox.dstream_with(&pull, &env);
    failed.said(1, &["`docker-credential-test` of Docker's config.json failed"]);
    tells_no_secret(&failed);
    helper("#!/bin/sh\nread server\necho credentials not found in native keychain\nexit 1\n");
    sandbox.dstream_with(&pull, &env).said(1, &["no credentials were sent"]);
}

/// A certificate authority, and a certificate for this machine with its key.
fn certificates() -> (String, String, String) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = certificate.signed_by(&key, &issuer).unwrap().pem();
    (authority_pem, certificate, key.serialize_pem())
}

#[test]
fn a_registry_with_a_certificate_of_its_own_needs_its_authority_named() {
    let (authority, certificate, key) = certificates();
    let options = Options { login: None, tls: Some((&certificate, &key)) };
    let Some(registry) = Registry::with(&options) else { return };
    let sandbox = Sandbox::new();
    sandbox.write("ca.pem", authority);
    sandbox.write("other.pem", certificates().0);
    sandbox.write("empty.pem", "");
    sandbox.write_provider("counter", "input counter", "{}");
    let reference = registry.reference("secure/counter:v1");
    let push = ["provider", "push", &reference, "counter"];
    let named = |file| [("DSTREAM_CA_FILE", file)];
    sandbox.dstream(&push).said(1, &["cannot be reached", "certificate", "ca_file"]);
    sandbox.dstream_with(&push, &named("other.pem")).said(1, &["certificate", "ca_file"]);
    sandbox.dstream_with(&push, &named("empty.pem")).said(1, &["empty.pem cannot be used"]);
    sandbox.dstream_with(&push, &named("missing.pem")).said(1, &["missing.pem cannot be used"]);
    sandbox.dstream_with(&push, &named("ca.pem")).said(0, &["@sha256:"]);
    let settings = "  ca_file = \"ca.pem\"";
    let text =
        seed(settings, &reference, "x").replace("provider_ref = \"x\"", "provider = \"console\"");
    sandbox.write("dstream.hcl", text);
    sandbox.dstream(&["run", "seed"]).said(0, &["executed successfully"]);
}

#[test]
fn plain_http_is_for_this_machine_and_for_what_is_named() {
    let sandbox = Sandbox::new();
    // A name that no resolver knows: it is the scheme that matters, which the message shows.
    let reference = "registry.invalid:5000/x/y:v1";
    let outcome = sandbox.dstream(&["provider", "pull", reference]);
    outcome.said(1, &["registry.invalid:5000 cannot be reached", "insecure_registries"]);
}
