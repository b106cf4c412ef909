//! Values as Go prints them.

use super::context::{Context, Problem, TextBuilder};
use super::go_float::general;
use super::go_layout;
use super::limits::VALUE_DEPTH_MAX;
use super::value::Value;

/// What Go shows for a nil that an action writes.
pub(super) const NO_VALUE: &str = "<no value>";

/// Go's `String()` of a time.
pub(super) const TIME_LAYOUT: &str = "2006-01-02 15:04:05.999999999 -0700 MST";

/// Appends a value the way Go's `%v` shows it.
pub(super) fn show(
    context: &mut Context<'_>,
    value: &Value,
    out: &mut TextBuilder,
    depth: usize,
) -> Result<(), Problem> {
    context.charge(1)?;
    if depth > VALUE_DEPTH_MAX {
        return Err(Problem::too_deep());
    }
    match value {
        Value::Nil => out.push("<nil>"),
        Value::Bool(value) => out.push(if *value { "true" } else { "false" }),
        Value::Int(number) => out.push(&number.to_string()),
        Value::Float(number) => out.push(&general(*number, None)),
        Value::Text(text) => {
            let text = context.read(text)?;
            out.push(&text)
        }
        Value::List(list) => {
            out.push("[")?;
            for (index, item) in list.items().iter().enumerate() {
                if index > 0 {
                    out.push(" ")?;
                }
                show(context, item, out, depth + 1)?;
            }
            out.push("]")
        }
        Value::Dict(id) => {
            out.push("map[")?;
            for (index, (key, value)) in context.entries(*id)?.iter().enumerate() {
                if index > 0 {
                    out.push(" ")?;
                }
                context.charge(key.len())?;
                out.push(key)?;
                out.push(":")?;
                show(context, value, out, depth + 1)?;
            }
            out.push("]")
        }
        Value::Time(time) => out.push(&go_layout::format(TIME_LAYOUT, time)),
        Value::Unset(unset) => Err(Problem::Unset(unset.clone())),
        Value::Broken => Err(Problem::Broken),
    }
}
