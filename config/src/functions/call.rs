//! What happens around every function: counting arguments, bounding sizes, masking messages.

use std::collections::BTreeMap;
use std::path::Path;

use super::arguments::Arguments;
use super::limits;
use crate::values::value::Value;
use dstream_task::Secrets;

/// What functions may ask of the world.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The environment: `env`, and `HOME` for a path that begins with `~`.
    pub(crate) env: &'a BTreeMap<String, String>,
    /// What relative paths of `file` and its relatives are relative to.
    pub(crate) base_dir: &'a Path,
    /// The answer of `timestamp()`.
    pub(crate) now: jiff::Timestamp,
}

/// What a function gives back; the error is a fragment that follows the function's name.
pub(super) type Outcome = Result<Value, String>;

/// A function's own code.
pub(super) type Body = fn(&mut Arguments<'_>) -> Outcome;

/// What a function does to secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secrecy {
    /// What it makes out of a secret is a secret.
    Follows,
    /// It marks its result as a secret itself.
    Marks,
    /// Its result may be shown.
    Reveals,
}

/// An entry in a group's table.
#[derive(Debug)]
pub(crate) struct Function {
    /// As it is called in HCL.
    pub(crate) name: &'static str,
    parameters: &'static str,
    body: Body,
    pub(crate) secrecy: Secrecy,
}

/// `function("name", "parameter, optional?, any_number...", body)`.
pub(super) const fn function(name: &'static str, parameters: &'static str, body: Body) -> Function {
    Function { name, parameters, body, secrecy: Secrecy::Follows }
}

impl Function {
    /// The same function with another effect on secrets.
    pub(super) const fn that(self, secrecy: Secrecy) -> Self {
        Self { secrecy, ..self }
    }

    /// Calls the function. `secrets` are masked in the error.
    pub(crate) fn call(
        &self,
        values: Vec<Value>,
        context: &Context<'_>,
        secrets: &Secrets,
    ) -> Outcome {
        check_count(self.parameters, values.len())?;
        values.iter().try_for_each(limits::value_fits)?;
        let mut arguments = Arguments::new(self.parameters, values, context);
        let value = (self.body)(&mut arguments).map_err(|message| secrets.mask(&message))?;
        limits::value_fits(&value)?;
        Ok(value)
    }
}

/// Why a number of arguments is wrong for these parameters.
pub(crate) fn check_count(parameters: &str, given: usize) -> Result<(), String> {
    let names = || parameters.split(", ").filter(|name| !name.is_empty());
    let required = names().filter(|name| !name.ends_with(['?', '.'])).count();
    let unbounded = parameters.ends_with("...");
    let most = names().count();
    if given >= required && (unbounded || given <= most) {
        return Ok(());
    }
    let wanted = match (required, most) {
        (0, 0) => return Err(format!("takes no arguments, got {given}")),
        (1, 1) => "1 argument".to_owned(),
        (least, _) if unbounded => {
            format!("{least} or more arguments")
        }
        (least, most) if least == most => format!("{least} arguments"),
        (least, most) => format!("{least} to {most} arguments"),
    };
    Err(format!("takes {wanted} ({parameters}), got {given}"))
}
