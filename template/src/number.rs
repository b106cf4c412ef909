//! Go's ways to write a number.

/// A whole number in Go's syntax: a sign, a base (`0x`, `0o`, `0b`, or `0` for octal), digits with
/// single underscores between them.
pub(super) fn parse_integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.get(..2).map(str::to_ascii_lowercase);
    let (radix, digits) = match lower.as_deref() {
        Some("0x") => (16, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        _ if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    // Only a base may stand before the first underscore.
    let digits = if radix == 10 { digits } else { digits.strip_prefix('_').unwrap_or(digits) };
    let digits = without_underscores(digits)?;
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let signed = if negative { format!("-{digits}") } else { digits };
    i64::from_str_radix(&signed, radix).ok()
}

/// A decimal float in Go's syntax. Hexadecimal floats are left out.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    let allowed = |c: char| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-' | '_');
    if !text.chars().all(allowed) {
        return None;
    }
    without_underscores(text)?.parse().ok()
}

/// `None` if an underscore is not between two digits, or nothing is left.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at)).is_some_and(|byte| byte.is_ascii_hexdigit())
    };
    let lonely = bytes
        .iter()
        .enumerate()
        .any(|(at, &byte)| byte == b'_' && !(digit(at.checked_sub(1)) && digit(Some(at + 1))));
    (!lonely && !bytes.is_empty()).then(|| text.replace('_', ""))
}
