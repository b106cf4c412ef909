//! JSON, written as Terraform writes it: keys in order, no blanks, no exponents, and `<`, `>`, `&`
//! and the line separators U+2028 and U+2029 escaped, so that it can stand inside HTML.

use std::fmt::Write as _;

use hcl::{Map, Number, Value};

use super::unify::number_text;

/// `value` as JSON.
pub(super) fn encode(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

/// A JSON document as a value. The error says where, but not what it found.
pub(super) fn decode(text: &str) -> Result<Value, String> {
    let document: serde_json::Value = serde_json::from_str(text).map_err(|error| {
        format!("is not JSON: line {}, column {}", error.line(), error.column())
    })?;
    from_document(document)
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number_text(number)),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, item)) in entries.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write_value(item, out);
            }
            out.push('}');
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' | '\0'..='\u{1f}' | '\u{2028}' | '\u{2029}' => {
                // Writing into a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(character));
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// `serde_json` stops at a depth of 128, which bounds the recursion here.
fn from_document(document: serde_json::Value) -> Result<Value, String> {
    use serde_json::Value as Json;

    Ok(match document {
        Json::Null => Value::Null,
        Json::Bool(truth) => truth.into(),
        Json::Number(number) => Value::Number(
            (number.as_u64().map(Number::from))
                .or_else(|| number.as_i64().map(Number::from))
                .or_else(|| number.as_f64().and_then(Number::from_f64))
                .ok_or_else(|| "has a number that is too large".to_owned())?,
        ),
        Json::String(text) => text.into(),
        Json::Array(items) => {
            Value::Array(items.into_iter().map(from_document).collect::<Result<_, _>>()?)
        }
        Json::Object(entries) => {
            let entries = entries.into_iter().map(|(key, item)| Ok((key, from_document(item)?)));
            Value::Object(entries.collect::<Result<Map<_, _>, String>>()?)
        }
    })
}
