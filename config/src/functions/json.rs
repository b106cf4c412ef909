//! JSON, written as Terraform writes it: keys in order, no blanks, no exponents, and `<`, `>`, `&`
//! and the line separators U+2028 and U+2029 escaped, so that it can stand inside HTML.

use crate::values::value::{Data, Value, number_text};
use dstream_template::json_text;

/// `value` as JSON.
pub(super) fn encode(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

/// A JSON document as a value; `serde_json` stops at a depth of 128. The error says where, but not what it found.
pub(super) fn decode(text: &str) -> Result<Value, String> {
    let document: serde_json::Value = serde_json::from_str(text).map_err(|error| {
        format!("is not JSON: line {}, column {}", error.line(), error.column())
    })?;
    Ok(document.into())
}

fn write_value(value: &Value, out: &mut String) {
    match &value.data {
        Data::Null => out.push_str("null"),
        Data::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Data::Number(number) => out.push_str(&number_text(number)),
        Data::String(text) => out.push_str(&json_text(text, false)),
        Data::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Data::Object(entries) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, item)) in entries.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&json_text(key, false));
                out.push(':');
                write_value(item, out);
            }
            out.push('}');
        }
    }
}
