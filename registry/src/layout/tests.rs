//! Layouts as this module, as skopeo and as nobody should write them.

use std::io;
use std::process::{Command, Output};
use std::thread;

use super::*;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const PROVIDER: &str = "application/vnd.dstream.provider";
const NAME: &str = "ghcr.io/katasec/x:v1";
const BLOB: &[u8] = b"\x7fELF a program";

fn digest_of(bytes: &[u8]) -> String {
    Digest::sha256_of(bytes).to_string()
}

fn layout() -> (tempfile::TempDir, Layout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout::create(folder.path().join("layout")).unwrap();
    (folder, layout)
}

fn add(layout: &Layout, bytes: &[u8]) -> String {
    let digest = digest_of(bytes);
    layout.add_blob(&digest, bytes.len() as u64, &mut &bytes[..]).unwrap();
    digest
}

/// A manifest with one layer that is in the layout, distinguished by a note.
fn manifest(layout: &Layout, note: &str) -> Vec<u8> {
    let config = add(
        layout,
        br#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#,
    );
    let layer = add(layout, BLOB);
    let config_size = layout.blob_path(&config).unwrap().metadata().unwrap().len();
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size },
        "layers": [{
            "mediaType": "application/vnd.oci.image.layer.v1.tar",
            "digest": layer,
            "size": BLOB.len(),
            "annotations": { "org.opencontainers.image.title": "plugin.linux_amd64" },
        }],
        "annotations": { "note": note },
    })
    .to_string()
    .into_bytes()
}

fn put(layout: &Layout, note: &str, name: Option<&str>) -> String {
    layout.add_manifest(&manifest(layout, note), MANIFEST, Some(PROVIDER), name).unwrap()
}

fn index(layout: &Layout) -> Value {
    serde_json::from_slice(&fs::read(layout.index_path()).unwrap()).unwrap()
}

/// The names of all files but the blobs' own, to see that nothing is left over.
fn left_over(layout: &Layout) -> Vec<String> {
    let mut names = Vec::new();
    for folder in [layout.root().to_owned(), layout.blobs()] {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.extend(entries.map(|name| name.into_string().unwrap()));
    }
    names.retain(|name| name.len() != 64);
    names.sort();
    names
}

const SOUND: &[&str] = &["blobs", "index.json", "oci-layout"];

#[test]
fn gives_back_what_was_added() {
    let (_folder, layout) = layout();
    let bytes = manifest(&layout, "one");
    let digest = put(&layout, "one", Some(NAME));
    let expected = LayoutManifest { bytes, media_type: MANIFEST.to_owned(), digest };
    for layout in [Layout::open(layout.root()).unwrap(), Layout::create(layout.root()).unwrap()] {
        let found = layout.manifest(Wanted::Name(NAME)).unwrap();
        assert_eq!(found.as_ref(), Some(&expected));
        let found = layout.manifest(Wanted::Digest(&expected.digest)).unwrap();
        assert_eq!(found.as_ref(), Some(&expected));
        assert_eq!(layout.manifest(Wanted::Name("ghcr.io/katasec/x:v2")).unwrap(), None);
        let none = digest_of(b"none");
        assert_eq!(layout.manifest(Wanted::Digest(&none)).unwrap(), None);
        assert_eq!(layout.names().unwrap(), [NAME]);
    }
    let blob = digest_of(BLOB);
    assert!(layout.has_blob(&blob).unwrap());
    let mut content = Vec::new();
    layout.open_blob(&blob, BLOB.len() as u64).unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(content, BLOB);
    assert_eq!(left_over(&layout), SOUND);
    assert_eq!(
        fs::read_to_string(layout.root().join("oci-layout")).unwrap(),
        r#"{"imageLayoutVersion":"1.0.0"}"#
    );
}

#[test]
fn a_manifest_out_of_the_index_says_itself_what_it_is() {
    let (_folder, layout) = layout();
    for (bytes, media_type) in [
        (r#"{"mediaType":"application/vnd.docker.x"}"#, "application/vnd.docker.x"),
        (r#"{"manifests":[]}"#, "application/vnd.oci.image.index.v1+json"),
        (r#"{"layers":[]}"#, MANIFEST),
        ("no JSON", MANIFEST),
    ] {
        let digest = add(&layout, bytes.as_bytes());
        let found = layout.manifest(Wanted::Digest(&digest)).unwrap().unwrap();
        assert_eq!(
            (found.media_type.as_str(), found.bytes.as_slice()),
            (media_type, bytes.as_bytes())
        );
    }
}

#[test]
fn a_name_is_replaced_and_all_else_stays() {
    let (_folder, layout) = layout();
    let foreign = json!({
        "schemaVersion": 2,
        "annotations": { "made.by": "somebody" },
        "manifests": [
            { "mediaType": MANIFEST, "digest": "sha512:00", "size": 1, "unknown": [1, 2.5e300] },
            { "mediaType": MANIFEST, "digest": "sha256:00", "size": 1,
              "annotations": { "org.opencontainers.image.ref.name": NAME } },
        ],
        "zukunft": { "a": null },
    });
    fs::write(layout.index_path(), foreign.to_string()).unwrap();
    let first = put(&layout, "one", Some(NAME));
    let other = put(&layout, "one", Some("other"));
    assert_eq!(first, other);
    let nameless = put(&layout, "two", None);
    assert_eq!(put(&layout, "two", None), nameless);
    let after = index(&layout);
    assert_eq!(after["zukunft"], foreign["zukunft"]);
    assert_eq!(after["annotations"], foreign["annotations"]);
    let entries = after["manifests"].as_array().unwrap();
    assert_eq!(entries.len(), 4, "{entries:?}");
    assert_eq!(entries[0], foreign["manifests"][0]);
    let digests = entries[1..].iter().map(|entry| entry["digest"].as_str().unwrap());
    assert_eq!(digests.collect::<Vec<_>>(), [&first, &first, &nameless]);
    assert_eq!(entries[1]["artifactType"], PROVIDER);
    assert_eq!(entries[3].get("annotations"), None);

    let second = put(&layout, "three", Some(NAME));
    let found = layout.manifest(Wanted::Name(NAME)).unwrap().unwrap();
    assert_eq!(found.digest, second);
    assert_eq!(layout.manifest(Wanted::Name("other")).unwrap().unwrap().digest, first);
    assert_eq!(layout.names().unwrap(), [NAME, "other"]);
    // Once more changes nothing, not even what others noted.
    let before = fs::read(layout.index_path()).unwrap();
    put(&layout, "three", Some(NAME));
    assert_eq!(fs::read(layout.index_path()).unwrap(), before);
}

#[test]
fn several_entries_of_a_name_are_an_error_until_one_takes_their_place() {
    let (_folder, layout) = layout();
    let one = put(&layout, "one", Some(NAME));
    let two = put(&layout, "two", Some("x"));
    let mut text = index(&layout);
    text["manifests"][1]["annotations"][index::REF_NAME] = json!(NAME);
    fs::write(layout.index_path(), text.to_string()).unwrap();
    let error = layout.manifest(Wanted::Name(NAME)).unwrap_err();
    assert!(matches!(error, LayoutError::Ambiguous(..)), "{error}");
    assert!(layout.manifest(Wanted::Digest(&two)).unwrap().is_some());
    assert_eq!(put(&layout, "one", Some(NAME)), one);
    assert_eq!(layout.manifest(Wanted::Name(NAME)).unwrap().unwrap().digest, one);
    assert_eq!(layout.names().unwrap(), [NAME]);
}

#[test]
fn opens_and_makes_only_layouts() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let error = Layout::open(root.join("none")).unwrap_err();
    assert!(matches!(error, LayoutError::NoLayout(_)), "{error}");
    let error = Layout::open(root).unwrap_err();
    assert!(error.to_string().ends_with("is not an OCI image layout: it has no file `oci-layout`"));
    fs::write(root.join("letter.txt"), "hello").unwrap();
    let error = Layout::create(root).unwrap_err();
    assert!(matches!(error, LayoutError::NotEmpty(_)), "{error}");
    assert_eq!(fs::read_dir(root).unwrap().count(), 1);
    Layout::create(root.join("a/b/c")).unwrap();

    let marker = root.join("a/b/c/oci-layout");
    for (text, what) in [
        (r#"{"imageLayoutVersion":"2.0.0"}"#, "is of version `2.0.0`"),
        (r#"{}"#, "has no `imageLayoutVersion`"),
        (r#"["#, "is damaged: EOF"),
    ] {
        fs::write(&marker, text).unwrap();
        let error = Layout::open(root.join("a/b/c")).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("oci-layout"), "{error}");
    }
    // Left by one that was killed between two steps: an empty marker, no index.
    fs::write(&marker, "").unwrap();
    fs::remove_file(root.join("a/b/c/index.json")).unwrap();
    let layout = Layout::create(root.join("a/b/c")).unwrap();
    assert_eq!(layout.names().unwrap(), [] as [&str; 0]);
}

#[test]
fn a_digest_is_no_path() {
    let (folder, layout) = layout();
    fs::write(folder.path().join("secret"), BLOB).unwrap();
    let long = format!("sha256:{}", "../".repeat(21) + "x");
    let slash = format!("sha256:{}/..", "0".repeat(61));
    let upper = digest_of(BLOB).to_uppercase().replace("SHA", "sha");
    let short = &digest_of(BLOB)[..70];
    let sha512 = format!("sha512:{}", "0".repeat(128));
    for digest in [
        "",
        "sha256:",
        "sha256:../../../secret",
        "../secret",
        &long,
        &slash,
        &upper,
        short,
        &sha512,
        "sha256:\0\x1b",
    ] {
        let size = BLOB.len() as u64;
        for error in [
            layout.open_blob(digest, size).unwrap_err(),
            layout.has_blob(digest).unwrap_err(),
            layout.add_blob(digest, size, &mut &BLOB[..]).unwrap_err(),
            layout.manifest(Wanted::Digest(digest)).unwrap_err(),
            layout.referrers(digest).unwrap_err(),
        ] {
            assert!(matches!(error, LayoutError::DigestText(_)), "{error}");
            assert!(!error.to_string().contains(char::is_control));
        }
        let entry = json!({ "mediaType": MANIFEST, "digest": digest, "size": size,
            "annotations": { "org.opencontainers.image.ref.name": NAME } });
        fs::write(layout.index_path(), json!({ "manifests": [entry] }).to_string()).unwrap();
        let error = layout.manifest(Wanted::Name(NAME)).unwrap_err();
        assert!(matches!(error, LayoutError::DigestText(_)), "{error}");
    }
    assert_eq!(left_over(&layout), SOUND);
}

#[test]
fn notices_what_is_damaged() {
    let (_folder, layout) = layout();
    let digest = put(&layout, "one", Some(NAME));
    let path = layout.blob_path(&digest).unwrap();
    let sound = fs::read(&path).unwrap();

    let mut flipped = sound.clone();
    flipped[10] ^= 1;
    for damaged in [flipped.as_slice(), &sound[..sound.len() - 1], b""] {
        fs::write(&path, damaged).unwrap();
        for wanted in [Wanted::Name(NAME), Wanted::Digest(&digest)] {
            let error = layout.manifest(wanted).unwrap_err();
            assert!(matches!(error, LayoutError::Digest { .. }), "{error}");
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        }
        layout.referrers(&digest).unwrap_err();
        // To add it again repairs it.
        layout.add_blob(&digest, sound.len() as u64, &mut &sound[..]).unwrap();
        assert!(layout.manifest(Wanted::Name(NAME)).unwrap().is_some());
    }
    let error = layout.open_blob(&digest, 1).unwrap_err();
    assert!(matches!(error, LayoutError::Size { expected: 1, .. }), "{error}");
    File::create(&path).unwrap().set_len(MANIFEST_BYTES_MAX + 1).unwrap();
    let error = layout.manifest(Wanted::Name(NAME)).unwrap_err();
    assert!(matches!(error, LayoutError::TooLarge(_, MANIFEST_BYTES_MAX)), "{error}");
    fs::remove_file(&path).unwrap();
    let error = layout.manifest(Wanted::Name(NAME)).unwrap_err();
    assert!(matches!(error, LayoutError::NoBlob(_)), "{error}");
    assert!(layout.referrers(&digest).unwrap().is_empty());
    fs::create_dir(&path).unwrap();
    let error = layout.manifest(Wanted::Name(NAME)).unwrap_err();
    assert!(matches!(error, LayoutError::Malformed(..)), "{error}");
}

#[test]
fn a_damaged_index_is_left_as_it_is() {
    let (_folder, layout) = layout();
    let deep = "[".repeat(100_000);
    for (text, what) in [
        ("", "EOF"),
        ("nonsense", "expected"),
        ("[]", "expected a map"),
        (r#"{"manifests":{}}"#, "its `manifests` is not a list"),
        (r#"{"manifests":[1]}"#, "a manifest in it is not an object"),
        (r#"{"schemaVersion":1}"#, "its `schemaVersion` is not 2"),
        (deep.as_str(), "expected"),
        (&format!(r#"{{"a":{deep}"#), "recursion limit"),
    ] {
        fs::write(layout.index_path(), text).unwrap();
        for error in [
            layout.manifest(Wanted::Name(NAME)).unwrap_err(),
            layout.names().unwrap_err(),
            layout.add_manifest(b"{}", MANIFEST, None, None).unwrap_err(),
        ] {
            let shown = error.to_string();
            assert!(shown.contains("index.json") && shown.contains(what), "{text}: {shown}");
        }
        assert_eq!(fs::read_to_string(layout.index_path()).unwrap(), text);
    }
    let entry = json!({ "annotations": { "org.opencontainers.image.ref.name": NAME } });
    fs::write(layout.index_path(), json!({ "manifests": [entry] }).to_string()).unwrap();
    let error = layout.manifest(Wanted::Name(NAME)).unwrap_err().to_string();
    assert!(error.ends_with("a manifest in it has no digest"), "{error}");
    fs::write(layout.index_path(), r#"{"manifests":null}"#).unwrap();
    assert_eq!(layout.names().unwrap(), [] as [&str; 0]);

    File::create(layout.index_path()).unwrap().set_len(LAYOUT_INDEX_BYTES_MAX + 1).unwrap();
    let error = layout.names().unwrap_err();
    assert!(matches!(error, LayoutError::TooLarge(_, LAYOUT_INDEX_BYTES_MAX)), "{error}");
}

#[test]
fn adds_nothing_that_is_not_what_it_is_said_to_be() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let (_folder, layout) = layout();
    let digest = digest_of(BLOB);
    let size = BLOB.len() as u64;
    for (bytes, size, what) in [
        (&BLOB[1..], size, "ends after 13 of 14 bytes"),
        (BLOB, size - 1, "more than 13 bytes"),
        (BLOB, size + 1, "ends after 14 of 15 bytes"),
        (b"\x7fELF a Program", size, "it is sha256:"),
    ] {
        let error = layout.add_blob(&digest, size, &mut &bytes[..]).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let error = layout.add_blob(&digest, u64::MAX, &mut io::repeat(0).take(1 << 20)).unwrap_err();
    assert!(matches!(error, LayoutError::Refused(_)), "{error}");
    // What never ends is stopped.
    let error = layout.add_blob(&digest, size, &mut io::repeat(0)).unwrap_err();
    assert!(matches!(error, LayoutError::Refused(_)), "{error}");
    let error = layout.add_blob(&digest, size, &mut Broken).unwrap_err();
    assert!(matches!(error, LayoutError::Source(_)), "{error}");
    assert!(!layout.has_blob(&digest).unwrap());
    let large = vec![b' '; MANIFEST_BYTES_MAX as usize + 1];
    let error = layout.add_manifest(&large, MANIFEST, None, None).unwrap_err();
    assert!(matches!(error, LayoutError::TooLarge(..)), "{error}");
    assert_eq!(left_over(&layout), SOUND);
    // One that is there is not read again.
    add(&layout, BLOB);
    layout.add_blob(&digest, size, &mut Broken).unwrap();
}

#[test]
fn lists_what_is_about_a_manifest() {
    let (_folder, layout) = layout();
    let subject = put(&layout, "one", Some(NAME));
    let signature = json!({
        "schemaVersion": 2,
        "artifactType": "application/vnd.dev.cosign.artifact.sig.v1+json",
        "subject": { "mediaType": MANIFEST, "digest": subject, "size": 1 },
        "annotations": { "by": "key" },
    })
    .to_string();
    let old = json!({
        "config": { "mediaType": "application/vnd.old" },
        "subject": { "digest": subject },
    })
    .to_string();
    let signature_digest =
        layout.add_manifest(signature.as_bytes(), MANIFEST, None, Some("sig")).unwrap();
    layout.add_manifest(signature.as_bytes(), MANIFEST, None, Some("the same")).unwrap();
    layout.add_manifest(old.as_bytes(), MANIFEST, None, None).unwrap();
    layout.add_manifest(b"no JSON", MANIFEST, None, None).unwrap();
    let found = layout.referrers(&subject).unwrap();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        found[0],
        json!({
            "mediaType": MANIFEST,
            "digest": signature_digest,
            "size": signature.len(),
            "annotations": { index::REF_NAME: "sig", "by": "key" },
            "artifactType": "application/vnd.dev.cosign.artifact.sig.v1+json",
        })
    );
    assert_eq!(found[1]["artifactType"], "application/vnd.old");
    assert!(layout.referrers(&signature_digest).unwrap().is_empty());
}

#[test]
fn many_add_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("layout");
    thread::scope(|scope| {
        for number in 0..8 {
            let root = &root;
            scope.spawn(move || {
                // Each makes it, or opens what another has just made.
                let layout = Layout::create(root).unwrap();
                for round in 0..10 {
                    let name = format!("ghcr.io/katasec/x{number}:v{round}");
                    let digest = put(&layout, &name, Some(&name));
                    put(&layout, &name, Some("ghcr.io/katasec/x:latest"));
                    // While others write, everything reads as a whole.
                    let found = layout.manifest(Wanted::Name(&name)).unwrap().unwrap();
                    assert_eq!(found.digest, digest);
                }
            });
        }
    });
    let layout = Layout::open(&root).unwrap();
    assert_eq!(layout.names().unwrap().len(), 81);
    assert_eq!(left_over(&layout), SOUND);
}

fn skopeo(args: &[&str]) -> Option<Output> {
    let output = Command::new("skopeo").arg("--insecure-policy").args(args).output().ok()?;
    assert!(
        output.status.success(),
        "skopeo {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(output)
}

#[test]
fn skopeo_reads_and_writes_the_same() {
    let (folder, layout) = layout();
    let bytes = manifest(&layout, "one");
    let digest = put(&layout, "one", Some(NAME));
    put(&layout, "two", Some("ghcr.io/katasec/x:v2"));
    let ours = format!("oci:{}:{NAME}", layout.root().display());
    let Some(output) = skopeo(&["inspect", "--raw", &ours]) else { return };
    assert_eq!(output.stdout, bytes);

    // Out of ours into one of its own, which we read.
    let theirs = folder.path().join("theirs");
    skopeo(&[
        "copy",
        "--quiet",
        "--preserve-digests",
        &ours,
        &format!("oci:{}:{NAME}", theirs.display()),
    ]);
    let copied = Layout::open(&theirs).unwrap();
    let found = copied.manifest(Wanted::Name(NAME)).unwrap().unwrap();
    assert_eq!((found.digest, found.bytes, found.media_type.as_str()), (digest, bytes, MANIFEST));
    assert!(copied.open_blob(&digest_of(BLOB), BLOB.len() as u64).is_ok());

    // It adds to ours, and we to its.
    let third = "ghcr.io/katasec/y:v3";
    skopeo(&[
        "copy",
        "--quiet",
        "--preserve-digests",
        &ours,
        &format!("oci:{}:{third}", layout.root().display()),
    ]);
    assert_eq!(layout.names().unwrap(), [NAME, "ghcr.io/katasec/x:v2", third]);
    let second = put(&copied, "two", Some("ghcr.io/katasec/x:v2"));
    let output =
        skopeo(&["inspect", "--raw", &format!("oci:{}:ghcr.io/katasec/x:v2", theirs.display())]);
    assert_eq!(digest_of(&output.unwrap().stdout), second);
}
