//! A JSON value that owns what it is: constants of a filter, and the rare line of [`super::reader`].

use super::{Number, Value};

/// An owned value.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum Tree {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Tree>),
    /// In the order of the text; of equal keys the last counts.
    Object(Vec<(String, Tree)>),
}

impl Tree {
    /// The value, borrowed.
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(bool) => Value::Bool(*bool),
            Self::Number(number) => Value::Number(*number),
            Self::Text(text) => Value::Text(text.into()),
            Self::List(items) => Value::List(items.as_slice().into()),
            Self::Object(entries) => Value::Object(entries.as_slice().into()),
        }
    }
}
