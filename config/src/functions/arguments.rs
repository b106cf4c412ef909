//! A function's arguments, taken one after the other, each as the type that is wanted.
//!
//! Conversions are Terraform's: a number or a bool may stand where a string is wanted, and a
//! string where a number or a bool is, if it reads as one. Null is refused unless [`any`] is used.
//!
//! [`any`]: Arguments::any

use hcl::{Map, Number};

use super::call::Context;
use super::unify;
use crate::values::value::{Data, Value};

/// What is left of the arguments of one call. [`super::call`] has checked their number, so that
/// taking as many as there are parameters cannot fail for want of one.
pub(super) struct Arguments<'a> {
    /// What lies outside the file.
    pub(super) context: &'a Context<'a>,
    parameters: std::str::Split<'static, &'static str>,
    name: &'static str,
    values: std::vec::IntoIter<Value>,
}

impl<'a> Arguments<'a> {
    pub(super) fn new(
        parameters: &'static str,
        values: Vec<Value>,
        context: &'a Context<'a>,
    ) -> Self {
        Self { context, parameters: parameters.split(", "), name: "", values: values.into_iter() }
    }

    /// How many have not been taken yet.
    pub(super) fn left(&self) -> usize {
        self.values.len()
    }

    /// The next one, whatever it is; null when there is none.
    pub(super) fn any(&mut self) -> Value {
        // The last parameter's name stands for all that follow.
        if let Some(name) = self.parameters.next() {
            self.name = name.trim_end_matches(['?', '.']);
        }
        self.values.next().unwrap_or_default()
    }

    /// The next one, which must not be null.
    pub(super) fn present(&mut self) -> Result<Value, String> {
        match self.any() {
            Value { data: Data::Null, .. } => Err(self.refuse("must not be null")),
            value => Ok(value),
        }
    }

    /// The next one as a string.
    pub(super) fn text(&mut self) -> Result<String, String> {
        let value = self.present()?;
        value.into_text().map_err(|value| self.unexpected("a string", &value))
    }

    /// The next one as a number.
    pub(super) fn number(&mut self) -> Result<Number, String> {
        let value = self.present()?;
        value.to_number().ok_or_else(|| match value.data {
            // The text may be a secret: it is not quoted.
            Data::String(_) => self.refuse("must be a number or a string that reads as one"),
            _ => self.unexpected("a number", &value),
        })
    }

    /// The next one as a whole number.
    pub(super) fn whole(&mut self) -> Result<i64, String> {
        let number = self.number()?;
        number.as_i64().ok_or_else(|| self.refuse("must be a whole number of at most 63 bits"))
    }

    /// The next one as a count: a whole number from 0.
    pub(super) fn count(&mut self) -> Result<usize, String> {
        let whole = self.whole()?;
        usize::try_from(whole).map_err(|_| self.refuse("must not be negative"))
    }

    /// The next one as a list.
    pub(super) fn list(&mut self) -> Result<Vec<Value>, String> {
        match self.present()? {
            Value { data: Data::List(items), .. } => Ok(items),
            other => Err(self.unexpected("a list", &other)),
        }
    }

    /// The next one as a list whose elements are of one type.
    pub(super) fn unified_list(&mut self) -> Result<Vec<Value>, String> {
        let mut items = self.list()?;
        self.unified(&mut items)?;
        Ok(items)
    }

    /// The next one as a list of strings.
    pub(super) fn texts(&mut self) -> Result<Vec<String>, String> {
        let texts = self.optional_texts()?.into_iter().enumerate();
        texts
            .map(|(at, text)| text.ok_or_else(|| self.refuse(&format!("has a null at index {at}"))))
            .collect()
    }

    /// The next one as a list of strings and nulls.
    pub(super) fn optional_texts(&mut self) -> Result<Vec<Option<String>>, String> {
        let items = self.list()?.into_iter().enumerate();
        items
            .map(|(at, item)| match item {
                Value { data: Data::Null, .. } => Ok(None),
                item => item.into_text().map(Some).map_err(|item| {
                    let found = item.kind();
                    self.refuse(&format!("must hold strings, but has {found} at index {at}"))
                }),
            })
            .collect()
    }

    /// The next one as an object.
    pub(super) fn object(&mut self) -> Result<Map<String, Value>, String> {
        match self.present()? {
            Value { data: Data::Object(entries), .. } => Ok(entries),
            other => Err(self.unexpected("an object", &other)),
        }
    }

    /// Brings `items`, which came from the argument taken last, to one type.
    pub(super) fn unified(&self, items: &mut [Value]) -> Result<(), String> {
        unify::unify(items).map_err(|mismatch| self.refuse(&mismatch.to_string()))
    }

    /// An error about the argument taken last.
    pub(super) fn refuse(&self, problem: &str) -> String {
        format!("`{}` {problem}", self.name)
    }

    fn unexpected(&self, wanted: &str, value: &Value) -> String {
        self.refuse(&format!("must be {wanted}, not {}", value.kind()))
    }
}
