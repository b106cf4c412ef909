//! The answer to init, plan, status and destroy.

use serde_json::{Map, Value, json};

use crate::command::Command;

/// One result, built field by field; on stdout it is one line of JSON.
///
/// ```
/// use dstream_sdk::LifecycleResult;
/// use serde_json::json;
///
/// LifecycleResult::new("planned", "would create 1 topic")
///     .with_change("create", json!({ "name": "orders", "type": "topic" }))
///     .with_metadata("cluster", "eu-1".into());
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LifecycleResult(Map<String, Value>);

impl LifecycleResult {
    /// A result with this status, a word of the provider's choice, and a message for people.
    pub fn new(status: &str, message: impl Into<String>) -> Self {
        let mut fields = Map::new();
        fields.insert("status".to_owned(), status.into());
        fields.insert("message".to_owned(), message.into().into());
        Self(fields)
    }

    /// A result that says what failed.
    pub fn error(message: impl Into<String>) -> Self {
        let message = message.into();
        let mut result = Self::new("error", message.clone());
        result.0.insert("error".to_owned(), message.into());
        result
    }

    /// A command that this provider does not have: an error.
    pub fn unsupported(command: Command) -> Self {
        Self::error(format!("this provider has no {command}"))
    }

    /// Adds something that exists.
    #[must_use]
    pub fn with_resource(self, resource: Value) -> Self {
        self.push("resources", resource)
    }

    /// Adds something that was done or would be: `create`, `update`, `delete`.
    #[must_use]
    pub fn with_change(self, action: &str, resource: Value) -> Self {
        self.push("changes", json!({ "action": action, "resource": resource }))
    }

    /// Adds a fact.
    #[must_use]
    pub fn with_metadata(mut self, name: &str, value: Value) -> Self {
        self.0.entry("metadata").or_insert_with(|| json!({}))[name] = value;
        self
    }

    /// Whether it says that something failed.
    pub fn is_error(&self) -> bool {
        self.0.contains_key("error")
    }

    /// Its line on stdout.
    pub(crate) fn to_line(&self) -> String {
        format!("{}\n", Value::Object(self.0.clone()))
    }

    fn push(mut self, list: &str, value: Value) -> Self {
        if let Value::Array(items) = self.0.entry(list).or_insert_with(|| json!([])) {
            items.push(value);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_one_line_with_what_was_added() {
        let result = LifecycleResult::new("ok", "done")
            .with_change("create", json!({ "name": "a" }))
            .with_metadata("region", "eu".into());
        assert_eq!(
            result.to_line(),
            "{\"status\":\"ok\",\"message\":\"done\",\"changes\":[{\"action\":\"create\",\
             \"resource\":{\"name\":\"a\"}}],\"metadata\":{\"region\":\"eu\"}}\n"
        );
        assert!(!result.is_error());
        let error = LifecycleResult::unsupported(Command::Init);
        assert!(error.is_error());
        assert_eq!(
            error.to_line(),
            "{\"status\":\"error\",\"message\":\"this provider has no init\",\
             \"error\":\"this provider has no init\"}\n"
        );
    }
}
