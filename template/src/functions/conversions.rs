//! From one type to another.
//!
//! Numbers are read as Sprig reads them (`"010"` is 8, `"3.0"` is 3, an empty text is 0), but a
//! text that is no number is an error, where Sprig goes on with 0.

use super::super::context::Problem;
use super::super::number::{parse_float, parse_integer};
use super::super::value::Value;
use super::{Call, Function, derives, function};

pub(super) const FUNCTIONS: &[Function] = &[
    derives("toString", (1, 1), |call| {
        let shown = call.shown(0)?;
        call.new_text(&shown)
    }),
    derives("toStrings", (1, 1), |call| {
        let texts = call.texts(0)?;
        call.new_texts(texts.iter().map(String::as_str))
    }),
    function("int", (1, 1), |call| whole(call, 0).map(Value::Int)),
    function("int64", (1, 1), |call| whole(call, 0).map(Value::Int)),
    function("float64", (1, 1), |call| float(call, 0).map(Value::Float)),
    function("atoi", (1, 1), |call| {
        let text = call.text(0)?;
        match text.parse() {
            Ok(number) => Ok(Value::Int(number)),
            Err(_) if text.is_empty() => Ok(Value::Int(0)),
            Err(_) => Err(no_number(0)),
        }
    }),
];

fn no_number(index: usize) -> Problem {
    Problem::argument(index, "this text is no whole number")
        .with_help("digits with a sign, or 0x, 0o, 0b before them; a leading zero makes it octal")
}

/// An argument as a whole number; a fraction is cut off.
pub(super) fn whole(call: &mut Call<'_, '_>, index: usize) -> Result<i64, Problem> {
    match call.value(index) {
        Value::Nil => Ok(0),
        Value::Int(number) => Ok(number),
        Value::Bool(value) => Ok(i64::from(value)),
        #[expect(clippy::cast_possible_truncation, reason = "cutting off is what it is for")]
        Value::Float(number) => Ok(number as i64),
        Value::Text(_) => {
            let text = call.text(index)?;
            let point = text.rfind('.').filter(|&at| text[at + 1..].bytes().all(|c| c == b'0'));
            let digits = point.map_or(&*text, |at| &text[..at]);
            match parse_integer(digits) {
                Some(number) => Ok(number),
                None if text.is_empty() => Ok(0),
                None => Err(no_number(index)),
            }
        }
        _ => Err(call.wrong(index, "a number")),
    }
}

/// An argument as a number with a fraction.
pub(super) fn float(call: &mut Call<'_, '_>, index: usize) -> Result<f64, Problem> {
    match call.value(index) {
        Value::Nil => Ok(0.0),
        #[expect(clippy::cast_precision_loss, reason = "as in Go")]
        Value::Int(number) => Ok(number as f64),
        Value::Bool(value) => Ok(f64::from(u8::from(value))),
        Value::Float(number) => Ok(number),
        Value::Text(_) => {
            let text = call.text(index)?;
            match parse_float(&text) {
                Some(number) => Ok(number),
                None if text.is_empty() => Ok(0.0),
                None => Err(Problem::argument(index, "this text is no number")),
            }
        }
        _ => Err(call.wrong(index, "a number")),
    }
}
