//! The framing and the portable transport against a naive splitter, over in-memory ends.

#![allow(clippy::disallowed_methods, reason = "the test itself bounds what goes through")]

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded, unbounded};
use proptest::prelude::*;

use super::block::BlockPool;
use super::framer::{Framer, Refusal};
use super::portable::SharedFile;
use super::pump::{Source, read_all, write_all};
use super::queue::Queue;
use super::shared::Shared;
use super::{Disposition, InputEnd, LineCheck, OutputEnd, Rejected, Rejects, Verdict};
use crate::limits::{BLOCK_BYTES, BLOCKS_MIN};
use crate::pipe;

/// Lines that begin with `!` are invalid, with `?` unwanted, with `@` marks, with `%` marks that cannot
/// be, empty ones blank; whole at the end if it says so.
#[derive(Clone, Copy)]
struct Check {
    passes_all: bool,
    whole_tail: bool,
    /// How many marks it has seen: to see one twice is wrong.
    marks: u64,
}

const LAX: Check = Check { passes_all: true, whole_tail: true, marks: 0 };
const STRICT: Check = Check { passes_all: false, whole_tail: false, marks: 0 };

impl LineCheck for Check {
    fn passes_all(&self) -> bool {
        self.passes_all
    }
    fn check(&mut self, line: &[u8]) -> Verdict {
        match line.first() {
            _ if self.passes_all => Verdict::Pass,
            None => Verdict::Blank,
            Some(b'?') => Verdict::Filtered,
            Some(b'!') => Verdict::Invalid(Cow::Borrowed("begins with !")),
            Some(b'@') => {
                self.marks += 1;
                Verdict::Mark(mark(line, self.marks))
            }
            Some(b'%') => Verdict::BadMark(Cow::Borrowed("begins with %")),
            Some(_) => Verdict::Pass,
        }
    }
    fn is_whole(&self, _line: &[u8]) -> bool {
        self.whole_tail
    }
    fn is_mark(&self, beginning: &[u8]) -> bool {
        !self.passes_all && matches!(beginning.first(), Some(b'@' | b'%'))
    }
}

/// What the outputs get in the place of a line that begins with `@`: more than it has.
fn mark(line: &[u8], number: u64) -> Box<[u8]> {
    [b"mark ", number.to_string().as_bytes(), line, b"\n"].concat().into()
}

/// What was rejected: line number, offset, bytes shown, cut off.
type Line = (u64, u64, Vec<u8>, bool);
type Seen = Arc<Mutex<Vec<Line>>>;

struct Keep(Seen, Disposition);

impl Rejects for Keep {
    fn reject(&mut self, rejected: &Rejected<'_>) -> io::Result<Disposition> {
        self.0.lock().unwrap().push((
            rejected.line_number,
            rejected.offset_bytes,
            rejected.line.to_vec(),
            rejected.cut_off,
        ));
        Ok(self.1)
    }
}

/// Gives its bytes in pieces of the given sizes, over and over, with an interruption between.
struct Chunked<'a> {
    bytes: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, usize>>,
    interrupted: bool,
}

impl<'a> Chunked<'a> {
    fn new(bytes: &'a [u8], sizes: &'a [usize]) -> Self {
        Self { bytes, sizes: sizes.iter().cycle(), interrupted: false }
    }
}

impl Read for Chunked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let size = self.sizes.next().copied().unwrap_or(1);
        let count = size.min(buffer.len()).min(self.bytes.len());
        let (now, later) = self.bytes.split_at(count);
        buffer[..count].copy_from_slice(now);
        self.bytes = later;
        Ok(count)
    }
}

impl Source for Chunked<'_> {
    fn unread_bytes(&self) -> usize {
        self.bytes.len()
    }

    fn is_filling(&self) -> bool {
        false
    }
}

/// Takes at most `most` bytes a call and breaks after `room`.
struct Narrow {
    taken: Vec<u8>,
    most: usize,
    room: usize,
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.most).min(self.room - self.taken.len());
        if count == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.taken.extend_from_slice(&bytes[..count]);
        Ok(count)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Outcome {
    written: Vec<u8>,
    end: InputEnd,
    shared: Arc<Shared>,
    rejected: Vec<Line>,
}

struct Case<'a> {
    initial: &'a [u8],
    bytes: &'a [u8],
    chunks: &'a [usize],
    check: Check,
    line_bytes_max: usize,
    disposition: Disposition,
}

impl Case<'_> {
    /// Reads and writes in turn on one thread, so that the result is the same every time.
    fn run(&self) -> Outcome {
        let shared = Arc::new(Shared::new(1, false));
        let pool = Arc::new(BlockPool::new(0, Arc::clone(&shared.meter)));
        let seen = Seen::default();
        let rejects = Box::new(Keep(Arc::clone(&seen), self.disposition));
        let mut framer = Framer::new(
            Arc::clone(&pool),
            self.check,
            rejects,
            self.line_bytes_max,
            Arc::clone(&shared),
        );
        let (outlet, batches) = unbounded();
        let source = Chunked::new(self.bytes, self.chunks);
        let end = std::thread::scope(|scope| {
            let sink = Narrow { taken: Vec::new(), most: 70_001, room: usize::MAX };
            let shared = &shared;
            let writer = scope.spawn(move || {
                let mut sink = sink;
                let end = write_all(&mut sink, &mut Queue::new(batches, None), shared, 0);
                assert!(matches!(end, OutputEnd::Complete));
                sink.taken
            });
            let outlets = [outlet];
            let end = read_all(source, self.initial, &mut framer, &outlets, shared);
            drop(outlets);
            (end, writer.join().unwrap())
        });
        drop(framer);
        assert_eq!(pool.free_and_oversize(), (BLOCKS_MIN, 0), "every block came home");
        assert_eq!(shared.counters.unwritten(0), (0, 0));
        let rejected = seen.lock().unwrap().clone();
        Outcome { written: end.1, end: end.0, shared, rejected }
    }
}

/// What the relay should do, line by line, with nothing clever in it.
fn naive(case: &Case<'_>) -> (Vec<u8>, Vec<Line>, bool) {
    let mut all = case.initial.to_vec();
    all.extend_from_slice(case.bytes);
    let (mut written, mut rejected, mut offset) = (Vec::new(), Vec::new(), 0);
    let mut check = case.check;
    for (index, piece) in all.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let (line, whole) = match piece.strip_suffix(b"\n") {
            Some(line) => (line, true),
            None => (piece, false),
        };
        let shown = &line[..line.len().min(case.line_bytes_max)];
        let mut reject = |cut_off| {
            rejected.push((index as u64 + 1, offset as u64, shown.to_vec(), cut_off));
            case.disposition == Disposition::Stop
        };
        let is_cut_off = !whole && !check.whole_tail;
        if check.is_mark(line) && (is_cut_off || line.len() > case.line_bytes_max) {
            // A stream may end in the middle of one, but no other is left out.
            return (written, rejected, line.len() > case.line_bytes_max);
        }
        let stop = if line.len() > case.line_bytes_max {
            reject(false)
        } else if is_cut_off {
            reject(true)
        } else {
            match check.check(line) {
                Verdict::Pass => {
                    written.extend_from_slice(line);
                    written.push(b'\n');
                    false
                }
                Verdict::Blank | Verdict::Filtered => false,
                Verdict::Mark(text) => {
                    written.extend_from_slice(&text);
                    false
                }
                Verdict::Invalid(_) => reject(false),
                Verdict::BadMark(_) => return (written, rejected, true),
            }
        };
        if stop {
            break;
        }
        offset += piece.len();
    }
    (written, rejected, false)
}

fn agree(case: &Case<'_>) {
    let outcome = case.run();
    let (written, rejected, bad_mark) = naive(case);
    assert_eq!(outcome.rejected, rejected);
    assert!(outcome.written == written, "the bytes differ");
    let stopped =
        case.disposition == Disposition::Stop && rejected.iter().any(|(_, _, _, cut_off)| !cut_off);
    assert_eq!(matches!(outcome.end, InputEnd::Refused(Refusal::Line { .. })), stopped);
    assert_eq!(matches!(outcome.end, InputEnd::Refused(Refusal::Mark { .. })), bad_mark);
    assert_eq!(outcome.shared.counters.lines_rejected.load(Relaxed), rejected.len() as u64);
}

/// Bytes with many newlines, some `!`, `?`, `@` and `%`, and any other byte.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_map(|byte| match byte {
        0..=40 => b'\n',
        41..=60 => b'!',
        61..=70 => b'?',
        71..=90 => b'@',
        91..=92 => b'%',
        other => other,
    });
    prop::collection::vec(byte, 0..300)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_chunking_of_any_bytes_gives_the_same_lines(
        initial in stream(),
        bytes in stream(),
        chunks in prop::collection::vec(1usize..90, 1..20),
        passes_all: bool,
        whole_tail: bool,
        line_bytes_max in prop_oneof![1usize..40, Just(1 << 20)],
        stop: bool,
    ) {
        agree(&Case {
            initial: &initial,
            bytes: &bytes,
            chunks: &chunks,
            check: Check { passes_all, whole_tail, marks: 0 },
            line_bytes_max,
            disposition: if stop { Disposition::Stop } else { Disposition::LeaveOut },
        });
    }

}

proptest! {
    // Megabytes a case.
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn lines_around_the_size_of_a_block_pass_whole(
        lengths in prop::collection::vec(
            prop_oneof![0usize..20, BLOCK_BYTES - 2..BLOCK_BYTES + 2, 0usize..3 * BLOCK_BYTES],
            1..6,
        ),
        chunks in prop::collection::vec(
            prop_oneof![1000usize..5000, Just(BLOCK_BYTES), Just(usize::MAX)],
            1..5,
        ),
        newline_at_end: bool,
        line_bytes_max in prop_oneof![Just(BLOCK_BYTES), Just(2 * BLOCK_BYTES - 1), Just(usize::MAX)],
    ) {
        let mut bytes = Vec::new();
        for (index, length) in lengths.iter().enumerate() {
            bytes.resize(bytes.len() + length, b'a' + (index % 26) as u8);
            bytes.push(b'\n');
        }
        if !newline_at_end {
            bytes.pop();
        }
        agree(&Case {
            initial: b"",
            bytes: &bytes,
            chunks: &chunks,
            check: Check { passes_all: false, whole_tail: true, marks: 0 },
            line_bytes_max,
            disposition: Disposition::LeaveOut,
        });
    }
}

#[test]
fn a_line_far_over_the_limit_is_passed_over_without_being_kept() {
    let mut bytes = b"first\n".to_vec();
    bytes.resize(20 << 20, b'x');
    bytes.extend_from_slice(b"\nlast\n");
    let case = Case {
        initial: b"",
        bytes: &bytes,
        chunks: &[usize::MAX],
        check: LAX,
        line_bytes_max: 1 << 20,
        disposition: Disposition::LeaveOut,
    };
    let outcome = case.run();
    assert_eq!(outcome.written, b"first\nlast\n");
    assert_eq!(outcome.rejected.len(), 1);
    assert_eq!(outcome.rejected[0].2.len(), 1 << 20);
}

/// A reader that never ends, and counts what was taken from it.
struct Endless<'a>(&'a std::sync::atomic::AtomicU64);

impl Read for Endless<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(b'\n');
        self.0.fetch_add(buffer.len() as u64, Relaxed);
        Ok(buffer.len())
    }
}

impl Source for Endless<'_> {
    fn unread_bytes(&self) -> usize {
        usize::MAX
    }

    fn is_filling(&self) -> bool {
        false
    }
}

#[test]
fn a_writer_that_stops_stops_the_reader_after_exactly_the_pool() {
    let taken = std::sync::atomic::AtomicU64::new(0);
    let shared = Arc::new(Shared::new(1, false));
    let blocks = BLOCKS_MIN + 3;
    let pool = Arc::new(BlockPool::new(blocks * BLOCK_BYTES, Arc::clone(&shared.meter)));
    let keep = Box::new(Keep(Seen::default(), Disposition::Stop));
    let mut framer = Framer::new(Arc::clone(&pool), LAX, keep, 1 << 20, Arc::clone(&shared));
    let (outlet, batches): (_, Receiver<_>) = bounded(blocks);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let outlets = [outlet];
            let end = read_all(Endless(&taken), b"", &mut framer, &outlets, &shared);
            assert!(matches!(end, InputEnd::OutputGone));
        });
        // The reader holds one block, which it has filled, and waits for the next.
        let bound = (blocks * BLOCK_BYTES) as u64;
        while taken.load(Relaxed) < bound {
            std::thread::yield_now();
        }
        for _ in 0..1000 {
            std::thread::yield_now();
            assert_eq!(taken.load(Relaxed), bound);
        }
        drop(batches.recv().unwrap());
        while taken.load(Relaxed) < bound + BLOCK_BYTES as u64 {
            std::thread::yield_now();
        }
        shared.counters.outputs[0].broken.store(true, Relaxed);
        batches.iter().for_each(drop);
    });
}

#[test]
fn while_outputs_are_behind_single_lines_share_a_block() {
    const QUICK: Duration = Duration::from_micros(200);
    const PATIENCE: Duration = Duration::from_secs(60);
    const ROOM: usize = 48 * 1024; // of the pipe
    let line = [&[b'x'; 99][..], b"\n"].concat();
    let (source, mut input) = std::io::pipe().unwrap();
    let source = Arc::new(std::fs::File::from(std::os::fd::OwnedFd::from(source)));
    let shared = Arc::new(Shared::new(1, false));
    let pool = Arc::new(BlockPool::new(8 * BLOCK_BYTES, Arc::clone(&shared.meter)));
    let keep = Box::new(Keep(Seen::default(), Disposition::Stop));
    let mut framer = Framer::new(Arc::clone(&pool), LAX, keep, 1 << 20, Arc::clone(&shared));
    let (outlet, batches): (_, Receiver<_>) = bounded(16);
    std::thread::scope(|scope| {
        let from = SharedFile(Arc::clone(&source));
        let (framer, shared) = (&mut framer, &shared);
        scope.spawn(move || read_all(from, b"", framer, &[outlet], shared));
        let enough = 3 * 16 * 1024; // half of the blocks, a quarter of a pipe in each
        let begun = Instant::now();
        let is_read_on = || begun.elapsed() < PATIENCE;
        let accepted = || shared.counters.bytes_accepted.load(Relaxed);
        while accepted() < enough && is_read_on() {
            input.write_all(&line).unwrap();
            // Each is read by itself, where the reader is quick to do so.
            let written = Instant::now();
            let waits = |unread: usize| unread > 0 && written.elapsed() < QUICK || unread > ROOM;
            while waits(pipe::unread_bytes(&source)) && is_read_on() {
                std::thread::yield_now();
            }
        }
        let (accepted, is_scarce) = (accepted(), pool.is_scarce());
        drop(input);
        batches.iter().for_each(drop);
        assert!(accepted >= enough && is_scarce, "{accepted} bytes");
    });
    drop(framer);
    assert_eq!(pool.free_and_oversize(), (8, 0));
}

#[test]
fn an_output_that_breaks_has_its_whole_lines_counted() {
    let shared = Arc::new(Shared::new(2, false));
    let pool = Arc::new(BlockPool::new(0, Arc::clone(&shared.meter)));
    let keep = Box::new(Keep(Seen::default(), Disposition::Stop));
    let mut framer = Framer::new(Arc::clone(&pool), STRICT, keep, 1 << 20, Arc::clone(&shared));
    let lines: Vec<u8> = (0..1000).flat_map(|n| format!("line {n:04}\n").into_bytes()).collect();
    let (first, to_first) = unbounded();
    let (second, to_second) = unbounded();
    let source = Chunked::new(&lines, &[64]);
    let end = std::thread::scope(|scope| {
        // Both drain, so that the pool cannot run dry; one breaks.
        let shared = &shared;
        scope.spawn(move || {
            let sink = Narrow { taken: Vec::new(), most: 7, room: 105 };
            let mut queue = Queue::new(to_first, None);
            let end = write_all(sink, &mut queue, shared, 0);
            assert!(matches!(end, OutputEnd::Broken(_)));
            queue.drain();
        });
        let whole = scope.spawn(move || {
            let mut sink = Narrow { taken: Vec::new(), most: 7, room: usize::MAX };
            let end = write_all(&mut sink, &mut Queue::new(to_second, None), shared, 1);
            assert!(matches!(end, OutputEnd::Complete));
            sink.taken
        });
        let outlets = [first, second];
        let end = read_all(source, b"", &mut framer, &outlets, shared);
        drop(outlets);
        (end, whole.join().unwrap())
    });
    assert!(matches!(end.0, InputEnd::OutputGone | InputEnd::Ended));
    assert_eq!(shared.counters.outputs[0].lines_written.load(Relaxed), 10);
    assert_eq!(shared.counters.outputs[0].bytes_written.load(Relaxed), 105);
    assert!(!shared.counters.outputs[0].complete.load(Relaxed));
    assert!(shared.counters.outputs[1].complete.load(Relaxed));
    assert!(lines.starts_with(&end.1), "the other output got whole lines in order");
    assert_eq!(shared.counters.unwritten(1), (0, 0));
    drop(framer);
    assert_eq!(pool.free_and_oversize(), (BLOCKS_MIN, 0));
}

/// Gives its bytes, and then, a piece a read, the mark that wakes the reader of a cancelled stream,
/// with more behind.
struct Woken<'a> {
    bytes: &'a [u8],
    /// What comes of the mark and what is behind it, once the stream is cancelled.
    later: Option<Vec<u8>>,
    piece: usize,
    shared: &'a Shared,
}

impl Read for Woken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.bytes.is_empty() {
            return self.bytes.read(buffer);
        }
        let later = self.later.get_or_insert_with(|| {
            let mut later = Vec::new();
            self.shared.cancelled.request(|mark| {
                later = [&mark[..], b"later\n"].concat();
                true
            });
            self.shared.cancelled.request(|_| false); // a second wish changes nothing
            later
        });
        let count = self.piece.min(buffer.len()).min(later.len());
        buffer[..count].copy_from_slice(&later[..count]);
        later.drain(..count);
        Ok(count)
    }
}

impl Source for Woken<'_> {
    fn unread_bytes(&self) -> usize {
        self.bytes.len() + self.later.as_ref().map_or(0, Vec::len)
    }

    fn is_filling(&self) -> bool {
        false
    }
}

/// What a line holds is not taken for the mark.
#[test]
fn a_cancelled_stream_is_taken_to_its_end_and_its_cut_off_line_is_not_completed() {
    let bytes = b"one\0\ntwo\n{\0cut";
    for piece in [None, Some(1), Some(15), Some(16), Some(100)] {
        let shared = Arc::new(Shared::new(1, false));
        let pool = Arc::new(BlockPool::new(0, Arc::clone(&shared.meter)));
        let seen = Seen::default();
        let keep = Box::new(Keep(Arc::clone(&seen), Disposition::Stop));
        let mut framer = Framer::new(Arc::clone(&pool), STRICT, keep, 1 << 20, Arc::clone(&shared));
        let (outlet, batches) = unbounded();
        let outlets = [outlet];
        let end = if let Some(piece) = piece {
            let source = Woken { bytes, later: None, piece, shared: &shared };
            read_all(source, b"", &mut framer, &outlets, &shared)
        } else {
            shared.cancelled.request(|_| false);
            read_all(Chunked::new(bytes, &[3]), b"", &mut framer, &outlets, &shared)
        };
        drop(outlets);
        assert!(matches!(end, InputEnd::Cancelled));
        let written: Vec<u8> = batches.iter().flat_map(|batch| batch.bytes().to_vec()).collect();
        assert_eq!(written, b"one\0\ntwo\n");
        assert_eq!(*seen.lock().unwrap(), [(3, 9, b"{\0cut".to_vec(), true)]);
    }
}

/// Notes what it is called for, and fails to settle the second time.
struct Settling(Arc<Mutex<Vec<String>>>);

impl Rejects for Settling {
    fn reject(&mut self, rejected: &Rejected<'_>) -> io::Result<Disposition> {
        self.0.lock().unwrap().push(String::from_utf8_lossy(rejected.line).into_owned());
        Ok(Disposition::LeaveOut)
    }
    fn settle(&mut self) -> io::Result<()> {
        let mut calls = self.0.lock().unwrap();
        calls.push("settle".to_owned());
        let settled = calls.iter().filter(|call| *call == "settle").count();
        if settled < 2 { Ok(()) } else { Err(io::ErrorKind::StorageFull.into()) }
    }
}

#[test]
fn a_mark_is_handed_on_when_what_was_rejected_before_it_is_lasting() {
    for chunk in [[3], [100]] {
        let shared = Arc::new(Shared::new(1, false));
        let pool = Arc::new(BlockPool::new(0, Arc::clone(&shared.meter)));
        let calls = Arc::default();
        let settling = Box::new(Settling(Arc::clone(&calls)));
        let mut framer = Framer::new(pool, STRICT, settling, 1 << 20, Arc::clone(&shared));
        let (outlet, batches) = unbounded();
        let outlets = [outlet];
        let source = Chunked::new(b"one\n!a\n!b\n@\ntwo\n!c\nthree\n@\nfour\n", &chunk);
        let end = read_all(source, b"", &mut framer, &outlets, &shared);
        drop(outlets);
        assert!(matches!(end, InputEnd::Refused(Refusal::NotKept(_))));
        let written: Vec<u8> = batches.iter().flat_map(|batch| batch.bytes().to_vec()).collect();
        assert_eq!(written, b"one\nmark 1@\ntwo\nthree\n");
        assert_eq!(*calls.lock().unwrap(), ["!a", "!b", "settle", "!c", "settle"]);
    }
}

/// Cancelled between two reads: in the pipe are bytes that came before the mark, NULs among them.
#[test]
fn what_came_before_the_mark_is_taken_whatever_it_holds() {
    let shared = Arc::new(Shared::new(1, false));
    let pool = Arc::new(BlockPool::new(0, Arc::clone(&shared.meter)));
    let keep = Box::new(Keep(Seen::default(), Disposition::Stop));
    let mut framer = Framer::new(pool, STRICT, keep, 1 << 20, Arc::clone(&shared));
    let (outlet, batches) = unbounded();
    let mut bytes = b"\0\0one\0\ntwo\n".to_vec();
    shared.cancelled.request(|mark| {
        bytes.extend_from_slice(mark);
        bytes.extend_from_slice(b"later\n");
        true
    });
    let end = read_all(Chunked::new(&bytes, &[3]), b"", &mut framer, &[outlet], &shared);
    assert!(matches!(end, InputEnd::Cancelled));
    let written: Vec<u8> = batches.iter().flat_map(|batch| batch.bytes().to_vec()).collect();
    assert_eq!(written, bytes[..bytes.len() - 22]);
}

#[test]
fn outputs_after_one_that_has_gone_get_the_same_batch() {
    let shared = Arc::new(Shared::new(3, false));
    let pool = Arc::new(BlockPool::new(0, Arc::clone(&shared.meter)));
    let keep = Box::new(Keep(Seen::default(), Disposition::Stop));
    let mut framer = Framer::new(pool, STRICT, keep, 1 << 20, Arc::clone(&shared));
    let (outlets, mut queues): (Vec<_>, Vec<_>) = (0..3).map(|_| unbounded()).unzip();
    drop(queues.remove(0));
    let source = Chunked::new(b"one\ntwo\n", &[100]);
    let end = read_all(source, b"", &mut framer, &outlets, &shared);
    assert!(matches!(end, InputEnd::OutputGone));
    assert_eq!(queues.iter().map(|batches| batches.try_iter().count()).collect::<Vec<_>>(), [1, 1]);
}

/// Counts go on where 32 bits, and the 53 of a float, end.
#[test]
fn a_stream_of_billions_of_lines_is_counted_exactly() {
    for (lines, bytes) in [(1_000_000_000, 515_000_000_000), (1 << 32, 1 << 53), (1 << 53, 1 << 62)]
    {
        let shared = Arc::new(Shared::new(1, true));
        shared.counters.accept(lines, bytes);
        let output = &shared.counters.outputs[0];
        output.lines_written.store(lines, Relaxed);
        output.bytes_written.store(bytes, Relaxed);
        let pool = Arc::new(BlockPool::new(0, Arc::clone(&shared.meter)));
        let seen = Seen::default();
        let keep = Box::new(Keep(Arc::clone(&seen), Disposition::LeaveOut));
        let framer = Framer::new(pool, STRICT, keep, 1 << 20, Arc::clone(&shared));
        let mut framer = framer.after(lines, bytes);
        let (outlet, batches) = unbounded();
        let outlets = [outlet];
        let source = Chunked::new(b"one\n!two\nthree\n?four\n\n!", &[4]);
        let end = read_all(source, b"", &mut framer, &outlets, &shared);
        assert!(matches!(end, InputEnd::Ended));
        drop(outlets);
        let rejected = [
            (lines + 2, bytes + 4, b"!two".to_vec(), false),
            (lines + 6, bytes + 22, b"!".to_vec(), true),
        ];
        assert_eq!(*seen.lock().unwrap(), rejected);
        assert_eq!(shared.counters.unwritten(0), (2, 10));
        let mut queue = Queue::new(batches, None);
        assert!(matches!(write_all(io::sink(), &mut queue, &shared, 0), OutputEnd::Complete));
        assert_eq!(output.lines_written.load(Relaxed), lines + 2);
        assert_eq!(output.bytes_written.load(Relaxed), bytes + 10);
        assert_eq!(shared.counters.unwritten(0), (0, 0));
        // The histogram counts as far.
        shared.meter.record(0, shared.meter.now(), shared.meter.now(), lines);
        let mut sum = super::Meter::empty_histogram();
        shared.meter.add_latency_us_to(&mut sum);
        assert_eq!(sum.len(), lines + 2);
    }
}
