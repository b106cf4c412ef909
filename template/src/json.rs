//! Values as JSON, the way Go writes it, and JSON as values.

use serde_json::Value as Json;

use super::context::{Context, Outcome, Problem, TextBuilder};
use super::go_float::{fixed, scientific};
use super::go_layout;
use super::limits::VALUE_DEPTH_MAX;
use super::value::{Entries, Value};

/// Go's `time.RFC3339Nano`.
const TIME_LAYOUT: &str = "2006-01-02T15:04:05.999999999Z07:00";

/// How JSON is written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Style {
    /// One element a line, two spaces a level.
    pub(super) pretty: bool,
    /// `<`, `>` and `&` as they are; Go escapes them otherwise.
    pub(super) raw: bool,
}

/// Appends a value as JSON.
pub(super) fn write(
    context: &mut Context<'_>,
    value: &Value,
    style: Style,
    out: &mut TextBuilder,
    depth: usize,
) -> Result<(), Problem> {
    context.charge(1)?;
    if depth > VALUE_DEPTH_MAX {
        return Err(Problem::too_deep());
    }
    let line = |out: &mut TextBuilder, depth: usize| match style.pretty {
        true => {
            out.push("\n")?;
            out.push_repeated("  ", depth)
        }
        false => Ok(()),
    };
    match value {
        Value::Nil => out.push("null"),
        Value::Bool(value) => out.push(if *value { "true" } else { "false" }),
        Value::Int(number) => out.push(&number.to_string()),
        Value::Float(number) => out.push(&float(*number)?),
        Value::Text(text) => {
            let text = context.read(text)?;
            out.push(&json_text(&text, style.raw))
        }
        Value::Time(time) => out.push(&json_text(&go_layout::format(TIME_LAYOUT, time), style.raw)),
        Value::List(list) => {
            out.push("[")?;
            for (index, item) in list.items().iter().enumerate() {
                if index > 0 {
                    out.push(",")?;
                }
                line(out, depth + 1)?;
                write(context, item, style, out, depth + 1)?;
            }
            if !list.items().is_empty() {
                line(out, depth)?;
            }
            out.push("]")
        }
        Value::Dict(id) => {
            let entries = context.entries(*id)?;
            out.push("{")?;
            for (index, (key, value)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(",")?;
                }
                line(out, depth + 1)?;
                context.charge(key.len())?;
                out.push(&json_text(key, style.raw))?;
                out.push(if style.pretty { ": " } else { ":" })?;
                write(context, value, style, out, depth + 1)?;
            }
            if !entries.is_empty() {
                line(out, depth)?;
            }
            out.push("}")
        }
        Value::Unset(unset) => Err(Problem::Unset(unset.clone())),
        Value::Broken => Err(Problem::Broken),
    }
}

fn float(number: f64) -> Result<String, Problem> {
    if !number.is_finite() {
        return Err(Problem::call("JSON has no infinite numbers"));
    }
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        // Go takes the zero out of e-07.
        return Ok(scientific(number, None).replace("e-0", "e-"));
    }
    Ok(fixed(number, None))
}

/// A text as JSON, the way Go writes it: `<`, `>` and `&`, unless it is `raw`, and the line
/// separators U+2028 and U+2029 are escaped too.
pub fn json_text(text: &str, raw: bool) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' if raw => out.push(c),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A value from JSON; all numbers are floats, as in Go.
pub(super) fn from_json(context: &mut Context<'_>, json: Json) -> Outcome {
    match json {
        Json::Null => Ok(Value::Nil),
        Json::Bool(value) => Ok(Value::Bool(value)),
        Json::Number(number) => Ok(Value::Float(number.as_f64().unwrap_or(f64::NAN))),
        Json::String(text) => context.new_text(&text),
        Json::Array(items) => {
            context.check_items(items.len())?;
            let items: Result<Vec<Value>, Problem> =
                items.into_iter().map(|item| from_json(context, item)).collect();
            context.new_list(items?)
        }
        Json::Object(members) => {
            context.check_items(members.len())?;
            let mut entries = Entries::new();
            for (key, member) in members {
                entries.insert(key, from_json(context, member)?);
            }
            context.new_dict(entries)
        }
    }
}

/// The JSON of a value for a configuration: whole numbers stay whole, a time is the text that
/// printing shows.
pub(super) fn to_json(
    context: &mut Context<'_>,
    value: &Value,
    depth: usize,
) -> Result<Json, Problem> {
    context.charge(1)?;
    if depth > VALUE_DEPTH_MAX {
        return Err(Problem::too_deep());
    }
    Ok(match value {
        Value::Nil => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(number) => Json::from(*number),
        Value::Float(number) => match serde_json::Number::from_f64(*number) {
            Some(number) => Json::Number(number),
            None => return Err(Problem::call("a configuration has no infinite numbers")),
        },
        Value::Text(text) => Json::from(&*context.read(text)?),
        Value::Time(time) => Json::from(go_layout::format(super::show::TIME_LAYOUT, time)),
        Value::List(list) => {
            let mut items = Vec::new();
            for item in list.items() {
                items.push(to_json(context, item, depth + 1)?);
            }
            Json::Array(items)
        }
        Value::Dict(id) => {
            let mut members = serde_json::Map::new();
            for (key, value) in context.entries(*id)? {
                members.insert(key, to_json(context, &value, depth + 1)?);
            }
            Json::Object(members)
        }
        Value::Unset(unset) => return Err(Problem::Unset(unset.clone())),
        Value::Broken => return Err(Problem::Broken),
    })
}
