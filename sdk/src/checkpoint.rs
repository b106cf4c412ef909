//! Checkpoints: when the next is due, which one DStream has stored, and where the barriers are.

use std::io::Read;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use dstream_protocol::{Barrier, CheckpointAck, CheckpointInterval};
use memchr::memmem;
use serde_json::Value;

use crate::lines::Lines;

/// Whether the next checkpoint is due.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: CheckpointInterval,
    lines: u64,
    bytes: u64,
    since: Instant,
}

impl Pace {
    pub(crate) fn new(interval: CheckpointInterval) -> Self {
        Self { interval, lines: 0, bytes: 0, since: Instant::now() }
    }

    /// Whether lines have to be counted.
    pub(crate) fn counts_lines(&self) -> bool {
        self.interval.lines.is_some()
    }

    pub(crate) fn add(&mut self, lines: u64, bytes: u64) {
        self.lines += lines;
        self.bytes += bytes;
    }

    pub(crate) fn is_due(&self) -> bool {
        // A checkpoint after nothing says nothing.
        let CheckpointInterval { lines, bytes, ms } = self.interval;
        self.bytes > 0
            && (lines.is_some_and(|most| self.lines >= most)
                || bytes.is_some_and(|most| self.bytes >= most)
                || ms.is_some_and(|most| self.since.elapsed() >= Duration::from_millis(most)))
    }

    pub(crate) fn restart(&mut self) {
        *self = Self::new(self.interval);
    }
}

/// The newest checkpoint that DStream has stored. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stored(Arc<Mutex<Option<Value>>>);

impl Stored {
    /// Takes it, if there is a newer one than last time.
    pub(crate) fn take(&self) -> Option<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Reads the acknowledgements that follow the command on stdin, to its end, in a thread of its own.
    pub(crate) fn read_from<R: Read + Send + 'static>(
        &self,
        mut stdin: Lines<R>,
    ) -> std::io::Result<()> {
        let stored = self.clone();
        let read = move || {
            while let Ok(Some(line)) = stdin.next_line() {
                let position = CheckpointAck::decode(line.bytes)
                    .and_then(|ack| serde_json::from_str(ack.position.get()).ok());
                if position.is_some() {
                    *stored.0.lock().unwrap_or_else(PoisonError::into_inner) = position;
                }
            }
        };
        thread::Builder::new().name("acks".to_owned()).spawn(read).map(drop)
    }
}

/// The barriers in whole lines, in order, and where each is, newline included.
pub(crate) fn barriers(lines: &[u8]) -> impl Iterator<Item = (Barrier, Range<usize>)> + '_ {
    memmem::find_iter(lines, Barrier::START).filter_map(|start| {
        let starts_line = start == 0 || lines[start - 1] == b'\n';
        let (barrier, following) = Barrier::split_from(&lines[start..])?;
        // An envelope may have a field of this name.
        starts_line.then_some((barrier, start..lines.len() - following.len()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_lines_of_that_form_are_barriers() {
        let one = b"{\"checkpoint\":{\"id\":7}}\n";
        let lines = [&b"{\"data\":1}\n"[..], one, one, b"{\"data\":2}\n"].concat();
        let found: Vec<_> = barriers(&lines).collect();
        assert_eq!(found[0], (Barrier { id: 7 }, 11..11 + one.len()));
        assert_eq!(found.len(), 2);
        for other in [
            "{\"data\":\"x\",{\"checkpoint\":{\"id\":7}}\n",
            "{\"checkpoint\":{\"id\":7},\"data\":1}\n",
        ] {
            assert_eq!(barriers(other.as_bytes()).count(), 0, "{other}");
        }
    }

    #[test]
    fn a_checkpoint_is_due_when_the_first_of_its_measures_is_full() {
        let pace = |text: &str| Pace::new(serde_json::from_str(text).unwrap());
        let mut lines = pace(r#"{"lines":3,"bytes":1000}"#);
        lines.add(2, 20);
        assert!(!lines.is_due());
        lines.add(1, 10);
        assert!(lines.is_due());
        lines.restart();
        assert!(!lines.is_due());
        lines.add(1, 1000);
        assert!(lines.is_due());
        let mut time = pace(r#"{"ms":0}"#);
        assert!(!time.is_due(), "nothing has been written");
        time.add(1, 10);
        assert!(time.is_due());
        let mut never = pace("{}");
        never.add(1 << 40, 1 << 40);
        assert!(!never.is_due());
    }
}
