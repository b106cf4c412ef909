//! The bytes of a file, uncompressed.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::bufread::MultiGzDecoder;

use super::identity::Head;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// A file as it lies there.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) file: File,
    pub(crate) head: Head,
    /// Where the next read begins.
    pub(crate) position: u64,
}

impl Read for Raw {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.head.extend(self.position, &buffer[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

/// A file that may be compressed, as its first bytes say. Several gzip members or zstd frames are
/// read one after the other.
pub(crate) enum Source {
    Plain(Raw),
    Gzip(MultiGzDecoder<BufReader<Raw>>),
    Zstd(zstd::Decoder<'static, BufReader<Raw>>),
}

impl Source {
    /// From the beginning.
    pub(crate) fn open(file: File) -> io::Result<Self> {
        let head = Head::read(&file)?;
        let raw = |head| BufReader::new(Raw { file, head, position: 0 });
        Ok(if head.bytes().starts_with(GZIP) {
            Self::Gzip(MultiGzDecoder::new(raw(head)))
        } else if head.bytes().starts_with(ZSTD) {
            Self::Zstd(zstd::Decoder::with_buffer(raw(head))?)
        } else {
            Self::Plain(raw(head).into_inner())
        })
    }

    pub(crate) fn is_compressed(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }

    pub(crate) fn raw(&self) -> &Raw {
        match self {
            Self::Plain(raw) => raw,
            Self::Gzip(decoder) => decoder.get_ref().get_ref(),
            Self::Zstd(decoder) => decoder.get_ref().get_ref(),
        }
    }

    /// Goes on at an offset of the uncompressed stream; only after [`open`](Self::open). Returns
    /// whether there are as many bytes.
    pub(crate) fn skip_to(&mut self, offset: u64) -> io::Result<bool> {
        match self {
            Self::Plain(raw) => {
                if raw.file.metadata()?.len() < offset {
                    return Ok(false);
                }
                raw.position = raw.file.seek(SeekFrom::Start(offset))?;
                Ok(true)
            }
            compressed => {
                Ok(io::copy(&mut compressed.by_ref().take(offset), &mut io::sink())? == offset)
            }
        }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(raw) => raw.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
            Self::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &str) -> Vec<u8> {
        zstd::encode_all(text.as_bytes(), 1).unwrap()
    }

    fn open(bytes: &[u8]) -> Source {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, bytes).unwrap();
        Source::open(File::open(path).unwrap()).unwrap()
    }

    #[test]
    fn however_it_is_compressed_it_reads_the_same_from_any_offset() {
        let (one, two) = ("one\ntwo\n", "three\n");
        for bytes in [
            format!("{one}{two}").into_bytes(),
            [gzip(one), gzip(""), gzip(two)].concat(),
            [zstd(one), zstd(two)].concat(),
        ] {
            for offset in 0..=14 {
                let mut source = open(&bytes);
                assert!(source.skip_to(offset).unwrap());
                let mut text = String::new();
                source.read_to_string(&mut text).unwrap();
                assert_eq!(text, format!("{one}{two}")[offset as usize..]);
            }
            assert!(!open(&bytes).skip_to(15).unwrap());
            assert!(!open(&bytes).skip_to(u64::MAX).unwrap());
        }
    }

    #[test]
    fn a_cut_or_broken_file_is_an_error() {
        for bytes in [gzip("one\n"), zstd("one\n")] {
            let mut text = String::new();
            assert!(open(&bytes[..bytes.len() - 3]).read_to_string(&mut text).is_err());
            assert!(open(&[&bytes[..], b"rest"].concat()).read_to_string(&mut text).is_err());
        }
    }
}
