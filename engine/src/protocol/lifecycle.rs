//! The answer to init, plan, status and destroy.

use serde_json::Value;

/// One JSON result of a lifecycle command.
#[derive(Debug, Clone, PartialEq)]
pub struct LifecycleResult {
    /// `status`, as the provider says it.
    pub status: String,
    /// `message`.
    pub message: Option<String>,
    /// `resources`, each as it was given.
    pub resources: Vec<Value>,
    /// `changes`.
    pub changes: Vec<Change>,
    /// `metadata`.
    pub metadata: Option<Value>,
    /// `error`, or the message where `status` is `error`.
    pub error: Option<String>,
}

/// One planned change.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What would be done: create, update, delete, or a word of the provider's own.
    pub action: String,
    /// To what.
    pub resource: Value,
}

/// Why a line is no result.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ResultError {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    NotJson(String),
    /// It is JSON of another shape.
    #[error("no result: `{0}` is {1}")]
    Shape(&'static str, &'static str),
}

impl LifecycleResult {
    /// Reads a result line.
    ///
    /// # Errors
    ///
    /// If it is not an object with a string `status` and the other fields of their types.
    pub fn parse(line: &[u8]) -> Result<Self, ResultError> {
        let value: Value = serde_json::from_slice(line)
            .map_err(|error| ResultError::NotJson(error.to_string()))?;
        let status = value.get("status").and_then(Value::as_str);
        let status = status.ok_or(ResultError::Shape("status", "not a string"))?.to_owned();
        let message = text(&value, "message")?;
        let error = match value.get("error") {
            None | Some(Value::Null) => None,
            Some(Value::String(error)) if error.is_empty() => None,
            Some(Value::String(error)) => Some(error.clone()),
            Some(other) => Some(other.to_string()),
        };
        let failed = status == "error";
        let error = error.or_else(|| {
            failed.then(|| message.clone().unwrap_or_else(|| "it gave no message".to_owned()))
        });
        let changes = list(&value, "changes")?.iter().map(change).collect::<Result<_, _>>()?;
        Ok(Self {
            resources: list(&value, "resources")?.to_vec(),
            changes,
            metadata: value.get("metadata").filter(|metadata| !metadata.is_null()).cloned(),
            status,
            message,
            error,
        })
    }
}

fn text(value: &Value, field: &'static str) -> Result<Option<String>, ResultError> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(ResultError::Shape(field, "not a string")),
    }
}

fn list<'a>(value: &'a Value, field: &'static str) -> Result<&'a [Value], ResultError> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(ResultError::Shape(field, "not a list")),
    }
}

fn change(value: &Value) -> Result<Change, ResultError> {
    let action = value.get("action").and_then(Value::as_str);
    let action = action.ok_or(ResultError::Shape("changes", "without an action"))?.to_owned();
    Ok(Change { action, resource: value.get("resource").cloned().unwrap_or(Value::Null) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_may_be_as_small_as_its_status() {
        let result = LifecycleResult::parse(br#"{"status":"ok"}"#).unwrap();
        assert_eq!((result.status.as_str(), result.error), ("ok", None));
        let line = br#"{"status":"planned","changes":[{"action":"create","resource":{"name":"t"}}],"resources":null}"#;
        let result = LifecycleResult::parse(line).unwrap();
        assert_eq!(result.changes[0].action, "create");
        assert_eq!(result.changes[0].resource["name"], "t");
    }

    #[test]
    fn an_error_is_found_wherever_it_stands() {
        for (line, expected) in [
            (r#"{"status":"ok","error":"no access"}"#, Some("no access")),
            (r#"{"status":"error","message":"no access"}"#, Some("no access")),
            (r#"{"status":"error"}"#, Some("it gave no message")),
            (r#"{"status":"ok","error":null}"#, None),
            (r#"{"status":"ok","error":""}"#, None),
        ] {
            let result = LifecycleResult::parse(line.as_bytes()).unwrap();
            assert_eq!(result.error.as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn another_shape_is_an_error_that_names_the_field() {
        for (line, expected) in [
            (r#"{"data":1}"#, ResultError::Shape("status", "not a string")),
            (r#"{"status":"ok","resources":{}}"#, ResultError::Shape("resources", "not a list")),
            (
                r#"{"status":"ok","changes":[1]}"#,
                ResultError::Shape("changes", "without an action"),
            ),
        ] {
            assert_eq!(LifecycleResult::parse(line.as_bytes()), Err(expected), "{line}");
        }
        assert!(matches!(LifecycleResult::parse(b"done"), Err(ResultError::NotJson(_))));
    }
}
