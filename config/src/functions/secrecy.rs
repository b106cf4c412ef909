//! Where secrets come from: `env`, and values declared to be one or not to be one.

use hcl::Value;

use super::arguments::Arguments;
use super::call::{Function, Outcome, function};
use super::{scope, unify};

pub(super) const TABLE: &[Function] = &[
    function!("env", "name, default?", env),
    function!("nonsensitive", "value", nonsensitive),
    function!("sensitive", "value", sensitive),
];

/// An environment variable, always as a string. A default, which may be null, stands for one that
/// is not set; one that is set but empty is empty. The variable's value is a secret, the default
/// is not.
fn env(arguments: &mut Arguments) -> Outcome {
    let name = arguments.text()?;
    if let Some(value) = scope::ask(|scope| scope.env.get(&name).cloned())? {
        scope::keep_secret(&value);
        return Ok(value.into());
    }
    if arguments.left() == 0 {
        return Err(format!("environment variable `{name}` is not set"));
    }
    match arguments.any() {
        Value::Null => Ok(Value::Null),
        default => unify::text(default).map(Value::from).map_err(|default| {
            arguments.refuse(&format!("must be a string, not {}", unify::describe(&default)))
        }),
    }
}

/// Every string in the value becomes a secret. Numbers and bools do not: searching output for
/// `1` or `true` would make it unreadable.
fn sensitive(arguments: &mut Arguments) -> Outcome {
    fn keep(value: &Value) {
        match value {
            Value::String(text) => scope::keep_secret(text),
            Value::Array(items) => items.iter().for_each(keep),
            Value::Object(entries) => entries.values().for_each(keep),
            Value::Null | Value::Bool(_) | Value::Number(_) => scope::keep_opaque_secret(),
        }
    }

    let value = arguments.any();
    keep(&value);
    Ok(value)
}

/// The value may be shown, and the secrets in it may be, as far as this evaluation is concerned.
fn nonsensitive(arguments: &mut Arguments) -> Outcome {
    let value = arguments.any();
    scope::reveal(&value);
    Ok(value)
}
