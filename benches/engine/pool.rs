//! A block's way out and home.

use std::time::Instant;

use criterion::{BenchmarkId, Criterion, Throughput};
use dstream_relay::bench::Pool;

pub(crate) fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pool");
    group.throughput(Throughput::Elements(1));
    for outputs_count in [1, 2, 4] {
        let pool = Pool::new(outputs_count);
        group.bench_function(BenchmarkId::new("turn", outputs_count), |bencher| {
            bencher.iter(|| assert_eq!(pool.turn(), outputs_count));
        });
    }
    let pool = Pool::new(1);
    group.bench_function("hand_over", |bencher| {
        bencher.iter_custom(|turns| {
            let began = Instant::now();
            assert_eq!(pool.hand_over(turns) as u64, turns);
            began.elapsed()
        });
    });
}
