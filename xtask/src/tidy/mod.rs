//! House rules that neither compiler nor clippy (`clippy.toml`) knows. Each names what to do instead.

mod crates;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

use crate::root;

/// Lines of a source file, beyond which it asks to be cut along its seams.
const FILE_LINES_MAX: usize = 500;

/// Checks all rules and lists every place that breaks one.
pub(crate) fn check() -> Result<(), String> {
    let mut broken = Vec::new();
    for path in sources(&root()) {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let name = path.strip_prefix(root()).unwrap_or(&path).display().to_string();
        long_files(&name, &text, &mut broken);
        vague_names(&name, &mut broken);
        forbidden_words(&name, &text, &mut broken);
    }
    paths_in_the_map(&mut broken);
    crates::check(&mut broken)?;
    if broken.is_empty() { Ok(()) } else { Err(format!("house rules:\n  {}", broken.join("\n  "))) }
}

fn long_files(name: &str, text: &str, broken: &mut Vec<String>) {
    let own = source::product_lines(text);
    if own > FILE_LINES_MAX && !is_test(name) {
        broken.push(format!("{name} has {own} lines: cut it along its seams"));
    }
}

/// What only some folders must not do; what nobody may do is in `clippy.toml`.
const FORBIDDEN: &[(&[&str], &str, &str)] = &[
    (
        &[
            "config/src",
            "engine/src",
            "files/src",
            "filter/src",
            "prepare/src",
            "protocol/src",
            "reference/src",
            "registry/src",
            "relay/src",
            "task/src",
            "template/src",
        ],
        "env::var",
        "the command reads its environment; take the value as an argument",
    ),
    (
        &["engine/src/run/runner", "engine/src/run/states"],
        "thread::sleep",
        "everybody waits for the dispatcher: wait for an event, with a timeout",
    ),
];

fn forbidden_words(name: &str, text: &str, broken: &mut Vec<String>) {
    for (folders, word, instead) in FORBIDDEN {
        if folders.iter().any(|folder| name.starts_with(folder)) && !is_test(name) {
            for line in source::lines_with(text, word) {
                broken.push(format!("{name}:{line}: `{word}`: {instead}"));
            }
        }
    }
}

fn vague_names(name: &str, broken: &mut Vec<String>) {
    let vague = ["util", "utils", "common", "helpers", "misc"];
    let found = Path::new(name).iter().any(|part| {
        let stem = Path::new(part).file_stem().and_then(|stem| stem.to_str());
        stem.is_some_and(|stem| vague.contains(&stem))
    });
    if found && !is_test(name) {
        broken.push(format!("{name}: name it after what it holds"));
    }
}

/// Every path in backticks in ARCHITECTURE.md that begins with one of our folders must exist.
fn paths_in_the_map(broken: &mut Vec<String>) {
    let Ok(map) = fs::read_to_string(root().join("ARCHITECTURE.md")) else { return };
    for word in map.split('`').skip(1).step_by(2) {
        let is_ours = word.split_once('/').is_some_and(|(folder, _)| {
            !folder.starts_with('.') && !folder.is_empty() && root().join(folder).is_dir()
        });
        if is_ours && !word.contains([' ', '*', '{', '<']) && !root().join(word).exists() {
            broken.push(format!("ARCHITECTURE.md names `{word}`, which is not there"));
        }
    }
}

fn is_test(name: &str) -> bool {
    Path::new(name).iter().any(|part| part == "tests" || part == "tests.rs" || part == "fixtures")
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}
