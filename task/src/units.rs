//! Durations (`500ms`, `30s`, `1h30m`) and sizes (`16MiB`) as people write them: the one reader of both,
//! in configurations, arguments and environment.

use std::time::Duration;

use thiserror::Error;

/// Why a text is no duration or no size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum UnitError {
    /// Not a duration at all.
    #[error(
        "not a duration; write it like \"30s\", \"500ms\", \"1m\" or \"1h30m\", or as whole seconds"
    )]
    Duration,
    /// Not a size at all.
    #[error("not a size; write it like \"16MiB\", \"64KB\" or \"1GiB\", or as whole bytes")]
    Size,
    /// More than a number can hold.
    #[error("too large")]
    Overflow,
}

/// Names of times, the longer one first where one begins another.
const TIMES: &[(&str, u64)] = &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];

/// Names of sizes: the `i` ones count in 1024, the others in 1000.
const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// `"1h30m"`, `"500ms"`, `"1.5s"`, or digits alone as whole seconds. Each unit at most once, larger
/// ones first; a fraction is cut at milliseconds.
///
/// # Errors
///
/// If it is none, or too long for a number.
pub fn duration(text: &str) -> Result<Duration, UnitError> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map(Duration::from_secs).map_err(|_| UnitError::Overflow);
    }
    let mut rest = text;
    let mut total_ms: u64 = 0;
    let mut previous = u64::MAX;
    while !rest.is_empty() {
        let number = number_end(rest);
        let unit_text = &rest[number..];
        let &(unit, unit_ms) = TIMES
            .iter()
            .find(|(unit, _)| unit_text.starts_with(unit))
            .ok_or(UnitError::Duration)?;
        if unit_ms >= previous {
            return Err(UnitError::Duration);
        }
        previous = unit_ms;
        let part = scaled(&rest[..number], unit_ms).ok_or(UnitError::Duration)??;
        total_ms = total_ms.checked_add(part).ok_or(UnitError::Overflow)?;
        rest = &unit_text[unit.len()..];
    }
    if previous == u64::MAX {
        Err(UnitError::Duration)
    } else {
        Ok(Duration::from_millis(total_ms))
    }
}

/// `"16MiB"`, `"1.5 GB"`, or digits alone as whole bytes. Upper and lower case mean the same.
///
/// # Errors
///
/// If it is none, or too large for a number.
pub fn size(text: &str) -> Result<u64, UnitError> {
    let text = text.trim();
    let number = number_end(text);
    let name = text[number..].trim_start();
    let unit = if name.is_empty() {
        1
    } else {
        SIZES
            .iter()
            .find(|(unit, _)| unit.eq_ignore_ascii_case(name))
            .map(|&(_, unit)| unit)
            .ok_or(UnitError::Size)?
    };
    if name.is_empty() && text.contains('.') {
        return Err(UnitError::Size);
    }
    scaled(&text[..number], unit).ok_or(UnitError::Size)?
}

/// A duration in the words that [`duration`] reads, for messages.
pub fn duration_text(duration: Duration) -> String {
    let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    match TIMES.iter().rev().find(|&&(_, unit)| ms >= unit && ms.is_multiple_of(unit)) {
        Some((name, unit)) => format!("{}{name}", ms / unit),
        None => "0s".to_owned(),
    }
}

/// A size in the words that [`size`] reads, for messages.
pub fn size_text(bytes: u64) -> String {
    match SIZES[4..].iter().rev().find(|&&(_, unit)| bytes >= unit && bytes.is_multiple_of(unit)) {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}

/// Where the leading decimal number ends.
fn number_end(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len())
}

/// `number` × `unit`, the fraction cut off; `None` where `number` is none.
fn scaled(number: &str, unit: u64) -> Option<Result<u64, UnitError>> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // Nine digits are below any unit's resolution and keep the product within 64 bits of it.
    if !digits(whole) || !digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let part = u128::from(fraction.parse::<u64>().ok()?) * u128::from(unit) / scale;
    Some(
        whole
            .parse::<u64>()
            .ok()
            .and_then(|whole| whole.checked_mul(unit)?.checked_add(u64::try_from(part).ok()?))
            .ok_or(UnitError::Overflow),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        for (text, ms) in [
            ("30s", 30_000),
            ("500ms", 500),
            ("1m", 60_000),
            ("1h30m", 5_400_000),
            ("1h1m1s1ms", 3_661_001),
            ("1.5s", 1_500),
            ("30", 30_000),
            ("0", 0),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "-1s", "1x", "1s1m", "1s1s", "1 s", "1.s", ".5s", "1e3", "ä"] {
            assert_eq!(duration(text), Err(UnitError::Duration), "{text}");
        }
        assert_eq!(duration("99999999999999999999"), Err(UnitError::Overflow));
        assert_eq!(duration("99999999999999999999h"), Err(UnitError::Overflow));
    }

    #[test]
    fn reads_sizes() {
        for (text, bytes) in [
            ("16MiB", 16 << 20),
            ("64KB", 64_000),
            ("1GiB", 1 << 30),
            ("1.5 kib", 1536),
            ("512", 512),
            ("512b", 512),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5", "1 TB", "1M", "1MiB1", "½"] {
            assert_eq!(size(text), Err(UnitError::Size), "{text}");
        }
        assert_eq!(size("99999999999GiB"), Err(UnitError::Overflow));
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["1h", "90m", "30s", "500ms"] {
            assert_eq!(duration_text(duration(text).unwrap()), text);
        }
        for text in ["16MiB", "1GiB", "64KiB"] {
            assert_eq!(size_text(size(text).unwrap()), text);
        }
        assert_eq!(duration_text(Duration::ZERO), "0s");
        assert_eq!(size_text(1000), "1000 bytes");
    }
}
