//! Names and kinds for people. No function here is given a value of a config to show.

use serde_json::Value;

use super::Step;
use super::limits::{OPTIONS_SHOWN_MAX, SHOWN_CHARS_MAX};
use dstream_reference::listed;

/// The kind of a value, in the words that the configuration's own errors use.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A text of a schema or a name as it may stand on a terminal: one line, not endless, and nothing
/// that a terminal would obey.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == SHOWN_CHARS_MAX {
            shown.push('…');
            break;
        }
        match c {
            '\n' | '\t' => shown.push(' '),
            // Quotes and letters of every script stay what they are.
            c if c == '\'' || c == '"' || c == '\\' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// A place in a config: `lock.orders.ttl`, `rule[1].name`.
pub(super) fn path_text(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(&shown(key));
            }
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}

/// What a sentence about a place begins with.
pub(super) fn subject(path: &[Step]) -> String {
    if path.is_empty() { "the config".to_owned() } else { format!("`{}`", path_text(path)) }
}

/// Alternatives: "a string", "a string or null", "a, b or c".
pub(super) fn either(words: &[&str]) -> String {
    match words {
        [] => "something else".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// "one of `a` and `b`", if these values of a schema can be listed.
pub(super) fn one_of(options: &[Value]) -> Option<String> {
    let words: Option<Vec<String>> = options.iter().map(scalar).collect();
    let words = words.filter(|words| !words.is_empty() && words.len() <= OPTIONS_SHOWN_MAX)?;
    Some(format!("one of {}", listed(words.iter().map(String::as_str))))
}

/// A plain value of a schema.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(shown(text)),
        Value::Array(_) | Value::Object(_) => None,
        value => Some(value.to_string()),
    }
}

/// What to do about a value of a wrong kind, where that is not obvious.
pub(super) fn mistyped_help(path: &[Step], wanted: Wanted, found: &Value) -> Option<String> {
    let name = path.iter().rev().find_map(|step| match step {
        Step::Key(key) => Some(shown(key)),
        Step::Index(_) => None,
    })?;
    let direct = matches!(path.last(), Some(Step::Key(_)));
    match found {
        Value::Object(_) if wanted.list && direct => {
            Some(format!("a single block is an object; write `{name} = [{{ … }}]`"))
        }
        Value::Array(items) if wanted.object && items.iter().all(Value::is_object) => {
            Some(format!("several `{name}` blocks are a list; only one can stand here"))
        }
        Value::String(_) if wanted.number => {
            Some("write a number without quotes; `tonumber(…)` makes one of a text".to_owned())
        }
        Value::String(_) if wanted.bool => {
            Some("write true or false without quotes; `tobool(…)` makes it of a text".to_owned())
        }
        Value::Number(_) | Value::Bool(_) if wanted.string => Some("put it in quotes".to_owned()),
        _ => None,
    }
}

/// The kinds that a schema takes at a place, as far as they matter to [`mistyped_help`].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    pub(super) string: bool,
    pub(super) number: bool,
    pub(super) bool: bool,
    pub(super) list: bool,
    pub(super) object: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_of_a_schema() {
        assert_eq!(shown("a\u{1b}[31mb\nc é \"q\""), "a\\u{1b}[31mb c é \"q\"");
        assert_eq!(shown(&"x".repeat(500)).chars().count(), SHOWN_CHARS_MAX + 1);
    }

    #[test]
    fn places_read_as_they_are_written() {
        let path = [Step::Key("rule".into()), Step::Index(1), Step::Key("name".into())];
        assert_eq!(path_text(&path), "rule[1].name");
        assert_eq!(subject(&[]), "the config");
    }

    #[test]
    fn only_plain_values_are_listed() {
        assert_eq!(one_of(&[json!("a"), json!(1)]), Some("one of `a` and `1`".to_owned()));
        assert_eq!(one_of(&[json!("a"), json!({})]), None);
        assert_eq!(one_of(&[]), None);
    }
}
