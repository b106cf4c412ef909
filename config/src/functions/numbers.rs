//! Numbers. A result that is whole and fits into 64 bits is a whole number, without a detour over
//! floats where the arguments were whole; one that is not finite is an error.

use std::cmp::Ordering;

use hcl::Number;

use super::arguments::Arguments;
use super::call::{Function, Outcome, function};
use crate::values::value::{Data, Value};

pub(super) const TABLE: &[Function] = &[
    function("abs", "number", abs),
    function("ceil", "number", ceil),
    function("floor", "number", floor),
    function("log", "number, base", log),
    function("max", "numbers...", |arguments| extreme(arguments, Ordering::Greater)),
    function("min", "numbers...", |arguments| extreme(arguments, Ordering::Less)),
    function("parseint", "text, base", parseint),
    function("pow", "base, exponent", pow),
    function("signum", "number", |arguments| Ok(arguments.whole()?.signum().into())),
];

/// A number of up to 64 bits, signed or not, without loss.
fn whole(number: &Number) -> Option<i128> {
    number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from))
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or(f64::NAN)
}

fn from_whole(whole: i128) -> Option<Number> {
    match (u64::try_from(whole), i64::try_from(whole)) {
        (Ok(whole), _) => Some(whole.into()),
        (_, Ok(whole)) => Some(whole.into()),
        _ => None,
    }
}

fn from_float(float: f64) -> Outcome {
    let number = Number::from_f64(float).map(Value::from);
    number.ok_or_else(|| "the result is not a finite number".to_owned())
}

/// By value, also where one is whole and the other is not.
pub(super) fn compare(one: &Number, other: &Number) -> Ordering {
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => one.cmp(&other),
        _ => float(one).total_cmp(&float(other)),
    }
}

fn abs(arguments: &mut Arguments<'_>) -> Outcome {
    let number = arguments.number()?;
    if compare(&number, &Number::from(0_u8)).is_lt() {
        Ok(Value::from(-number))
    } else {
        Ok(number.into())
    }
}

fn ceil(arguments: &mut Arguments<'_>) -> Outcome {
    let number = arguments.number()?;
    if number.is_f64() { from_float(float(&number).ceil()) } else { Ok(number.into()) }
}

fn floor(arguments: &mut Arguments<'_>) -> Outcome {
    let number = arguments.number()?;
    if number.is_f64() { from_float(float(&number).floor()) } else { Ok(number.into()) }
}

fn log(arguments: &mut Arguments<'_>) -> Outcome {
    let number = float(&arguments.number()?);
    let base = float(&arguments.number()?);
    from_float(number.ln() / base.ln())
}

fn extreme(arguments: &mut Arguments, wanted: Ordering) -> Outcome {
    if arguments.left() == 0 {
        return Err("needs at least one number".to_owned());
    }
    let mut extreme = arguments.number()?;
    while arguments.left() > 0 {
        let number = arguments.number()?;
        if compare(&number, &extreme) == wanted {
            extreme = number;
        }
    }
    Ok(extreme.into())
}

/// Up to base 36 letters are digits in either case; above, lower-case ones come before upper-case.
fn parseint(arguments: &mut Arguments<'_>) -> Outcome {
    let text = match arguments.present()?.data {
        Data::String(text) => text,
        _ => return Err(arguments.refuse("must be a string")),
    };
    let not_a_number = arguments.refuse("is not a whole number in that base");
    let too_large = arguments.refuse("does not fit into 64 bits");
    let base = arguments.whole()?;
    if !(2..=62).contains(&base) {
        return Err(arguments.refuse("must be from 2 to 62"));
    }
    let (negative, digits) = match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() {
        return Err(not_a_number);
    }
    let mut sum: i128 = 0;
    for byte in digits {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'z' => byte - b'a' + 10,
            b'A'..=b'Z' if base <= 36 => byte - b'A' + 10,
            b'A'..=b'Z' => byte - b'A' + 36,
            _ => return Err(not_a_number),
        };
        if i64::from(digit) >= base {
            return Err(not_a_number);
        }
        sum = sum.saturating_mul(base.into()).saturating_add(digit.into());
    }
    let sum = if negative { -sum } else { sum };
    from_whole(sum).map(Value::from).ok_or(too_large)
}

fn pow(arguments: &mut Arguments<'_>) -> Outcome {
    let base = arguments.number()?;
    let exponent = arguments.number()?;
    let exact = whole(&base)
        .zip(whole(&exponent))
        .and_then(|(base, exponent)| from_whole(base.checked_pow(u32::try_from(exponent).ok()?)?));
    match exact {
        Some(number) => Ok(number.into()),
        None => from_float(float(&base).powf(float(&exponent))),
    }
}
