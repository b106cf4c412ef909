//! Go's durations: `1h30m`, `-1.5h`, `300ms`.

/// Nanoseconds of a duration as Go's `time.ParseDuration` reads it; fits 64 bits there as here.
pub fn duration_nanoseconds(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let length = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(length);
        let length = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(length);
        let nanoseconds = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000_i64,
            _ => return None,
        };
        total = total.checked_add(scaled(number, nanoseconds)?)?;
        rest = behind;
    }
    Some(if negative { -total } else { total })
}

/// A decimal number of units, cut to whole nanoseconds.
fn scaled(number: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let fraction = fraction.as_bytes();
    let fraction = fraction.get(..18).unwrap_or(fraction);
    let digits = fraction.iter().fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    let scale = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let part = i64::try_from(digits * i128::from(unit) / scale).ok()?;
    whole.checked_mul(unit)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::duration_nanoseconds;

    #[test]
    fn reads_go_durations() {
        for (text, nanoseconds) in [
            ("0", Some(0)),
            ("1h30m", Some(5_400_000_000_000)),
            ("-1.5h", Some(-5_400_000_000_000)),
            ("+300ms", Some(300_000_000)),
            ("1us2ns", Some(1_002)),
            (".5s", Some(500_000_000)),
            ("1.s", Some(1_000_000_000)),
            ("", None),
            ("-", None),
            ("5", None),
            (".s", None),
            ("1.2.3s", None),
            ("1d", None),
            ("9999999999h", None),
        ] {
            assert_eq!(duration_nanoseconds(text), nanoseconds, "{text}");
        }
    }
}
