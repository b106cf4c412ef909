//! What expressions evaluate to: HCL's values, each of which knows whether it is a secret.

use std::collections::BTreeSet;

use hcl::{Map, Number};

/// A value and what is known of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Value {
    pub(crate) data: Data,
    /// It came from a secret. What is in a list or an object knows for itself too.
    secret: bool,
}

/// HCL's kinds of values. There is one kind of list and one of objects.
#[derive(Debug, Clone, Default)]
pub(crate) enum Data {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    List(Vec<Value>),
    Object(Map<String, Value>),
}

impl Value {
    /// A value that is no secret.
    pub(crate) fn new(data: Data) -> Self {
        Self { data, secret: false }
    }

    /// The same value, and a secret if `secret` says so.
    #[must_use]
    pub(crate) fn tainted(mut self, secret: bool) -> Self {
        if secret {
            self.taint();
        }
        self
    }

    fn taint(&mut self) {
        self.secret = true;
        match &mut self.data {
            Data::List(items) => items.iter_mut().for_each(Self::taint),
            Data::Object(items) => items.values_mut().for_each(Self::taint),
            _ => {}
        }
    }

    /// Makes a secret of everything in it, save lists and objects themselves, that `is` says so of.
    pub(crate) fn taint_where(&mut self, is: &impl Fn(&Data) -> bool) {
        match &mut self.data {
            Data::List(items) => items.iter_mut().for_each(|item| item.taint_where(is)),
            Data::Object(items) => items.values_mut().for_each(|item| item.taint_where(is)),
            data => self.secret |= is(data),
        }
    }

    /// Whether any part of it is a secret.
    pub(crate) fn is_secret(&self) -> bool {
        self.secret
            || match &self.data {
                Data::List(items) => items.iter().any(Self::is_secret),
                Data::Object(items) => items.values().any(Self::is_secret),
                _ => false,
            }
    }

    /// What kind of value it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self.data {
            Data::Null => "null",
            Data::Bool(_) => "true or false",
            Data::Number(_) => "a number",
            Data::String(_) => "a string",
            Data::List(_) => "a list",
            Data::Object(_) => "an object",
        }
    }

    /// Its text, if it is a string.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    /// Strings, numbers, `true` and `false` as text, the way HCL puts them into a string.
    pub(crate) fn to_text(&self) -> Option<String> {
        match &self.data {
            Data::String(text) => Some(text.clone()),
            // A large number is written out, as HCL does it, not with an exponent.
            Data::Number(number) if number.is_f64() => number.as_f64().map(|n| n.to_string()),
            Data::Number(number) => Some(number.to_string()),
            Data::Bool(bool) => Some(bool.to_string()),
            _ => None,
        }
    }

    /// The number it is, or that it reads as: what comes from the environment is text.
    pub(crate) fn to_number(&self) -> Option<Number> {
        match &self.data {
            Data::Number(number) => Some(*number),
            Data::String(text) => parse_number(text),
            _ => None,
        }
    }

    /// The same for `true` and `false`.
    pub(crate) fn to_bool(&self) -> Option<bool> {
        match &self.data {
            Data::Bool(bool) => Some(*bool),
            Data::String(text) if text == "true" => Some(true),
            Data::String(text) if text == "false" => Some(false),
            _ => None,
        }
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn size_bytes(&self) -> usize {
        let inner = match &self.data {
            Data::String(text) => text.len(),
            Data::List(items) => items.iter().map(Self::size_bytes).sum(),
            Data::Object(items) => {
                items.iter().map(|(key, value)| key.len() + value.size_bytes()).sum()
            }
            _ => 0,
        };
        size_of::<Self>() + inner
    }

    /// Adds every string in it to `texts`; with `secret_only` those that are secrets.
    pub(crate) fn collect_texts(&self, secret_only: bool, texts: &mut BTreeSet<String>) {
        match &self.data {
            Data::String(text) if self.secret || !secret_only => {
                texts.insert(text.clone());
            }
            Data::List(items) => {
                items.iter().for_each(|item| item.collect_texts(secret_only, texts));
            }
            Data::Object(items) => {
                items.values().for_each(|item| item.collect_texts(secret_only, texts));
            }
            _ => {}
        }
    }

    /// HCL's `==`: same kind, same content.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        match (&self.data, &other.data) {
            (Data::Null, Data::Null) => true,
            (Data::Bool(one), Data::Bool(two)) => one == two,
            (Data::Number(one), Data::Number(two)) => one == two,
            (Data::String(one), Data::String(two)) => one == two,
            (Data::List(one), Data::List(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.equals(two))
            }
            (Data::Object(one), Data::Object(two)) => {
                one.len() == two.len()
                    && one
                        .iter()
                        .all(|(key, value)| two.get(key).is_some_and(|other| value.equals(other)))
            }
            _ => false,
        }
    }

    /// For the functions.
    pub(crate) fn to_hcl(&self) -> hcl::Value {
        match &self.data {
            Data::Null => hcl::Value::Null,
            Data::Bool(bool) => hcl::Value::Bool(*bool),
            Data::Number(number) => hcl::Value::Number(*number),
            Data::String(text) => hcl::Value::String(text.clone()),
            Data::List(items) => hcl::Value::Array(items.iter().map(Self::to_hcl).collect()),
            Data::Object(items) => hcl::Value::Object(
                items.iter().map(|(key, value)| (key.clone(), value.to_hcl())).collect(),
            ),
        }
    }

    /// For the provider. Whole numbers stay whole.
    pub(crate) fn into_json(self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self.data {
            Data::Null => Json::Null,
            Data::Bool(bool) => Json::Bool(bool),
            Data::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(whole), _) => Json::from(whole),
                (None, Some(whole)) => Json::from(whole),
                (None, None) => Json::from(number.as_f64()),
            },
            Data::String(text) => Json::String(text),
            Data::List(items) => Json::Array(items.into_iter().map(Self::into_json).collect()),
            Data::Object(items) => Json::Object(
                items.into_iter().map(|(key, value)| (key, value.into_json())).collect(),
            ),
        }
    }
}

impl From<hcl::Value> for Value {
    fn from(value: hcl::Value) -> Self {
        Self::new(match value {
            hcl::Value::Null => Data::Null,
            hcl::Value::Bool(bool) => Data::Bool(bool),
            hcl::Value::Number(number) => Data::Number(number),
            hcl::Value::String(text) => Data::String(text),
            hcl::Value::Array(items) => Data::List(items.into_iter().map(Self::from).collect()),
            hcl::Value::Object(items) => Data::Object(
                items.into_iter().map(|(key, value)| (key, Self::from(value))).collect(),
            ),
        })
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        Self::new(match value {
            Json::Null => Data::Null,
            Json::Bool(bool) => Data::Bool(bool),
            Json::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(whole), _) => Data::Number(whole.into()),
                (None, Some(whole)) => Data::Number(whole.into()),
                (None, None) => {
                    number.as_f64().and_then(Number::from_f64).map_or(Data::Null, Data::Number)
                }
            },
            Json::String(text) => Data::String(text),
            Json::Array(items) => Data::List(items.into_iter().map(Self::from).collect()),
            Json::Object(items) => Data::Object(
                items.into_iter().map(|(key, value)| (key, Self::from(value))).collect(),
            ),
        })
    }
}

/// A number as HCL writes it, with an optional sign.
fn parse_number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    // `inf` and `nan` are words, not numbers.
    if text.contains(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'))) {
        return None;
    }
    text.parse().ok().and_then(Number::from_f64)
}
