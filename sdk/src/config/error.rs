//! What does not fit, and where.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};
use serde_path_to_error::Segment;

use crate::error::ProviderError;

/// One step from a `config` to a value within it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigStep {
    /// To a field of an object.
    Field(String),
    /// To an item of a list, from 0.
    Index(usize),
}

/// Why a provider refuses a `config`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    /// The way from the config to what is wrong; empty where that is more than one field. What is
    /// missing is the last step.
    pub path: Vec<ConfigStep>,
    /// A lower-case sentence that names the field.
    pub message: String,
}

impl From<ConfigProblem> for ProviderError {
    fn from(problem: ConfigProblem) -> Self {
        Self::config(format!("config: {}", problem.message))
    }
}

/// Why a value does not fit. Nothing here holds a value of the config: values can be secrets.
#[derive(Debug)]
pub(super) enum ConfigError {
    Missing(&'static str),
    Twice(&'static str),
    UnknownField { name: String, known: &'static [&'static str] },
    Unfit { expected: String, found: Option<&'static str> },
    UnknownVariant { known: &'static [&'static str], nearest: Option<&'static str> },
    Other(String),
}

impl ConfigError {
    /// The field that the error is about, if it is one of the object that was being read.
    fn field(&self) -> Option<&str> {
        match self {
            Self::Missing(name) | Self::Twice(name) => Some(name),
            Self::UnknownField { name, .. } => Some(name),
            _ => None,
        }
    }

    /// The same with its place, for others to show.
    pub(super) fn found_in(&self, parents: &serde_path_to_error::Path) -> ConfigProblem {
        let mut path: Vec<ConfigStep> = parents.iter().filter_map(step).collect();
        if let Self::UnknownField { name, .. } = self {
            // serde has reached the name, so that it is part of the path already.
            path.pop_if(|last| matches!(last, ConfigStep::Field(last) if last == name));
        }
        let object = text(&path);
        path.extend(self.field().map(|name| ConfigStep::Field(name.to_owned())));
        let subject = match &*text(&path) {
            "" => "it".to_owned(),
            path => format!("`{path}`"),
        };
        let suggestion = |nearest: Option<&str>| {
            nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"))
        };
        let message = match self {
            Self::Missing(_) => format!("{subject} is missing"),
            Self::Twice(_) => format!("{subject} is given twice"),
            Self::Unfit { expected, found: Some(found) } => {
                format!("{subject} must be {expected}, not {found}")
            }
            Self::Unfit { expected, found: None } => format!("{subject} must be {expected}"),
            Self::UnknownVariant { known, nearest } => {
                format!("{subject} must be one of {}{}", quoted(known), suggestion(*nearest))
            }
            Self::UnknownField { name, known } => {
                let hint = match nearest(name, known) {
                    None if known.is_empty() => String::new(),
                    None => format!("; there are {}", quoted(known)),
                    nearest => suggestion(nearest),
                };
                match &*object {
                    "" => format!("there is no field `{name}`{hint}"),
                    object => format!("`{object}` has no field `{name}`{hint}"),
                }
            }
            Self::Other(message) if path.is_empty() => message.clone(),
            Self::Other(message) => format!("{subject}: {message}"),
        };
        ConfigProblem { path, message }
    }
}

fn step(segment: &Segment) -> Option<ConfigStep> {
    match segment {
        Segment::Seq { index } => Some(ConfigStep::Index(*index)),
        Segment::Map { key: name } | Segment::Enum { variant: name } => {
            Some(ConfigStep::Field(name.clone()))
        }
        Segment::Unknown => None,
    }
}

/// `lock[1].url`.
fn text(path: &[ConfigStep]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            ConfigStep::Index(index) => text.push_str(&format!("[{index}]")),
            ConfigStep::Field(name) => {
                text.push_str(if text.is_empty() { "" } else { "." });
                text.push_str(name);
            }
        }
    }
    text
}

impl Error for ConfigError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let (expected, found) = (words(expected), Some(kind(&found)));
        Self::Unfit { expected, found }
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Unfit { expected: words(expected), found: None }
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::Unfit { expected: words(expected), found: None }
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Self {
        Self::UnknownVariant { known, nearest: nearest(name, known) }
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::UnknownField { name: name.to_owned(), known }
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing(name)
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::Twice(name)
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value does not fit") // see `found_in`
    }
}

/// What kind of value it is, without the value.
fn kind(found: &Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a whole number",
        Unexpected::Float(_) => "a fraction",
        Unexpected::Char(_) | Unexpected::Str(_) => "a text",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map | Unexpected::NewtypeStruct => "an object",
        _ => "what it is",
    }
}

/// serde's and Rust's words for a type as those of a config.
fn words(expected: &dyn Expected) -> String {
    let range = |least: &dyn fmt::Display, most: &dyn fmt::Display| {
        format!("a whole number from {least} to {most}")
    };
    let expected = expected.to_string();
    match expected.as_str() {
        "u8" => range(&u8::MIN, &u8::MAX),
        "u16" => range(&u16::MIN, &u16::MAX),
        "u32" => range(&u32::MIN, &u32::MAX),
        "u64" | "u128" | "usize" => "a whole number from 0 up".to_owned(),
        "i8" => range(&i8::MIN, &i8::MAX),
        "i16" => range(&i16::MIN, &i16::MAX),
        "i32" => range(&i32::MIN, &i32::MAX),
        "i64" | "i128" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a string" | "string" => "a text".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        "unit" => "null".to_owned(),
        name if name.starts_with("a nonzero ") => "a whole number other than 0".to_owned(),
        name if name.starts_with("struct ") => "an object".to_owned(),
        name if name.starts_with("enum ") => "a text".to_owned(),
        _ => expected,
    }
}

fn quoted(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// The name that was probably meant: at most a third of its letters are wrong.
fn nearest(name: &str, known: &'static [&'static str]) -> Option<&'static str> {
    let distance = |candidate: &str| {
        let (name, candidate) = (name.to_lowercase(), candidate.to_lowercase());
        strsim::osa_distance(&name, &candidate)
    };
    let (distance, nearest) =
        known.iter().map(|&candidate| (distance(candidate), candidate)).min()?;
    (distance <= (name.chars().count() / 3).max(1)).then_some(nearest)
}
