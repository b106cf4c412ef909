//! Secrets: where they come from (`env`, and values declared to be one or not to be one), and what
//! becomes of them in other functions.
//!
//! Secrets are followed by value. What `env` and `file` read is one. A string that a function
//! makes out of arguments that hold a secret is one too, unless it shows the secret as it is (then
//! masking that is enough) or stood in the arguments beside it: `split("/", "pg/${env("PW")}")`
//! does not turn `pg` into a secret, `base64encode(env("PW"))` makes one. Values shorter than
//! [`MASKED_BYTES_MIN`] are not followed, as they are never masked.

use std::collections::BTreeSet;

use super::arguments::Arguments;
use super::call::{Function, Outcome, Secrecy, function};
use super::limits::DERIVED_SECRETS_MAX;
use crate::values::value::{Data, Value};
use dstream_task::{MASKED_BYTES_MIN, Secrets};

pub(super) const TABLE: &[Function] = &[
    function("env", "name, default?", env).that(Secrecy::Marks),
    function("nonsensitive", "value", |arguments| Ok(arguments.any())).that(Secrecy::Reveals),
    function("sensitive", "value", sensitive).that(Secrecy::Marks),
];

/// An environment variable, always as a string. A default, which may be null, stands for one that
/// is not set; one that is set but empty is empty. The variable's value is a secret, the default
/// is not.
fn env(arguments: &mut Arguments<'_>) -> Outcome {
    let name = arguments.text()?;
    if let Some(value) = arguments.context.env.get(&name) {
        return Ok(Value::from(value.as_str()).tainted(true));
    }
    if arguments.left() == 0 {
        return Err(format!("environment variable `{name}` is not set"));
    }
    match arguments.any() {
        Value { data: Data::Null, .. } => Ok(Value::default()),
        default => default.into_text().map(Value::from).map_err(|default| {
            arguments.refuse(&format!("must be a string, not {}", default.kind()))
        }),
    }
}

/// Everything in the value becomes a secret. Of numbers and bools only what is made of them is
/// hidden: searching output for `1` or `true` would make it unreadable.
fn sensitive(arguments: &mut Arguments<'_>) -> Outcome {
    Ok(arguments.any().tainted(true))
}

/// The texts of a call's arguments without the secrets in them; nothing if there is no secret.
pub(crate) fn shown_texts(values: &[Value], secrets: &Secrets) -> Option<BTreeSet<String>> {
    if secrets.is_empty() {
        return None;
    }
    let mut texts = BTreeSet::new();
    let mut holds_secret = false;
    for value in values {
        value.each_text(true, &mut |text| {
            let masked = secrets.mask(text);
            holds_secret |= masked != text;
            texts.insert(masked);
        });
    }
    holds_secret.then_some(texts)
}

/// The strings of `value` that were made out of a secret; `shown` is what [`shown_texts`] gave for
/// the arguments.
pub(crate) fn derived_secrets(
    value: &Value,
    shown: &BTreeSet<String>,
    secrets: &Secrets,
) -> Result<BTreeSet<String>, String> {
    let mut derived = BTreeSet::new();
    value.each_text(false, &mut |text| {
        let stood_there = || shown.iter().any(|masked| masked.contains(text));
        let shows_secret = || secrets.mask(text) != text;
        if text.len() >= MASKED_BYTES_MIN && !stood_there() && !shows_secret() {
            derived.insert(text.to_owned());
        }
    });
    if derived.len() > DERIVED_SECRETS_MAX {
        return Err(format!(
            "makes more than {DERIVED_SECRETS_MAX} secrets out of one; \
             wrap it in `nonsensitive(…)` if it may be shown"
        ));
    }
    Ok(derived)
}
