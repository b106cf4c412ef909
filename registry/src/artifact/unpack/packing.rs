//! How a layer is packed, as far as it can be known before it is unpacked.

use std::fmt;

/// How a layer is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packing {
    /// What its bytes are compressed with.
    pub(crate) compression: Option<Compression>,
    /// Whether it is said to be a tar archive. If not, what comes out of the compression decides.
    pub(crate) tar: bool,
}

/// What a layer is compressed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Packing {
    /// As it is.
    pub(crate) const PLAIN: Self = Self { compression: None, tar: false };

    /// How a layer is packed, by its media type, its title and its first bytes, of which a few
    /// are enough.
    ///
    /// The bytes have the last word: media types are whatever the publisher's program writes, and
    /// `oras` calls any file a tar archive unless its type is given. Only where the bytes say
    /// nothing, what was said counts, and unpacking then says that it is not so.
    pub(crate) fn of(media_type: &str, title: Option<&str>, first_bytes: &[u8]) -> Self {
        if is_executable(first_bytes) {
            return Self::PLAIN;
        }
        let by_type = said(media_type.split(';').next().unwrap_or_default().trim());
        let by_title = title.map_or(Self::PLAIN, said);
        Self {
            compression: magic(first_bytes).or(by_type.compression).or(by_title.compression),
            tar: by_type.tar || by_title.tar,
        }
    }
}

/// What the end of a media type or a title says: `…tar+gzip`, `….tar.gz`, `….tgz`.
fn said(name: &str) -> Packing {
    let name = name.to_ascii_lowercase();
    let mut words = name.rsplit(['.', '+', '/', '-']);
    let last = words.next().unwrap_or_default();
    let (compression, tar) = match last {
        "gz" | "gzip" => (Some(Compression::Gzip), words.next() == Some("tar")),
        "zst" | "zstd" => (Some(Compression::Zstd), words.next() == Some("tar")),
        "tgz" => (Some(Compression::Gzip), true),
        "tzst" => (Some(Compression::Zstd), true),
        "tar" => (None, true),
        _ => (None, false),
    };
    Packing { compression, tar }
}

fn magic(bytes: &[u8]) -> Option<Compression> {
    match bytes {
        [0x1f, 0x8b, 8, ..] => Some(Compression::Gzip),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Compression::Zstd),
        // A frame to be skipped, which parallel compressors put first.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
        _ => None,
    }
}

/// Whether a system would start this: ELF, Mach-O, PE, or a script with its interpreter.
pub(crate) fn is_executable(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0x7f, b'E', b'L', b'F', ..]
            | [0xfe, 0xed, 0xfa, 0xce | 0xcf, ..]
            | [0xce | 0xcf, 0xfa, 0xed, 0xfe, ..]
            | [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..]
            | [b'M', b'Z', ..]
            | [b'#', b'!', ..]
    )
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GZIP: &[u8] = &[0x1f, 0x8b, 8, 0];
    const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd, 0];
    const NOTHING: &[u8] = b"????";

    fn packing(compression: Option<Compression>, tar: bool) -> Packing {
        Packing { compression, tar }
    }

    #[test]
    fn reads_media_types_and_titles() {
        use Compression::{Gzip, Zstd};
        for (media_type, title, expected) in [
            ("application/vnd.oci.image.layer.v1.tar+gzip", None, packing(Some(Gzip), true)),
            ("application/vnd.oci.image.layer.v1.tar+zstd", None, packing(Some(Zstd), true)),
            ("application/vnd.oci.image.layer.v1.tar", None, packing(None, true)),
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", None, packing(Some(Gzip), true)),
            ("application/x-tar", None, packing(None, true)),
            ("application/gzip; charset=binary", None, packing(Some(Gzip), false)),
            ("application/vnd.x+ZSTD", None, packing(Some(Zstd), false)),
            ("application/octet-stream", Some("plugin.linux_amd64"), Packing::PLAIN),
            ("application/octet-stream", Some("plugin.gz"), packing(Some(Gzip), false)),
            ("application/octet-stream", Some("plugin.zst"), packing(Some(Zstd), false)),
            ("application/octet-stream", Some("plugin.tar"), packing(None, true)),
            ("application/octet-stream", Some("plugin.tgz"), packing(Some(Gzip), true)),
            ("application/octet-stream", Some("plugin.tar.gz"), packing(Some(Gzip), true)),
            ("application/octet-stream", Some("plugin.tar.zst"), packing(Some(Zstd), true)),
            ("application/avatar", Some("guitar"), Packing::PLAIN),
            ("", None, Packing::PLAIN),
        ] {
            assert_eq!(Packing::of(media_type, title, NOTHING), expected, "{media_type} {title:?}");
        }
    }

    #[test]
    fn bytes_have_the_last_word() {
        use Compression::{Gzip, Zstd};
        let tar_gzip = "application/vnd.oci.image.layer.v1.tar+gzip";
        for head in [b"\x7fELF\x02".as_slice(), b"#!/bin/sh", b"MZ\x90", b"\xcf\xfa\xed\xfe\x07"] {
            assert_eq!(Packing::of(tar_gzip, Some("plugin.tar.gz"), head), Packing::PLAIN);
        }
        let octets = "application/octet-stream";
        assert_eq!(Packing::of(octets, None, GZIP), packing(Some(Gzip), false));
        assert_eq!(Packing::of(octets, Some("x.gz"), ZSTD), packing(Some(Zstd), false));
        assert_eq!(Packing::of(tar_gzip, None, ZSTD), packing(Some(Zstd), true));
    }
}
