//! Token services: the honest ones, and those that lie.

use super::artifacts::{MANIFEST, layer, manifest};
use super::here;
use super::misbehaving::{Request, Server, respond};
use crate::harness::{Outcome, Sandbox};
use std::net::TcpStream;

const SCRIPT: &[u8] = b"#!/bin/sh\nexec cat\n";
const LOGIN: [(&str, &str); 2] =
    [("DSTREAM_REGISTRY_USERNAME", "ada"), ("DSTREAM_REGISTRY_PASSWORD", "secret")];

/// A registry that wants a bearer token, and names this realm as the service that has one.
fn guarded(realm: &str, token: &'static str) -> Server {
    let challenge = format!("Bearer realm=\"{realm}\",service=\"tests\",scope=\"ignored\"");
    Server::start(move |request, stream| {
        if request.header("authorization") != Some(&format!("Bearer {token}")) {
            return respond(stream, "401 Unauthorized", &[("WWW-Authenticate", &challenge)], b"");
        }
        if request.is("GET /v2/x/y/blobs/") {
            return respond(stream, "200 OK", &[], SCRIPT);
        }
        if !request.is("GET /v2/x/y/manifests/v1 ") {
            return respond(stream, "404 Not Found", &[], b"");
        }
        let title = format!("plugin.{}", here());
        let text = manifest(&[layer("application/octet-stream", Some(&title), SCRIPT)]).to_string();
        respond(stream, "200 OK", &[("Content-Type", MANIFEST)], text.as_bytes())
    })
}

fn service(
    answer: impl Fn(&Request, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> (Server, String) {
    let server = Server::start(answer);
    let realm = format!("http://{}/token", server.host);
    (server, realm)
}

fn pull(registry: &Server, login: &[(&str, &str)]) -> Outcome {
    let sandbox = Sandbox::new();
    let args = ["provider", "pull", &registry.reference("x/y:v1"), "--log-level", "debug"];
    let outcome = sandbox.dstream_with(&args, login);
    assert!(!outcome.stderr.contains("secret"), "{}", outcome.stderr);
    outcome
}

#[test]
fn a_token_is_got_for_this_repository_and_used() {
    let (tokens, realm) =
        service(|_, stream| respond(stream, "200 OK", &[], br#"{"token":"abc.def"}"#));
    let registry = guarded(&realm, "abc.def");
    pull(&registry, &[]).said(0, &["x/y:v1"]);
    let asked = tokens.requests();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].is("GET /token?scope=repository%3Ax%2Fy%3Apull&service=tests "), "{asked:?}");
    assert_eq!(asked[0].header("authorization"), None);

    let (tokens, realm) =
        service(|_, stream| respond(stream, "200 OK", &[], br#"{"access_token":"abc.def"}"#));
    pull(&guarded(&realm, "abc.def"), &LOGIN).said(0, &[]);
    // printf ada:secret | base64
    assert_eq!(tokens.requests()[0].header("authorization"), Some("Basic YWRhOnNlY3JldA=="));
}

#[test]
fn an_identity_token_is_exchanged() {
    let (tokens, realm) =
        service(|_, stream| respond(stream, "200 OK", &[], br#"{"access_token":"abc"}"#));
    let registry = guarded(&realm, "abc");
    let sandbox = Sandbox::new();
    std::fs::create_dir_all(sandbox.path("home/.docker")).unwrap();
    let file = format!(r#"{{"auths":{{"{}":{{"identitytoken":"refresh-me"}}}}}}"#, registry.host);
    sandbox.write("home/.docker/config.json", file);
    let reference = registry.reference("x/y:v1");
    sandbox.dstream(&["provider", "pull", &reference]).said(0, &[&reference]);
    assert!(tokens.requests()[0].is("POST /token "), "{:?}", tokens.requests());
}

#[test]
fn an_identity_token_goes_to_nobody_else() {
    for status in ["301 Moved Permanently", "302 Found", "307 Temporary", "308 Permanent"] {
        let thief =
            Server::start(|_, stream| respond(stream, "200 OK", &[], br#"{"access_token":"abc"}"#));
        let there = format!("http://{}/token", thief.host);
        let (tokens, realm) =
            service(move |_, stream| respond(stream, status, &[("Location", &there)], b""));
        let registry = guarded(&realm, "abc");
        let sandbox = Sandbox::new();
        std::fs::create_dir_all(sandbox.path("home/.docker")).unwrap();
        let file =
            format!(r#"{{"auths":{{"{}":{{"identitytoken":"refresh-me"}}}}}}"#, registry.host);
        sandbox.write("home/.docker/config.json", file);
        let pull = ["provider", "pull", &registry.reference("x/y:v1")];
        sandbox.dstream(&pull).said(1, &["the token service", &realm, "answered 30"]);
        assert_eq!((tokens.requests().len(), thief.requests().len()), (1, 0));
    }
}

#[test]
fn a_token_service_that_is_away_is_named_and_asked_again() {
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let (_tokens, realm) =
        service(move |_, stream| match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => respond(stream, "503 Service Unavailable", &[], b""),
            _ => respond(stream, "200 OK", &[], br#"{"token":"abc"}"#),
        });
    pull(&guarded(&realm, "abc"), &[]).said(0, &[&realm, "answered 503", "retrying"]);
    // A port that was free a moment ago, and that nobody listens on.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let realm = format!("http://{free}/token");
    let sandbox = Sandbox::new();
    let registry = guarded(&realm, "abc");
    let args = ["provider", "pull", &registry.reference("x/y:v1")];
    let outcome = sandbox.dstream_with(&args, &[("DSTREAM_REGISTRY_TIMEOUT", "300ms")]);
    outcome.said(1, &[&realm, "cannot be asked", "this host, too, can be reached"]);
}

#[test]
fn token_services_that_lie_get_nowhere() {
    let long = format!(r#"{{"token":"{}"}}"#, "x".repeat(1 << 20));
    let answers: [(&'static str, String, &str); 8] = [
        ("200 OK", "not json".into(), "sent no JSON with a token"),
        ("200 OK", "{}".into(), "sent no token"),
        ("200 OK", r#"{"token":""}"#.into(), "sent no token"),
        ("200 OK", r#"{"token":"a\r\nX-Evil: 1"}"#.into(), "characters that no token has"),
        ("200 OK", r#"{"token":7}"#.into(), "sent no JSON with a token"),
        ("200 OK", long, "sent more than 262144 bytes"),
        ("401 Unauthorized", "{}".into(), "it answered 401"),
        ("302 Found", String::new(), "answered 302"),
    ];
    for (status, body, expected) in answers {
        let (_tokens, realm) =
            service(move |_, stream| respond(stream, status, &[], body.as_bytes()));
        pull(&guarded(&realm, "abc"), &[]).said(1, &[expected, "no credentials were sent"]);
    }
    // A token that the registry does not take: once is enough.
    let (tokens, realm) =
        service(|_, stream| respond(stream, "200 OK", &[], br#"{"token":"abd"}"#));
    let registry = guarded(&realm, "abc");
    pull(&registry, &LOGIN).said(1, &["no access to x/y", "401", "credentials were sent"]);
    assert_eq!((tokens.requests().len(), registry.requests().len()), (1, 2));
}

#[test]
fn a_password_goes_to_no_address_that_others_can_read() {
    for realm in
        ["file:///etc/passwd", "ftp://127.0.0.1/token", "javascript:alert(1)", "", "/token"]
    {
        pull(&guarded(realm, "abc"), &LOGIN).said(1, &["is not an HTTP address"]);
    }
    let outcome = pull(&guarded("http://tokens.example.com/token", "abc"), &LOGIN);
    outcome
        .said(1, &["speaks plain HTTP, in which no password is sent", "no credentials were sent"]);
    for challenge in ["Negotiate", "Bearer", "", "Digest realm=\"x\""] {
        let server = Server::start(move |_, stream| {
            respond(stream, "401 Unauthorized", &[("WWW-Authenticate", challenge)], b"")
        });
        pull(&server, &LOGIN).said(1, &["hint: "]);
    }
}
