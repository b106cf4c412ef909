//! The functions that a filter may call on a line's fields. Each does what the configuration
//! language's function of that name does, where that has an outcome.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

use super::evaluate::Line;
use super::expression::Expression;
use crate::json::{Number, Value};

/// A function on a line's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum Function {
    Coalesce,
    Contains,
    EndsWith,
    Length,
    Lookup,
    Lower,
    StartsWith,
    StrContains,
    ToNumber,
    Upper,
}

/// What an argument has to be, for what can be known when the configuration is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum Parameter {
    Any,
    Text,
    List,
    Object,
}

impl Function {
    /// All functions with their names and parameters, as the configuration language writes those.
    pub const ALL: [(&'static str, Self, &'static str); 10] = [
        ("coalesce", Self::Coalesce, "values..."),
        ("contains", Self::Contains, "list, value"),
        ("endswith", Self::EndsWith, "text, suffix"),
        ("length", Self::Length, "value"),
        ("lookup", Self::Lookup, "object, key, default?"),
        ("lower", Self::Lower, "text"),
        ("startswith", Self::StartsWith, "text, prefix"),
        ("strcontains", Self::StrContains, "text, part"),
        ("tonumber", Self::ToNumber, "value"),
        ("upper", Self::Upper, "text"),
    ];

    /// What the argument of a number, from 0, has to be.
    pub fn parameter(self, index: usize) -> Parameter {
        match (self, index) {
            (Self::EndsWith | Self::StartsWith | Self::StrContains, _)
            | (Self::Lower | Self::Upper, _)
            | (Self::Lookup, 1) => Parameter::Text,
            (Self::Contains, 0) => Parameter::List,
            (Self::Lookup, 0) => Parameter::Object,
            _ => Parameter::Any,
        }
    }

    /// The outcome for a line. An argument that is missing is null.
    pub(super) fn call<'v>(self, arguments: &'v [Expression], line: &Line<'v>) -> Value<'v> {
        let value = |index: usize| {
            arguments.get(index).map_or(Value::Null, |argument| argument.value(line))
        };
        let texts = |asks: fn(&str, &str) -> bool| match (value(0), value(1)) {
            (Value::Text(text), Value::Text(part)) => Value::Bool(asks(&text, &part)),
            _ => Value::Bool(false),
        };
        match self {
            Self::Coalesce => {
                let is_something =
                    |value: &Value<'_>| !matches!(value, Value::Null) && value.as_str() != Some("");
                let mut values = arguments.iter().map(|argument| argument.value(line));
                values.find(is_something).unwrap_or(Value::Null)
            }
            Self::Contains => match value(0) {
                Value::List(list) => Value::Bool(list.contains(&value(1))),
                _ => Value::Bool(false),
            },
            Self::EndsWith => texts(|text, suffix| text.ends_with(suffix)),
            Self::StartsWith => texts(|text, prefix| text.starts_with(prefix)),
            Self::StrContains => texts(|text, part| text.contains(part)),
            Self::Length => match value(0) {
                Value::Text(text) => count(text.graphemes(true).count()),
                Value::List(list) => count(list.len()),
                Value::Object(object) => count(object.len()),
                _ => Value::Null,
            },
            Self::Lookup => {
                let found = match (value(0), value(1)) {
                    (Value::Object(object), Value::Text(key)) => object.get(&key),
                    _ => None,
                };
                found.unwrap_or_else(|| value(2))
            }
            Self::Lower => changed(value(0), |byte| byte.is_ascii_uppercase(), str::to_lowercase),
            Self::Upper => changed(value(0), |byte| byte.is_ascii_lowercase(), str::to_uppercase),
            Self::ToNumber => match value(0) {
                Value::Text(text) => Number::parse(&text).map_or(Value::Null, Value::Number),
                number @ Value::Number(_) => number,
                _ => Value::Null,
            },
        }
    }
}

fn count(count: usize) -> Value<'static> {
    Value::Number(Number::Whole(i128::try_from(count).unwrap_or(i128::MAX)))
}

/// A text in other letters; as it is where no byte asks for another.
fn changed(value: Value<'_>, asks: fn(u8) -> bool, change: fn(&str) -> String) -> Value<'_> {
    match value {
        Value::Text(text) if text.bytes().all(|byte| byte.is_ascii() && !asks(byte)) => {
            Value::Text(text)
        }
        Value::Text(text) => Value::Text(Cow::Owned(change(&text))),
        _ => Value::Null,
    }
}
