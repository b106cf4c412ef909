//! From the config object to the provider's own struct, through serde.
//!
//! Its errors name the field with its path, suggest the nearest name for a misspelt one, and never hold
//! a value, which may be a secret.

mod error;
mod value;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use self::error::{ConfigProblem, ConfigStep};
use self::value::Item;
use crate::error::ProviderError;

/// Reads a config.
///
/// # Errors
///
/// The first field that does not fit.
pub(crate) fn read<C: DeserializeOwned>(config: &Map<String, Value>) -> Result<C, ConfigProblem> {
    let config = Value::Object(config.clone());
    serde_path_to_error::deserialize(Item(&config))
        .map_err(|error| error.inner().found_in(error.path()))
}

/// Reads a config and lets a provider check it.
///
/// # Errors
///
/// The first thing that is wrong.
pub(crate) fn check<C: DeserializeOwned>(
    config: &Map<String, Value>,
    check: impl FnOnce(&C) -> Result<(), ProviderError>,
) -> Result<(), ConfigProblem> {
    let whole =
        |error: ProviderError| ConfigProblem { path: Vec::new(), message: error.to_string() };
    check(&read(config)?).map_err(whole)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[serde(alias = "maxCount")]
        max_count: u64,
        #[serde(default)]
        ratio: f64,
        offset: Option<i8>,
        #[serde(default)]
        format: Format,
        #[serde(default)]
        lock: Vec<Lock>,
        #[serde(default)]
        tags: BTreeMap<String, Value>,
        #[serde(default)]
        pair: (u8, String),
        nested: Option<Nested>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nested {
        nested: u8,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Format {
        #[default]
        Simple,
        Structured,
        Custom {
            width: u8,
        },
        Named(String),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "type", rename_all = "lowercase")]
    enum Lock {
        None,
        Blob { url: String },
    }

    fn config(value: Value) -> Result<Config, String> {
        let Value::Object(object) = value else { panic!("not an object") };
        read(&object).map_err(|problem| ProviderError::from(problem).to_string())
    }

    #[test]
    fn what_serde_can_describe_is_read() {
        let read = config(json!({
            "maxCount": 5, "ratio": 2, "offset": null, "format": { "custom": { "width": 3 } },
            "lock": [{ "type": "none" }, { "type": "blob", "url": "x" }],
            "tags": { "a": [1, null, { "b": 1.5 }] }, "pair": [1, "x"],
        }));
        let expected = Config {
            max_count: 5,
            ratio: 2.0,
            offset: None,
            format: Format::Custom { width: 3 },
            lock: vec![Lock::None, Lock::Blob { url: "x".to_owned() }],
            tags: [("a".to_owned(), json!([1, null, { "b": 1.5 }]))].into(),
            pair: (1, "x".to_owned()),
            nested: None,
        };
        assert_eq!(read, Ok(expected));
        let format = |value: Value| {
            config(json!({ "max_count": 1, "format": value })).map(|config| config.format)
        };
        assert_eq!(format(json!("structured")), Ok(Format::Structured));
        assert_eq!(format(json!({ "named": "x" })), Ok(Format::Named("x".to_owned())));
        assert_eq!(format(json!({ "simple": null })), Ok(Format::Simple));
    }

    #[test]
    fn an_error_names_the_field_and_what_it_must_be() {
        for (value, message) in [
            (json!({}), "`max_count` is missing"),
            (
                json!({ "max_count": 1, "ofset": 1 }),
                "there is no field `ofset`; did you mean `offset`?",
            ),
            (
                json!({ "max_count": "secret" }),
                "`max_count` must be a whole number from 0 up, not a text",
            ),
            (json!({ "max_count": -1 }), "`max_count` must be a whole number from 0 up"),
            (
                json!({ "max_count": 1.5 }),
                "`max_count` must be a whole number from 0 up, not a fraction",
            ),
            (
                json!({ "max_count": 1, "offset": 200 }),
                "`offset` must be a whole number from -128 to 127",
            ),
            (json!({ "max_count": 1, "ratio": [] }), "`ratio` must be a number, not a list"),
            (
                json!({ "max_count": 1, "format": "simpel" }),
                "`format` must be one of `simple`, `structured`, `custom`, `named`; did you mean `simple`?",
            ),
            (
                json!({ "max_count": 1, "format": "hunter2" }),
                "`format` must be one of `simple`, `structured`, `custom`, `named`",
            ),
            (
                json!({ "max_count": 1, "format": { "custom": { "width": true } } }),
                "`format.custom.width` must be a whole number from 0 to 255, not a boolean",
            ),
            (
                json!({ "max_count": 1, "lock": [{ "type": "none" }, { "type": "blob" }] }),
                "`lock[1].url` is missing",
            ),
            (
                json!({ "max_count": 1, "lock": { "type": "none" } }),
                "`lock` must be a list, not an object",
            ),
            (json!({ "max_count": 1, "pair": [1] }), "`pair` must be a tuple of size 2"),
            (json!({ "maxCount": 1, "max_count": 2 }), "`max_count` is given twice"),
            (json!({ "max_count": 1, "nested": {} }), "`nested.nested` is missing"),
            (
                json!({ "max_count": 1, "nested": { "nested": 1, "nest": 1 } }),
                "`nested` has no field `nest`; there are `nested`",
            ),
            (
                json!({ "max_count": 1, "nested": { "nested": "x" } }),
                "`nested.nested` must be a whole number from 0 to 255, not a text",
            ),
        ] {
            assert_eq!(config(value.clone()), Err(format!("config: {message}")), "{value}");
        }
    }

    #[test]
    fn the_fields_are_listed_where_none_is_near() {
        let error = config(json!({ "max_count": 1, "bootstrap": 1 })).unwrap_err();
        assert!(
            error.starts_with("config: there is no field `bootstrap`; there are `max"),
            "{error}"
        );
    }

    #[test]
    fn no_message_of_ours_holds_a_value() {
        for field in ["max_count", "ratio", "offset", "format", "lock", "tags", "pair", "other"] {
            let mut value = json!({ "max_count": 1 });
            value[field] = "hunter2".into();
            let error = config(value).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
