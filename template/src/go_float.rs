//! Floats as Go writes them.

/// More digits than any float has behind its point; what is asked for beyond is zeros.
const DIGITS_MAX: usize = 1_100;

/// `%f`: no exponent. Without a precision, the fewest digits that mean the same number.
pub(super) fn fixed(number: f64, precision: Option<usize>) -> String {
    if !number.is_finite() {
        return special(number);
    }
    match precision {
        None => format!("{number}"),
        Some(precision) => {
            let mut text = format!("{number:.*}", precision.min(DIGITS_MAX));
            text.extend(std::iter::repeat_n('0', precision.saturating_sub(DIGITS_MAX)));
            text
        }
    }
}

/// `%e`: one digit, a point, an exponent of at least two digits.
pub(super) fn scientific(number: f64, precision: Option<usize>) -> String {
    if !number.is_finite() {
        return special(number);
    }
    let text = match precision {
        None => format!("{number:e}"),
        Some(precision) => format!("{number:.*e}", precision.min(DIGITS_MAX)),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    let zeros = "0".repeat(precision.unwrap_or(0).saturating_sub(DIGITS_MAX));
    format!("{mantissa}{zeros}e{sign}{digits:0>2}")
}

/// `%g` and `%v`: `%e` for large and small exponents, `%f` otherwise. With a precision, that many
/// digits in all, less the zeros at the end.
pub(super) fn general(number: f64, precision: Option<usize>) -> String {
    if !number.is_finite() {
        return special(number);
    }
    let digits = precision.map(|precision| precision.clamp(1, DIGITS_MAX));
    let text = match digits {
        None => format!("{number:e}"),
        Some(digits) => format!("{number:.*e}", digits - 1),
    };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mantissa = match mantissa.contains('.') {
        true => mantissa.trim_end_matches('0').trim_end_matches('.'),
        false => mantissa,
    };
    let significant = mantissa.bytes().filter(u8::is_ascii_digit).count();
    // From which exponent on it is written.
    let large = digits.map_or(6, |digits| i32::try_from(digits).unwrap_or(i32::MAX));
    if exponent < -4 || exponent >= large {
        return scientific(number, Some(significant - 1));
    }
    let behind = i32::try_from(significant).unwrap_or(i32::MAX) - 1 - exponent;
    match digits {
        None => fixed(number, None),
        // What `%e` rounded to is rounded no further.
        Some(_) => match format!("{mantissa}e{exponent}").parse() {
            Ok(rounded) => fixed(rounded, Some(usize::try_from(behind).unwrap_or(0))),
            Err(_) => fixed(number, None),
        },
    }
}

fn special(number: f64) -> String {
    match (number.is_nan(), number > 0.0) {
        (true, _) => "NaN".to_owned(),
        (false, true) => "+Inf".to_owned(),
        (false, false) => "-Inf".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_floats_as_go_does() {
        for (number, text) in [
            (100_000.0, "100000"),
            (1_000_000.0, "1e+06"),
            (123_456_789.0, "1.23456789e+08"),
            (1.5e22, "1.5e+22"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.0, "1"),
            (-0.0, "-0"),
            (2.5, "2.5"),
            (f64::INFINITY, "+Inf"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(general(number, None), text);
        }
        assert_eq!(general(123_456.0, Some(3)), "1.23e+05");
        assert_eq!(general(123.456, Some(5)), "123.46");
        assert_eq!(general(99.96, Some(3)), "100");
        assert_eq!(general(100.0, Some(3)), "100");
        assert_eq!(scientific(1.5, Some(6)), "1.500000e+00");
        assert_eq!(fixed(2.345, Some(2)), "2.35");
        assert_eq!(fixed(1.0, Some(70_000)).len(), 70_002);
    }
}
