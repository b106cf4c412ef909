//! The whole relay: real processes, real pipes, `shape` and measuring on. The time of a stream is
//! from the word to the source to the exit of the sink, which is when the last line has been read.

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use dstream_relay::{Disposition, Rejected, Rejects, Relay, RelayEnds, RelayOptions, Transport};
use dstream_task::Validate;

use crate::children::{Sink, Source, Writes};
use crate::lines::{SIZES, Size, check};

const TRANSPORTS: [Transport; 3] = [Transport::Splice, Transport::Uring, Transport::Portable];

/// Bytes of a stream, some tenths of a second. Where each line is a write, it ends earlier, after
/// [`WRITES_MAX`] of them.
const STREAM_BYTES: u64 = 512 << 20;
const WRITES_MAX: u64 = 500_000;

/// The same where no time counts.
const QUICK_STREAM_BYTES: u64 = 4 << 20;

pub(crate) fn benches(criterion: &mut Criterion, is_quick: bool) {
    let stream_bytes = if is_quick { QUICK_STREAM_BYTES } else { STREAM_BYTES };
    for transport in TRANSPORTS.into_iter().filter(|&transport| is_there(transport)) {
        for size in SIZES {
            let mut group = criterion.benchmark_group(format!("relay/{transport}/{}", size.name));
            group.sample_size(10).sampling_mode(SamplingMode::Flat);
            group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(5));
            for writes in Writes::ALL {
                let line_bytes = size.bytes as u64 + 1;
                let lines_max = if writes == Writes::Line { WRITES_MAX } else { u64::MAX };
                let lines = (stream_bytes / line_bytes).min(lines_max);
                group.throughput(Throughput::Bytes(lines * line_bytes));
                group.bench_function(BenchmarkId::from_parameter(writes.name()), |bencher| {
                    bencher.iter_custom(|streams| {
                        (0..streams).map(|_| stream(transport, size, writes, lines)).sum()
                    });
                });
            }
        }
    }
}

/// Whether this system has a transport; io_uring is denied in many containers.
fn is_there(transport: Transport) -> bool {
    let (source, input) = io::pipe().unwrap();
    let (output, sink) = io::pipe().unwrap();
    let is_there = start(transport, source.into(), sink.into()).transport() == transport;
    drop(input);
    io::copy(&mut { output }, &mut io::sink()).unwrap();
    if !is_there {
        let what = format!("relay/{transport}: left out, this system does not have it");
        let _ = writeln!(io::stderr(), "{what}");
    }
    is_there
}

/// One whole stream, and how long it took.
fn stream(transport: Transport, size: Size, writes: Writes, lines: u64) -> Duration {
    let (mut input, source) = Source::start(size, writes, lines);
    let (output, sink) = Sink::start();
    let relay = start(transport, source, sink);
    let bytes = lines * (size.bytes as u64 + 1);
    let began = Instant::now();
    input.go();
    output.wait(lines, bytes);
    let took = began.elapsed();
    input.wait();
    let written = &relay.counters().outputs[0];
    assert_eq!(relay.transport(), transport);
    assert_eq!(written.lines_written.load(Relaxed), lines);
    assert_eq!(written.bytes_written.load(Relaxed), bytes);
    took
}

fn start(transport: Transport, source: OwnedFd, sink: std::os::fd::OwnedFd) -> Relay {
    let ends = RelayEnds {
        source,
        initial: Vec::new(),
        sinks: vec![sink],
        check: check(Validate::Shape),
        rejects: Box::new(NoneExpected),
    };
    let options = RelayOptions {
        line_bytes_max: 16 << 20,
        buffer_bytes: 8 << 20,
        transport,
        measure: true,
        replaceable: false,
        watched: false,
    };
    Relay::start(ends, options, drop).unwrap()
}

struct NoneExpected;

impl Rejects for NoneExpected {
    fn reject(&mut self, rejected: &Rejected<'_>) -> io::Result<Disposition> {
        Err(io::Error::other(format!("line {}: {}", rejected.line_number, rejected.reason)))
    }
}
