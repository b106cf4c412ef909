//! `config_schema` of a provider's `provider.json`: what its `config` has to look like, checked
//! before anything starts.
//!
//! It has one of two forms, distinguished by [`ConfigSchema::read`]: a map of `fields`, or JSON Schema.
//! A schema comes from a registry: it makes nothing be fetched or read, it cannot take long, and
//! its texts are shown as text. A config may hold secrets: no message shows a value of one.
//!
//! Knows configurations, though not HCL; nothing of registries.

mod diagnose;
mod fields;
mod json_schema;
mod limits;
mod words;
mod work;

use serde_json::{Map, Value};
use thiserror::Error;

pub use diagnose::diagnose;
use dstream_task::Step;

use fields::FieldMap;
use json_schema::JsonSchema;
use limits::{
    FINDINGS_MAX, PATTERNS_MAX, REFERENCES_MAX, SCHEMA_BYTES_MAX, SCHEMA_DEPTH_MAX, STACK_BYTES,
};

/// A provider's `config_schema`, ready to check with.
#[derive(Debug, Clone)]
pub struct ConfigSchema {
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    /// It says nothing.
    Anything,
    Fields(FieldMap),
    Json(JsonSchema),
}

/// Why a `config_schema` cannot be used. The texts of the schema in it are safe to show.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SchemaError {
    /// It is neither an object nor left out.
    #[error("a config_schema is an object, not {kind}")]
    NotAnObject {
        /// What it is.
        kind: &'static str,
    },
    /// Its texts and values are too many.
    #[error("the config_schema has more than {SCHEMA_BYTES_MAX} bytes")]
    TooLarge,
    /// Its values are nested too deeply.
    #[error("the config_schema is nested deeper than {SCHEMA_DEPTH_MAX}")]
    TooDeep,
    /// It refers to its parts too often.
    #[error("the config_schema has more than {REFERENCES_MAX} references")]
    TooManyReferences,
    /// It has too many patterns.
    #[error("the config_schema has more than {PATTERNS_MAX} patterns")]
    TooManyPatterns,
    /// A field of the simple form is not described by a type or an object.
    #[error("the field `{name}` of the config_schema is described by {kind}")]
    Field {
        /// The field.
        name: String,
        /// What stands there.
        kind: &'static str,
    },
    /// It refers to what is not in it. Nothing is ever fetched for it.
    #[error("the config_schema refers to `{reference}`, which is not in it (nothing is fetched)")]
    Reference {
        /// As it stands in the schema.
        reference: String,
    },
    /// A part of it has an identifier of its own, which would change what references mean.
    #[error("a part of the config_schema has an `$id`; only the whole can have one")]
    NestedId,
    /// It is no valid JSON Schema, or has a pattern that is too large or not a regular language.
    #[error("the config_schema is not a valid JSON Schema{}: {message}", at(place))]
    Invalid {
        /// A JSON pointer into the schema; empty for the whole.
        place: String,
        /// What is wrong.
        message: String,
    },
}

fn at(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!(", at {place}") }
}

/// One thing that is wrong with a config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where it is; for [`FindingKind::Missing`] the object that lacks the field.
    pub path: Vec<Step>,
    /// What it is.
    pub kind: FindingKind,
    /// In words, a lower-case fragment: names and kinds, never a value of the config.
    pub message: String,
    /// What to do about it, if that is known.
    pub help: Option<String>,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// A required field is not there.
    Missing,
    /// A field is there that the provider does not know.
    Unknown,
    /// A field is written otherwise than the provider names it: other capitals or separators. Some
    /// providers take either.
    Respelt,
    /// A value is of the wrong kind.
    Mistyped,
    /// A value of the right kind is not allowed.
    Value,
    /// Nothing is known to be wrong: the check would have taken too long.
    Unchecked,
}

impl ConfigSchema {
    /// Reads a `config_schema` of either form. `null` and `{}` say nothing: every config passes.
    pub fn read(schema: &Value) -> Result<Self, SchemaError> {
        work::measure(schema)?;
        let form = match schema {
            Value::Null => Form::Anything,
            Value::Object(object) if object.is_empty() => Form::Anything,
            Value::Object(object) if is_json_schema(object) => {
                Form::Json(on_large_stack(|| JsonSchema::read(schema))?)
            }
            Value::Object(object) => Form::Fields(FieldMap::read(object)?),
            other => return Err(SchemaError::NotAnObject { kind: words::kind_of(other) }),
        };
        Ok(Self { form })
    }

    /// What is wrong with a config; at most 20 findings.
    pub fn check(&self, config: &Map<String, Value>) -> Vec<Finding> {
        let mut findings = Findings::default();
        match &self.form {
            Form::Anything => {}
            Form::Fields(fields) => {
                on_large_stack(|| fields.check(config, &mut Vec::new(), &mut findings));
            }
            Form::Json(schema) => on_large_stack(|| schema.check(config, &mut findings)),
        }
        findings.0
    }
}

/// Runs `run` where nesting within the limits cannot overflow the stack.
fn on_large_stack<R>(run: impl FnOnce() -> R) -> R {
    stacker::grow(STACK_BYTES, run)
}

/// Whether this is JSON Schema and not a map of fields, of which one may be called `type`.
fn is_json_schema(schema: &Map<String, Value>) -> bool {
    let is_subschema = |value: &Value| value.is_object() || value.is_boolean();
    schema.iter().any(|(name, value)| match (name.as_str(), value) {
        ("type", Value::String(kind)) => kind == "object",
        ("type", Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        ("required" | "allOf" | "anyOf" | "oneOf", Value::Array(_)) => true,
        ("additionalProperties" | "unevaluatedProperties", Value::Bool(_)) => true,
        // A field called so would be described by its type.
        ("properties", Value::Object(fields)) => fields.values().all(is_subschema),
        (name, _) => name.starts_with('$'),
    })
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    /// Adds one, if it is new and not one too many.
    fn add(&mut self, finding: Finding) {
        if !self.is_full() && !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    fn is_full(&self) -> bool {
        self.0.len() >= FINDINGS_MAX
    }
}

impl Finding {
    fn new(path: &[Step], kind: FindingKind, message: String, help: Option<String>) -> Self {
        Self { path: path.to_vec(), kind, message, help }
    }

    fn missing(path: &[Step], name: &str, help: Option<String>) -> Self {
        let mut field = path.to_vec();
        field.push(Step::Key(name.to_owned()));
        let message = format!("missing field `{}`", words::path_text(&field));
        Self::new(path, FindingKind::Missing, message, help)
    }

    fn respelt(path: &[Step], known: &str) -> Self {
        let message = format!("field `{}` is called `{known}`", words::path_text(path));
        let help = format!("write `{known}`, unless this provider is known to take either");
        Self::new(path, FindingKind::Respelt, message, Some(help))
    }

    fn unknown(path: &[Step], help: Option<String>) -> Self {
        let message = format!("unknown field `{}`", words::path_text(path));
        Self::new(path, FindingKind::Unknown, message, help)
    }
}

/// "a number: how long to wait", of as much as is known.
fn described(kinds: Option<String>, description: Option<String>) -> Option<String> {
    match (kinds, description) {
        (Some(kinds), Some(description)) => Some(format!("{kinds}: {description}")),
        (kinds, description) => kinds.or(description),
    }
}

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;
