//! The check of one line.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use dstream_engine::config::Validate;
use dstream_engine::relay::{LineCheck, Verdict};

use crate::lines::{SIZES, check, envelope};

/// Real lines: changes that a PostgreSQL server made.
const CHANGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/changes/changes.jsonl");

pub(crate) fn benches(criterion: &mut Criterion) {
    let changes = std::fs::read(CHANGES).unwrap();
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
        let lines: Vec<&[u8]> = changes.trim_ascii_end().split(|&byte| byte == b'\n').collect();
        group.throughput(Throughput::Bytes(changes.len() as u64));
        group.bench_function("changes", |bencher| {
            bencher.iter(|| {
                assert!(lines.iter().all(|line| check.check(black_box(line)) == Verdict::Pass));
            });
        });
    }
}
