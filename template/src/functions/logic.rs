//! Judging and choosing: Go's comparisons, Sprig's defaults and kinds.

use std::cmp::Ordering;

use super::super::context::{Outcome, Problem};
use super::super::value::Value;
use super::{Body, Call, Function, MANY, Manner, derives, function, takes_unset};

pub(super) const FUNCTIONS: &[Function] = &[
    lazy("and", Body::And),
    lazy("or", Body::Or),
    takes_unset("not", (1, 1), |call| Ok(Value::Bool(!call.is_true(0)))),
    function("eq", (2, MANY), eq),
    function("ne", (2, 2), |call| equal(call, 1).map(|equal| Value::Bool(!equal))),
    function("lt", (2, 2), |call| compare(call, Ordering::is_lt)),
    function("le", (2, 2), |call| compare(call, Ordering::is_le)),
    function("gt", (2, 2), |call| compare(call, Ordering::is_gt)),
    function("ge", (2, 2), |call| compare(call, Ordering::is_ge)),
    takes_unset("default", (1, MANY), default),
    takes_unset("empty", (1, 1), |call| Ok(Value::Bool(!call.is_true(0)))),
    takes_unset("coalesce", (0, MANY), coalesce),
    takes_unset("ternary", (3, 3), ternary),
    takes_unset("all", (0, MANY), |call| all(call)),
    takes_unset("any", (0, MANY), |call| any(call)),
    derives("fail", (1, 1), fail),
    function("kindOf", (1, 1), |call| Ok(Value::text(call.value(0).kind()))),
    function("typeOf", (1, 1), |call| Ok(Value::text(call.value(0).type_name()))),
    function("kindIs", (2, 2), |call| named(call, Value::kind)),
    function("typeIs", (2, 2), |call| named(call, Value::type_name)),
    function("deepEqual", (2, 2), |call| {
        let (left, right) = (call.value(0), call.value(1));
        Ok(Value::Bool(call.same(&left, &right)?))
    }),
];

const fn lazy(name: &'static str, body: Body) -> Function {
    Function { name, min: 1, max: None, manner: Manner::TakesUnset, body }
}

/// Whether the first argument equals another. Only what Go can compare is: values of one basic
/// type, and nil.
fn equal(call: &mut Call<'_, '_>, index: usize) -> Result<bool, Problem> {
    let (left, right) = (call.value(0), call.value(index));
    for (index, value) in [(0, &left), (index, &right)] {
        if matches!(value, Value::List(_) | Value::Dict(_)) {
            return Err(call.wrong(index, "a text, a number or a bool").with_help(
                "`deepEqual` compares lists and dicts, `has` and `hasKey` look into them",
            ));
        }
    }
    let same_type = left.kind() == right.kind();
    if !same_type && !matches!(left, Value::Nil) && !matches!(right, Value::Nil) {
        return Err(incomparable(call, index, &left, &right));
    }
    call.same(&left, &right)
}

fn incomparable(call: &Call<'_, '_>, index: usize, left: &Value, right: &Value) -> Problem {
    let message =
        format!("`{}` cannot compare {} with {}", call.name, left.described(), right.described());
    let problem = Problem::argument(index, message);
    match (left, right) {
        (Value::Text(_), Value::Int(_)) | (Value::Int(_), Value::Text(_)) => {
            problem.with_help("what `env` gives is a text: turn it into a number with `int`")
        }
        _ => problem,
    }
}

fn eq(call: &mut Call<'_, '_>) -> Outcome {
    for index in 1..call.count() {
        if equal(call, index)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn compare(call: &mut Call<'_, '_>, wanted: fn(Ordering) -> bool) -> Outcome {
    let ordering = match (call.value(0), call.value(1)) {
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(&right)),
        // NaN is neither less nor greater.
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(&right),
        (Value::Text(_), Value::Text(_)) => Some(call.text(0)?.cmp(&call.text(1)?)),
        (left, right) => return Err(incomparable(call, 1, &left, &right)),
    };
    Ok(Value::Bool(ordering.is_some_and(wanted)))
}

fn default(call: &mut Call<'_, '_>) -> Outcome {
    Ok(call.value(usize::from(call.is_true(1))))
}

/// The first that is not empty. If all are, and one is not set, that one: whoever needs the value
/// then says so.
fn coalesce(call: &mut Call<'_, '_>) -> Outcome {
    if let Some(index) = (0..call.count()).find(|&index| call.is_true(index)) {
        return Ok(call.value(index));
    }
    let unset = call.arguments.iter().find(|value| matches!(value, Value::Unset(_)));
    Ok(unset.cloned().unwrap_or(Value::Nil))
}

fn ternary(call: &mut Call<'_, '_>) -> Outcome {
    match call.value(2) {
        Value::Bool(true) => Ok(call.value(0)),
        Value::Bool(false) | Value::Unset(_) => Ok(call.value(1)),
        _ => {
            Err(call.wrong(2, "a bool").with_help("`empty`, `not` and `eq` make one of any value"))
        }
    }
}

fn all(call: &Call<'_, '_>) -> Outcome {
    Ok(Value::Bool((0..call.count()).all(|index| call.is_true(index))))
}

fn any(call: &Call<'_, '_>) -> Outcome {
    Ok(Value::Bool((0..call.count()).any(|index| call.is_true(index))))
}

/// Its text is the error; one that holds a secret is not shown.
fn fail(call: &mut Call<'_, '_>) -> Outcome {
    call.context.touched_secret = false;
    let text = call.text(0)?;
    let hidden = call.context.touched_secret || text.is_empty();
    Err(Problem::call(if hidden { "this template calls `fail`" } else { &*text }))
}

fn named(call: &mut Call<'_, '_>, name: fn(&Value) -> &'static str) -> Outcome {
    let wanted = call.text(0)?;
    Ok(Value::Bool(&*wanted == name(&call.value(1))))
}
