//! The answer to init, plan, status and destroy (P-40 to P-42).

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::command::Command;
use crate::{NO_MESSAGE, line};

/// One result, built field by field.
///
/// ```
/// use dstream_protocol::LifecycleResult;
/// use serde_json::json;
///
/// LifecycleResult::new("planned", "would create 1 topic")
///     .with_change("create", json!({ "name": "orders", "type": "topic" }))
///     .with_metadata("cluster", "eu-1".into());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LifecycleResult {
    /// `status`, a word of the provider's choice; `error` means that the command failed.
    pub status: String,
    /// `message`, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// `metadata`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
    /// `resources`: what exists, each as the provider gave it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Value>,
    /// `changes`: what was done or would be.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// `error`, or the message where `status` is `error`: why the command failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// What is done: create, update, delete, or a word of the provider's own.
    pub action: String,
    /// To what.
    pub resource: Value,
}

/// Why a line is no result.
#[derive(Debug, PartialEq, Eq)]
pub enum ResultError {
    /// It is not JSON.
    NotJson(String),
    /// It is JSON of another shape: the field and what is wrong with it.
    Shape(&'static str, &'static str),
}

impl fmt::Display for ResultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(error) => write!(f, "not JSON: {error}"),
            Self::Shape(field, problem) => write!(f, "no result: `{field}` is {problem}"),
        }
    }
}

impl std::error::Error for ResultError {}

impl LifecycleResult {
    /// A result with this status and a message for people.
    pub fn new(status: &str, message: impl Into<String>) -> Self {
        Self { status: status.to_owned(), message: Some(message.into()), ..Self::default() }
    }

    /// A result that says what failed.
    pub fn error(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { error: Some(message.clone()), ..Self::new("error", message) }
    }

    /// The result of a command that this provider does not have: an error.
    pub fn unsupported(command: Command) -> Self {
        Self::error(format!("this provider has no {command}"))
    }

    /// Adds something that exists.
    #[must_use]
    pub fn with_resource(mut self, resource: Value) -> Self {
        self.resources.push(resource);
        self
    }

    /// Adds something that was done or would be: `create`, `update`, `delete`.
    #[must_use]
    pub fn with_change(mut self, action: &str, resource: Value) -> Self {
        self.changes.push(Change { action: action.to_owned(), resource });
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn with_metadata(mut self, name: &str, value: Value) -> Self {
        let metadata = self.metadata.get_or_insert_with(|| Map::new().into());
        if let Value::Object(facts) = metadata {
            facts.insert(name.to_owned(), value);
        }
        self
    }

    /// Whether it says that the command failed.
    pub fn is_error(&self) -> bool {
        self.error.is_some()
    }

    /// The line.
    pub fn encode(&self) -> String {
        line(self)
    }

    /// Reads a result. It may also be spread over several lines.
    ///
    /// # Errors
    ///
    /// If it is not an object with a text `status` and the other fields of their types.
    pub fn decode(text: &[u8]) -> Result<Self, ResultError> {
        let value: Value = serde_json::from_slice(text)
            .map_err(|error| ResultError::NotJson(error.to_string()))?;
        let status = value.get("status").and_then(Value::as_str);
        let status = status.ok_or(ResultError::Shape("status", "not a string"))?.to_owned();
        let message = match present(&value, "message") {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => return Err(ResultError::Shape("message", "not a string")),
        };
        let error = match present(&value, "error") {
            None => None,
            Some(Value::String(error)) => Some(error.clone()).filter(|error| !error.is_empty()),
            Some(other) => Some(other.to_string()),
        };
        let error = error.or_else(|| {
            let message = || message.clone().unwrap_or_else(|| NO_MESSAGE.to_owned());
            (status == "error").then(message)
        });
        Ok(Self {
            metadata: present(&value, "metadata").cloned(),
            resources: list(&value, "resources")?.to_vec(),
            changes: list(&value, "changes")?.iter().map(change).collect::<Result<_, _>>()?,
            status,
            message,
            error,
        })
    }
}

/// A field; null is as good as none.
fn present<'a>(value: &'a Value, field: &str) -> Option<&'a Value> {
    value.get(field).filter(|value| !value.is_null())
}

fn list<'a>(value: &'a Value, field: &'static str) -> Result<&'a [Value], ResultError> {
    match present(value, field) {
        None => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(ResultError::Shape(field, "not a list")),
    }
}

fn change(value: &Value) -> Result<Change, ResultError> {
    let action = value.get("action").and_then(Value::as_str);
    let action = action.ok_or(ResultError::Shape("changes", "without an action"))?.to_owned();
    Ok(Change { action, resource: value.get("resource").cloned().unwrap_or(Value::Null) })
}
