//! Steady state allocates nothing: what looks at every line is run over lines it has seen the like
//! of, under an allocator that counts. A binary of its own, because the allocator is for all of it.
#![expect(clippy::unwrap_used, reason = "the helpers of tests are tests")]
#![expect(unsafe_code, reason = "an allocator is unsafe to be; this one hands everything on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::path::Path;

use dstream_engine::config::{Document, Filter, Surroundings, Validate};
use dstream_engine::protocol::EnvelopeCheck;
use dstream_engine::relay::{LineCheck, Verdict};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn count_one() {
    COUNT.set(COUNT.get() + 1);
}

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_one();
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        count_one();
        // SAFETY: the caller's promise is handed on.
        unsafe { System.realloc(memory, layout, bytes) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

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
        let before = COUNT.get();
        run();
        assert_eq!(COUNT.get() - before, 0, "allocations in {} lines: {expression}", lines.len());
    }
}
