//! Values as JSON, the way Go writes it, and JSON as values.

use serde_json::Value as Json;

use super::go_float::{fixed, scientific};
use super::go_layout;
use super::limits::VALUE_DEPTH_MAX;
use super::machine::{Machine, Outcome, Problem, TextBuilder};
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
    machine: &mut Machine<'_>,
    value: &Value,
    style: Style,
    out: &mut TextBuilder,
    depth: usize,
) -> Result<(), Problem> {
    machine.charge(1)?;
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
            let text = machine.read(text)?;
            string(&text, style, out)
        }
        Value::Time(time) => string(&go_layout::format(TIME_LAYOUT, time), style, out),
        Value::List(list) => {
            out.push("[")?;
            for (index, item) in list.items().iter().enumerate() {
                if index > 0 {
                    out.push(",")?;
                }
                line(out, depth + 1)?;
                write(machine, item, style, out, depth + 1)?;
            }
            if !list.items().is_empty() {
                line(out, depth)?;
            }
            out.push("]")
        }
        Value::Dict(id) => {
            let entries = machine.entries(*id)?;
            out.push("{")?;
            for (index, (key, value)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push(",")?;
                }
                line(out, depth + 1)?;
                machine.charge(key.len())?;
                string(key, style, out)?;
                out.push(if style.pretty { ": " } else { ":" })?;
                write(machine, value, style, out, depth + 1)?;
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

fn string(text: &str, style: Style, out: &mut TextBuilder) -> Result<(), Problem> {
    out.push("\"")?;
    for c in text.chars() {
        match c {
            '"' => out.push("\\\"")?,
            '\\' => out.push("\\\\")?,
            '\n' => out.push("\\n")?,
            '\r' => out.push("\\r")?,
            '\t' => out.push("\\t")?,
            '<' | '>' | '&' if style.raw => out.push_char(c)?,
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push(&format!("\\u{:04x}", u32::from(c)))?;
            }
            _ => out.push_char(c)?,
        }
    }
    out.push("\"")
}

/// A value from JSON; all numbers are floats, as in Go.
pub(super) fn from_json(machine: &mut Machine<'_>, json: Json) -> Outcome {
    match json {
        Json::Null => Ok(Value::Nil),
        Json::Bool(value) => Ok(Value::Bool(value)),
        Json::Number(number) => Ok(Value::Float(number.as_f64().unwrap_or(f64::NAN))),
        Json::String(text) => machine.new_text(&text),
        Json::Array(items) => {
            machine.check_items(items.len())?;
            let items: Result<Vec<Value>, Problem> =
                items.into_iter().map(|item| from_json(machine, item)).collect();
            machine.new_list(items?)
        }
        Json::Object(members) => {
            machine.check_items(members.len())?;
            let mut entries = Entries::new();
            for (key, member) in members {
                entries.insert(key, from_json(machine, member)?);
            }
            machine.new_dict(entries)
        }
    }
}

/// The JSON of a value for a configuration: whole numbers stay whole, a time is the text that
/// printing shows.
pub(super) fn to_json(
    machine: &mut Machine<'_>,
    value: &Value,
    depth: usize,
) -> Result<Json, Problem> {
    machine.charge(1)?;
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
        Value::Text(text) => Json::from(&*machine.read(text)?),
        Value::Time(time) => Json::from(go_layout::format(super::show::TIME_LAYOUT, time)),
        Value::List(list) => {
            let mut items = Vec::new();
            for item in list.items() {
                items.push(to_json(machine, item, depth + 1)?);
            }
            Json::Array(items)
        }
        Value::Dict(id) => {
            let mut members = serde_json::Map::new();
            for (key, value) in machine.entries(*id)? {
                members.insert(key, to_json(machine, &value, depth + 1)?);
            }
            Json::Object(members)
        }
        Value::Unset(unset) => return Err(Problem::Unset(unset.clone())),
        Value::Broken => return Err(Problem::Broken),
    })
}
