//! Whether the stream that arrives is the one that was sent.

use serde::{Deserialize, Serialize};

use crate::pattern::{Pattern, read_stamp};

/// Compares a stream with its pattern, and keeps how long each stamped line was under way.
#[derive(Debug)]
pub struct Check {
    pattern: Pattern,
    bytes: u64,
    difference: Option<Difference>,
    /// Lines that ended at or after the difference; before it they follow from the bytes.
    lines_after: u64,
    /// A stamped line that has begun.
    begun: Vec<u8>,
    latencies_ns: Vec<u64>,
}

/// Where the stream first was another than expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The line, counted from 0.
    pub line: u64,
    /// The byte of the stream, counted from 0.
    pub byte: u64,
}

impl Check {
    /// Expects `pattern` over and over. `stamped_lines` is how many latencies to make room for.
    #[must_use]
    pub fn new(pattern: Pattern, stamped_lines: usize) -> Self {
        Self {
            pattern,
            bytes: 0,
            difference: None,
            lines_after: 0,
            begun: Vec::new(),
            latencies_ns: Vec::with_capacity(stamped_lines),
        }
    }

    /// Takes what a read has brought. `now_ns` is when it returned, and only counts for stamped lines.
    pub fn take(&mut self, chunk: &[u8], now_ns: u64) {
        if self.pattern.stamp().is_some() {
            self.take_stamped(chunk, now_ns);
        } else {
            self.take_plain(chunk);
        }
        self.bytes += chunk.len() as u64;
    }

    /// Bytes so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whole lines so far.
    #[must_use]
    pub fn lines(&self) -> u64 {
        match self.difference {
            None => self.bytes / self.pattern.line_bytes() as u64,
            Some(difference) => difference.line + self.lines_after,
        }
    }

    /// Where the stream first was another than expected.
    #[must_use]
    pub fn difference(&self) -> Option<Difference> {
        self.difference
    }

    /// How long each stamped line was under way, in nanoseconds.
    #[must_use]
    pub fn latencies_ns(&self) -> &[u64] {
        &self.latencies_ns
    }

    fn take_plain(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while self.difference.is_none() && !rest.is_empty() {
            let period = self.pattern.bytes();
            let done = self.bytes + (chunk.len() - rest.len()) as u64;
            let place = usize::try_from(done % period.len() as u64).unwrap_or_default();
            let (now, later) = rest.split_at(rest.len().min(period.len() - place));
            let expected = &period[place..][..now.len()];
            if now == expected {
                rest = later;
            } else {
                let same = now.iter().zip(expected).take_while(|(is, should)| is == should).count();
                self.differs_at(done + same as u64);
                rest = &rest[same..];
            }
        }
        if self.difference.is_some() {
            self.lines_after += newlines(rest);
        }
    }

    fn take_stamped(&mut self, chunk: &[u8], now_ns: u64) {
        if self.difference.is_some() {
            self.lines_after += newlines(chunk);
            return;
        }
        let line_bytes = self.pattern.line_bytes();
        let mut start = self.bytes - self.begun.len() as u64;
        let mut waiting = std::mem::take(&mut self.begun);
        waiting.extend_from_slice(chunk);
        let mut rest = waiting.as_slice();
        while rest.len() >= line_bytes {
            let (line, later) = rest.split_at(line_bytes);
            match self.sent_at_ns(line, start / line_bytes as u64) {
                Ok(sent_ns) => self.latencies_ns.push(now_ns.saturating_sub(sent_ns)),
                Err(same) => {
                    self.differs_at(start + same as u64);
                    self.lines_after += newlines(&rest[same..]);
                    return;
                }
            }
            start += line_bytes as u64;
            rest = later;
        }
        self.begun = rest.to_vec();
    }

    /// When a line was sent, or how many bytes of it are as they should be.
    fn sent_at_ns(&self, line: &[u8], index: u64) -> Result<u64, usize> {
        let stamp = self.pattern.stamp().unwrap_or_default();
        let expected = self.pattern.line(index);
        let outside = (0..line.len()).filter(|at| !stamp.contains(at));
        match { outside }.find(|&at| line[at] != expected[at]) {
            Some(at) => Err(at),
            None => read_stamp(&line[stamp.clone()]).ok_or(stamp.start),
        }
    }

    fn differs_at(&mut self, byte: u64) {
        self.difference = Some(Difference { line: byte / self.pattern.line_bytes() as u64, byte });
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::write_stamp;

    const LINES: u64 = 4_000;

    fn stream(pattern: &Pattern) -> Vec<u8> {
        (0..LINES).flat_map(|index| pattern.line(index).to_vec()).collect()
    }

    fn checked(pattern: &Pattern, stream: &[u8], chunk_bytes: usize) -> Check {
        let mut check = Check::new(pattern.clone(), 0);
        for chunk in stream.chunks(chunk_bytes) {
            check.take(chunk, 5_000);
        }
        check
    }

    #[test]
    fn what_was_sent_is_found_sound_in_any_chunks() {
        for stamped in [false, true] {
            let pattern = Pattern::new(99, stamped).unwrap();
            let stream = stream(&pattern);
            for chunk_bytes in [7, 99, 4_096, 65_536, stream.len()] {
                let check = checked(&pattern, &stream, chunk_bytes);
                assert_eq!((check.lines(), check.difference()), (LINES, None));
                assert_eq!(check.bytes(), stream.len() as u64);
            }
        }
    }

    #[test]
    fn a_lost_line_is_noticed_where_it_is_missing() {
        for stamped in [false, true] {
            let pattern = Pattern::new(99, stamped).unwrap();
            let mut stream = stream(&pattern);
            stream.drain(1_234 * 99..1_235 * 99);
            for chunk_bytes in [50, 4_096, 65_536] {
                let check = checked(&pattern, &stream, chunk_bytes);
                assert_eq!(check.lines(), LINES - 1, "stamped {stamped}, chunks {chunk_bytes}");
                assert_eq!(check.difference().unwrap().line, 1_234);
            }
        }
    }

    #[test]
    fn a_changed_byte_is_noticed_and_named() {
        for stamped in [false, true] {
            let pattern = Pattern::new(99, stamped).unwrap();
            let mut stream = stream(&pattern);
            stream[99 * 700 + 31] ^= 1;
            let check = checked(&pattern, &stream, 1_000);
            let byte = 99 * 700 + 31;
            assert_eq!(check.difference(), Some(Difference { line: 700, byte }));
            assert_eq!(check.lines(), LINES);
        }
    }

    #[test]
    fn a_lost_tail_is_seen_in_the_count() {
        let pattern = Pattern::new(99, false).unwrap();
        let stream = stream(&pattern);
        let check = checked(&pattern, &stream[..99 * 3_000 + 5], 4_096);
        assert_eq!((check.lines(), check.difference()), (3_000, None));
        assert_eq!(check.bytes(), 99 * 3_000 + 5);
    }

    #[test]
    fn latency_is_the_time_between_stamp_and_read() {
        let pattern = Pattern::new(99, true).unwrap();
        let mut line = pattern.line(0).to_vec();
        write_stamp(&mut line[pattern.stamp().unwrap()], 3_600);
        let mut check = Check::new(pattern, 1);
        check.take(&line[..50], 4_000);
        check.take(&line[50..], 5_000);
        assert_eq!(check.latencies_ns(), [1_400]);
    }
}
