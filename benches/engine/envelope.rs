//! The check of one line.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use dstream_relay::{LineCheck, Verdict};
use dstream_task::Validate;

use crate::lines::{SIZES, changes, check, envelope, split};

pub(crate) fn benches(criterion: &mut Criterion) {
    let changes = changes();
    for (level, name) in [(Validate::Shape, "shape"), (Validate::Full, "full")] {
        let mut group = criterion.benchmark_group(format!("envelope/{name}"));
        let mut check = check(level);
        for size in SIZES {
            let line = envelope(size.bytes);
            group.throughput(Throughput::Bytes(line.len() as u64));
            group.bench_function(BenchmarkId::from_parameter(size.name), |bencher| {
                bencher.iter(|| assert_eq!(check.check(black_box(&line)), Verdict::Pass));
            });
        }
        let lines = split(&changes);
        group.throughput(Throughput::Bytes(changes.len() as u64));
        group.bench_function("changes", |bencher| {
            bencher.iter(|| {
                assert!(lines.iter().all(|line| check.check(black_box(line)) == Verdict::Pass));
            });
        });
    }
}
