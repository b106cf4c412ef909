//! What happens around every function: counting arguments, bounding sizes, following secrets.

use hcl::Value;
use hcl::eval::{Func, FuncArgs, FuncDef, ParamType};

use super::arguments::Arguments;
use super::{limits, scope};

/// What a function gives back; the error is a fragment for `hcl::eval::ErrorKind::FuncCall`.
pub(super) type Outcome = Result<Value, String>;

/// A function's own code.
pub(super) type Body = fn(&mut Arguments) -> Outcome;

/// An entry in a group's table.
pub(super) struct Function {
    /// As it is called in HCL.
    pub(super) name: &'static str,
    /// [`call`] with the function's parameters and body.
    pub(super) func: Func,
}

impl Function {
    /// As `hcl-rs` wants it. Arguments are not described to it: it would quote the value of one
    /// that does not fit, and know nothing of conversions.
    pub(super) fn definition(&self) -> FuncDef {
        FuncDef::builder().variadic_param(ParamType::Any).build(self.func)
    }
}

/// `function!("name", "parameter, optional?, any_number...", body)`.
macro_rules! function {
    ($name:literal, $parameters:literal, $body:path) => {
        $crate::functions::call::Function {
            name: $name,
            func: |arguments| $crate::functions::call::call($parameters, $body, arguments),
        }
    };
}
pub(super) use function;

/// Runs `body` with `arguments` if their number is right.
pub(super) fn call(parameters: &'static str, body: Body, arguments: FuncArgs) -> Outcome {
    let values = arguments.into_values();
    check_count(parameters, values.len())?;
    for value in &values {
        limits::value_fits(value)?;
    }
    let trail = scope::trail(&values);
    let mut arguments = Arguments::new(parameters, values);
    let value = body(&mut arguments).map_err(|message| scope::masked(&message))?;
    limits::value_fits(&value)?;
    if let Some(trail) = trail {
        scope::follow(&trail, &value)?;
    }
    Ok(value)
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
