//! The check of one line.

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput};
use dstream_engine::config::{Document, Filter, Surroundings, Validate};
use dstream_engine::json::Scratch;
use dstream_engine::protocol::{EnvelopeCheck, EnvelopeView};
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

/// What asks for a field of the metadata: the lazy view itself, and filters.
pub(crate) fn lazy(criterion: &mut Criterion) {
    let changes = std::fs::read(CHANGES).unwrap();
    let lines: Vec<&[u8]> = changes.trim_ascii_end().split(|&byte| byte == b'\n').collect();
    let mut group = criterion.benchmark_group("envelope/metadata");
    let mut scratch = Scratch::default();
    for size in SIZES {
        let line = envelope(size.bytes);
        group.throughput(Throughput::Bytes(line.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(size.name), |bencher| {
            bencher.iter(|| {
                let view = EnvelopeView::new(black_box(&line), &mut scratch);
                assert!(view.metadata_field("seq").is_ok());
            });
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("envelope/filter");
    let expression = "metadata.table == \"pgbench_accounts\" && metadata.operation != \"delete\"";
    let mut check = EnvelopeCheck::new(Validate::Shape, Some(filter(expression)));
    group.throughput(Throughput::Bytes(changes.len() as u64));
    group.bench_function("changes", |bencher| {
        bencher.iter(|| {
            let pass = lines.iter().filter(|line| check.check(black_box(line)) == Verdict::Pass);
            let passed = pass.count();
            assert!(passed > 0 && passed < lines.len());
        });
    });
}

fn filter(expression: &str) -> Filter {
    let text = format!(
        "task \"t\" {{\n input {{ provider_path = \"a\" }}\n output {{ provider_path = \"b\" }}\n \
         stream {{\n filter = {expression}\n }}\n}}\n"
    );
    let surroundings = Surroundings::default();
    let (document, _) = Document::parse(Path::new("t.hcl"), text, &surroundings).unwrap();
    document.task("t", &surroundings).unwrap().0.stream.filter.unwrap()
}
