//! Reckoning. Whole numbers wrap around at 64 bits, as in Go.

use super::super::context::{Outcome, Problem};
use super::super::value::Value;
use super::conversions::{float, whole};
use super::{Call, Function, MANY, function};

pub(super) const FUNCTIONS: &[Function] = &[
    function("add", (0, MANY), |call| fold(call, 0, i64::wrapping_add)),
    function("add1", (1, 1), |call| Ok(Value::Int(whole(call, 0)?.wrapping_add(1)))),
    function("sub", (2, 2), |call| pair(call, |left, right| Some(left.wrapping_sub(right)))),
    function("mul", (1, MANY), |call| fold(call, 1, i64::wrapping_mul)),
    function("div", (2, 2), |call| {
        pair(call, |left, right| (right != 0).then(|| left.wrapping_div(right)))
    }),
    function("mod", (2, 2), |call| {
        pair(call, |left, right| (right != 0).then(|| left.wrapping_rem(right)))
    }),
    function("max", (1, MANY), |call| fold(call, i64::MIN, i64::max)),
    function("biggest", (1, MANY), |call| fold(call, i64::MIN, i64::max)),
    function("min", (1, MANY), |call| fold(call, i64::MAX, i64::min)),
    function("maxf", (1, MANY), |call| fold_float(call, f64::max)),
    function("minf", (1, MANY), |call| fold_float(call, f64::min)),
    function("addf", (1, MANY), |call| fold_float(call, |left, right| left + right)),
    function("subf", (1, MANY), |call| fold_float(call, |left, right| left - right)),
    function("mulf", (1, MANY), |call| fold_float(call, |left, right| left * right)),
    function("divf", (1, MANY), divf),
    function("floor", (1, 1), |call| Ok(Value::Float(float(call, 0)?.floor()))),
    function("ceil", (1, 1), |call| Ok(Value::Float(float(call, 0)?.ceil()))),
    function("round", (2, 3), round),
];

fn fold(call: &mut Call<'_, '_>, start: i64, step: fn(i64, i64) -> i64) -> Outcome {
    let mut result = start;
    for index in 0..call.count() {
        result = step(result, whole(call, index)?);
    }
    Ok(Value::Int(result))
}

fn pair(call: &mut Call<'_, '_>, reckon: impl Fn(i64, i64) -> Option<i64>) -> Outcome {
    let (left, right) = (whole(call, 0)?, whole(call, 1)?);
    let result = reckon(left, right);
    result.map(Value::Int).ok_or_else(|| Problem::argument(1, "division by zero"))
}

fn fold_float(call: &mut Call<'_, '_>, step: fn(f64, f64) -> f64) -> Outcome {
    let mut result = float(call, 0)?;
    for index in 1..call.count() {
        result = step(result, float(call, index)?);
    }
    Ok(Value::Float(result))
}

fn divf(call: &mut Call<'_, '_>) -> Outcome {
    for index in 1..call.count() {
        if float(call, index)? == 0.0 {
            return Err(Problem::argument(index, "division by zero"));
        }
    }
    fold_float(call, |left, right| left / right)
}

/// `round number places [from]`: a rest of `from` on, .5 if it is not given, goes up, away from
/// zero.
fn round(call: &mut Call<'_, '_>) -> Outcome {
    let (number, places) = (float(call, 0)?, whole(call, 1)?);
    let up_from = if call.count() > 2 { float(call, 2)? } else { 0.5 };
    let places = i32::try_from(places).unwrap_or(0).clamp(-300, 300);
    let scale = 10_f64.powi(places);
    let scaled = number * scale;
    if !scaled.is_finite() || scale == 0.0 {
        return Ok(Value::Float(number));
    }
    let up = scaled.fract().abs() >= up_from;
    let away = if up { scaled.signum() } else { 0.0 };
    Ok(Value::Float((scaled.trunc() + away) / scale))
}
