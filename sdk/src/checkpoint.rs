//! Checkpoints: how far a stream is complete, so that a later run goes on from there.
//!
//! An input says `{"checkpoint":…}` between two envelopes, and an output gets `{"checkpoint":{"id":7}}`
//! in the same place. Once it has made what came before lasting it says `{"ack":{"id":7}}`; when all
//! outputs have, and DStream has stored the checkpoint, the input is told `{"ack":…}`.

use std::io::Read;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

use crate::batches::Batches;

/// The word for it among the protocol's features and a provider's capabilities.
pub(crate) const CHECKPOINT: &str = "checkpoint";

/// How a barrier begins: DStream writes it in this form only.
const BARRIER: &[u8] = b"{\"checkpoint\":{\"id\":";

/// How often DStream would like to have a checkpoint; whichever comes first. Nothing set is never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Interval {
    lines: Option<u64>,
    bytes: Option<u64>,
    ms: Option<u64>,
}

/// Whether the next checkpoint is due.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Interval,
    lines: u64,
    bytes: u64,
    since: Instant,
}

impl Pace {
    pub(crate) fn new(interval: Interval) -> Self {
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
        let Interval { lines, bytes, ms } = self.interval;
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

    /// Reads what DStream says after the command, to its end, in a thread of its own.
    pub(crate) fn read_from<R: Read + Send + 'static>(
        &self,
        mut stdin: Batches<R>,
    ) -> std::io::Result<()> {
        #[derive(Deserialize)]
        struct Ack {
            ack: Value,
        }
        let stored = self.clone();
        let read = move || {
            while let Ok(Some(line)) = stdin.next_line() {
                if let Ok(Ack { ack }) = serde_json::from_slice(line) {
                    *stored.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(ack);
                }
            }
        };
        thread::Builder::new().name("acks".to_owned()).spawn(read).map(drop)
    }
}

/// A checkpoint among the lines of an output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Barrier {
    pub(crate) id: u64,
    /// Where it stands, newline included.
    pub(crate) place: Range<usize>,
}

/// The barriers in whole lines, in order.
pub(crate) fn barriers(lines: &[u8]) -> impl Iterator<Item = Barrier> + '_ {
    memmem::find_iter(lines, BARRIER).filter_map(|start| {
        let starts_line = start == 0 || lines[start - 1] == b'\n';
        let rest = &lines[start + BARRIER.len()..];
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let id = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        // An envelope may have a field of this name.
        let ends = rest[digits..].starts_with(b"}}\n");
        let end = start + BARRIER.len() + digits + 3;
        (starts_line && ends).then_some(Barrier { id, place: start..end })
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
        assert_eq!(found[0], Barrier { id: 7, place: 11..11 + one.len() });
        assert_eq!(found.len(), 2);
        for other in [
            "{\"checkpoint\":{\"id\":7},\"data\":1}\n",
            "{\"data\":\"x\",{\"checkpoint\":{\"id\":7}}\n",
            "{\"checkpoint\":{\"id\":}}\n",
            "{\"checkpoint\":{\"id\":-1}}\n",
            "{\"checkpoint\":{\"id\":99999999999999999999999}}\n",
            "{\"checkpoint\":{\"id\":7}} \n",
            "{\"checkpoint\":{\"id\":7}}",
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
