//! Archives as real programs make them, and ones that nobody makes by accident.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::*;

const OCTETS: &str = "application/octet-stream";
const PROGRAM: &[u8] = b"\x7fELF and all that makes a program";
const ROOM: u64 = 1 << 20;

fn unpacked(
    blob: &[u8],
    media_type: &str,
    title: Option<&str>,
    room: u64,
) -> Result<Vec<u8>, UnpackError> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"what was there before").unwrap();
    let packing = Packing::of(media_type, title, &blob[..blob.len().min(16)]);
    let result = unpack(&mut &blob[..], packing, &mut file, room);
    let content = content(&mut file);
    match result {
        Ok(bytes) => {
            assert_eq!(bytes, content.len() as u64);
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o7777, 0o755);
            Ok(content)
        }
        Err(error) => {
            assert_eq!(content, b"", "{error} left something");
            assert!(!error.hint().is_empty());
            Err(error)
        }
    }
}

fn content(file: &mut File) -> Vec<u8> {
    let mut content = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut content).unwrap();
    content
}

/// The message of an archive's error.
fn refusal(archive: &[u8]) -> String {
    unpacked(archive, OCTETS, None, ROOM).unwrap_err().to_string()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// A header, byte for byte.
fn header(name: &[u8], kind: u8, mode: u32, size: usize) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name);
    block[100..107].copy_from_slice(format!("{mode:07o}").as_bytes());
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    signed(block)
}

fn signed(mut block: [u8; 512]) -> [u8; 512] {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

fn entry(name: &str, kind: u8, mode: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = header(name.as_bytes(), kind, mode, content.len()).to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(name: &str, mode: u32, content: &[u8]) -> Vec<u8> {
    entry(name, b'0', mode, content)
}

fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = entries.concat();
    bytes.extend_from_slice(&[0; 1024]);
    bytes
}

fn run(program: &str, args: &[&str], folder: &Path) -> Option<Vec<u8>> {
    let output = Command::new(program).args(args).current_dir(folder).output().ok()?;
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    Some(output.stdout)
}

fn folder_with_program() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("bin")).unwrap();
    for (name, mode, content) in
        [("bin/kafka", 0o755, PROGRAM), ("LICENSE", 0o644, b"MIT"), ("README.md", 0o600, b"")]
    {
        fs::write(folder.path().join(name), content).unwrap();
        let mode = fs::Permissions::from_mode(mode);
        fs::set_permissions(folder.path().join(name), mode).unwrap();
    }
    folder
}

#[test]
fn a_plain_file_stays_as_it_is() {
    let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
    for program in [PROGRAM, b"#!/bin/sh\n", b"MZ", b"\xcf\xfa\xed\xfe"] {
        assert_eq!(unpacked(program, OCTETS, Some("plugin.linux_amd64"), ROOM).unwrap(), program);
        assert_eq!(unpacked(program, layer, Some("plugin.tar.gz"), ROOM).unwrap(), program);
    }
    let large: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    assert_eq!(unpacked(&large, OCTETS, None, large.len() as u64).unwrap(), large);
    let error = unpacked(&large, OCTETS, None, large.len() as u64 - 1).unwrap_err();
    assert!(matches!(error, UnpackError::TooLarge(1_199_999)), "{error}");
    let error = unpacked(b"", OCTETS, None, ROOM).unwrap_err().to_string();
    assert_eq!(error, "the layer holds no executable: it is empty");
}

#[test]
fn reads_what_gzip_and_zstd_write() {
    let folder = folder_with_program();
    for (program, args) in [
        ("gzip", ["-9c", "bin/kafka"].as_slice()),
        ("zstd", &["-qc", "bin/kafka"]),
        ("zstd", &["-qc", "--ultra", "-22", "bin/kafka"]),
        ("zstd", &["-qc", "-T2", "--long=27", "bin/kafka"]),
    ] {
        let Some(blob) = run(program, args, folder.path()) else { continue };
        assert_eq!(unpacked(&blob, OCTETS, None, ROOM).unwrap(), PROGRAM, "{program} {args:?}");
        // Several members or frames are one file.
        let twice = [blob.as_slice(), &blob].concat();
        let expected = [PROGRAM, PROGRAM].concat();
        assert_eq!(unpacked(&twice, OCTETS, None, ROOM).unwrap(), expected, "{program}");
    }
    // Frames to be skipped, as pzstd puts them, and a window larger than is taken.
    let skipped = [b"\x50\x2a\x4d\x18\x04\0\0\0mark".as_slice(), &zstd(PROGRAM)].concat();
    assert_eq!(unpacked(&skipped, OCTETS, None, ROOM).unwrap(), PROGRAM);
    if let Some(blob) = run("sh", &["-c", "cat bin/kafka | zstd -qc --long=30"], folder.path()) {
        let error = unpacked(&blob, OCTETS, None, ROOM).unwrap_err();
        assert!(matches!(error, UnpackError::Corrupt(Compression::Zstd, _)), "{error:?}");
    }
}

#[test]
fn reads_what_tar_writes() {
    let folder = folder_with_program();
    for format in ["gnu", "oldgnu", "pax", "ustar", "v7"] {
        let format = format!("--format={format}");
        for compress in ["--no-auto-compress", "--gzip", "--zstd"] {
            let args = [&format, compress, "-cf", "-", "LICENSE", "./bin", "README.md"];
            let Some(blob) = run("tar", &args, folder.path()) else { return };
            assert_eq!(unpacked(&blob, OCTETS, None, ROOM).unwrap(), PROGRAM, "{args:?}");
        }
    }
    // Names that need a header of their own.
    let long = format!("{}/plugin", "deep/".repeat(40));
    fs::create_dir_all(folder.path().join(&long).parent().unwrap()).unwrap();
    fs::copy(folder.path().join("bin/kafka"), folder.path().join(&long)).unwrap();
    for format in ["--format=gnu", "--format=pax"] {
        let args = [format, "-cf", "-", "deep", "LICENSE"];
        let blob = run("tar", &args, folder.path()).unwrap();
        assert_eq!(unpacked(&blob, OCTETS, None, ROOM).unwrap(), PROGRAM, "{format}");
    }
    // What the same program calls sparse.
    let sparse = File::create(folder.path().join("holes")).unwrap();
    sparse.set_len(1 << 20).unwrap();
    for format in ["--format=gnu", "--format=pax"] {
        let blob = run("tar", &[format, "-Scf", "-", "holes"], folder.path()).unwrap();
        let error = refusal(&blob);
        assert!(error.contains("a sparse file, which is refused"), "{error}");
    }
}

#[test]
fn reads_what_the_tar_crate_writes() {
    let mut builder = ::tar::Builder::new(Vec::new());
    let mut header = ::tar::Header::new_gnu();
    header.set_size(PROGRAM.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, format!("{}plugin", "deep/".repeat(60)), PROGRAM).unwrap();
    let blob = builder.into_inner().unwrap();
    for blob in [gzip(&blob), zstd(&blob), blob] {
        assert_eq!(unpacked(&blob, OCTETS, Some("plugin.linux_amd64"), ROOM).unwrap(), PROGRAM);
    }
}

#[test]
fn one_file_has_to_stand_out() {
    let text = b"text".as_slice();
    let found = [
        vec![file("x", 0o644, PROGRAM)],
        vec![entry("d/", b'5', 0o2755, b""), file("d/x", 0o644, PROGRAM)],
        vec![file("a", 0o644, text), file("x", 0o755, PROGRAM), file("b", 0o644, text)],
        vec![file("a", 0o755, text), file("d/plugin", 0o644, PROGRAM), file("b", 0o755, text)],
        vec![file("a", 0o755, text), file("plugin.linux_amd64", 0o644, PROGRAM)],
        vec![file("plugin.exe", 0o644, PROGRAM), file("plugin.md", 0o755, text)],
        vec![file("._x", 0o755, text), file("x", 0o755, PROGRAM)],
        vec![entry("v7/", 0, 0o755, b""), entry("x", 0, 0o755, PROGRAM)],
        vec![file("x", 0o755, PROGRAM), file("a", 0o644, &[1; 5000])],
    ];
    for entries in found {
        assert_eq!(unpacked(&archive(&entries), OCTETS, None, ROOM).unwrap(), PROGRAM);
    }
    let several = "the tar archive holds several files, and none stands out as the executable: ";
    for (entries, names) in [
        (vec![file("a", 0o755, text), file("b", 0o755, text)], "a, b"),
        (vec![file("a", 0o644, text), file("b", 0o644, text)], "a, b"),
        (vec![file("a/plugin", 0o755, text), file("b/plugin", 0o644, text)], "a/plugin, b/plugin"),
        // What was appended later under the same name.
        (vec![file("plugin", 0o755, text), file("plugin", 0o755, PROGRAM)], "plugin, plugin"),
    ] {
        assert_eq!(refusal(&archive(&entries)), format!("{several}{names}"));
    }
    let many: Vec<_> = (0..13).map(|n| file(&format!("f{n}"), 0o644, text)).collect();
    let error = refusal(&archive(&many));
    assert!(error.ends_with(": f0, f1, f2, f3, f4, f5, f6, f7, f8, f9 and 3 more"), "{error}");

    let nothing = "the layer holds no executable: ";
    assert_eq!(
        refusal(&archive(&[entry("d", b'5', 0o755, b"")])),
        format!("{nothing}the tar archive has no file in it")
    );
    assert_eq!(refusal(&archive(&[file("x", 0o755, b"")])), format!("{nothing}its file is empty"));
}

#[test]
fn refuses_what_could_do_harm() {
    let good = file("plugin", 0o755, PROGRAM);
    for (bad, why) in [
        (file("/bin/plugin", 0o755, PROGRAM), "`/bin/plugin`, an absolute path"),
        (file("C:plugin", 0o755, PROGRAM), "`C:plugin`, an absolute path"),
        (file("../plugin", 0o755, PROGRAM), "`../plugin`, a path with `..`"),
        (file("a/../../plugin", 0o644, b""), "`a/../../plugin`, a path with `..`"),
        (entry("a/..", b'5', 0o755, b""), "`a/..`, a path with `..`"),
        (file("a\\plugin", 0o755, PROGRAM), r"`a\\plugin`, a path with a backslash"),
        (file("", 0o755, PROGRAM), "``, an entry without a name"),
        (entry("plugin", b'1', 0o755, b""), "`plugin`, a hard link"),
        (entry("plugin", b'2', 0o755, b""), "`plugin`, a symbolic link"),
        (entry("null", b'3', 0o644, b""), "`null`, a device"),
        (entry("sda", b'4', 0o644, b""), "`sda`, a device"),
        (entry("pipe", b'6', 0o644, b""), "`pipe`, a named pipe"),
        (entry("holes", b'S', 0o644, b""), "`holes`, a sparse file"),
        (entry("part", b'M', 0o644, b""), "`part`, an entry of kind `M`"),
        (file("plugin", 0o4755, PROGRAM), "`plugin`, a file with setuid, setgid or sticky bit"),
        (file("plugin", 0o102_755, PROGRAM), "`plugin`, a file with setuid, setgid or sticky bit"),
        (file("plugin", 0o1755, PROGRAM), "`plugin`, a file with setuid, setgid or sticky bit"),
        (file("a\x1b[2J/..", 0o755, b""), r"`a\u{1b}[2J/..`, a path with `..`"),
        (long_name(b"/etc/passwd"), "`/etc/passwd`, an absolute path"),
        (long_name(b"plugin\0/../x"), r"`plugin\0/../x`, a path with a NUL byte"),
        (pax(b'x', &[("path", "../../plugin")]), "`../../plugin`, a path with `..`"),
        (pax(b'x', &[("path", "plug\0in")]), r"`plug\0in`, a path with a NUL byte"),
        (pax(b'x', &[("GNU.sparse.major", "1")]), "`plugin`, a sparse file"),
    ] {
        let expected = format!("the tar archive holds {why}, which is refused");
        assert_eq!(refusal(&archive(&[bad.clone(), good.clone()])), expected);
        assert_eq!(refusal(&archive(&[good.clone(), bad, good.clone()])), expected);
    }
}

fn long_name(name: &[u8]) -> Vec<u8> {
    entry("././@LongLink", b'L', 0o644, &[name, b"\0"].concat())
}

fn pax(kind: u8, records: &[(&str, &str)]) -> Vec<u8> {
    let mut text = String::new();
    for (key, value) in records {
        // Three digits and a space, an equals sign, a line end.
        text.push_str(&format!("{:03} {key}={value}\n", 4 + key.len() + 1 + value.len() + 1));
    }
    entry("PaxHeaders/x", kind, 0o644, text.as_bytes())
}

#[test]
fn headers_about_an_entry_are_read_and_not_believed() {
    let x = file("x", 0o755, PROGRAM);
    let other = file("other", 0o755, b"text");
    let size = PROGRAM.len().to_string();
    for ahead in [
        pax(b'x', &[("path", "plugin"), ("mtime", "1.5"), ("SCHILY.xattr.user.a", "two\nlines")]),
        pax(b'x', &[("path", "d/plugin"), ("size", &size)]),
        long_name(b"d/plugin"),
    ] {
        let blob = archive(&[other.clone(), ahead, x.clone(), other.clone()]);
        assert_eq!(unpacked(&blob, OCTETS, None, ROOM).unwrap(), PROGRAM);
    }
    // What `git archive` writes first.
    let blob = archive(&[pax(b'g', &[("comment", "52fd")]), x.clone()]);
    assert_eq!(unpacked(&blob, OCTETS, None, ROOM).unwrap(), PROGRAM);

    let record = |text: &[u8]| entry("x", b'x', 0o644, text);
    for (ahead, what) in [
        (pax(b'x', &[("size", "3")]), "an entry has two sizes"),
        (pax(b'x', &[("size", "-1")]), "a pax header has a malformed record"),
        (pax(b'g', &[("path", "plugin")]), "a global header names or sizes entries"),
        (pax(b'g', &[("size", "0")]), "a global header names or sizes entries"),
        (record(b"999 path=x\n"), "a pax header has a malformed record"),
        (record(b"2 path=x\n"), "a pax header has a malformed record"),
        (record(b"0 path=x\n"), "a pax header has a malformed record"),
        (record(b"8 path=x\n"), "a pax header has a malformed record"),
        (record(b"99999999999999999999 path=x\n"), "a pax header has a malformed record"),
        (record(b"path=x\n"), "a pax header has a malformed record"),
        (entry("d", b'5', 0o755, b"content"), "a folder has contents"),
    ] {
        let error = refusal(&archive(&[ahead, x.clone()]));
        assert_eq!(error, format!("the tar archive is damaged: {what}"));
    }
    let long = entry("x", b'x', 0o644, &vec![b'x'; (1 << 20) + 1]);
    let error = unpacked(&archive(&[long]), OCTETS, None, 4 << 20).unwrap_err().to_string();
    assert_eq!(error, "the tar archive is damaged: a header is far too long");
}

#[test]
fn refuses_damaged_and_cut_archives() {
    let good = archive(&[file("x", 0o755, PROGRAM)]);
    let damaged = |what: &str| format!("the tar archive is damaged: {what}");
    let mut second = archive(&[file("x", 0o755, PROGRAM), file("y", 0o644, b"text")]);
    second[1024] ^= 1;
    assert_eq!(refusal(&second), damaged("a header's checksum is wrong"));
    assert_eq!(refusal(&[&good[..], b"x"].concat()), damaged("something follows its end"));
    assert_eq!(refusal(&[&good[..], &good].concat()), damaged("something follows its end"));
    let mut block = header(b"x", b'0', 0o755, 0);
    block[124..136].copy_from_slice(b"nonsense\0\0\0\0");
    assert_eq!(refusal(&archive(&[signed(block).to_vec()])), damaged("a size is not a number"));
    block[124] = 0xff;
    let error = unpacked(&archive(&[signed(block).to_vec()]), OCTETS, None, u64::MAX).unwrap_err();
    assert!(matches!(error, UnpackError::Truncated(_)), "{error}");

    // At every length that cuts something: the contents, the padding, the end mark.
    for length in [513, 550, 1000, 1024, 1025, 1535] {
        assert_eq!(refusal(&good[..length]), "the layer ends in the middle of its tar archive");
    }
    // One block of the end mark is enough, as for tar itself; tar writes many.
    assert_eq!(unpacked(&good[..1536], OCTETS, None, ROOM).unwrap(), PROGRAM);
    let padded = [&good[..], &[0; 10_000]].concat();
    assert_eq!(unpacked(&padded, OCTETS, None, ROOM).unwrap(), PROGRAM);

    let tar = "application/vnd.oci.image.layer.v1.tar";
    let error = unpacked(b"neither", tar, None, ROOM).unwrap_err();
    assert!(matches!(error, UnpackError::NoArchive), "{error}");
    let many: Vec<_> = (0..1025).map(|_| entry("d", b'5', 0o755, b"")).collect();
    assert_eq!(refusal(&archive(&many)), "the tar archive has more than 1024 entries");
}

#[test]
fn refuses_damaged_and_cut_compressions() {
    let plain: Vec<u8> = (0..50_000_u32).flat_map(|n| (n * n).to_le_bytes()).collect();
    for good in [gzip(&plain), zstd(&plain)] {
        assert_eq!(unpacked(&good, OCTETS, None, ROOM).unwrap(), plain);
        for length in [10, good.len() / 2, good.len() - 1] {
            let error = unpacked(&good[..length], OCTETS, None, ROOM).unwrap_err();
            assert!(matches!(error, UnpackError::Truncated(_)), "{error:?}");
        }
        let error = unpacked(&[&good[..], b"more"].concat(), OCTETS, None, ROOM).unwrap_err();
        assert!(matches!(error, UnpackError::Corrupt(..) | UnpackError::Truncated(_)), "{error:?}");
    }
    // The sum at the end is looked at, also behind an archive's end.
    let mut sum = gzip(&archive(&[file("x", 0o755, PROGRAM)]));
    let at = sum.len() - 6;
    sum[at] ^= 1;
    let error = unpacked(&sum, OCTETS, None, ROOM).unwrap_err();
    assert!(matches!(error, UnpackError::Corrupt(Compression::Gzip, _)), "{error:?}");
    let error = unpacked(b"this is no gzip", "application/gzip", None, ROOM).unwrap_err();
    assert_eq!(error.to_string(), "the layer is not a valid gzip");
}

#[test]
fn a_bomb_is_stopped_at_the_limit() {
    let zeros = vec![0; 64 << 20];
    let mut inside = header(b"plugin", b'0', 0o755, zeros.len()).to_vec();
    inside.extend_from_slice(&zeros);
    // Its size is honest, or a lie about what follows.
    let mut after = archive(&[file("plugin", 0o755, PROGRAM)]);
    after.extend_from_slice(&zeros);
    for bomb in [&zeros, &inside, &after] {
        for blob in [gzip(bomb), zstd(bomb)] {
            assert!(blob.len() < 1 << 17);
            let error = unpacked(&blob, OCTETS, None, ROOM).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the layer is larger than 1048576 bytes when it is unpacked"
            );
        }
    }
    // Headers count, too.
    let folders: Vec<_> = (0..1000).map(|_| entry("d", b'5', 0o755, b"")).collect();
    let error = unpacked(&gzip(&archive(&folders)), OCTETS, None, 100_000).unwrap_err();
    assert!(matches!(error, UnpackError::TooLarge(100_000)), "{error}");
}

#[test]
fn tells_a_broken_disk_from_a_broken_layer() {
    struct Broken<'a>(&'a [u8]);
    impl Read for Broken<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "gone")),
                count => Ok(count),
            }
        }
    }
    let plain: Vec<u8> = (0..50_000_u32).flat_map(|n| (n * n).to_le_bytes()).collect();
    for blob in [gzip(&plain), zstd(&plain), plain.clone()] {
        let packing = Packing::of(OCTETS, None, &blob);
        let mut file = tempfile::tempfile().unwrap();
        let error = unpack(&mut Broken(&blob[..100]), packing, &mut file, ROOM).unwrap_err();
        assert!(matches!(error, UnpackError::Read(_)), "{error:?}");
    }
    // A file that cannot be written.
    let path = tempfile::NamedTempFile::new().unwrap();
    let mut read_only = File::open(path.path()).unwrap();
    let error = unpack(&mut &PROGRAM[..], Packing::PLAIN, &mut read_only, ROOM).unwrap_err();
    assert!(matches!(error, UnpackError::Write(_)), "{error:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_panics_or_writes_too_much(
        base in 0_usize..6,
        noise in prop::collection::vec(any::<u8>(), 0..2000),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>(),
        sign in any::<bool>(),
        compression in prop::option::of(prop_oneof![Just(Compression::Gzip), Just(Compression::Zstd)]),
        tar in any::<bool>(),
        limit in 0_u64..6000,
    ) {
        let whole = archive(&[
            pax(b'x', &[("path", "d/plugin")]), file("x", 0o755, &noise), long_name(b"name"),
            file("y", 0o644, PROGRAM), entry("d", b'5', 0o755, b""),
        ]);
        let mut blob = match base {
            0 => noise,
            1 => gzip(&noise),
            2 => zstd(&noise),
            3 => gzip(&whole),
            4 => zstd(&whole),
            _ => whole,
        };
        for (at, byte) in &flips {
            if !blob.is_empty() {
                let at = at.index(blob.len());
                blob[at] = *byte;
            }
        }
        // Some with sums that are right again, so that what lies behind the sums is reached.
        if sign && base == 5 {
            for block in blob.chunks_exact_mut(512).filter(|block| block[257..].starts_with(b"ustar")) {
                let sum = signed((&*block).try_into().unwrap());
                block.copy_from_slice(&sum);
            }
        }
        if cut.index(3) == 0 {
            blob.truncate(cut.index(blob.len() + 1));
        }
        let mut file = tempfile::tempfile().unwrap();
        let packing = if sign { Packing::of(OCTETS, None, &blob) } else { Packing { compression, tar } };
        let result = unpack_into(&mut &blob[..], packing, &mut file, limit);
        let written = file.metadata().unwrap().len();
        prop_assert!(written <= limit, "{written} bytes of {limit}: {result:?}");
        if let Ok(bytes) = result {
            prop_assert_eq!(bytes, written);
        }
    }
}
