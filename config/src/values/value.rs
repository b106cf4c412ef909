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
#[derive(Debug, Clone, Default, PartialEq)]
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

    /// Lets `is` decide of everything in it, save lists and objects themselves, whether it is a
    /// secret.
    pub(crate) fn set_secret_where(&mut self, is: &impl Fn(&Data) -> bool) {
        self.secret = false;
        match &mut self.data {
            Data::List(items) => items.iter_mut().for_each(|item| item.set_secret_where(is)),
            Data::Object(items) => items.values_mut().for_each(|item| item.set_secret_where(is)),
            data => self.secret = is(data),
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
        self.data.kind()
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.data, Data::Null)
    }

    /// Its text, if it is a string.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    /// Its items, if it is a list.
    pub(crate) fn as_list(&self) -> Option<&Vec<Self>> {
        match &self.data {
            Data::List(items) => Some(items),
            _ => None,
        }
    }

    /// Its attributes, if it is an object.
    pub(crate) fn as_object(&self) -> Option<&Map<String, Self>> {
        match &self.data {
            Data::Object(items) => Some(items),
            _ => None,
        }
    }

    /// Strings, numbers, `true` and `false` as text, the way HCL puts them into a string; any
    /// other value comes back.
    pub(crate) fn into_text(self) -> Result<String, Self> {
        match self.data {
            Data::String(text) => Ok(text),
            Data::Number(number) => Ok(number_text(&number)),
            Data::Bool(bool) => Ok(bool.to_string()),
            _ => Err(self),
        }
    }

    /// The same for a value that is still needed.
    pub(crate) fn to_text(&self) -> Option<String> {
        match &self.data {
            Data::List(_) | Data::Object(_) => None,
            _ => self.clone().into_text().ok(),
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

    /// Shows `see` every string in it, with `keys` those of objects too.
    pub(crate) fn each_text(&self, keys: bool, see: &mut impl FnMut(&str)) {
        match &self.data {
            Data::String(text) => see(text),
            Data::List(items) => items.iter().for_each(|item| item.each_text(keys, see)),
            Data::Object(items) => items.iter().for_each(|(key, item)| {
                if keys {
                    see(key);
                }
                item.each_text(keys, see);
            }),
            _ => {}
        }
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

impl Data {
    /// What kind of value it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Data::Null => "null",
            Data::Bool(_) => "a bool",
            Data::Number(_) => "a number",
            Data::String(_) => "a string",
            Data::List(_) => "a list",
            Data::Object(_) => "an object",
        }
    }
}

/// HCL's `==`: same kind, same content. Whether it is a secret does not count.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.data == other.data
    }
}

/// A value that is no secret.
impl<T: Into<Data>> From<T> for Value {
    fn from(data: T) -> Self {
        Self::new(data.into())
    }
}

impl From<bool> for Data {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<Number> for Data {
    fn from(number: Number) -> Self {
        Self::Number(number)
    }
}

impl From<i64> for Data {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl From<usize> for Data {
    fn from(number: usize) -> Self {
        Self::Number(number.into())
    }
}

impl From<String> for Data {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::new(Data::List(items.into_iter().map(Into::into).collect()))
    }
}

impl<T: Into<Value>> From<Vec<T>> for Data {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl From<Map<String, Value>> for Data {
    fn from(items: Map<String, Value>) -> Self {
        Self::Object(items)
    }
}

impl From<serde_json::Value> for Data {
    fn from(value: serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match value {
            Json::Null => Self::Null,
            Json::Bool(bool) => Self::Bool(bool),
            Json::Number(number) => match (number.as_u64(), number.as_i64()) {
                (Some(whole), _) => Self::Number(whole.into()),
                (None, Some(whole)) => Self::Number(whole.into()),
                (None, None) => {
                    number.as_f64().and_then(Number::from_f64).map_or(Self::Null, Self::Number)
                }
            },
            Json::String(text) => Self::String(text),
            Json::Array(items) => items.into(),
            Json::Object(items) => {
                Self::Object(items.into_iter().map(|(key, value)| (key, value.into())).collect())
            }
        }
    }
}

/// A number's digits, written out as HCL does it, never with an exponent.
pub(crate) fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float.to_string(),
        _ => number.to_string(),
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
