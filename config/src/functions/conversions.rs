//! From one type to another. Null stays null.

use hcl::Value;

use super::arguments::Arguments;
use super::call::{Function, Outcome, function};
use super::sets;
use super::unify::{self, describe};

pub(super) const TABLE: &[Function] = &[
    function!("tobool", "value", tobool),
    function!("tolist", "value", tolist),
    function!("tomap", "value", tomap),
    function!("tonumber", "value", tonumber),
    function!("toset", "value", toset),
    function!("tostring", "value", tostring),
];

fn cannot(value: &Value, wanted: &str) -> String {
    match value {
        Value::String(_) => format!("the string does not read as {wanted}"),
        value => format!("cannot make {wanted} out of {}", describe(value)),
    }
}

fn tostring(arguments: &mut Arguments) -> Outcome {
    match arguments.any() {
        Value::Null => Ok(Value::Null),
        value => unify::text(value).map(Value::from).map_err(|value| cannot(&value, "a string")),
    }
}

fn tonumber(arguments: &mut Arguments) -> Outcome {
    match arguments.any() {
        Value::Null => Ok(Value::Null),
        value => unify::number(&value).map(Value::from).ok_or_else(|| cannot(&value, "a number")),
    }
}

fn tobool(arguments: &mut Arguments) -> Outcome {
    match arguments.any() {
        Value::Null => Ok(Value::Null),
        value => unify::boolean(&value)
            .map(Value::from)
            .ok_or_else(|| cannot(&value, "a bool (`true` or `false`)")),
    }
}

fn tolist(arguments: &mut Arguments) -> Outcome {
    match arguments.any() {
        Value::Null => Ok(Value::Null),
        Value::Array(mut items) => {
            arguments.unified(&mut items)?;
            Ok(Value::Array(items))
        }
        other => Err(format!("cannot make a list out of {}", describe(&other))),
    }
}

fn toset(arguments: &mut Arguments) -> Outcome {
    match arguments.any() {
        Value::Null => Ok(Value::Null),
        Value::Array(mut items) => {
            arguments.unified(&mut items)?;
            Ok(Value::Array(sets::set(items)))
        }
        other => Err(format!("cannot make a set out of {}", describe(&other))),
    }
}

fn tomap(arguments: &mut Arguments) -> Outcome {
    match arguments.any() {
        Value::Null => Ok(Value::Null),
        Value::Object(entries) => {
            let (keys, mut values): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
            arguments.unified(&mut values)?;
            Ok(Value::Object(keys.into_iter().zip(values).collect()))
        }
        other => Err(format!("cannot make a map out of {}", describe(&other))),
    }
}
