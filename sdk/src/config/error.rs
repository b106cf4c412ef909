//! What does not fit, and where.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

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

/// A value that does not fit, with its path.
#[derive(Debug)]
pub(super) struct ConfigError {
    /// The innermost step first, as the error meets them on its way out.
    path: Vec<ConfigStep>,
    what: What,
}

/// Nothing here holds a value of the config: values can be secrets.
#[derive(Debug)]
enum What {
    Missing,
    Twice,
    NoField { name: String, known: &'static [&'static str] },
    Unfit { expected: String, found: Option<&'static str> },
    NoVariant { known: &'static [&'static str], nearest: Option<&'static str> },
    Other(String),
}

impl ConfigError {
    fn new(what: What) -> Self {
        Self { path: Vec::new(), what }
    }

    /// The same error seen from one level further out.
    pub(super) fn within(mut self, step: ConfigStep) -> Self {
        self.path.push(step);
        self
    }

    /// The same for others to show.
    pub(super) fn problem(&self) -> ConfigProblem {
        let mut path: Vec<ConfigStep> = self.path.iter().rev().cloned().collect();
        if let What::NoField { name, .. } = &self.what {
            path.push(ConfigStep::Field(name.clone()));
        }
        ConfigProblem { path, message: self.to_string() }
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in self.path.iter().rev() {
            match step {
                ConfigStep::Index(index) => path.push_str(&format!("[{index}]")),
                ConfigStep::Field(name) => {
                    path.push_str(if path.is_empty() { "" } else { "." });
                    path.push_str(name);
                }
            }
        }
        path
    }
}

impl Error for ConfigError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(What::Other(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let (expected, found) = (words(expected), Some(kind(&found)));
        Self::new(What::Unfit { expected, found })
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(What::Unfit { expected: words(expected), found: None })
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::new(What::Unfit { expected: words(expected), found: None })
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Self {
        Self::new(What::NoVariant { known, nearest: nearest(name, known) })
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::new(What::NoField { name: name.to_owned(), known })
    }

    fn missing_field(name: &'static str) -> Self {
        Self::new(What::Missing).within(ConfigStep::Field(name.to_owned()))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::new(What::Twice).within(ConfigStep::Field(name.to_owned()))
    }
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path();
        let subject = if path.is_empty() { "it".to_owned() } else { format!("`{path}`") };
        match &self.what {
            What::Missing => write!(f, "{subject} is missing"),
            What::Twice => write!(f, "{subject} is given twice"),
            What::Unfit { expected, found: Some(found) } => {
                write!(f, "{subject} must be {expected}, not {found}")
            }
            What::Unfit { expected, found: None } => write!(f, "{subject} must be {expected}"),
            What::NoVariant { known, nearest } => {
                write!(f, "{subject} must be one of {}", quoted(known))?;
                nearest.map_or(Ok(()), |nearest| write!(f, "; did you mean `{nearest}`?"))
            }
            What::NoField { name, known } => {
                let place = if path.is_empty() { "there is" } else { "has" };
                let subject = if path.is_empty() { String::new() } else { format!("{subject} ") };
                write!(f, "{subject}{place} no field `{name}`")?;
                match nearest(name, known) {
                    Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
                    None if known.is_empty() => Ok(()),
                    None => write!(f, "; there are {}", quoted(known)),
                }
            }
            What::Other(message) if path.is_empty() => f.write_str(message),
            What::Other(message) => write!(f, "{subject}: {message}"),
        }
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
