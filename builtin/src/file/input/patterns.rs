//! Which files: paths and globs, expanded again each time they are asked for.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};

use dstream_sdk::{ProviderError, log};
use glob::Pattern;

use crate::file::GLOB_OPTIONS;

/// Files that the patterns may find in all. They are held in memory and looked at in every round.
const FILES_MAX: usize = 100_000;

/// What `path` and `paths` say.
#[derive(Debug)]
pub(crate) struct Patterns(Vec<Place>);

#[derive(Debug)]
enum Place {
    File(PathBuf),
    Glob(Pattern),
}

impl Patterns {
    /// A text with one of `*?[` is a glob, unless there is a file of just that name.
    pub(crate) fn new(texts: &[String]) -> Result<Self, ProviderError> {
        let place = |text: &String| {
            if text.is_empty() || text.contains('\0') {
                let message = "path: a path is not empty and has no NUL character";
                return Err(ProviderError::config(message));
            }
            if !text.contains(['*', '?', '[']) || Path::new(text).exists() {
                return Ok(Place::File(text.into()));
            }
            Pattern::new(&plain(text)).map(Place::Glob).map_err(|error| {
                ProviderError::config(format!("path: `{text}` is not a glob: {}", error.msg))
            })
        };
        texts.iter().map(place).collect::<Result<_, _>>().map(Self)
    }

    /// The paths that stand in the configuration as they are.
    pub(crate) fn named(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().filter_map(|place| match place {
            Place::File(path) => Some(path.as_path()),
            Place::Glob(_) => None,
        })
    }

    /// Whether a path is one of them, whether or not there is such a file.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        self.0.iter().any(|place| match place {
            Place::File(file) => file == path,
            Place::Glob(pattern) => pattern.matches_path_with(path, GLOB_OPTIONS),
        })
    }

    /// All paths, each once: in the order of the configuration, and those of a glob by name.
    pub(crate) fn expand(&self) -> Result<Vec<PathBuf>, ProviderError> {
        let mut found = Vec::new();
        for place in &self.0 {
            match place {
                Place::File(path) => found.push(path.clone()),
                Place::Glob(pattern) => {
                    let paths =
                        glob::glob_with(pattern.as_str(), GLOB_OPTIONS).map_err(|error| {
                            ProviderError::config(format!("path: `{pattern}`: {}", error.msg))
                        })?;
                    let start = found.len();
                    for path in paths.take(FILES_MAX + 1) {
                        match path {
                            Ok(path) => found.push(path),
                            Err(error) => log::debug!("a folder cannot be read: {error}"),
                        }
                    }
                    found[start..].sort_unstable();
                }
            }
            if found.len() > FILES_MAX {
                return Err(ProviderError::config(format!(
                    "path: more than {FILES_MAX} files are found; name fewer with a narrower glob"
                )));
            }
        }
        let mut seen = HashSet::new();
        found.retain(|path| seen.insert(path.clone()));
        Ok(found)
    }
}

/// The same without `./` and doubled slashes, which are not in the paths that a glob finds.
fn plain(text: &str) -> String {
    let parts = Path::new(text).components().filter(|part| *part != Component::CurDir);
    parts.collect::<PathBuf>().to_str().unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn texts(folder: &Path, names: &[&str]) -> Vec<String> {
        names.iter().map(|name| folder.join(name).to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_glob_is_expanded_by_name_and_no_path_comes_twice() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.log", "a.log", "c.txt", ".hidden.log", "d[1].log"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let patterns =
            Patterns::new(&texts(folder.path(), &["d[1].log", "*.log", "missing"])).unwrap();
        let found = patterns.expand().unwrap();
        let expected = texts(folder.path(), &["d[1].log", "a.log", "b.log", "missing"]);
        assert_eq!(found, expected.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(patterns.named().count(), 2);
        assert!(patterns.matches(&folder.path().join("new.log")));
        assert!(!patterns.matches(&folder.path().join("deep/new.log")));
    }

    #[test]
    fn what_a_glob_finds_it_matches() {
        for text in ["./src//file/./*.rs", "src/**/mod.rs", "./*.toml"] {
            let patterns = Patterns::new(&[text.to_owned()]).unwrap();
            let found = patterns.expand().unwrap();
            assert!(!found.is_empty() && found.iter().all(|path| patterns.matches(path)), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_a_path_is_refused() {
        for text in ["", "a\0b", "a***b", "[a"] {
            let error = Patterns::new(&[text.to_owned()]).unwrap_err().to_string();
            assert!(error.starts_with("path: "), "{error}");
        }
    }
}
