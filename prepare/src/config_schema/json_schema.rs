//! JSON Schema: the `jsonschema` crate decides, the words are ours.
//!
//! Its own messages show values of the config, even the masked ones: names of an object's members
//! are values to it. So only what it says about the schema is used.

use std::sync::Arc;

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::{JsonType, PatternOptions, ValidationError, Validator};
use serde_json::{Map, Value};

use super::limits::PATTERN_BYTES_MAX;
use super::words::{self, Wanted, either, kind_of, one_of, scalar, shown, subject};
use super::work::{References, is_affordable, measure_json_schema};
use super::{Finding, FindingKind, Findings, SchemaError, Step, described};
use dstream_reference::did_you_mean;

/// A compiled schema.
#[derive(Debug, Clone)]
pub(super) struct JsonSchema {
    schema: Arc<Value>,
    references: Arc<References>,
    validator: Arc<Validator>,
}

impl JsonSchema {
    /// The size and depth of `schema` have been checked.
    pub(super) fn read(schema: &Value) -> Result<Self, SchemaError> {
        measure_json_schema(schema)?;
        let references = References::read(schema)?;
        // Patterns by backtracking could take forever; the linear ones know no look-around.
        let patterns =
            PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
        let options = jsonschema::options().offline().with_pattern_options(patterns);
        let validator = options.build(schema).map_err(|error| SchemaError::Invalid {
            place: shown(error.instance_path().as_str()),
            message: shown(&error.to_string()),
        })?;
        Ok(Self {
            schema: Arc::new(schema.clone()),
            references: Arc::new(references),
            validator: Arc::new(validator),
        })
    }

    pub(super) fn check(&self, config: &Map<String, Value>, findings: &mut Findings) {
        let config = Value::Object(config.clone());
        if !is_affordable(&self.schema, &self.references, &config) {
            let message = "checking the config would take too long".to_owned();
            findings.add(Finding::new(&[], FindingKind::Unchecked, message, None));
            return;
        }
        for error in self.validator.iter_errors(&config) {
            if findings.is_full() {
                return;
            }
            self.add(&error, &config, findings);
        }
    }

    fn add(&self, error: &ValidationError<'_>, config: &Value, findings: &mut Findings) {
        let Some((path, value)) = place(config, error) else { return };
        match error.kind() {
            Kind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let help = self.beside(error, "properties").and_then(|fields| field(fields, name));
                findings.add(Finding::missing(&path, name, help));
            }
            Kind::AdditionalProperties { unexpected }
            | Kind::UnevaluatedProperties { unexpected } => {
                let known = self.beside(error, "properties").and_then(Value::as_object);
                for name in unexpected {
                    let mut path = path.clone();
                    path.push(Step::Key(name.clone()));
                    let names = known.into_iter().flat_map(Map::keys).map(String::as_str);
                    findings.add(Finding::unknown(&path, did_you_mean(name, names)));
                }
            }
            // With no `properties` beside it, the error is the object's, for all its members.
            Kind::FalseSchema if is_of_members(error) && value.is_object() => {
                for name in value.as_object().into_iter().flat_map(Map::keys) {
                    let mut path = path.clone();
                    path.push(Step::Key(name.clone()));
                    findings.add(Finding::unknown(&path, None));
                }
            }
            Kind::FalseSchema if !path.is_empty() => findings.add(Finding::unknown(&path, None)),
            Kind::Type { kind } => findings.add(mistyped(&path, &types(kind), value)),
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
                findings.add(no_alternative(&path, context, value));
            }
            kind => {
                let (words, help) = violated(kind, error.schema_path().as_str());
                let message = format!("{} {words}", subject(&path));
                findings.add(Finding::new(&path, FindingKind::Value, message, help));
            }
        }
    }

    /// The value of `keyword` in the schema that the violated keyword stands in.
    fn beside(&self, error: &ValidationError<'_>, keyword: &str) -> Option<&Value> {
        let (parent, _) = error.schema_path().as_str().rsplit_once('/')?;
        self.schema.pointer(parent)?.get(keyword)
    }
}

/// Where in the config an error is, and what stands there.
fn place<'c>(config: &'c Value, error: &ValidationError<'_>) -> Option<(Vec<Step>, &'c Value)> {
    let (mut path, mut value) = (Vec::new(), config);
    for segment in error.instance_path().segments() {
        // Whether `0` is a name or a number only the config knows.
        let segment = segment.to_string();
        value = match value {
            Value::Array(items) => {
                let index = segment.parse().ok()?;
                path.push(Step::Index(index));
                items.get(index)?
            }
            Value::Object(items) => {
                let found = items.get(&segment)?;
                path.push(Step::Key(segment));
                found
            }
            _ => return None,
        };
    }
    Some((path, value))
}

fn is_of_members(error: &ValidationError<'_>) -> bool {
    let place = error.schema_path().as_str();
    place.ends_with("/additionalProperties") && !place.ends_with("/properties/additionalProperties")
}

/// What to write where a field is missing: its type and description.
fn field(fields: &Value, name: &str) -> Option<String> {
    let schema = fields.get(name)?;
    let kinds: Vec<&str> = match schema.get("type") {
        Some(Value::String(kind)) => word_of(kind).into_iter().collect(),
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(|kind| word_of(kind.as_str()?)).collect()
        }
        _ => Vec::new(),
    };
    let kinds = (!kinds.is_empty()).then(|| either(&kinds));
    let text = schema.get("description").and_then(Value::as_str).map(shown);
    described(kinds, text.filter(|text| !text.trim().is_empty()))
}

fn word_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "string" => "a string",
        "number" => "a number",
        "integer" => "a whole number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "an object",
        "null" => "null",
        _ => return None,
    })
}

fn types(kind: &TypeKind) -> Vec<JsonType> {
    match kind {
        TypeKind::Single(kind) => vec![*kind],
        TypeKind::Multiple(kinds) => kinds.iter().collect(),
    }
}

fn mistyped(path: &[Step], kinds: &[JsonType], value: &Value) -> Finding {
    let has = |kind| kinds.contains(&kind);
    let mut words: Vec<&str> = kinds.iter().filter_map(|kind| word_of(kind.as_str())).collect();
    words.sort_by_key(|word| *word == "null");
    let found = match value {
        Value::Number(_) if has(JsonType::Integer) => "one with a fraction",
        value => kind_of(value),
    };
    let wanted = Wanted {
        string: has(JsonType::String),
        number: has(JsonType::Number) || has(JsonType::Integer),
        bool: has(JsonType::Boolean),
        list: has(JsonType::Array),
        object: has(JsonType::Object),
    };
    let message = format!("{} is {}, not {found}", subject(path), either(&words));
    let help = words::mistyped_help(path, wanted, value);
    Finding::new(path, FindingKind::Mistyped, message, help)
}

/// None of `anyOf` or `oneOf` fits: if each is only about another kind, that is what is wrong.
fn no_alternative(
    path: &[Step],
    context: &[Vec<ValidationError<'static>>],
    value: &Value,
) -> Finding {
    let only_type = |errors: &Vec<ValidationError<'static>>| match errors.as_slice() {
        [error] => match error.kind() {
            Kind::Type { kind } if error.instance_path().segments().count() == path.len() => {
                Some(types(kind))
            }
            _ => None,
        },
        _ => None,
    };
    let kinds: Option<Vec<Vec<JsonType>>> = context.iter().map(only_type).collect();
    if let Some(kinds) = kinds.filter(|kinds| !kinds.is_empty()) {
        let mut all: Vec<JsonType> = Vec::new();
        for kind in kinds.into_iter().flatten() {
            if !all.contains(&kind) {
                all.push(kind);
            }
        }
        return mistyped(path, &all, value);
    }
    let message = format!("{} has none of the forms that are allowed", subject(path));
    Finding::new(path, FindingKind::Value, message, None)
}

/// What follows a place's name, and advice, for everything that is not about kinds and names.
fn violated(kind: &Kind, schema_path: &str) -> (String, Option<String>) {
    let words = match kind {
        Kind::Enum { options } => {
            let help = options.as_array().and_then(|options| one_of(options));
            return ("has a value that it does not take".to_owned(), help);
        }
        Kind::Constant { expected_value } => {
            let help = scalar(expected_value).map(|value| format!("it is always `{value}`"));
            return ("has a value that it does not take".to_owned(), help);
        }
        Kind::Pattern { pattern } => {
            let help = format!("the pattern is `{}`", shown(pattern));
            return ("does not match its pattern".to_owned(), Some(help));
        }
        Kind::Minimum { limit } => format!("is less than {limit}"),
        Kind::Maximum { limit } => format!("is more than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("is not more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("is not less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("is not a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("is shorter than {}", counted(*limit, "character")),
        Kind::MaxLength { limit } => format!("is longer than {}", counted(*limit, "character")),
        Kind::MinItems { limit } => format!("has fewer than {}", counted(*limit, "item")),
        Kind::MaxItems { limit } => format!("has more than {}", counted(*limit, "item")),
        Kind::AdditionalItems { limit } => {
            format!("has more than {}", counted(*limit as u64, "item"))
        }
        Kind::MinProperties { limit } => format!("has fewer than {}", counted(*limit, "field")),
        Kind::MaxProperties { limit } => format!("has more than {}", counted(*limit, "field")),
        Kind::UniqueItems => "has an item twice".to_owned(),
        Kind::Contains => "lacks an item that has to be in it".to_owned(),
        Kind::Format { format } => format!("is not of the format `{}`", shown(format)),
        Kind::PropertyNames { .. } => "has a field whose name is not allowed".to_owned(),
        Kind::OneOfMultipleValid { .. } => {
            "has several of the forms of which one is allowed".to_owned()
        }
        Kind::Not { .. } | Kind::FalseSchema => "has a form that is not allowed".to_owned(),
        _ if schema_path.contains("/propertyNames") => {
            "has a field whose name is not allowed".to_owned()
        }
        kind => format!("breaks the rule `{}` of its schema", shown(kind.keyword())),
    };
    if schema_path.contains("/propertyNames/") {
        return ("has a field whose name is not allowed".to_owned(), None);
    }
    (words, None)
}

fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
