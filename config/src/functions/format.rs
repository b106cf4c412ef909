//! `format` and `formatlist`: C-like format strings as Terraform has them.
//!
//! A verb is `%`, flags (`-` left, `+` and blank for signs, `#` for the other form, `0` for
//! zeros), a width, a precision after a point, `[n]` for the n-th argument, and a letter:
//!
//! | letter | the argument as |
//! |---|---|
//! | `s` `q` | string, in quotes |
//! | `v` `#v` | what suits it, JSON |
//! | `t` | bool |
//! | `d` `b` `o` `x` `X` | whole number in base 10, 2, 8, 16 |
//! | `e` `E` `f` `g` `G` | number with, without, with or without exponent |

mod number;

use std::iter::Peekable;
use std::str::Chars;

use hcl::Number;
use unicode_segmentation::UnicodeSegmentation;

use super::arguments::Arguments;
use super::call::{Function, Outcome, function};
use super::conversions::boolean;
use super::json;
use super::limits::{self, PADDING_MAX};
use crate::values::value::{Data, Value};

pub(super) const TABLE: &[Function] = &[
    function("format", "format, values...", format),
    function("formatlist", "format, values...", formatlist),
];

fn format(arguments: &mut Arguments<'_>) -> Outcome {
    let format = arguments.text()?;
    let values: Vec<Value> = (0..arguments.left()).map(|_| arguments.any()).collect();
    render(&format, &values.iter().collect::<Vec<_>>()).map(Value::from)
}

/// `format` for every element of the lists among the values; what is no list is the same for all.
fn formatlist(arguments: &mut Arguments<'_>) -> Outcome {
    let format = arguments.text()?;
    let values: Vec<Value> = (0..arguments.left()).map(|_| arguments.any()).collect();
    let lengths: Vec<usize> =
        values.iter().filter_map(|value| value.as_list().map(Vec::len)).collect();
    if let Some(other) = lengths.iter().find(|length| **length != lengths[0]) {
        return Err(format!("the lists differ in length: {} and {other}", lengths[0]));
    }
    let count = lengths.first().copied().unwrap_or(1);
    let mut bytes = 0;
    let mut texts = Vec::with_capacity(count);
    for at in 0..count {
        let row: Vec<&Value> =
            values.iter().map(|value| value.as_list().map_or(value, |list| &list[at])).collect();
        let text = render(&format, &row).map_err(|problem| format!("for index {at}: {problem}"))?;
        bytes += text.len();
        limits::text_fits(bytes)?;
        texts.push(text);
    }
    Ok(texts.into())
}

/// What stands between `%` and the letter.
#[derive(Debug, Default)]
struct Spec {
    left: bool,
    plus: bool,
    blank: bool,
    other_form: bool,
    zeros: bool,
    width: usize,
    precision: Option<usize>,
    /// From 1.
    argument: Option<usize>,
}

fn render(format: &str, values: &[&Value]) -> Result<String, String> {
    let mut out = String::new();
    let mut next = 0;
    let mut used = 0;
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        if characters.next_if_eq(&'%').is_some() {
            out.push('%');
            continue;
        }
        let (spec, verb) = Spec::parse(&mut characters)?;
        let at = spec.argument.map_or(next, |argument| argument - 1);
        let Some(value) = values.get(at) else {
            return Err(format!(
                "`%{verb}` wants value {}, but there are only {}",
                at.saturating_add(1),
                values.len()
            ));
        };
        next = at + 1;
        used = used.max(next);
        let text = spec.apply(verb, value).map_err(|problem| format!("`%{verb}` {problem}"))?;
        out.push_str(&text);
        limits::text_fits(out.len())?;
    }
    if used < values.len() {
        return Err(format!("{} values are given, but only {used} used", values.len()));
    }
    Ok(out)
}

impl Spec {
    /// Reads what follows `%`, including the letter.
    fn parse(characters: &mut Peekable<Chars<'_>>) -> Result<(Self, char), String> {
        let mut spec = Self::default();
        while let Some(flag) = characters.next_if(|character| "-+ #0".contains(*character)) {
            match flag {
                '-' => spec.left = true,
                '+' => spec.plus = true,
                ' ' => spec.blank = true,
                '#' => spec.other_form = true,
                _ => spec.zeros = true,
            }
        }
        spec.width = digits(characters)?.unwrap_or(0);
        if characters.next_if_eq(&'.').is_some() {
            spec.precision = Some(digits(characters)?.unwrap_or(0));
        }
        if characters.next_if_eq(&'[').is_some() {
            let argument = digits(characters)?.filter(|argument| *argument > 0);
            spec.argument =
                Some(argument.ok_or_else(|| "`[` wants a number from 1 behind it".to_owned())?);
            characters.next_if_eq(&']').ok_or_else(|| "`[` wants a `]`".to_owned())?;
        }
        match characters.next() {
            Some(verb) if verb.is_ascii_alphabetic() => Ok((spec, verb)),
            Some(other) => Err(format!("`{other}` cannot stand in a verb; `%%` is a percent sign")),
            None => Err("the format ends within a verb; `%%` is a percent sign".to_owned()),
        }
    }

    fn apply(&self, verb: char, value: &Value) -> Result<String, String> {
        let suits = match (verb, &value.data) {
            ('v', _) if self.other_form => return Ok(self.pad(json::encode(value))),
            ('v', Data::String(_)) => 's',
            ('v', Data::Number(_)) => 'g',
            ('v', Data::Bool(_)) => 't',
            ('v', _) => return Ok(self.pad(json::encode(value))),
            (verb, Data::Null) if "tbdoxXeEfgGsq".contains(verb) => {
                return Err("cannot show null".to_owned());
            }
            (verb, _) => verb,
        };
        match suits {
            't' => {
                boolean(value).map(|truth| truth.to_string()).ok_or_else(|| wants("a bool", value))
            }
            'b' | 'd' | 'o' | 'x' | 'X' => self.integer(suits, &number(value)?),
            'g' if verb == 'v' => {
                let spec = Self { plus: false, ..*self };
                Ok(spec.float('g', &number(value)?))
            }
            'e' | 'E' | 'f' | 'g' | 'G' => Ok(self.float(suits, &number(value)?)),
            's' => self.text(value).map(|text| self.pad(text)),
            'q' => self.text(value).map(|text| self.pad(json::encode(&text.into()))),
            _ => Err("is no verb".to_owned()),
        }
    }

    /// Cut to the precision, if there is one above 0.
    fn text(&self, value: &Value) -> Result<String, String> {
        let text = value.to_text().ok_or_else(|| wants("a string", value))?;
        Ok(match self.precision {
            None | Some(0) => text,
            Some(precision) => text.graphemes(true).take(precision).collect(),
        })
    }

    /// Filled up to the width, which counts characters.
    fn pad(&self, text: String) -> String {
        // A text need not be counted beyond the width.
        let missing = self.width - text.graphemes(true).take(self.width).count();
        match (self.left, self.zeros) {
            (true, _) => text + &" ".repeat(missing),
            (false, true) => "0".repeat(missing) + &text,
            (false, false) => " ".repeat(missing) + &text,
        }
    }

    /// The same for a number, whose sign and prefix go before the zeros.
    fn pad_number(&self, before: &str, digits: &str, zeros: bool) -> String {
        let missing = self.width.saturating_sub(before.len() + digits.len());
        if self.left {
            format!("{before}{digits}{}", " ".repeat(missing))
        } else if zeros {
            format!("{before}{}{digits}", "0".repeat(missing))
        } else {
            format!("{}{before}{digits}", " ".repeat(missing))
        }
    }

    fn sign(&self, negative: bool) -> &'static str {
        match (negative, self.plus, self.blank) {
            (true, _, _) => "-",
            (false, true, _) => "+",
            (false, false, true) => " ",
            (false, false, false) => "",
        }
    }
}

fn number(value: &Value) -> Result<Number, String> {
    value.to_number().ok_or_else(|| wants("a number", value))
}

fn wants(wanted: &str, value: &Value) -> String {
    match &value.data {
        Data::String(_) => format!("wants {wanted}, not a string that does not read as one"),
        other => format!("wants {wanted}, not {}", other.kind()),
    }
}

/// Digits, if there are any.
fn digits(characters: &mut Peekable<Chars<'_>>) -> Result<Option<usize>, String> {
    let mut number = None;
    while let Some(digit) = characters.peek().and_then(|character| character.to_digit(10)) {
        characters.next();
        let digit = usize::try_from(digit).unwrap_or_default();
        let longer = number.unwrap_or(0_usize) * 10 + digit;
        if longer > PADDING_MAX {
            return Err(format!("numbers in a format must be at most {PADDING_MAX}"));
        }
        number = Some(longer);
    }
    Ok(number)
}
