//! Go's `printf`.
//!
//! A verb that does not fit its value writes what Go writes, `%!d(string=x)`, and is no error:
//! that is what a template's author who looks for it will search for.

use super::context::{Context, Problem, TextBuilder};
use super::go_float::{fixed, general, scientific};
use super::go_layout;
use super::limits::{PRINTF_WIDTH_MAX, VALUE_DEPTH_MAX};
use super::quote::quoted;
use super::show::{TIME_LAYOUT, show};
use super::value::Value;

type Done = Result<(), Problem>;

/// What stands between `%` and the verb.
#[derive(Debug, Clone, Default)]
struct Spec {
    sharp: bool,
    zero: bool,
    plus: bool,
    minus: bool,
    space: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// The text of `format` with `arguments` put in.
pub(super) fn sprintf(
    context: &mut Context<'_>,
    format: &str,
    arguments: &[Value],
) -> Result<String, Problem> {
    let mut printer = Printer { context, out: TextBuilder::default() };
    let mut reader = Reader { format, arguments, next: 0, reordered: false, index_is_bad: false };
    while let Some(percent) = reader.format.find('%') {
        printer.out.push(&reader.format[..percent])?;
        reader.format = &reader.format[percent + 1..];
        reader.verb(&mut printer)?;
    }
    printer.out.push(reader.format)?;
    let rest = arguments.get(reader.next..).unwrap_or_default();
    if !reader.reordered && !rest.is_empty() {
        printer.out.push("%!(EXTRA ")?;
        for (index, value) in rest.iter().enumerate() {
            if index > 0 {
                printer.out.push(", ")?;
            }
            printer.out.push(value.type_name())?;
            if !matches!(value, Value::Nil) {
                printer.out.push("=")?;
                show(printer.context, value, &mut printer.out, 0)?;
            }
        }
        printer.out.push(")")?;
    }
    Ok(printer.out.into_string())
}

/// The format and the arguments that are left.
struct Reader<'a> {
    format: &'a str,
    arguments: &'a [Value],
    next: usize,
    /// `[n]` was used, so that arguments left over are no mistake.
    reordered: bool,
    index_is_bad: bool,
}

impl Reader<'_> {
    /// One verb, the `%` behind it.
    fn verb(&mut self, printer: &mut Printer<'_, '_>) -> Done {
        printer.context.charge(8)?;
        let mut spec = Spec::default();
        self.index_is_bad = false;
        self.flags(&mut spec);
        self.index();
        if self.take('*') {
            match self.starred() {
                Some(width) => {
                    spec.minus |= width < 0;
                    spec.zero &= !spec.minus;
                    spec.width = usize::try_from(width.unsigned_abs()).ok();
                }
                None => printer.out.push("%!(BADWIDTH)")?,
            }
        } else {
            spec.width = self.number();
        }
        if self.take('.') {
            self.index();
            if self.take('*') {
                match self.starred() {
                    Some(precision) => spec.precision = usize::try_from(precision).ok(),
                    None => printer.out.push("%!(BADPREC)")?,
                }
            } else {
                spec.precision = Some(self.number().unwrap_or(0));
            }
        }
        self.index();
        let Some(verb) = self.format.chars().next() else {
            return printer.out.push("%!(NOVERB)");
        };
        self.format = &self.format[verb.len_utf8()..];
        if verb == '%' {
            return printer.out.push("%");
        }
        if self.index_is_bad {
            return printer.out.push(&format!("%!{verb}(BADINDEX)"));
        }
        match self.arguments.get(self.next) {
            None => printer.out.push(&format!("%!{verb}(MISSING)")),
            Some(value) => {
                self.next += 1;
                // For `%v` a plus asks for names of struct fields, which there are none of.
                spec.plus &= verb != 'v';
                printer.value(verb, value, &spec, 0)
            }
        }
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.format.strip_prefix(wanted);
        self.format = rest.unwrap_or(self.format);
        rest.is_some()
    }

    fn flags(&mut self, spec: &mut Spec) {
        while let Some(flag) = self.format.chars().next() {
            match flag {
                '#' => spec.sharp = true,
                '0' => spec.zero = !spec.minus,
                '+' => spec.plus = true,
                '-' => (spec.minus, spec.zero) = (true, false),
                ' ' => spec.space = true,
                _ => return,
            }
            self.format = &self.format[1..];
        }
    }

    /// Digits, if there are any and they make a sensible width.
    fn number(&mut self) -> Option<usize> {
        let length = self.format.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.format.len());
        let (digits, rest) = self.format.split_at(length);
        self.format = rest;
        digits.parse().ok().filter(|&number: &i64| number <= PRINTF_WIDTH_MAX)?.try_into().ok()
    }

    /// The width or precision that an argument holds.
    fn starred(&mut self) -> Option<i64> {
        let value = self.arguments.get(self.next)?;
        self.next += 1;
        match value {
            Value::Int(number) if number.unsigned_abs() <= PRINTF_WIDTH_MAX.unsigned_abs() => {
                Some(*number)
            }
            _ => None,
        }
    }

    /// `[n]`: the argument that is taken next.
    fn index(&mut self) {
        let Some(rest) = self.format.strip_prefix('[') else { return };
        self.reordered = true;
        let Some((digits, behind)) = rest.split_once(']') else {
            self.index_is_bad = true;
            self.format = rest;
            return;
        };
        self.format = behind;
        let index = digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        match index.filter(|&index| index < self.arguments.len()) {
            Some(index) => self.next = index,
            None => self.index_is_bad = true,
        }
    }
}

struct Printer<'m, 's> {
    context: &'m mut Context<'s>,
    out: TextBuilder,
}

impl Printer<'_, '_> {
    fn value(&mut self, verb: char, value: &Value, spec: &Spec, depth: usize) -> Done {
        self.context.charge(1)?;
        if depth > VALUE_DEPTH_MAX {
            return Err(Problem::too_deep());
        }
        if verb == 'T' && depth == 0 {
            return self.padded(value.type_name(), spec);
        }
        match value {
            Value::Nil if verb == 'v' => self.padded("<nil>", spec),
            Value::Bool(value) if matches!(verb, 't' | 'v') => {
                self.padded(if *value { "true" } else { "false" }, spec)
            }
            Value::Int(number) => self.int(verb, *number, spec, value),
            Value::Float(number) => self.float(verb, *number, spec, value),
            Value::Text(text) => {
                let text = self.context.read(text)?;
                self.text(verb, &text, spec, value)
            }
            Value::Time(time) => {
                self.text(verb, &go_layout::format(TIME_LAYOUT, time), spec, value)
            }
            Value::List(list) => {
                let source = spec.sharp && verb == 'v';
                self.out.push(if source { "[]interface {}{" } else { "[" })?;
                for (index, item) in list.items().iter().enumerate() {
                    if index > 0 {
                        self.out.push(if source { ", " } else { " " })?;
                    }
                    self.value(verb, item, spec, depth + 1)?;
                }
                self.out.push(if source { "}" } else { "]" })
            }
            Value::Dict(id) => {
                let source = spec.sharp && verb == 'v';
                self.out.push(if source { "map[string]interface {}{" } else { "map[" })?;
                for (index, (key, value)) in self.context.entries(*id)?.iter().enumerate() {
                    if index > 0 {
                        self.out.push(if source { ", " } else { " " })?;
                    }
                    self.text(verb, key, spec, &Value::text(key))?;
                    self.out.push(":")?;
                    self.value(verb, value, spec, depth + 1)?;
                }
                self.out.push(if source { "}" } else { "]" })
            }
            Value::Nil | Value::Bool(_) | Value::Unset(_) | Value::Broken => {
                self.bad(verb, value, spec)
            }
        }
    }

    /// `%!d(string=x)`
    fn bad(&mut self, verb: char, value: &Value, spec: &Spec) -> Done {
        let name = value.type_name();
        match value {
            Value::Nil | Value::Unset(_) | Value::Broken => {
                self.out.push(&format!("%!{verb}({name})"))
            }
            _ => {
                self.out.push(&format!("%!{verb}({name}="))?;
                self.value('v', value, spec, 1)?;
                self.out.push(")")
            }
        }
    }

    /// A text filled up to the width, which counts characters.
    fn padded(&mut self, text: &str, spec: &Spec) -> Done {
        self.context.charge(text.len())?;
        let width = spec.width.unwrap_or(0);
        let missing = width.saturating_sub(text.chars().count());
        if spec.minus {
            self.out.push(text)?;
            return self.out.push_repeated(" ", missing);
        }
        self.out.push_repeated(if spec.zero { "0" } else { " " }, missing)?;
        self.out.push(text)
    }

    fn text(&mut self, verb: char, text: &str, spec: &Spec, value: &Value) -> Done {
        let characters = |text: &str| -> String {
            text.chars().take(spec.precision.unwrap_or(usize::MAX)).collect()
        };
        match verb {
            'v' if spec.sharp => self.padded(&quoted(text, '"', false), spec),
            'v' | 's' => self.padded(&characters(text), spec),
            'q' => {
                let text = characters(text);
                let plain = |c: char| c == '\t' || !c.is_control() && c != '`' && c != '\u{feff}';
                if spec.sharp && text.chars().all(plain) {
                    return self.padded(&format!("`{text}`"), spec);
                }
                self.padded(&quoted(&text, '"', spec.plus), spec)
            }
            'x' | 'X' => {
                let bytes = text.bytes().take(spec.precision.unwrap_or(usize::MAX));
                let prefix = if verb == 'x' { "0x" } else { "0X" };
                let mut digits = String::new();
                for (index, byte) in bytes.enumerate() {
                    if spec.space && index > 0 {
                        digits.push(' ');
                    }
                    if spec.sharp && (index == 0 || spec.space) {
                        digits.push_str(prefix);
                    }
                    digits.push_str(&match verb {
                        'x' => format!("{byte:02x}"),
                        _ => format!("{byte:02X}"),
                    });
                }
                self.padded(&digits, spec)
            }
            _ => self.bad(verb, value, spec),
        }
    }

    fn int(&mut self, verb: char, number: i64, spec: &Spec, value: &Value) -> Done {
        let magnitude = number.unsigned_abs();
        let character =
            || u32::try_from(number).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
        let (mut digits, prefix) = match verb {
            'v' | 'd' => (magnitude.to_string(), ""),
            'b' => (format!("{magnitude:b}"), if spec.sharp { "0b" } else { "" }),
            'o' => (format!("{magnitude:o}"), if spec.sharp { "0" } else { "" }),
            'O' => (format!("{magnitude:o}"), "0o"),
            'x' => (format!("{magnitude:x}"), if spec.sharp { "0x" } else { "" }),
            'X' => (format!("{magnitude:X}"), if spec.sharp { "0X" } else { "" }),
            'c' => return self.padded(&character().to_string(), spec),
            'q' => return self.padded(&quoted(&character().to_string(), '\'', spec.plus), spec),
            'U' => {
                let plain = Spec { zero: false, ..spec.clone() };
                return self.padded(&format!("U+{number:04X}"), &plain);
            }
            _ => return self.bad(verb, value, spec),
        };
        let sign = match (number < 0, spec.plus, spec.space) {
            (true, _, _) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            _ => "",
        };
        let least = match (spec.precision, spec.width) {
            (Some(0), _) if number == 0 => {
                digits.clear();
                0
            }
            (Some(precision), _) => precision,
            (None, Some(width)) if spec.zero => width.saturating_sub(sign.len()),
            _ => 0,
        };
        let mut text = TextBuilder::default();
        text.push(sign)?;
        text.push(prefix)?;
        text.push_repeated("0", least.saturating_sub(digits.len()))?;
        text.push(&digits)?;
        self.padded(text.as_str(), &Spec { zero: false, ..spec.clone() })
    }

    fn float(&mut self, verb: char, number: f64, spec: &Spec, value: &Value) -> Done {
        self.context.charge(spec.precision.unwrap_or(0))?;
        let text = match verb {
            'v' | 'g' | 'G' => general(number, spec.precision),
            'e' | 'E' => scientific(number, Some(spec.precision.unwrap_or(6))),
            'f' | 'F' => fixed(number, Some(spec.precision.unwrap_or(6))),
            _ => return self.bad(verb, value, spec),
        };
        let text = if matches!(verb, 'E' | 'G') { text.to_uppercase() } else { text };
        let (sign, digits) = match text.split_at_checked(1) {
            Some((sign @ ("-" | "+"), digits)) => (sign, digits),
            _ => ("", text.as_str()),
        };
        // Go shows the plus of an infinity only if asked.
        let sign = match (sign, spec.plus, spec.space) {
            ("-", _, _) => "-",
            (_, true, _) => "+",
            (_, _, true) => " ",
            ("+", _, _) if verb == 'v' || spec.width.is_none() => "+",
            _ => "",
        };
        if spec.zero && number.is_finite() {
            let width = spec.width.unwrap_or(0).saturating_sub(sign.len());
            self.out.push(sign)?;
            return self.padded(digits, &Spec { width: Some(width), ..spec.clone() });
        }
        self.padded(&format!("{sign}{digits}"), &Spec { zero: false, ..spec.clone() })
    }
}
