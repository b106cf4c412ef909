//! Lines → bytes of a file, compressed or not.
//!
//! gzip members and zstd frames can stand one after the other. One is ended whenever what was
//! written has to last: what comes after it can then be cut off without harm to what is in it.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;

/// Uncompressed bytes of a member or frame, so that a crash costs no more even where nothing is
/// committed.
const MEMBER_BYTES_MAX: usize = 4 << 20;

/// How files are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compress {
    #[default]
    None,
    Gzip,
    Zstd,
}

impl Compress {
    pub(crate) const ALL: [Self; 3] = [Self::None, Self::Gzip, Self::Zstd];

    /// What names of files get.
    pub(crate) fn ending(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }
}

enum Member {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

/// Gathers what is to be written.
pub(crate) struct Packer {
    compress: Compress,
    member: Option<Member>,
    member_bytes: usize,
    packed: Vec<u8>,
}

impl Packer {
    pub(crate) fn new(compress: Compress) -> Self {
        Self { compress, member: None, member_bytes: 0, packed: Vec::new() }
    }

    pub(crate) fn add(&mut self, lines: &[u8]) -> io::Result<()> {
        let member = match (&mut self.member, self.compress) {
            (_, Compress::None) => {
                self.packed.extend_from_slice(lines);
                return Ok(());
            }
            (Some(member), _) => member,
            (none, Compress::Gzip) => {
                none.insert(Member::Gzip(GzEncoder::new(Vec::new(), Compression::default())))
            }
            (none, Compress::Zstd) => none.insert(Member::Zstd(zstd::Encoder::new(Vec::new(), 0)?)),
        };
        let bytes = match member {
            Member::Gzip(encoder) => {
                encoder.write_all(lines)?;
                encoder.get_mut()
            }
            Member::Zstd(encoder) => {
                encoder.write_all(lines)?;
                encoder.get_mut()
            }
        };
        self.packed.append(bytes);
        self.member_bytes += lines.len();
        Ok(())
    }

    /// Ends a member that is large. Only between two lines.
    pub(crate) fn end_large_member(&mut self) -> io::Result<()> {
        if self.member_bytes >= MEMBER_BYTES_MAX { self.end_member() } else { Ok(()) }
    }

    /// Makes what has been added so far decodable.
    pub(crate) fn end_member(&mut self) -> io::Result<()> {
        self.member_bytes = 0;
        let mut bytes = match self.member.take() {
            None => return Ok(()),
            Some(Member::Gzip(encoder)) => encoder.finish()?,
            Some(Member::Zstd(encoder)) => encoder.finish()?,
        };
        self.packed.append(&mut bytes);
        Ok(())
    }

    /// Whether what is written are the lines themselves.
    pub(crate) fn is_plain(&self) -> bool {
        self.compress == Compress::None
    }

    /// What can be written to the file; it is taken out with `clear`.
    pub(crate) fn packed(&mut self) -> &mut Vec<u8> {
        &mut self.packed
    }
}
