//! Steady state allocates nothing: what looks at every line is run over lines it has seen the like
//! of, under an allocator that counts. A binary of its own, because the allocator is for all of it.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]

mod counting;

use std::path::Path;

use dstream_config::{Document, Surroundings};
use dstream_engine::protocol::EnvelopeCheck;
use dstream_filter::Filter;
use dstream_relay::{LineCheck, Verdict};
use dstream_task::Validate;

use counting::Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting::new();

fn filter(expression: &str) -> Filter {
    let text = format!(
        "task \"t\" {{\n input {{ provider_path = \"a\" }}\n output {{ provider_path = \"b\" }}\n \
         stream {{\n filter = {expression}\n }}\n}}\n"
    );
    let surroundings = Surroundings::default();
    let (document, _) = Document::parse(Path::new("t.hcl"), text, &surroundings).unwrap();
    document.task("t", &surroundings).unwrap().0.stream.filter.unwrap()
}

#[test]
fn a_filter_allocates_nothing_per_line() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/changes/changes.jsonl");
    let changes = std::fs::read(file).unwrap();
    // Three recorded lines have numbers of more than 64 bits, which simd-json refuses; what is read
    // in its stead allocates. They are of this table.
    let changes = String::from_utf8(changes).unwrap();
    let is_typical = |line: &&str| !line.is_empty() && !line.contains("\"table\":\"numbers\"");
    let lines: Vec<&[u8]> = changes.split('\n').filter(is_typical).map(str::as_bytes).collect();
    assert!(lines.len() > 10_000);
    for expression in [
        "metadata.table == \"pgbench_accounts\" && metadata.operation != \"delete\"",
        "contains([\"pgbench_tellers\", \"pgbench_branches\"], metadata.table) || data.aid > 5000",
        "startswith(metadata.table, \"pgbench_\") && can(regex(\"^[0-9]/\", metadata.lsn))",
        "data != metadata.before && length(metadata.table) > 2",
        "lookup(metadata, \"xid\", 0) % 2 == 0 && lower(metadata.operation) == \"update\"",
    ] {
        let mut check = EnvelopeCheck::new(Validate::Shape, Some(filter(expression)));
        let mut run = || {
            let passed = lines.iter().filter(|line| check.check(line) == Verdict::Pass).count();
            assert!(passed > 0 && passed < lines.len(), "{expression}: {passed}");
        };
        run();
        let (before, _) = ALLOCATOR.count();
        run();
        assert_eq!(
            ALLOCATOR.count().0 - before,
            0,
            "allocations in {} lines: {expression}",
            lines.len()
        );
    }
}
