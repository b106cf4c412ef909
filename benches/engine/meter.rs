//! What measuring costs: a read, a write, and the histogram alone.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use dstream_relay::Meter;
use dstream_relay::bench::Metering;

/// Lines of a write.
const LINES: u64 = 127;

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("meter");
    group.throughput(Throughput::Elements(1));
    let mut metering = Metering::new();
    group.bench_function("read", |bencher| bencher.iter(|| metering.read()));
    let mut writes = 0;
    group.bench_function("write", |bencher| {
        bencher.iter(|| {
            metering.write(LINES);
            writes += 1;
        });
    });
    assert_eq!(metering.lines(), writes * LINES);
    let mut histogram = Meter::empty_histogram();
    let mut us = 1;
    group.bench_function("histogram", |bencher| {
        bencher.iter(|| {
            // Any from a microsecond to a second, so that it is not always the same bucket.
            us = us * 48_271 % 0x7fff_ffff;
            histogram.saturating_record_n(black_box(us % 1_000_000), LINES);
        });
    });
}
