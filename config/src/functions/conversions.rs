//! From one type to another. Null stays null.

use hcl::Map;

use super::arguments::Arguments;
use super::call::{Function, Outcome, function};
use super::sets;
use crate::values::value::{Data, Value};

pub(super) const TABLE: &[Function] = &[
    function("tobool", "value", tobool),
    function("tolist", "value", tolist),
    function("tomap", "value", tomap),
    function("tonumber", "value", tonumber),
    function("toset", "value", toset),
    function("tostring", "value", tostring),
];

fn cannot(value: &Value, wanted: &str) -> String {
    match &value.data {
        Data::String(_) => format!("the string does not read as {wanted}"),
        value => format!("cannot make {wanted} out of {}", value.kind()),
    }
}

fn tostring(arguments: &mut Arguments<'_>) -> Outcome {
    match arguments.any() {
        Value { data: Data::Null, .. } => Ok(Value::default()),
        value => value.into_text().map(Value::from).map_err(|value| cannot(&value, "a string")),
    }
}

fn tonumber(arguments: &mut Arguments<'_>) -> Outcome {
    match arguments.any() {
        Value { data: Data::Null, .. } => Ok(Value::default()),
        value => value.to_number().map(Value::from).ok_or_else(|| cannot(&value, "a number")),
    }
}

fn tobool(arguments: &mut Arguments<'_>) -> Outcome {
    match arguments.any() {
        Value { data: Data::Null, .. } => Ok(Value::default()),
        value => boolean(&value)
            .map(Value::from)
            .ok_or_else(|| cannot(&value, "a bool (`true` or `false`)")),
    }
}

fn tolist(arguments: &mut Arguments<'_>) -> Outcome {
    match arguments.any().data {
        Data::Null => Ok(Value::default()),
        Data::List(mut items) => {
            arguments.unified(&mut items)?;
            Ok(Value::from(items))
        }
        other => Err(format!("cannot make a list out of {}", other.kind())),
    }
}

fn toset(arguments: &mut Arguments<'_>) -> Outcome {
    match arguments.any().data {
        Data::Null => Ok(Value::default()),
        Data::List(mut items) => {
            arguments.unified(&mut items)?;
            Ok(Value::from(sets::set(items)))
        }
        other => Err(format!("cannot make a set out of {}", other.kind())),
    }
}

fn tomap(arguments: &mut Arguments<'_>) -> Outcome {
    match arguments.any().data {
        Data::Null => Ok(Value::default()),
        Data::Object(entries) => {
            let (keys, mut values): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
            arguments.unified(&mut values)?;
            Ok(keys.into_iter().zip(values).collect::<Map<_, _>>().into())
        }
        other => Err(format!("cannot make a map out of {}", other.kind())),
    }
}

/// A bool, or one of the strings `true`, `false`, `1` and `0`.
pub(super) fn boolean(value: &Value) -> Option<bool> {
    match value.as_str() {
        Some("1") => Some(true),
        Some("0") => Some(false),
        _ => value.to_bool(),
    }
}
