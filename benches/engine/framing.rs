//! From bytes that were read to batches of whole lines.

use criterion::{BenchmarkId, Criterion, Throughput};
use dstream_relay::bench::{BLOCK_BYTES, Framing};
use dstream_task::Validate;

use crate::lines::{LEVELS, SIZES, check, envelopes};

/// What a pipe holds that nobody has widened.
const NARROW_READ_BYTES: usize = 64 << 10;

/// One in so many lines is blank, where some are.
const BLANK_EVERY: usize = 10;

pub(crate) fn benches(criterion: &mut Criterion) {
    whole_blocks(criterion);
    reads(criterion);
    blank_lines(criterion);
}

/// A block of whole lines, framed and checked where it is.
fn whole_blocks(criterion: &mut Criterion) {
    for (level, name) in LEVELS {
        let mut group = criterion.benchmark_group(format!("framing/{name}"));
        for size in SIZES {
            let (block, lines) = envelopes(size, BLOCK_BYTES);
            let mut framing = Framing::new(check(level));
            for _ in 0..2 {
                assert_eq!(framing.feed(&block), lines);
            }
            group.throughput(Throughput::Bytes(block.len() as u64));
            group.bench_function(BenchmarkId::from_parameter(size.name), |bencher| {
                bencher.iter(|| assert_eq!(framing.frame_again(block.len()), lines));
            });
        }
    }
}

/// Reads that end in the middle of a line, so that each leaves one to be carried over. The bytes are
/// copied in; that is what a read would do.
fn reads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("framing/reads");
    for size in SIZES {
        let (stream, lines) = envelopes(size, 4 * BLOCK_BYTES);
        let mut framing = Framing::new(check(Validate::Shape));
        group.throughput(Throughput::Bytes(stream.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(size.name), |bencher| {
            bencher.iter(|| {
                let reads = stream.chunks(NARROW_READ_BYTES);
                assert_eq!(reads.map(|read| framing.feed(read)).sum::<u64>(), lines);
            });
        });
    }
}

/// Lines to leave out among the others, so that what is behind them moves to the front. Copied in,
/// as with `reads`.
fn blank_lines(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("framing/blanks");
    for size in SIZES {
        let (block, lines) = envelopes(size, BLOCK_BYTES - (BLOCK_BYTES / size.bytes));
        let mut stream = Vec::new();
        for (index, line) in block.split_inclusive(|&byte| byte == b'\n').enumerate() {
            stream.extend_from_slice(line);
            if index % BLANK_EVERY == 0 {
                stream.push(b'\n');
            }
        }
        let mut framing = Framing::new(check(Validate::Shape));
        group.throughput(Throughput::Bytes(stream.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(size.name), |bencher| {
            bencher.iter(|| assert_eq!(framing.feed(&stream), lines));
        });
    }
}
