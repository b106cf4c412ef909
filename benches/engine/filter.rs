//! What a task with a filter costs a line.

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput};
use dstream_config::{Document, Surroundings};
use dstream_engine::protocol::EnvelopeCheck;
use dstream_filter::Filter;
use dstream_relay::{LineCheck, Verdict};
use dstream_task::Validate;

use crate::lines::{SIZES, changes, envelope, split};

/// Filters for the recorded changes, from the usual to the odd, and what they are called.
const FILTERS: [(&str, &str); 3] = [
    ("field", "metadata.table == \"pgbench_accounts\""),
    ("fields", "metadata.table == \"pgbench_accounts\" && metadata.operation != \"delete\""),
    ("functions", "startswith(metadata.table, \"pgbench_\") && data.aid > 5000"),
];

pub(crate) fn benches(criterion: &mut Criterion) {
    lines_by_size(criterion);
    recorded_changes(criterion);
}

/// A filter that lets the line pass, with `shape` before it.
fn lines_by_size(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("filter/passes");
    let mut check = EnvelopeCheck::new(Validate::Shape, Some(filter("metadata.seq == 1")));
    for size in SIZES {
        let line = envelope(size.bytes);
        group.throughput(Throughput::Bytes(line.len() as u64));
        group.bench_function(BenchmarkId::from_parameter(size.name), |bencher| {
            bencher.iter(|| assert_eq!(check.check(black_box(&line)), Verdict::Pass));
        });
    }
}

/// Filters that let some of the recorded changes pass.
fn recorded_changes(criterion: &mut Criterion) {
    let changes = changes();
    let lines = split(&changes);
    let mut group = criterion.benchmark_group("filter/changes");
    group.throughput(Throughput::Bytes(changes.len() as u64));
    for (name, expression) in FILTERS {
        let mut check = EnvelopeCheck::new(Validate::Shape, Some(filter(expression)));
        let mut passing =
            || lines.iter().filter(|line| check.check(black_box(line)) == Verdict::Pass).count();
        let expected = passing();
        assert!(expected > 0 && expected < lines.len(), "{expression}: {expected}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| assert_eq!(passing(), expected));
        });
    }
}

/// As a task has it.
fn filter(expression: &str) -> Filter {
    let text = format!(
        "task \"t\" {{\n input {{ provider_path = \"in\" }}\n output {{ provider_path = \"out\" }}\n \
         stream {{\n filter = {expression}\n }}\n}}\n"
    );
    let surroundings = Surroundings::default();
    let (document, _) = Document::parse(Path::new("t.hcl"), text, &surroundings).unwrap();
    document.task("t", &surroundings).unwrap().0.stream.filter.unwrap()
}
