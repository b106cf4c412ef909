//! What the pages promise about themselves: links lead somewhere, the first pages stay short, examples are
//! the files that they are said to be.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Words that ARCHITECTURE.md may have.
const ARCHITECTURE_WORDS_MAX: usize = 2_500;

/// Words that README.md may have before its reference part.
const README_WORDS_MAX: usize = 1_200;

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    for page in pages() {
        for link in links(&without_code(&read(&page))) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() {
                page.clone()
            } else {
                page.parent().unwrap_or(&page).join(path)
            };
            let is_found =
                target.exists() && (anchor.is_empty() || anchors(&read(&target)).contains(anchor));
            if !is_found {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

#[test]
fn the_first_pages_are_short() {
    let readme = read(&root().join("README.md"));
    let (before, _) = readme.split_once("\n# Reference\n").expect("README.md has a reference part");
    assert!(words(before) <= README_WORDS_MAX, "README.md: {} words", words(before));
    let map = words(&read(&root().join("ARCHITECTURE.md")));
    assert!(map <= ARCHITECTURE_WORDS_MAX, "ARCHITECTURE.md: {map} words");
}

#[test]
fn the_input_in_rust_is_the_sdks_example() {
    let page = read(&root().join("docs/providers.md"));
    let example = read(&root().join("sdk/examples/ticker.rs"));
    let code = example.split_once("\nuse ").expect("the example has `use` lines").1;
    assert!(page.contains(&format!("```rust\nuse {code}```")), "docs/providers.md has other code");
}

#[test]
fn every_rule_of_the_protocol_has_its_number_once() {
    let page = read(&root().join("docs/protocol.md"));
    let rules = |line: &str| line.strip_prefix("- **P-")?.split_once("**")?.0.parse().ok();
    let numbers: Vec<u32> = page.lines().filter_map(rules).collect();
    let expected: Vec<u32> = (1..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn pages() -> Vec<PathBuf> {
    let root = root();
    let folders = [
        "",
        "docs",
        "docs/design",
        "perf",
        "fixtures/changes",
        "fixtures/config",
        "fixtures/providers",
        "fixtures/templates",
    ];
    let mut pages = Vec::new();
    for folder in folders {
        let entries = fs::read_dir(root.join(folder)).expect("the folder is there");
        let paths = entries.flatten().map(|entry| entry.path());
        pages.extend(paths.filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    }
    assert!(pages.len() > 10);
    pages
}

fn without_code(text: &str) -> String {
    let mut is_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn links(text: &str) -> Vec<String> {
    let parts = text.split("](").skip(1);
    parts.filter_map(|part| Some(part.split_once(')')?.0.to_owned())).collect()
}

/// The anchors that GitHub gives to the headings of a page.
fn anchors(text: &str) -> BTreeSet<String> {
    let text = without_code(text);
    let headings = text.lines().filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    let slug = |heading: &str| -> String {
        let kept = heading.trim().to_lowercase();
        let kept = kept.chars().filter(|it| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_'));
        kept.map(|it| if it == ' ' { '-' } else { it }).collect()
    };
    headings.map(slug).collect()
}
