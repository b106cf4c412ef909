//! The simple form of a schema: a map of fields, as providers have always had it.
//!
//! Authors have written it by hand and nothing has read it so far, so only what is sure is held
//! against a config: what a description has besides, and types that are not known here, pass.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::words::{self, Wanted, either, kind_of, shown, subject};
use super::{Finding, FindingKind, SchemaError, Step};
use dstream_reference::{did_you_mean, is_same_name};

/// The fields of an object.
#[derive(Debug, Clone, Default)]
pub(super) struct FieldMap {
    fields: BTreeMap<String, Field>,
}

#[derive(Debug, Clone, Default)]
struct Field {
    /// Empty: any.
    kinds: Vec<Kind>,
    required: bool,
    description: Option<String>,
    options: Vec<Value>,
    /// Those of the object, or of each object of the list.
    fields: Option<FieldMap>,
    items: Option<Box<Field>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    String,
    Number,
    Integer,
    Bool,
    List,
    Object,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Number => "a number",
            Self::Integer => "a whole number",
            Self::Bool => "true or false",
            Self::List => "a list",
            Self::Object => "an object",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Integer => {
                value.is_i64()
                    || value.is_u64()
                    || value.as_f64().is_some_and(|number| number.fract() == 0.0)
            }
            Self::Bool => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

/// The kind that a type's name stands for: `int`, `list(string)`, `[]string`. `None` is any.
fn kind(name: &str) -> Option<Kind> {
    let name = name.trim().to_ascii_lowercase();
    if name.starts_with('[') {
        return Some(Kind::List);
    }
    let word = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    match word {
        "string" | "str" | "text" => Some(Kind::String),
        "number" | "float" | "float32" | "float64" | "double" | "decimal" => Some(Kind::Number),
        "integer" | "int" | "int32" | "int64" | "long" => Some(Kind::Integer),
        "bool" | "boolean" => Some(Kind::Bool),
        "list" | "array" | "set" => Some(Kind::List),
        "map" | "object" | "dict" | "dictionary" => Some(Kind::Object),
        _ => None,
    }
}

impl FieldMap {
    /// The depth of `schema` has been checked.
    pub(super) fn read(schema: &Map<String, Value>) -> Result<Self, SchemaError> {
        let mut map = Self::default();
        for (name, description) in schema {
            let field = Field::read(description).ok_or_else(|| SchemaError::Field {
                name: shown(name),
                kind: kind_of(description),
            })??;
            map.fields.insert(name.clone(), field);
        }
        Ok(map)
    }

    /// Adds what is wrong with `object`, which stands at `path`.
    pub(super) fn check(
        &self,
        object: &Map<String, Value>,
        path: &mut Vec<Step>,
        findings: &mut super::Findings,
    ) {
        for (name, field) in self.fields.iter().filter(|(_, field)| field.required) {
            let is_there = |given: &String| given == name || is_same_name(given, name);
            if !object.keys().any(is_there) {
                findings.add(Finding::missing(path, name, field.help()));
            }
        }
        for (name, value) in object {
            if findings.is_full() {
                return;
            }
            path.push(Step::Key(name.clone()));
            match self.fields.get(name) {
                Some(field) => field.check(value, path, findings),
                None => match self.fields.iter().find(|(known, _)| is_same_name(name, known)) {
                    // The original's own counter is configured as `maxCount`, and says `max_count`.
                    Some((known, field)) => {
                        findings.add(Finding::respelt(path, known));
                        field.check(value, path, findings);
                    }
                    None => {
                        let names = self.fields.keys().map(String::as_str);
                        findings.add(Finding::unknown(path, did_you_mean(name, names)));
                    }
                },
            }
            path.pop();
        }
    }
}

impl Field {
    /// `None` if this is no description of a field.
    fn read(description: &Value) -> Option<Result<Self, SchemaError>> {
        match description {
            Value::String(name) => {
                Some(Ok(Self { kinds: kind(name).into_iter().collect(), ..Self::default() }))
            }
            Value::Object(description) => Some(Self::described(description)),
            _ => None,
        }
    }

    fn described(description: &Map<String, Value>) -> Result<Self, SchemaError> {
        let kinds = match description.get("type") {
            Some(Value::String(name)) => kind(name).into_iter().collect(),
            Some(Value::Array(names)) => {
                // One that is not known makes it any.
                let names = names.iter().filter(|name| *name != "null");
                let kinds: Option<Vec<Kind>> = names.map(|name| kind(name.as_str()?)).collect();
                kinds.unwrap_or_default()
            }
            _ => Vec::new(),
        };
        let mut fields = ["fields", "properties"]
            .into_iter()
            .find_map(|key| description.get(key)?.as_object())
            .map(FieldMap::read)
            .transpose()?;
        let required = match description.get("required") {
            // As in JSON Schema: the names of nested fields.
            Some(Value::Array(names)) => {
                for name in names.iter().filter_map(Value::as_str) {
                    if let Some(field) = fields.as_mut().and_then(|map| map.fields.get_mut(name)) {
                        field.required = true;
                    }
                }
                false
            }
            required => required.is_some_and(|required| *required == true || *required == "true"),
        };
        let items = match description.get("items").and_then(Self::read) {
            Some(items) => Some(Box::new(items?)),
            None => None,
        };
        let has_default = description.get("default").is_some_and(|default| !default.is_null());
        let options = description.get("enum").and_then(Value::as_array).cloned();
        let text = description.get("description").and_then(Value::as_str);
        Ok(Self {
            kinds,
            // What has a default can be left out, whatever else is said of it.
            required: required && !has_default,
            description: text.map(shown).filter(|text| !text.trim().is_empty()),
            options: options.unwrap_or_default(),
            fields,
            items,
        })
    }

    fn check(&self, value: &Value, path: &mut Vec<Step>, findings: &mut super::Findings) {
        // `x = null` is how HCL leaves `x` out.
        if value.is_null() && !self.required {
            return;
        }
        if !self.fits(value) {
            let whole = self.kinds.contains(&Kind::Integer) && value.is_number();
            let found = if whole { "one with a fraction" } else { kind_of(value) };
            let wanted = either(&self.words());
            let message = format!("{} is {wanted}, not {found}", subject(path));
            let help = words::mistyped_help(path, self.wanted(), value);
            findings.add(Finding::new(path, FindingKind::Mistyped, message, help));
            return;
        }
        if !self.options.is_empty() && !self.options.iter().any(|option| same(option, value)) {
            let message = format!("{} has a value that it does not take", subject(path));
            let help = words::one_of(&self.options);
            findings.add(Finding::new(path, FindingKind::Value, message, help));
        }
        match value {
            Value::Object(object) => {
                if let Some(fields) = &self.fields {
                    fields.check(object, path, findings);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    if findings.is_full() {
                        return;
                    }
                    path.push(Step::Index(index));
                    match (&self.items, &self.fields, item) {
                        (Some(field), _, item) => field.check(item, path, findings),
                        (None, Some(fields), Value::Object(item)) => {
                            fields.check(item, path, findings);
                        }
                        _ => {}
                    }
                    path.pop();
                }
            }
            _ => {}
        }
    }

    fn fits(&self, value: &Value) -> bool {
        if self.kinds.is_empty() {
            return !value.is_null();
        }
        self.kinds.iter().any(|kind| kind.fits(value))
    }

    fn words(&self) -> Vec<&'static str> {
        if self.kinds.is_empty() {
            return vec!["required"];
        }
        self.kinds.iter().map(|kind| kind.word()).collect()
    }

    fn wanted(&self) -> Wanted {
        Wanted {
            string: self.kinds.contains(&Kind::String),
            number: self.kinds.contains(&Kind::Number) || self.kinds.contains(&Kind::Integer),
            bool: self.kinds.contains(&Kind::Bool),
            list: self.kinds.contains(&Kind::List),
            object: self.kinds.contains(&Kind::Object),
        }
    }

    /// What to write where the field is missing.
    fn help(&self) -> Option<String> {
        let kinds = (!self.kinds.is_empty()).then(|| either(&self.words()));
        super::described(kinds, self.description.clone())
    }
}

/// Whether a config's value is one of a schema's. Existing providers take words in any case.
fn same(option: &Value, value: &Value) -> bool {
    match (option, value) {
        (Value::String(option), Value::String(value)) => option.eq_ignore_ascii_case(value),
        (Value::Number(option), Value::Number(value)) => option.as_f64() == value.as_f64(),
        _ => option == value,
    }
}
