//! Attributes with a fixed meaning → typed settings.
//!
//! Each reader gives `None` where the attribute is absent, wrong (noted) or not known yet.

use std::ops::Range;
use std::time::Duration;

use hcl_edit::structure::Attribute;

use super::declared::Fields;
use crate::values::evaluate::{Evaluator, span_of};
use crate::values::value::{Data, Value};
use dstream_reference::{did_you_mean, listed};
use dstream_task::units::{self, UnitError};

/// A text and where it stands.
#[derive(Debug)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
    pub(crate) secret: bool,
}

impl Evaluator<'_> {
    /// The value of a string attribute that must not be empty.
    pub(crate) fn text_of(&self, attribute: &Attribute) -> Option<Text> {
        let name = attribute.key.as_str();
        let span = span_of(&attribute.value);
        let value = self.value(&attribute.value).ok()?;
        let secret = value.is_secret();
        match value.data {
            Data::String(text) if text.is_empty() => {
                self.fail(&span, format!("`{name}` is empty"));
                None
            }
            Data::String(text) => {
                if secret {
                    self.log.add_secrets([text.clone()]);
                }
                Some(Text { text, span, secret })
            }
            _ => {
                self.fail(&span, format!("`{name}` must be a string, not {}", value.kind()));
                None
            }
        }
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(
        &self,
        fields: &Fields,
        name: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let found = self.text_of(fields.get(name)?)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == found.text) {
            return Some(*value);
        }
        let words = || choices.iter().map(|(word, _)| *word);
        let message = if found.secret {
            format!("invalid value for `{name}`")
        } else {
            format!("invalid value `{}` for `{name}`", found.text)
        };
        let help = did_you_mean(&found.text, words())
            .filter(|_| !found.secret)
            .unwrap_or_else(|| format!("valid here: {}", listed(words())));
        self.fail_with(&found.span, message, Some(help));
        None
    }

    /// A time between two bounds.
    pub(crate) fn duration(
        &self,
        fields: &Fields,
        name: &str,
        bounds: (Duration, Duration),
    ) -> Option<Duration> {
        let attribute = fields.get(name)?;
        let span = span_of(&attribute.value);
        let value = self.value(&attribute.value).ok()?;
        let found = match &value.data {
            Data::String(text) => units::duration(text),
            Data::Number(seconds) => {
                seconds.as_u64().map(Duration::from_secs).ok_or(UnitError::Duration)
            }
            _ => Err(UnitError::Duration),
        };
        self.within(name, &span, found, bounds, units::duration_text)
    }

    /// A number of bytes between two bounds.
    pub(crate) fn size(
        &self,
        fields: &Fields,
        name: &str,
        bounds: (usize, usize),
    ) -> Option<usize> {
        let attribute = fields.get(name)?;
        let span = span_of(&attribute.value);
        let value = self.value(&attribute.value).ok()?;
        let found = match &value.data {
            Data::String(text) => units::size(text),
            Data::Number(bytes) => bytes.as_u64().ok_or(UnitError::Size),
            _ => Err(UnitError::Size),
        };
        let bounds = (bounds.0 as u64, bounds.1 as u64);
        let bytes = self.within(name, &span, found, bounds, units::size_text)?;
        usize::try_from(bytes).ok()
    }

    /// A whole number between two bounds.
    pub(crate) fn count(&self, fields: &Fields, name: &str, (min, max): (u64, u64)) -> Option<u64> {
        let attribute = fields.get(name)?;
        let span = span_of(&attribute.value);
        let value = self.value(&attribute.value).ok()?;
        let number = match &value.data {
            Data::Number(number) => number.as_u64().filter(|number| (min..=max).contains(number)),
            _ => None,
        };
        if number.is_none() {
            self.fail(&span, format!("`{name}` must be a whole number from {min} to {max}"));
        }
        number
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, fields: &Fields, name: &str) -> Option<bool> {
        let attribute = fields.get(name)?;
        let value = self.value(&attribute.value).ok()?;
        match value.data {
            Data::Bool(flag) => Some(flag),
            _ => {
                let message = format!("`{name}` must be true or false, not {}", value.kind());
                self.fail(&span_of(&attribute.value), message);
                None
            }
        }
    }

    fn within<T: PartialOrd + Copy>(
        &self,
        name: &str,
        span: &Range<usize>,
        found: Result<T, UnitError>,
        (min, max): (T, T),
        shown: impl Fn(T) -> String,
    ) -> Option<T> {
        let problem = match found {
            Ok(found) if found < min => format!("`{name}` must be at least {}", shown(min)),
            Ok(found) if found > max => format!("`{name}` must be at most {}", shown(max)),
            Ok(found) => return Some(found),
            Err(UnitError::Overflow) => format!("`{name}` must be at most {}", shown(max)),
            Err(error) => format!("`{name}` is {error}"),
        };
        self.fail(span, problem);
        None
    }

    /// The strings in a value that are secrets, noted as such.
    pub(crate) fn note_secrets(&self, value: &Value) {
        let mut texts = std::collections::BTreeSet::new();
        value.collect_texts(true, &mut texts);
        self.log.add_secrets(texts);
    }
}
