//! Steady state allocates nothing per line: whole relays over real pipes, under an allocator that
//! counts for all of the process. So there is one test here, and what it does in the window it
//! counts in allocates nothing itself.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod counting;

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use dstream_engine::protocol::EnvelopeCheck;
use dstream_relay::{
    Disposition, InputEnd, Meter, OutputEnd, Rejected, Rejects, Relay, RelayEnds, RelayEvent,
    RelayOptions, Transport,
};
use dstream_task::Validate;

use counting::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

/// Lines before the window, in which every block and queue comes to its size.
const WARM_UP_LINES: u64 = 30_000;
/// Lines in the window.
const LINES: u64 = 200_000;

/// Bytes of a line with its newline.
const LINE_BYTES: usize = 130;
/// Lines of one write in bulk, which are 127 KiB: reads end in the middle of a line.
const BULK_LINES: usize = 1000;

/// The four blocks of the smallest pool are allocated when they are first needed, two allocations
/// each. That is in the warm-up, unless the machine is so slow that a block is needed in the window
/// for the first time. Nothing else may be.
const ALLOCATIONS_MAX: u64 = 8;

#[test]
fn a_relay_allocates_nothing_per_line() {
    let line = envelope_line();
    let bulk = line.repeat(BULK_LINES);
    assert_an_allocation_is_noticed();
    for transport in [Transport::Splice, Transport::Uring, Transport::Portable] {
        for (writes, write) in [("a line", &line), ("bulk", &bulk)] {
            let Some(window) = Window::of(transport, write) else {
                eprintln!("{transport}: left out, this system does not have it");
                continue;
            };
            let Window { lines_read, latencies, calls, bytes } = window;
            let what = format!("{transport}, {writes} a write: {calls} allocations, {bytes} bytes");
            assert!(lines_read >= LINES && latencies >= LINES, "{what}, {lines_read} lines");
            assert!(calls <= ALLOCATIONS_MAX, "{what}, {lines_read} lines");
            eprintln!("{what}, {lines_read} lines");
        }
    }
}

/// Otherwise the rest would prove nothing.
fn assert_an_allocation_is_noticed() {
    let (calls, bytes) = ALLOCATOR.count();
    thread::spawn(|| drop(std::hint::black_box(vec![7_u8; 12_345]))).join().unwrap();
    let (calls_after, bytes_after) = ALLOCATOR.count();
    assert!(calls_after > calls && bytes_after - bytes >= 12_345);
}

fn envelope_line() -> Vec<u8> {
    let mut line = br#"{"data":{"id":1,"text":""#.to_vec();
    line.resize(LINE_BYTES - 4, b'x');
    line.extend_from_slice(b"\"}}\n");
    line
}

/// What happened between two moments at which everything given to the relay had come out of it.
struct Window {
    /// Lines that the output read.
    lines_read: u64,
    /// Lines whose latency was recorded.
    latencies: u64,
    /// Allocations of the whole process, and their bytes.
    calls: u64,
    bytes: u64,
}

impl Window {
    /// Of a relay that gets `write`, which is whole lines, again and again. None if the system does
    /// not have the transport.
    fn of(transport: Transport, write: &[u8]) -> Option<Self> {
        let (source, input) = wide_pipe();
        let (output, sink) = wide_pipe();
        let (tell, ends) = sync_channel(2);
        let relay = start(transport, source, sink, move |event| tell.send(event).unwrap());
        if relay.transport() != transport {
            return None;
        }
        let (given, taken) = (Gate::default(), Gate::default());
        let mut latencies = Meter::empty_histogram();
        let window = thread::scope(|scope| {
            scope.spawn(|| given.write(input, write));
            scope.spawn(|| taken.read(output));
            let mut pass = |goal_lines: u64| {
                given.allow(goal_lines);
                taken.allow(goal_lines);
                // The output reads the lines before they are counted as written to it.
                let written = &relay.counters().outputs[0].lines_written;
                while taken.lines() < goal_lines || written.load(Relaxed) < goal_lines {
                    thread::sleep(Duration::from_micros(200));
                }
                latencies.reset();
                relay.meter().add_latency_us_to(&mut latencies);
                (taken.lines(), latencies.len(), ALLOCATOR.count())
            };
            // While nobody reads, everything that can wait between the pipes comes to wait there.
            given.allow(WARM_UP_LINES);
            thread::sleep(Duration::from_millis(50));
            let (lines, latencies, (calls, bytes)) = pass(WARM_UP_LINES);
            let after = pass(WARM_UP_LINES + LINES);
            given.end();
            Self {
                lines_read: after.0 - lines,
                latencies: after.1 - latencies,
                calls: after.2.0 - calls,
                bytes: after.2.1 - bytes,
            }
        });
        for _ in 0..2 {
            match ends.recv().unwrap() {
                RelayEvent::InputEnd(end) => assert!(matches!(end, InputEnd::Ended)),
                RelayEvent::OutputEnd(_, end) => assert!(matches!(end, OutputEnd::Complete)),
                RelayEvent::SourceEnded | RelayEvent::SinkBroken(..) => unreachable!(),
            }
        }
        Some(window)
    }
}

/// How far a side of the stream has come, and how far it may go.
#[derive(Default)]
struct Gate {
    goal_bytes: AtomicU64,
    bytes: AtomicU64,
    ended: AtomicBool,
}

impl Gate {
    fn allow(&self, lines: u64) {
        self.goal_bytes.store(lines * LINE_BYTES as u64, SeqCst);
    }

    fn end(&self) {
        self.ended.store(true, SeqCst);
    }

    fn lines(&self) -> u64 {
        self.bytes.load(SeqCst) / LINE_BYTES as u64
    }

    /// Waits until there is more to do; false if there never will be.
    fn is_open(&self) -> bool {
        while self.bytes.load(SeqCst) >= self.goal_bytes.load(SeqCst) {
            if self.ended.load(SeqCst) {
                return false;
            }
            thread::sleep(Duration::from_micros(200));
        }
        true
    }

    fn write(&self, mut input: PipeWriter, bytes: &[u8]) {
        while self.is_open() {
            input.write_all(bytes).unwrap();
            self.bytes.fetch_add(bytes.len() as u64, SeqCst);
        }
    }

    /// Reads to the end, once it may begin.
    fn read(&self, mut output: PipeReader) {
        let mut buffer = vec![0; 1 << 20];
        self.is_open();
        loop {
            match output.read(&mut buffer).unwrap() {
                0 => return,
                count => self.bytes.fetch_add(count as u64, SeqCst),
            };
        }
    }
}

/// A pipe as the engine makes them.
fn wide_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(&writer, 1 << 20);
    (reader, writer)
}

fn start(
    transport: Transport,
    source: PipeReader,
    sink: PipeWriter,
    tell: impl Fn(RelayEvent) + Send + Clone + 'static,
) -> Relay {
    let ends = RelayEnds {
        source: source.into(),
        initial: Vec::new(),
        sinks: vec![sink.into()],
        check: EnvelopeCheck::new(Validate::Shape, None),
        rejects: Box::new(NoneExpected),
    };
    let options = RelayOptions {
        line_bytes_max: 1 << 20,
        buffer_bytes: 0,
        transport,
        measure: true,
        replaceable: false,
        watched: false,
    };
    Relay::start(ends, options, tell).unwrap()
}

struct NoneExpected;

impl Rejects for NoneExpected {
    fn reject(&mut self, _rejected: &Rejected<'_>) -> io::Result<Disposition> {
        Err(io::ErrorKind::InvalidData.into())
    }
}
