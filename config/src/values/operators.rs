//! `+`, `==`, `&&`, `!` … on values. Nothing here can overflow or divide by zero unnoticed.
//!
//! As in HCL, a string that reads as a number counts as one where one is needed; `==` compares
//! without bringing anything to another type.

use hcl::Number;
use hcl_edit::expr::{BinaryOperator, UnaryOperator};

use super::value::{Data, Value};

/// The outcome of `left operator right`, or why there is none. Secrets stay secrets.
pub(crate) fn binary(
    left: &Value,
    operator: BinaryOperator,
    right: &Value,
) -> Result<Value, String> {
    use BinaryOperator as Op;
    let data = match operator {
        Op::Eq => Data::Bool(left == right),
        Op::NotEq => Data::Bool(left != right),
        Op::And | Op::Or => {
            let (Some(one), Some(two)) = (left.to_bool(), right.to_bool()) else {
                return Err(mismatch(operator, "true or false", left, right));
            };
            Data::Bool(if operator == Op::And { one && two } else { one || two })
        }
        _ => {
            let (Some(one), Some(two)) = (left.to_number(), right.to_number()) else {
                return Err(mismatch(operator, "numbers", left, right));
            };
            match operator {
                Op::LessEq => Data::Bool(one <= two),
                Op::GreaterEq => Data::Bool(one >= two),
                Op::Less => Data::Bool(one < two),
                Op::Greater => Data::Bool(one > two),
                _ => Data::Number(arithmetic(one, operator, two)?),
            }
        }
    };
    Ok(Value::new(data).tainted(left.is_secret() || right.is_secret()))
}

/// The outcome of `operator value`, or why there is none.
pub(crate) fn unary(operator: UnaryOperator, value: &Value) -> Result<Value, String> {
    let kind = value.kind();
    let data = match operator {
        UnaryOperator::Not => {
            let bool = value.to_bool();
            Data::Bool(!bool.ok_or_else(|| format!("`!` needs true or false, not {kind}"))?)
        }
        UnaryOperator::Neg => {
            let number = value.to_number();
            Data::Number(-number.ok_or_else(|| format!("`-` needs a number, not {kind}"))?)
        }
    };
    Ok(Value::new(data).tainted(value.is_secret()))
}

fn mismatch(operator: BinaryOperator, wanted: &str, left: &Value, right: &Value) -> String {
    let operator = operator.as_str();
    let mut message =
        format!("`{operator}` needs {wanted}, not {} and {}", left.kind(), right.kind());
    if operator == "+" && (left.as_str().is_some() || right.as_str().is_some()) {
        message.push_str("; texts are joined inside quotes: \"${a}${b}\"");
    }
    message
}

/// Whole numbers exactly where the outcome fits 64 bits, else as floats.
fn arithmetic(one: Number, operator: BinaryOperator, two: Number) -> Result<Number, String> {
    use BinaryOperator as Op;
    let (float_one, float_two) =
        (one.as_f64().unwrap_or_default(), two.as_f64().unwrap_or_default());
    if matches!(operator, Op::Div | Op::Mod) && float_two == 0.0 {
        return Err("division by zero".to_owned());
    }
    let exact = whole(one).zip(whole(two)).and_then(|(one, two)| match operator {
        Op::Plus => one.checked_add(two),
        Op::Minus => one.checked_sub(two),
        Op::Mul => one.checked_mul(two),
        Op::Mod => one.checked_rem(two),
        Op::Div => (one % two == 0).then(|| one / two),
        _ => None,
    });
    if let Some(exact) = exact {
        let number = u64::try_from(exact).map(Number::from);
        let number = number.or_else(|_| i64::try_from(exact).map(Number::from));
        if let Ok(number) = number {
            return Ok(number);
        }
    }
    let float = match operator {
        Op::Plus => float_one + float_two,
        Op::Minus => float_one - float_two,
        Op::Mul => float_one * float_two,
        Op::Div => float_one / float_two,
        Op::Mod => float_one % float_two,
        _ => return Err(format!("`{}` does not calculate", operator.as_str())),
    };
    Number::from_f64(float).ok_or_else(|| "the result is too large for a number".to_owned())
}

/// A whole number, with room to calculate.
fn whole(number: Number) -> Option<i128> {
    number.as_u64().map(i128::from).or_else(|| number.as_i64().map(i128::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: impl Into<Number>) -> Value {
        Value::new(Data::Number(n.into()))
    }

    fn outcome(one: Value, operator: BinaryOperator, two: Value) -> String {
        binary(&one, operator, &two)
            .map_or_else(|error| error, |value| value.into_json().to_string())
    }

    #[test]
    fn calculates_exactly_and_never_panics() {
        use BinaryOperator as Op;
        for (one, operator, two, expected) in [
            (number(2_u64), Op::Plus, number(3_u64), "5"),
            (number(2_u64), Op::Minus, number(3_u64), "-1"),
            (number(6_u64), Op::Div, number(3_u64), "2"),
            (number(7_u64), Op::Div, number(2_u64), "3.5"),
            (number(7_u64), Op::Mod, number(2_u64), "1"),
            (number(-7_i64), Op::Mod, number(2_u64), "-1"),
            (number(u64::MAX), Op::Plus, number(1_u64), "1.8446744073709552e+19"),
            (number(i64::MIN), Op::Mul, number(i64::MIN), "8.507059173023462e+37"),
            (number(1_u64), Op::Mod, number(0_u64), "division by zero"),
            (number(1_u64), Op::Div, number(0_u64), "division by zero"),
        ] {
            assert_eq!(outcome(one, operator, two), expected);
        }
        let huge = || Value::new(Data::Number(Number::from_f64(f64::MAX).unwrap()));
        assert_eq!(outcome(huge(), Op::Mul, huge()), "the result is too large for a number");
    }

    #[test]
    fn takes_a_text_for_the_number_it_reads_as() {
        let text = |text: &str| Value::new(Data::String(text.to_owned()));
        assert_eq!(outcome(text("1"), BinaryOperator::Plus, number(1_u64)), "2");
        assert_eq!(outcome(text("1.5"), BinaryOperator::Less, text("2")), "true");
        assert_eq!(outcome(text("true"), BinaryOperator::And, text("false")), "false");
        assert_eq!(outcome(text("1"), BinaryOperator::Eq, number(1_u64)), "false");
    }

    #[test]
    fn says_which_kinds_do_not_fit() {
        let text = Value::new(Data::String("a".to_owned()));
        assert_eq!(
            outcome(text, BinaryOperator::Plus, number(1_u64)),
            "`+` needs numbers, not a string and a number; texts are joined inside quotes: \"${a}${b}\""
        );
    }
}
