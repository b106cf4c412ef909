//! Many small texts in few large writes.

use std::io::{self, Write};
use std::time::Duration;

use dstream_protocol::{Checkpoint, CheckpointInterval};
use memchr::memchr_iter;
use serde::Serialize;
use serde_json::value::to_raw_value;

use crate::checkpoint::{Pace, Stored};
use crate::stdio::Stdout;
use crate::stop::Stop;

/// Bytes that are buffered before they are written: a pipe's usual size.
const WRITE_BYTES: usize = 64 << 10;

/// Buffers bytes until they are worth a write. An unfinished text can be removed again.
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
/// The buffer is written when it fills a pipe, in [`pause`](Self::pause), in [`flush`](Self::flush),
/// and when the stream ends. An input that waits for its source in any other way than
/// [`pause`](Self::pause) must flush first, or its last envelopes are delayed.
pub struct EnvelopeWriter {
    out: Gathered,
    checkpoints: Option<Checkpoints>,
}

/// What is known of checkpoints where DStream keeps them.
struct Checkpoints {
    pace: Pace,
    stored: Stored,
}

impl EnvelopeWriter {
    /// A writer to anything; for tests of a provider's own.
    pub fn new(sink: impl Write + Send + 'static) -> Self {
        Self { out: Gathered::new(sink), checkpoints: None }
    }

    pub(crate) fn stdout() -> io::Result<Self> {
        Ok(Self::new(Stdout::open()?))
    }

    pub(crate) fn keep_checkpoints(&mut self, interval: CheckpointInterval, stored: Stored) {
        self.checkpoints = Some(Checkpoints { pace: Pace::new(interval), stored });
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
        if let Some(Checkpoints { pace, .. }) = &mut self.checkpoints {
            pace.add(1, (self.out.bytes.len() - start) as u64);
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
    /// If stdout cannot be written.
    pub fn write_lines(&mut self, lines: &[u8]) -> io::Result<()> {
        if let Some(Checkpoints { pace, .. }) = &mut self.checkpoints {
            let count = if pace.counts_lines() { memchr_iter(b'\n', lines).count() } else { 0 };
            pace.add(count as u64, lines.len() as u64);
        }
        self.out.add(lines)
    }

    /// Whether a checkpoint is due. Never where DStream keeps none. Cheap enough for every line.
    pub fn is_checkpoint_due(&self) -> bool {
        self.checkpoints.as_ref().is_some_and(|checkpoints| checkpoints.pace.is_due())
    }

    /// Says that everything written so far is complete up to `position`, which a later run of the
    /// input gets in [`Input::resume`](crate::Input::resume). It may be said at any time, due or not;
    /// where DStream keeps no checkpoints nothing is written.
    ///
    /// # Errors
    ///
    /// If the position cannot be JSON, or stdout cannot be written.
    pub fn checkpoint(&mut self, position: &(impl Serialize + ?Sized)) -> io::Result<()> {
        let Some(Checkpoints { pace, .. }) = &mut self.checkpoints else { return Ok(()) };
        let position = to_raw_value(position)?;
        pace.restart();
        self.out.add(Checkpoint { position: &position }.encode().as_bytes())
    }

    /// The newest checkpoint that DStream has stored since this was last asked: the source may
    /// forget what came before it.
    pub fn stored_checkpoint(&self) -> Option<serde_json::Value> {
        self.checkpoints.as_ref()?.stored.take()
    }

    /// Writes the buffer, then sleeps for `time` or until a stop is asked for. Returns
    /// whether it has been.
    ///
    /// # Errors
    ///
    /// If stdout cannot be written.
    pub fn pause(&mut self, stop: &Stop, time: Duration) -> io::Result<bool> {
        self.flush()?;
        Ok(stop.wait(time))
    }

    /// Writes the buffer.
    ///
    /// # Errors
    ///
    /// If stdout cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Stdout for what an output prints for the person at the terminal, many lines in one write.
///
/// The buffer is written when it fills a pipe and in [`Write::flush`], which belongs in
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
    fn a_checkpoint_is_a_line_where_they_are_kept_and_nothing_elsewhere() {
        let writes = Writes::default();
        let mut writer = EnvelopeWriter::new(writes.clone());
        writer.checkpoint(&7).unwrap();
        assert!(!writer.is_checkpoint_due());
        let interval = serde_json::from_str(r#"{"lines":2}"#).unwrap();
        writer.keep_checkpoints(interval, Stored::default());
        writer.write_lines(b"one\n").unwrap();
        assert!(!writer.is_checkpoint_due());
        writer.write_lines(b"two\nthree\n").unwrap();
        assert!(writer.is_checkpoint_due());
        writer.checkpoint(&json!({ "at": 3 })).unwrap();
        assert!(!writer.is_checkpoint_due());
        writer.flush().unwrap();
        assert_eq!(writes.take(), [b"one\ntwo\nthree\n{\"checkpoint\":{\"at\":3}}\n"]);
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
