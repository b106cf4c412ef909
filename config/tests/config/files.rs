//! Every file of `fixtures/config`, against what stands beside it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dstream_task::{ProviderBlock, Task};

use super::{fixtures, load, rendered, surroundings};

/// The HCL files of a folder.
fn files(folder: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(fixtures().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "hcl"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Compares with the stored text, or stores it; gives what differs.
fn compare(path: &Path, found: &str) -> Option<String> {
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        fs::write(path, found).unwrap();
        return None;
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    (expected != found)
        .then(|| format!("{}\n--- expected\n{expected}--- found\n{found}", path.display()))
}

#[test]
fn wrong_files_get_every_problem_told() {
    let mut wrong = Vec::new();
    for path in files("bad") {
        let text = fs::read_to_string(&path).unwrap();
        let found = match load(&file_name(&path), &text, &surroundings()) {
            Ok((_, warnings)) => format!("accepted\n{}", rendered(&warnings)),
            Err(problems) => rendered(&problems),
        };
        for secret in surroundings().env.values().filter(|value| value.len() > 4) {
            assert!(
                !found.contains(secret.as_str()),
                "{} shows a secret:\n{found}",
                path.display()
            );
        }
        wrong.extend(compare(&path.with_extension("txt"), &found));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn right_files_give_the_stored_configs_and_warnings() {
    let mut wrong = Vec::new();
    for path in files("good").into_iter().chain(files("original")) {
        let text = fs::read_to_string(&path).unwrap();
        let (tasks, warnings) = load(&file_name(&path), &text, &surroundings())
            .unwrap_or_else(|problems| panic!("{}", rendered(&problems)));
        wrong.extend(compare(&path.with_extension("json"), &configs(&tasks)));
        let stored = path.with_extension("txt");
        if !warnings.0.is_empty() || stored.exists() {
            wrong.extend(compare(&stored, &rendered(&warnings)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The `config` of every block, by task and block name.
fn configs(tasks: &[Task]) -> String {
    let config = |block: &ProviderBlock| (block.name.clone(), block.config.clone());
    let tasks: BTreeMap<&str, BTreeMap<_, _>> = tasks
        .iter()
        .map(|task| {
            let blocks = std::iter::once(&task.input).chain(&task.outputs).map(config);
            (task.name.as_str(), blocks.collect())
        })
        .collect();
    serde_json::to_string_pretty(&tasks).unwrap() + "\n"
}
