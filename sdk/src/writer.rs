//! Many small texts in few large writes.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;

use crate::stdio::Stdout;
use crate::stop::Stop;

/// Bytes that are gathered before they are written: a pipe's usual size.
const WRITE_BYTES: usize = 64 << 10;

/// Gathers bytes until they are worth a write. What an unfinished text has left behind can be taken
/// back.
struct Gathered {
    sink: Box<dyn Write + Send>,
    bytes: Vec<u8>,
}

impl Gathered {
    fn new(sink: impl Write + Send + 'static) -> Self {
        Self { sink: Box::new(sink), bytes: Vec::with_capacity(2 * WRITE_BYTES) }
    }

    /// Large pieces are not copied.
    fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.bytes.is_empty() && bytes.len() >= WRITE_BYTES {
            return self.sink.write_all(bytes);
        }
        self.bytes.extend_from_slice(bytes);
        self.flush_if_full()
    }

    fn flush_if_full(&mut self) -> io::Result<()> {
        if self.bytes.len() >= WRITE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        let outcome = self.sink.write_all(&self.bytes);
        self.bytes.clear();
        outcome
    }
}

/// Writes envelopes, one a line, many in one write.
///
/// What has been gathered is written when it fills a pipe, in [`pause`](Self::pause), in
/// [`flush`](Self::flush), and when the stream ends. An input that waits for its source in another
/// way than [`pause`](Self::pause) flushes first, or the last envelopes wait with it.
pub struct EnvelopeWriter {
    out: Gathered,
}

impl EnvelopeWriter {
    /// A writer to anything; for tests of a provider's own.
    pub fn new(sink: impl Write + Send + 'static) -> Self {
        Self { out: Gathered::new(sink) }
    }

    pub(crate) fn stdout() -> io::Result<Self> {
        Ok(Self::new(Stdout::open()?))
    }

    /// Writes one envelope: `{"data":…,"metadata":…}`. `metadata` is an object.
    ///
    /// # Errors
    ///
    /// If a value cannot be JSON (nothing of it is written then), or stdout refuses it. To pass it
    /// on with `?` is right for a closed stdout too.
    pub fn write(
        &mut self,
        data: &(impl Serialize + ?Sized),
        metadata: &(impl Serialize + ?Sized),
    ) -> io::Result<()> {
        let start = self.out.bytes.len();
        if let Err(error) = self.gather(data, metadata) {
            self.out.bytes.truncate(start); // never half a line
            return Err(error);
        }
        self.out.flush_if_full()
    }

    fn gather(
        &mut self,
        data: &(impl Serialize + ?Sized),
        metadata: &(impl Serialize + ?Sized),
    ) -> io::Result<()> {
        let bytes = &mut self.out.bytes;
        bytes.extend_from_slice(b"{\"data\":");
        serde_json::to_writer(&mut *bytes, data)?;
        bytes.extend_from_slice(b",\"metadata\":");
        serde_json::to_writer(&mut *bytes, metadata)?;
        bytes.extend_from_slice(b"}\n");
        Ok(())
    }

    /// Writes lines that are envelopes already, each with its newline.
    ///
    /// # Errors
    ///
    /// If stdout refuses them.
    pub fn write_lines(&mut self, lines: &[u8]) -> io::Result<()> {
        self.out.add(lines)
    }

    /// Writes what has been gathered, then sleeps for `time` or until a stop is asked for. Returns
    /// whether it has been.
    ///
    /// # Errors
    ///
    /// If stdout refuses it.
    pub fn pause(&mut self, stop: &Stop, time: Duration) -> io::Result<bool> {
        self.flush()?;
        Ok(stop.wait(time))
    }

    /// Writes what has been gathered.
    ///
    /// # Errors
    ///
    /// If stdout refuses it.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Stdout for what an output has to say to the person at the terminal, many lines in one write.
///
/// What has been gathered is written when it fills a pipe and in [`Write::flush`], which belongs in
/// [`Output::flush`](crate::Output::flush): then a line that comes alone appears at once.
pub struct Printer {
    out: Gathered,
}

impl Printer {
    /// Stdout.
    ///
    /// # Errors
    ///
    /// If it is closed, or no descriptor is left.
    pub fn stdout() -> io::Result<Self> {
        Ok(Self { out: Gathered::new(Stdout::open()?) })
    }
}

impl Write for Printer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.add(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;

    use super::*;

    /// Keeps each write.
    #[derive(Clone, Default)]
    struct Writes(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Write for Writes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Writes {
        fn take(&self) -> Vec<Vec<u8>> {
            std::mem::take(&mut *self.0.lock().unwrap())
        }
    }

    #[test]
    fn a_value_that_is_no_json_leaves_no_half_line() {
        let writes = Writes::default();
        let mut writer = EnvelopeWriter::new(writes.clone());
        let wrong: std::collections::HashMap<(u8, u8), u8> = [((1, 2), 3)].into();
        assert!(writer.write(&wrong, &()).is_err());
        writer.write("one", &json!({})).unwrap();
        writer.flush().unwrap();
        assert_eq!(writes.take(), [b"{\"data\":\"one\",\"metadata\":{}}\n"]);
    }

    #[test]
    fn lines_are_gathered_until_they_fill_a_pipe_or_the_writer_pauses() {
        let writes = Writes::default();
        let mut writer = EnvelopeWriter::new(writes.clone());
        let line = [b'x'; 1024];
        for _ in 0..63 {
            writer.write_lines(&line).unwrap();
        }
        assert!(writes.take().is_empty());
        writer.write_lines(&line).unwrap();
        assert_eq!(writes.take().len(), 1);
        writer.write_lines(&line).unwrap();
        writer.pause(&Stop::new(), Duration::ZERO).unwrap();
        assert_eq!(writes.take()[0].len(), 1024);
        writer.write_lines(&[b'y'; WRITE_BYTES]).unwrap();
        assert_eq!(writes.take()[0].len(), WRITE_BYTES);
    }
}
