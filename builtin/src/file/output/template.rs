//! Where a line goes: a path with fields of the time and of the line's metadata in it.
//!
//! | field | becomes |
//! |---|---|
//! | `{task}` | the name of the task, as DStream tells it (`DSTREAM_TASK`) |
//! | `{date}`, `{hour}` | the present in UTC: `2026-01-31`, `07` |
//! | `{time:FORMAT}` | the same, as strftime has it; `/` in it makes folders |
//! | `{metadata.NAME}` | that field of the line's metadata; `{metadata.a.b}` goes deeper |
//! | `{{`, `}}` | a brace |

use std::path::{Path, PathBuf};

use dstream_protocol::environment;
use dstream_sdk::ProviderError;
use glob::Pattern;
use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde_json::Value;

/// Bytes of a value in a path; a name has 255 at most on common file systems.
const VALUE_BYTES_MAX: usize = 100;

/// What stands for a value that is not there, or is nothing that could be a name.
const NO_VALUE: &str = "_";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Time(String),
    Metadata(Vec<String>),
}

/// A template, or one whose fields of the time have been filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, ProviderError> {
        let wrong = |what: String| Err(ProviderError::config(format!("path: {what}")));
        let (mut parts, mut literal, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let Some((field, after)) = rest.split_once('}').filter(|_| brace == "{") else {
                return wrong(format!("a `{brace}` stands alone in `{text}`; write it twice"));
            };
            rest = after;
            let part = match field.split_once([':', '.']) {
                None if field == "task" => Part::Text(task()),
                None if field == "date" => Part::Time("%Y-%m-%d".to_owned()),
                None if field == "hour" => Part::Time("%H".to_owned()),
                Some(("time", format)) if field.starts_with("time:") => {
                    if let Err(error) = time(format, Timestamp::UNIX_EPOCH) {
                        return wrong(format!("`{{{field}}}`: {error}"));
                    }
                    Part::Time(format.to_owned())
                }
                Some(("metadata", names)) if field.starts_with("metadata.") => {
                    Part::Metadata(names.split('.').map(str::to_owned).collect())
                }
                _ => {
                    return wrong(format!(
                        "there is no `{{{field}}}`; there are {{task}}, {{date}}, \
                         {{hour}}, {{time:%Y-%m-%d}} and {{metadata.NAME}}"
                    ));
                }
            };
            parts.push(Part::Text(std::mem::take(&mut literal)));
            parts.push(part);
        }
        literal.push_str(rest);
        if text.is_empty() || text.contains('\0') || is_no_name(&literal) {
            return wrong(format!("`{text}` names no file"));
        }
        parts.push(Part::Text(literal));
        Ok(Self(parts))
    }

    pub(crate) fn has_time(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Time(_)))
    }

    pub(crate) fn has_metadata(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Metadata(_)))
    }

    /// The same with its fields of the time filled in.
    pub(crate) fn at(&self, now: Timestamp) -> Self {
        let filled = |part: &Part| match part {
            // It could be formatted before.
            Part::Time(format) => Part::Text(time(format, now).unwrap_or_default()),
            other => other.clone(),
        };
        Self(self.0.iter().map(filled).collect())
    }

    /// The path for a line with this metadata. Fields of the time have been filled in before.
    pub(crate) fn path(&self, metadata: Option<&Value>) -> PathBuf {
        let value = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Time(_) => NO_VALUE.to_owned(),
            Part::Metadata(names) => {
                let value = names.iter().try_fold(metadata, |value, name| Some(value?.get(name)));
                value.flatten().map_or_else(|| NO_VALUE.to_owned(), safe)
            }
        };
        self.0.iter().map(value).collect::<String>().into()
    }

    /// A glob for all paths that it can become.
    pub(crate) fn glob(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => Pattern::escape(text),
            // As many folders deep as the format is.
            Part::Time(format) => {
                let depth = format.matches('/').count();
                vec!["*"; depth + 1].join("/")
            }
            Part::Metadata(_) => "*".to_owned(),
        };
        let mut glob: String = self.0.iter().map(part).collect();
        // Two fields side by side; what is text has no bare ones.
        while glob.contains("**") {
            glob = glob.replace("**", "*");
        }
        glob
    }

    /// The innermost folder that all its paths are in.
    pub(crate) fn folder(&self) -> &Path {
        let start = match self.0.first() {
            Some(Part::Text(text)) => text.as_str(),
            _ => "",
        };
        match start.rsplit_once('/') {
            Some(("", _)) => Path::new("/"),
            Some((folder, _)) => Path::new(folder),
            None => Path::new(""),
        }
    }
}

/// The task's name, made safe like any other value; without DStream there is none.
fn task() -> String {
    let name = std::env::var(environment::TASK).unwrap_or_default();
    safe(&Value::String(name))
}

/// Whether a path cannot end with this.
fn is_no_name(end: &str) -> bool {
    matches!(end, "." | "..") || ["/", "/.", "/.."].iter().any(|no_name| end.ends_with(no_name))
}

fn time(format: &str, now: Timestamp) -> Result<String, jiff::Error> {
    strtime::format(format, &now.to_zoned(TimeZone::UTC))
}

/// A value as a part of a name: no folder, no hidden file, not too long.
fn safe(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return NO_VALUE.to_owned(),
    };
    let replaced = |c: char| if c == '/' || c == '\\' || c.is_control() { '_' } else { c };
    let mut text: String = text.chars().map(replaced).collect();
    if text.starts_with('.') {
        text.replace_range(..1, "_");
    }
    let mut end = text.len().min(VALUE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    if text.is_empty() { NO_VALUE.to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(template: &str, metadata: Value) -> String {
        let now = "2026-01-31T07:08:09Z".parse().unwrap();
        let path = Template::parse(template).unwrap().at(now).path(Some(&metadata));
        path.to_str().unwrap().to_owned()
    }

    #[test]
    fn fields_are_filled_in() {
        let metadata = json!({ "table": "orders", "n": 7, "a": { "b": true }, "list": [] });
        for (template, expected) in [
            ("out.jsonl", "out.jsonl"),
            ("{date}/{hour}.jsonl", "2026-01-31/07.jsonl"),
            ("o/{time:%Y/%m}/{metadata.table}-{metadata.n}", "o/2026/01/orders-7"),
            ("{metadata.a.b}{metadata.none}{metadata.list}{metadata.a}", "true___"),
            ("a{{b}}{{{metadata.n}}}", "a{b}{7}"),
        ] {
            assert_eq!(path(template, metadata.clone()), expected);
        }
        let bare = Template::parse("{metadata.x}.jsonl").unwrap();
        assert_eq!(bare.path(None), Path::new("_.jsonl"));
    }

    #[test]
    fn a_value_stays_in_its_folder_and_is_not_too_long() {
        for (value, expected) in [
            ("../../etc/passwd", "_._.._etc_passwd"),
            ("..", "_."),
            (".", "_"),
            ("", "_"),
            ("/", "_"),
            ("a\\b\0c\nd", "a_b_c_d"),
            ("a..b", "a..b"),
        ] {
            assert_eq!(path("{metadata.x}", json!({ "x": value })), expected);
        }
        let long = path("{metadata.x}", json!({ "x": "é".repeat(80) + "x" }));
        assert_eq!(long, "é".repeat(50));
        assert_eq!(path("{metadata.x}", json!({ "x": format!("a{}", "é".repeat(80)) })).len(), 99);
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for (template, said) in [
            ("", "names no file"),
            ("out/", "names no file"),
            ("..", "names no file"),
            ("{date}/..", "names no file"),
            ("a\0", "names no file"),
            ("{table}", "there is no `{table}`"),
            ("{time}", "there is no `{time}`"),
            ("{metadata}", "there is no `{metadata}`"),
            ("{time.x}", "there is no `{time.x}`"),
            ("{time:%!}", "`{time:%!}`"),
            ("a{b", "a `{` stands alone"),
            ("a}b", "a `}` stands alone"),
        ] {
            let error = Template::parse(template).unwrap_err().to_string();
            assert!(error.contains(said), "{template}: {error}");
        }
    }

    #[test]
    fn its_files_can_be_found_again() {
        for (template, glob, folder) in [
            ("out.jsonl", "out.jsonl", ""),
            ("/out.jsonl", "/out.jsonl", "/"),
            ("a/b[1]/{metadata.x}-{date}.jsonl", "a/b[[]1[]]/*-*.jsonl", "a/b[1]"),
            ("a/b-{time:%Y/%m}/c", "a/b-*/*/c", "a"),
            ("{date}/c", "*/c", ""),
        ] {
            let template = Template::parse(template).unwrap();
            assert_eq!((template.glob().as_str(), template.folder()), (glob, Path::new(folder)));
        }
    }
}
