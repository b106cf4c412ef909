//! Numbers of JSON, compared and calculated with exactly where they are whole.

use std::cmp::Ordering;

/// A number. Whole ones are exact up to 128 bits: log positions and ids are often longer than the
/// 53 bits of a float.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// Written without a point and an exponent.
    Whole(i128),
    /// Any other; infinite if it was written with an exponent too large for a float.
    Float(f64),
}

/// 2^127, the first float above every `i128`.
const WHOLE_END: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;

impl Number {
    /// The number that a text reads as, with an optional sign.
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte: u8| byte.is_ascii_digit() || b".eE+-".contains(&byte);
        // `inf` and `nan` are words, not numbers.
        if text.is_empty() || !text.bytes().all(is_plain) {
            return None;
        }
        match text.parse() {
            Ok(whole) => Some(Self::Whole(whole)),
            Err(_) => text.parse().ok().map(Self::Float),
        }
    }

    /// The same as a float, rounded to the nearest.
    #[expect(clippy::cast_precision_loss, reason = "it is what a float is for")]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Float(float) => float,
        }
    }

    /// `-self`.
    pub fn negated(self) -> Self {
        match self {
            Self::Whole(whole) => {
                whole.checked_neg().map_or_else(|| Self::Float(-self.as_f64()), Self::Whole)
            }
            Self::Float(float) => Self::Float(-float),
        }
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match (*self, *other) {
            (Self::Whole(one), Self::Whole(two)) => Some(one.cmp(&two)),
            (Self::Float(one), Self::Float(two)) => one.partial_cmp(&two),
            (Self::Whole(one), Self::Float(two)) => compare(one, two),
            (Self::Float(one), Self::Whole(two)) => compare(two, one).map(Ordering::reverse),
        }
    }
}

/// Compares without rounding either.
fn compare(whole: i128, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float >= WHOLE_END {
        return Some(Ordering::Less);
    }
    if float < -WHOLE_END {
        return Some(Ordering::Greater);
    }
    let floor = float.floor();
    #[expect(clippy::cast_possible_truncation, reason = "a whole number within bounds")]
    let order = whole.cmp(&(floor as i128));
    // What the float has behind its point makes it larger than its floor.
    Some(if order == Ordering::Equal && float > floor { Ordering::Less } else { order })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_whole_numbers_and_floats_without_rounding() {
        use Ordering::{Equal, Greater, Less};
        let beyond = Number::Whole((1 << 53) + 1);
        for (one, order, two) in [
            (Number::Whole(1), Equal, Number::Float(1.0)),
            (Number::Whole(1), Less, Number::Float(1.5)),
            (Number::Whole(-1), Greater, Number::Float(-1.5)),
            (Number::Whole(-2), Less, Number::Float(-1.5)),
            (beyond, Greater, Number::Float(9_007_199_254_740_992.0)),
            (beyond, Greater, Number::Whole(1 << 53)),
            (Number::Whole(i128::MAX), Less, Number::Float(WHOLE_END)),
            (Number::Whole(i128::MIN), Equal, Number::Float(-WHOLE_END)),
            (Number::Whole(i128::MIN), Greater, Number::Float(f64::NEG_INFINITY)),
            (Number::Float(0.0), Equal, Number::Float(-0.0)),
        ] {
            assert_eq!(one.partial_cmp(&two), Some(order), "{one:?} {two:?}");
            assert_eq!(two.partial_cmp(&one), Some(order.reverse()), "{two:?} {one:?}");
        }
        assert_ne!(Number::Float(f64::NAN), Number::Whole(0));
    }

    #[test]
    fn reads_numbers_and_nothing_else() {
        for (text, number) in [
            ("5", Some(Number::Whole(5))),
            ("-18446744073709551616", Some(Number::Whole(-(1 << 64)))),
            ("1.5e3", Some(Number::Float(1500.0))),
            ("1e999", Some(Number::Float(f64::INFINITY))),
            (
                "1234567890123456789012345678901234567890123",
                Some(Number::Float(1.234_567_890_123_456_8e42)),
            ),
            ("", None),
            ("inf", None),
            ("0x10", None),
            (" 1", None),
        ] {
            assert_eq!(Number::parse(text), number, "{text}");
        }
    }
}
