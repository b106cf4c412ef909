//! Registries that misbehave: nothing of theirs is run or kept, and nobody waits for ever.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::artifacts::{MANIFEST, layer, manifest, sha256};
use super::here;
use super::misbehaving::{Request, Server, respond, start};
use crate::harness::{Outcome, Sandbox};

const SCRIPT: &[u8] = b"#!/bin/sh\nexec cat\n";

/// An artifact with this executable for this platform.
fn artifact(bytes: &[u8]) -> String {
    let title = format!("plugin.{}", here());
    manifest(&[layer("application/octet-stream", Some(&title), bytes)]).to_string()
}

/// A registry that is in order but for how it sends a blob.
fn with_blob(
    bytes: &'static [u8],
    send: impl Fn(&Request, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> Server {
    Server::start(move |request, stream| {
        if request.is("GET /v2/x/y/manifests/v1 ") {
            let kind = [("Content-Type", MANIFEST)];
            respond(stream, "200 OK", &kind, artifact(bytes).as_bytes())
        } else if request.is("GET /v2/x/y/blobs/") {
            send(request, stream)
        } else {
            respond(stream, "404 Not Found", &[], b"{}")
        }
    })
}

/// Pulls from it, with a short patience.
fn pull(server: &Server) -> (Sandbox, Outcome) {
    let sandbox = Sandbox::new();
    let args = ["provider", "pull", &server.reference("x/y:v1"), "--json"];
    let outcome = sandbox.dstream_with(&args, &[("DSTREAM_REGISTRY_TIMEOUT", "500ms")]);
    (sandbox, outcome)
}

/// Nothing that could be taken for an executable.
#[track_caller]
fn keeps_nothing(sandbox: &Sandbox) {
    assert_eq!(sandbox.cached("executables"), [""; 0]);
}

#[test]
fn a_blob_that_breaks_off_is_resumed_where_it_broke() {
    static BYTES: [u8; 300_000] = [b'#'; 300_000];
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let server = with_blob(&BYTES, move |request, stream| {
        let from: usize = request
            .header("range")
            .map_or(0, |range| range["bytes=".len()..].trim_end_matches('-').parse().unwrap());
        let status = if from == 0 { "200 OK" } else { "206 Partial Content" };
        let range = format!("bytes {from}-{}/{}", BYTES.len() - 1, BYTES.len());
        start(stream, status, &[("Content-Range", &range)], BYTES.len() - from)?;
        // A third at a time.
        let piece = &BYTES[from..BYTES.len().min(from + 100_000)];
        counter.fetch_add(piece.len(), Ordering::Relaxed);
        stream.write_all(piece)
    });
    let (_sandbox, outcome) = pull(&server);
    let pulled = outcome.json();
    assert_eq!(pulled[0]["downloaded_bytes"], BYTES.len());
    assert!(outcome.stderr.contains("retrying in"), "{}", outcome.stderr);
    assert_eq!(server.count("GET /v2/x/y/blobs/"), 3);
    assert_eq!(sent.load(Ordering::Relaxed), BYTES.len());
}

#[test]
fn the_same_part_over_and_over_is_no_progress() {
    static BYTES: [u8; 300_000] = [b'#'; 300_000];
    // It knows nothing of parts, and hangs up half way.
    let server = with_blob(&BYTES, |_, stream| {
        start(stream, "200 OK", &[], BYTES.len())?;
        stream.write_all(&BYTES[..150_000])
    });
    let (sandbox, outcome) = pull(&server);
    outcome.said(1, &["broke off", "end of file before message length reached"]);
    // Once, and after it had come further than ever, as often as anything else.
    let asked = server.count("GET /v2/x/y/blobs/");
    assert!((3..=8).contains(&asked), "{asked}");
    keeps_nothing(&sandbox);
}

#[test]
fn a_description_that_drips_is_given_up() {
    let text = br#"{"name":"slow"}"#;
    let title = format!("plugin.{}", here());
    let executable = layer("application/octet-stream", Some(&title), SCRIPT);
    let metadata = layer("application/json", Some("provider.json"), text);
    let manifest = manifest(&[executable, metadata]).to_string();
    let slow = format!("GET /v2/x/y/blobs/{} ", sha256(text));
    let server = Server::start(move |request, stream| {
        if request.is("GET /v2/x/y/manifests/v1 ") {
            respond(stream, "200 OK", &[("Content-Type", MANIFEST)], manifest.as_bytes())
        } else if request.is(&slow) {
            start(stream, "200 OK", &[], text.len())?;
            for byte in text {
                stream.write_all(&[*byte])?;
                thread::sleep(Duration::from_millis(200));
            }
            Ok(())
        } else {
            respond(stream, "404 Not Found", &[], b"{}")
        }
    });
    let (sandbox, outcome) = pull(&server);
    outcome.said(1, &["stalled: a blob comes too slowly"]);
    keeps_nothing(&sandbox);
}

#[test]
fn a_registry_of_this_machine_that_hangs_up_once_is_asked_again() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |request, stream| {
        // The first in plain HTTP, the second in TLS: it speaks that no better.
        if asked.fetch_add(1, Ordering::Relaxed) == 0 {
            return stream.shutdown(std::net::Shutdown::Both);
        }
        if request.is("GET /v2/x/y/manifests/v1 ") {
            let kind = [("Content-Type", MANIFEST)];
            respond(stream, "200 OK", &kind, artifact(SCRIPT).as_bytes())
        } else if request.is("GET /v2/x/y/blobs/") {
            respond(stream, "200 OK", &[], SCRIPT)
        } else {
            respond(stream, "404 Not Found", &[], b"{}")
        }
    });
    let (_sandbox, outcome) = pull(&server);
    outcome.said(0, &["retrying"]);
}

#[test]
fn a_blob_with_another_digest_or_size_never_reaches_the_cache() {
    for (answer, expected) in [
        (&b"#!/bin/sh\nexec dog\n"[..], "does not match its digest"),
        (&b"#!/bin/sh\nexec cat\n# and more\n"[..], "is larger than the 19 bytes"),
    ] {
        let server = with_blob(SCRIPT, move |_, stream| respond(stream, "200 OK", &[], answer));
        let (sandbox, outcome) = pull(&server);
        outcome.said(1, &[expected, "hint: nothing of it was kept"]);
        keeps_nothing(&sandbox);
        assert_eq!(sandbox.cached("partial"), [""; 0]);
    }
}

#[test]
fn a_blob_without_an_end_is_cut_off_at_its_size() {
    let server = with_blob(SCRIPT, |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            stream.write_all(b"4000\r\n")?;
            stream.write_all(&[b'#'; 0x4000])?;
            stream.write_all(b"\r\n")?;
        }
    });
    let (sandbox, outcome) = pull(&server);
    outcome.said(1, &["is larger than the 19 bytes"]);
    keeps_nothing(&sandbox);
}

#[test]
fn a_manifest_has_a_limit() {
    let endless = Server::start(|request, stream| {
        if !request.is("GET /v2/x/y/manifests/") {
            return respond(stream, "404 Not Found", &[], b"");
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        loop {
            stream.write_all(b"4000\r\n")?;
            stream.write_all(&[b' '; 0x4000])?;
            stream.write_all(b"\r\n")?;
        }
    });
    pull(&endless).1.said(1, &["a manifest is larger than"]);
    let large = Server::start(|_, stream| start(stream, "200 OK", &[], 1 << 40));
    pull(&large).1.said(1, &["a manifest is larger than"]);
}

#[test]
fn a_manifest_that_is_not_what_was_asked_for_is_refused() {
    let lie = format!("sha256:{}", "0".repeat(64));
    let header = lie.clone();
    let server = Server::start(move |_, stream| {
        let headers = [("Docker-Content-Digest", header.as_str()), ("Content-Type", MANIFEST)];
        respond(stream, "200 OK", &headers, artifact(SCRIPT).as_bytes())
    });
    pull(&server).1.said(1, &["does not match its digest", &lie]);
    let honest =
        Server::start(|_, stream| respond(stream, "200 OK", &[], artifact(SCRIPT).as_bytes()));
    let sandbox = Sandbox::new();
    let reference = honest.reference(&format!("x/y@{lie}"));
    let outcome = sandbox.dstream(&["provider", "pull", &reference]);
    outcome.said(1, &["does not match its digest", &lie]);
    for nonsense in
        [&b"<html>log in</html>"[..], b"{}", b"[]", b"{\"manifests\":7}", b"\xff\xfe", b""]
    {
        let server = Server::start(move |_, stream| respond(stream, "200 OK", &[], nonsense));
        pull(&server).1.said(1, &["the manifest cannot be read", "hint: "]);
    }
    let deep = "[".repeat(100_000);
    let server = Server::start(move |_, stream| respond(stream, "200 OK", &[], deep.as_bytes()));
    pull(&server).1.said(1, &["the manifest cannot be read"]);
}

#[test]
fn credentials_stay_with_the_registry_when_a_blob_is_elsewhere() {
    let elsewhere = Server::start(|_, stream| respond(stream, "200 OK", &[], SCRIPT));
    let location = format!("http://{}/signed?x=1", elsewhere.host);
    let server = Server::start(move |request, stream| {
        if request.header("authorization").is_none() {
            return respond(
                stream,
                "401 Unauthorized",
                &[("WWW-Authenticate", "Basic realm=\"r\"")],
                b"",
            );
        }
        if request.is("GET /v2/x/y/manifests/v1 ") {
            return respond(
                stream,
                "200 OK",
                &[("Content-Type", MANIFEST)],
                artifact(SCRIPT).as_bytes(),
            );
        }
        if request.is("GET /v2/x/y/blobs/") {
            return respond(stream, "307 Temporary Redirect", &[("Location", &location)], b"");
        }
        respond(stream, "404 Not Found", &[], b"")
    });
    let sandbox = Sandbox::new();
    let args = ["provider", "pull", &server.reference("x/y:v1"), "--json"];
    let login = [("DSTREAM_REGISTRY_USERNAME", "ada"), ("DSTREAM_REGISTRY_PASSWORD", "secret")];
    let pulled = sandbox.dstream_with(&args, &login).json();
    assert_eq!(pulled[0]["executable"], sha256(SCRIPT).as_str());
    let arrived = elsewhere.requests();
    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].header("authorization"), None, "{arrived:?}");
}

#[test]
fn a_redirect_without_an_end_is_an_error() {
    let server = with_blob(SCRIPT, |request, stream| {
        let here = request.line.split(' ').nth(1).unwrap();
        respond(stream, "302 Found", &[("Location", here)], b"")
    });
    pull(&server).1.said(1, &["too many redirects"]);
    assert!(server.count("GET /v2/x/y/blobs/") < 10);
}

#[test]
fn a_registry_that_dawdles_is_given_up() {
    // Headers that never end.
    let server = Server::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"X-More: 1\r\n")?;
            thread::sleep(Duration::from_millis(50));
        }
    });
    pull(&server).1.said(1, &["stalled: no answer within 0.5 s", "DSTREAM_REGISTRY_TIMEOUT"]);
    // A byte now and then.
    static BYTES: [u8; 100_000] = [b'#'; 100_000];
    let server = with_blob(&BYTES, |_, stream| {
        start(stream, "200 OK", &[], BYTES.len())?;
        loop {
            stream.write_all(b"#")?;
            thread::sleep(Duration::from_millis(50));
        }
    });
    let (sandbox, outcome) = pull(&server);
    outcome.said(1, &["stalled"]);
    keeps_nothing(&sandbox);
}

#[test]
fn a_registry_that_asks_for_time_gets_it() {
    let tries = Mutex::new(0);
    let server = Server::start(move |request, stream| {
        if request.is("GET /v2/x/y/blobs/") {
            return respond(stream, "200 OK", &[], SCRIPT);
        }
        let mut tries = tries.lock().unwrap();
        *tries += 1;
        match *tries {
            1 => respond(stream, "429 Too Many Requests", &[("Retry-After", "1")], b""),
            2 => respond(stream, "503 Service Unavailable", &[], b""),
            _ => respond(
                stream,
                "200 OK",
                &[("Content-Type", MANIFEST)],
                artifact(SCRIPT).as_bytes(),
            ),
        }
    });
    let before = std::time::Instant::now();
    let (_, outcome) = pull(&server);
    outcome.said(0, &["answered 429", "answered 503", "retrying in"]);
    assert!(
        before.elapsed() >= Duration::from_secs(1),
        "it did not wait as long as it was asked to"
    );

    let server = Server::start(|_, stream| {
        respond(stream, "429 Too Many Requests", &[("Retry-After", "86400")], b"")
    });
    pull(&server).1.said(1, &["asks to wait 86400 s"]);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn attempts_are_counted() {
    let server = Server::start(|_, stream| {
        let body = br#"{"errors":[{"code":"UNAVAILABLE","message":"be back\u001b[2J soon"}]}"#;
        respond(stream, "503 Service Unavailable", &[], body)
    });
    let (_, outcome) = pull(&server);
    outcome.said(1, &["answered 503, UNAVAILABLE: be back\\u{1b}[2J soon"]);
    assert_eq!(server.requests().len(), 6);
}

#[test]
fn nobody_there_is_not_the_same_as_no_access_or_no_tag() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sandbox = Sandbox::new();
    let args = ["provider", "pull", &format!("{gone}/x/y:v1")];
    let outcome = sandbox.dstream_with(&args, &[("DSTREAM_REGISTRY_TIMEOUT", "500ms")]);
    outcome.said(1, &["cannot be reached", "refused"]);
    let forbidden = Server::start(|_, stream| {
        let body = br#"{"errors":[{"code":"DENIED","message":"not yours"}]}"#;
        respond(stream, "403 Forbidden", &[], body)
    });
    pull(&forbidden)
        .1
        .said(1, &["no access to x/y", "403", "DENIED: not yours", "no credentials were sent"]);
    let missing = Server::start(|_, stream| {
        respond(stream, "404 Not Found", &[], br#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#)
    });
    pull(&missing).1.said(1, &["has no tag `v1`"]);
    let unknown = Server::start(|_, stream| {
        respond(stream, "404 Not Found", &[], br#"{"errors":[{"code":"NAME_UNKNOWN"}]}"#)
    });
    pull(&unknown).1.said(1, &["has no repository `x/y`"]);
}
