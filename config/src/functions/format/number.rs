//! Numbers in `format`, digit by digit as Go writes them.

use hcl::Number;

use super::Spec;
use crate::values::value::number_text;

impl Spec {
    /// `%d`, `%b`, `%o`, `%x` and `%X`. A precision is the least count of digits, and takes the
    /// place of the flag for zeros.
    pub(super) fn integer(&self, verb: char, number: &Number) -> Result<String, String> {
        let negative = is_negative(number);
        let size = match (number.as_u64(), number.as_i64()) {
            (Some(whole), _) => whole,
            (None, Some(whole)) => whole.unsigned_abs(),
            (None, None) => return Err("wants a whole number".to_owned()),
        };
        let (prefix, digits) = match verb {
            'b' => ("0b", format!("{size:b}")),
            'o' => ("0", format!("{size:o}")),
            'x' => ("0x", format!("{size:x}")),
            'X' => ("0X", format!("{size:X}")),
            _ => ("", size.to_string()),
        };
        let sign = self.sign(negative);
        let prefix = if self.other_form { prefix } else { "" };
        let least = self.precision.unwrap_or(0);
        let digits = format!("{digits:0>least$}");
        let zeros = self.zeros && self.precision.is_none();
        Ok(self.pad_number(&format!("{sign}{prefix}"), &digits, zeros))
    }

    /// `%e`, `%E`, `%f`, `%g` and `%G`.
    pub(super) fn float(&self, verb: char, number: &Number) -> String {
        let digits = match verb {
            'f' => fixed(number, self.precision.unwrap_or(6)),
            'e' | 'E' => Scientific::new(number, Some(self.precision.unwrap_or(6) + 1))
                .exponential(self.precision.unwrap_or(6)),
            _ => general(number, self.precision),
        };
        let digits = if verb.is_ascii_uppercase() { digits.to_uppercase() } else { digits };
        self.pad_number(self.sign(is_negative(number)), &digits, self.zeros)
    }
}

fn is_negative(number: &Number) -> bool {
    number.as_i64().map_or_else(|| number.as_f64().is_some_and(|float| float < 0.0), |n| n < 0)
}

fn magnitude(number: &Number) -> f64 {
    number.as_f64().unwrap_or_default().abs()
}

/// Without a sign. Whole numbers keep all their digits, which a float could not.
fn fixed(number: &Number, precision: usize) -> String {
    if number.is_f64() {
        return format!("{:.precision$}", magnitude(number));
    }
    let digits = number_text(number);
    let digits = digits.trim_start_matches('-');
    if precision == 0 { digits.to_owned() } else { format!("{digits}.{}", "0".repeat(precision)) }
}

/// With an exponent if it is below -4, or not below the precision (6 if none is given).
fn general(number: &Number, precision: Option<usize>) -> String {
    let precision = precision.map(|precision| precision.max(1));
    let parts = Scientific::new(number, precision);
    let count = parts.digits.len();
    let threshold = match precision {
        None => 6,
        Some(precision) if precision > count && count as i32 > parts.exponent => count,
        Some(precision) => precision,
    };
    if parts.exponent < -4 || parts.exponent >= i32::try_from(threshold).unwrap_or(i32::MAX) {
        return parts.exponential(count - 1);
    }
    parts.plain()
}

/// `d.ddd × 10^exponent`, without a sign and without zeros at the end.
struct Scientific {
    digits: String,
    exponent: i32,
}

impl Scientific {
    /// Rounded to `count` digits; without it, as many as tell the number from its neighbours.
    fn new(number: &Number, count: Option<usize>) -> Self {
        let text = match count {
            Some(count) => format!("{:.*e}", count.saturating_sub(1), magnitude(number)),
            None if number.is_f64() => format!("{:e}", magnitude(number)),
            None => {
                let digits = number_text(number);
                let digits = digits.trim_start_matches('-');
                format!("{}.{}e{}", &digits[..1], &digits[1..], digits.len() - 1)
            }
        };
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let digits = mantissa.replace('.', "");
        let digits = digits.trim_end_matches('0');
        let digits = if digits.is_empty() { "0" } else { digits };
        Self { digits: digits.to_owned(), exponent: exponent.parse().unwrap_or_default() }
    }

    /// With `precision` digits behind the point and an exponent of two digits or more.
    fn exponential(&self, precision: usize) -> String {
        let (first, rest) = self.digits.split_at(1);
        let point = if precision == 0 { "" } else { "." };
        let sign = if self.exponent < 0 { '-' } else { '+' };
        format!("{first}{point}{rest:0<precision$}e{sign}{:02}", self.exponent.abs())
    }

    /// Without an exponent.
    fn plain(&self) -> String {
        let digits = &self.digits;
        match usize::try_from(self.exponent) {
            Err(_) => {
                let zeros = usize::try_from(self.exponent.unsigned_abs()).unwrap_or_default();
                format!("0.{}{digits}", "0".repeat(zeros.saturating_sub(1)))
            }
            Ok(exponent) if digits.len() <= exponent + 1 => format!("{digits:0<0$}", exponent + 1),
            Ok(exponent) => format!("{}.{}", &digits[..=exponent], &digits[exponent + 1..]),
        }
    }
}
