//! An expression and a line → a value.

use super::expression::{Calculation, Comparison, Expression, Step};
use crate::json::{Number, Value};

/// What an expression may ask of a line.
pub(super) struct Line<'v> {
    pub(super) metadata: &'v Value<'v>,
    pub(super) data: &'v Value<'v>,
}

impl Expression {
    /// Whether the value is `true`.
    pub(super) fn holds(&self, line: &Line<'_>) -> bool {
        match self {
            Self::Not(inner) => !inner.holds(line),
            Self::All(parts) => parts.iter().all(|part| part.holds(line)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(line)),
            Self::Compare(comparison, left, right) => {
                comparison.holds(&left.value(line), &right.value(line))
            }
            Self::Choose(parts) => {
                let [condition, yes, no] = parts.as_ref();
                if condition.holds(line) { yes.holds(line) } else { no.holds(line) }
            }
            Self::AnyOf(items, wanted) => {
                let wanted = wanted.value(line);
                items.iter().any(|item| item.value(line) == wanted)
            }
            Self::Matches(pattern, text) => {
                text.value(line).as_str().is_some_and(|text| pattern.is_match(text))
            }
            other => matches!(other.value(line), Value::Bool(true)),
        }
    }

    pub(super) fn value<'v>(&'v self, line: &Line<'v>) -> Value<'v> {
        match self {
            Self::Constant(constant) => constant.value(),
            Self::Metadata => line.metadata.clone(),
            Self::Data => line.data.clone(),
            Self::Path(base, steps) => {
                steps.iter().fold(base.value(line), |value, step| step.from(&value, line))
            }
            Self::Negate(inner) => match inner.value(line) {
                Value::Number(number) => Value::Number(number.negated()),
                _ => Value::Null,
            },
            Self::Calculate(calculation, left, right) => {
                match (left.value(line), right.value(line)) {
                    (Value::Number(one), Value::Number(two)) => {
                        calculation.run(one, two).map_or(Value::Null, Value::Number)
                    }
                    _ => Value::Null,
                }
            }
            Self::Choose(parts) => {
                let [condition, yes, no] = parts.as_ref();
                if condition.holds(line) { yes.value(line) } else { no.value(line) }
            }
            Self::Call(function, arguments) => function.call(arguments, line),
            Self::Not(_)
            | Self::All(_)
            | Self::Any(_)
            | Self::Compare(..)
            | Self::AnyOf(..)
            | Self::Matches(..) => Value::Bool(self.holds(line)),
        }
    }
}

impl Step {
    fn from<'v>(&'v self, value: &Value<'v>, line: &Line<'v>) -> Value<'v> {
        match self {
            Self::Key(name) => value.field(name),
            Self::Index(index) => value.item(*index),
            Self::Computed(expression) => match expression.value(line) {
                Value::Text(name) => value.field(&name),
                Value::Number(Number::Whole(index)) => {
                    usize::try_from(index).map_or(Value::Null, |index| value.item(index))
                }
                _ => Value::Null,
            },
        }
    }
}

impl Comparison {
    fn holds(self, left: &Value<'_>, right: &Value<'_>) -> bool {
        let order = match (self, left, right) {
            (Self::Equal, ..) => return left == right,
            (Self::NotEqual, ..) => return left != right,
            (_, Value::Number(one), Value::Number(two)) => one.partial_cmp(two),
            (_, Value::Text(one), Value::Text(two)) => Some(one.cmp(two)),
            _ => None,
        };
        order.is_some_and(|order| match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Equal | Self::NotEqual => false,
        })
    }
}

impl Calculation {
    /// Whole numbers exactly where the outcome is one that fits, else as floats. No outcome where
    /// there is none: of a division by zero, or beyond all floats.
    fn run(self, one: Number, two: Number) -> Option<Number> {
        if let (Number::Whole(one), Number::Whole(two)) = (one, two) {
            let exact = match self {
                Self::Add => one.checked_add(two),
                Self::Subtract => one.checked_sub(two),
                Self::Multiply => one.checked_mul(two),
                Self::Divide => match one.checked_rem(two) {
                    Some(0) => one.checked_div(two),
                    _ => None,
                },
                Self::Remainder => one.checked_rem(two),
            };
            if let Some(exact) = exact {
                return Some(Number::Whole(exact));
            }
        }
        let (one, two) = (one.as_f64(), two.as_f64());
        let float = match self {
            Self::Add => one + two,
            Self::Subtract => one - two,
            Self::Multiply => one * two,
            Self::Divide => one / two,
            Self::Remainder => one % two,
        };
        float.is_finite().then_some(Number::Float(float))
    }
}
