//! Envelopes, written and read: `{"data":…,"metadata":{…}}`, one a line.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::stop::Stop;

/// Bytes that are gathered before they are written: a pipe's usual size.
const WRITE_BYTES: usize = 64 << 10;

/// Writes envelopes, many in one write. What has been gathered is written when there is enough of
/// it, in [`EnvelopeWriter::pause`], in [`EnvelopeWriter::flush`], and at the end.
pub struct EnvelopeWriter {
    sink: Box<dyn Write>,
    buffer: Vec<u8>,
}

impl EnvelopeWriter {
    pub(crate) fn new(sink: impl Write + 'static) -> Self {
        Self { sink: Box::new(sink), buffer: Vec::with_capacity(2 * WRITE_BYTES) }
    }

    /// Writes one envelope.
    ///
    /// # Errors
    ///
    /// If a value cannot be JSON, or the pipe refuses it.
    pub fn write(&mut self, data: &impl Serialize, metadata: &impl Serialize) -> io::Result<()> {
        let start = self.buffer.len();
        let written = self.write_json(data, metadata);
        if written.is_err() {
            self.buffer.truncate(start); // never half a line
        }
        written?;
        self.flush_if_full()
    }

    fn write_json(&mut self, data: &impl Serialize, metadata: &impl Serialize) -> io::Result<()> {
        self.buffer.extend_from_slice(b"{\"data\":");
        serde_json::to_writer(&mut self.buffer, data)?;
        self.buffer.extend_from_slice(b",\"metadata\":");
        serde_json::to_writer(&mut self.buffer, metadata)?;
        self.buffer.extend_from_slice(b"}\n");
        Ok(())
    }

    /// Writes lines that are envelopes already, each with its newline.
    ///
    /// # Errors
    ///
    /// If the pipe refuses them.
    pub fn write_lines(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.buffer.is_empty() && lines.len() >= WRITE_BYTES {
            return self.sink.write_all(lines);
        }
        self.buffer.extend_from_slice(lines);
        self.flush_if_full()
    }

    /// Writes what has been gathered, then sleeps for `time` or until a stop is asked for. Returns
    /// whether it has been.
    ///
    /// # Errors
    ///
    /// If the pipe refuses it.
    pub fn pause(&mut self, stop: &Stop, time: std::time::Duration) -> io::Result<bool> {
        self.flush()?;
        Ok(stop.wait(time))
    }

    /// Writes what has been gathered.
    ///
    /// # Errors
    ///
    /// If the pipe refuses it.
    pub fn flush(&mut self) -> io::Result<()> {
        let outcome = self.sink.write_all(&self.buffer);
        self.buffer.clear();
        outcome?;
        self.sink.flush()
    }

    fn flush_if_full(&mut self) -> io::Result<()> {
        if self.buffer.len() >= WRITE_BYTES { self.flush() } else { Ok(()) }
    }
}

/// A view of one line. Its parts are found when they are asked for.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    line: &'a [u8],
}

#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

impl<'a> Envelope<'a> {
    /// A line without its newline.
    pub fn new(line: &'a [u8]) -> Self {
        Self { line }
    }

    /// The whole line, byte for byte.
    pub fn line(&self) -> &'a [u8] {
        self.line
    }

    /// `data` and `metadata` as the JSON that stands in the line; none where the line is no object
    /// or does not have it.
    pub fn parts(&self) -> (Option<&'a RawValue>, Option<&'a RawValue>) {
        match serde_json::from_slice(self.line) {
            Ok(Parts { data, metadata }) => (data, metadata),
            Err(_) => (None, None),
        }
    }

    /// `data` as the JSON that stands in the line.
    pub fn data(&self) -> Option<&'a RawValue> {
        self.parts().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_what_stands_in_the_line() {
        let envelope = Envelope::new(br#"{"data": {"a" : 1.50},"metadata":{"t":"x"}}"#);
        let (data, metadata) = envelope.parts();
        assert_eq!(data.unwrap().get(), r#"{"a" : 1.50}"#);
        assert_eq!(metadata.unwrap().get(), r#"{"t":"x"}"#);
        assert!(Envelope::new(b"plain text").data().is_none());
        assert!(Envelope::new(br#"{"x":1}"#).data().is_none());
    }

    #[test]
    fn a_value_that_is_no_json_leaves_no_half_line() {
        let mut writer = EnvelopeWriter::new(io::sink());
        let wrong: std::collections::HashMap<(u8, u8), u8> = [((1, 2), 3)].into();
        assert!(writer.write(&wrong, &()).is_err());
        writer.write(&1, &serde_json::json!({})).unwrap();
        assert_eq!(writer.buffer, b"{\"data\":1,\"metadata\":{}}\n");
    }
}
