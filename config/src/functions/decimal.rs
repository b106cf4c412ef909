//! Sums of decimal fractions without the noise of binary ones: 0.1 + 0.2 is 0.3, as in Terraform.

use hcl::Number;

use crate::values::value::number_text;

/// `units / 10^scale`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimal {
    units: i128,
    scale: u32,
}

impl Decimal {
    /// `number` as it is written. Nothing if it has too many digits for 128 bits.
    pub(super) fn new(number: &Number) -> Option<Self> {
        let text = number_text(number);
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let units = format!("{whole}{fraction}").parse().ok()?;
        Some(Self { units, scale: u32::try_from(fraction.len()).ok()? })
    }

    /// Nothing if the sum has too many digits for 128 bits.
    pub(super) fn checked_add(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let units = self.units_at(scale)?.checked_add(other.units_at(scale)?)?;
        Some(Self { units, scale })
    }

    /// The nearest number; a whole one if it is whole and fits into 64 bits.
    pub(super) fn number(self) -> Option<Number> {
        let divisor = 10_i128.checked_pow(self.scale)?;
        if self.units % divisor == 0 {
            let whole = self.units / divisor;
            if let Ok(whole) = u64::try_from(whole) {
                return Some(whole.into());
            }
            if let Ok(whole) = i64::try_from(whole) {
                return Some(whole.into());
            }
        }
        format!("{}e-{}", self.units, self.scale).parse().ok().and_then(Number::from_f64)
    }

    fn units_at(self, scale: u32) -> Option<i128> {
        self.units.checked_mul(10_i128.checked_pow(scale - self.scale)?)
    }
}

/// The sum of two numbers; nothing if it is not finite.
pub(super) fn add(one: &Number, other: &Number) -> Option<Number> {
    let exact = || Decimal::new(one)?.checked_add(Decimal::new(other)?)?.number();
    exact().or_else(|| Number::from_f64(one.as_f64()? + other.as_f64()?))
}
