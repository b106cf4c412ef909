//! Lists, and Go's `len`, `index` and `slice`, which look into texts and dicts too.

use super::super::context::{Outcome, Problem};
use super::super::limits::ITEMS_MAX;
use super::super::value::Value;
use super::conversions::whole;
use super::{Call, Function, MANY, derives, function};

pub(super) const FUNCTIONS: &[Function] = &[
    function("list", (0, MANY), |call| from(call, 0)),
    function("tuple", (0, MANY), |call| from(call, 0)),
    function("len", (1, 1), len),
    function("index", (1, MANY), index),
    derives("slice", (1, 4), slice),
    function("first", (1, 1), |call| Ok(items(call, 0)?.first().cloned().unwrap_or(Value::Nil))),
    function("last", (1, 1), |call| Ok(items(call, 0)?.last().cloned().unwrap_or(Value::Nil))),
    function("rest", (1, 1), |call| {
        changed(call, 0, |items| {
            items.drain(..items.len().min(1));
        })
    }),
    function("initial", (1, 1), |call| {
        changed(call, 0, |items| {
            items.pop();
        })
    }),
    function("append", (2, 2), append),
    function("push", (2, 2), append),
    function("prepend", (2, 2), |call| {
        let value = call.value(1);
        changed(call, 0, |items| items.insert(0, value))
    }),
    function("concat", (0, MANY), concat),
    function("uniq", (1, 1), uniq),
    function("has", (2, 2), has),
    function("without", (1, MANY), without),
    function("reverse", (1, 1), |call| changed(call, 0, |items| items.reverse())),
    function("compact", (1, 1), compact),
    function("chunk", (2, 2), chunk),
    derives("sortAlpha", (1, 1), sort_alpha),
    function("until", (1, 1), |call| {
        let end = whole(call, 0)?;
        count(call, 0, end, if end < 0 { -1 } else { 1 })
    }),
    function("untilStep", (3, 3), |call| {
        let (start, end, step) = (whole(call, 0)?, whole(call, 1)?, whole(call, 2)?);
        count(call, start, end, step)
    }),
];

/// A copy of a list's elements, charged for.
fn items(call: &mut Call<'_, '_>, index: usize) -> Result<Vec<Value>, Problem> {
    let list = call.list(index)?;
    call.context.check_items(list.items().len())?;
    Ok(list.items().to_vec())
}

fn from(call: &mut Call<'_, '_>, index: usize) -> Outcome {
    let rest = call.rest(index);
    call.context.new_list(rest)
}

fn changed(call: &mut Call<'_, '_>, index: usize, change: impl FnOnce(&mut Vec<Value>)) -> Outcome {
    let mut items = items(call, index)?;
    change(&mut items);
    call.context.new_list(items)
}

fn append(call: &mut Call<'_, '_>) -> Outcome {
    let value = call.value(1);
    changed(call, 0, |items| items.push(value))
}

fn len(call: &mut Call<'_, '_>) -> Outcome {
    let length = match call.value(0) {
        Value::Text(text) => text.text.len(),
        Value::List(list) => list.items().len(),
        Value::Dict(id) => call.context.dicts.get(id).len(),
        _ => return Err(call.wrong(0, "a text, a list or a dict")),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// What is at a place, and at a place in that, and so on.
fn index(call: &mut Call<'_, '_>) -> Outcome {
    let mut found = call.value(0);
    for index in 1..call.count() {
        let position = |call: &Call<'_, '_>, length: usize| {
            let at = call.int(index)?;
            usize::try_from(at).ok().filter(|&at| at < length).ok_or_else(|| {
                Problem::argument(index, format!("there is no element {at}, only {length}"))
            })
        };
        found = match found {
            Value::List(list) => list.items()[position(call, list.items().len())?].clone(),
            Value::Text(text) => {
                Value::Int(i64::from(text.text.as_bytes()[position(call, text.text.len())?]))
            }
            Value::Dict(id) => {
                let key = call.text(index)?;
                call.context.dicts.get(id).get(&*key).cloned().unwrap_or(Value::Nil)
            }
            other => {
                let message = format!("`index` cannot look into {}", other.described());
                return Err(Problem::argument(index - 1, message));
            }
        };
    }
    Ok(found)
}

/// `slice value [start [end]]`
fn slice(call: &mut Call<'_, '_>) -> Outcome {
    let length = match call.value(0) {
        Value::Text(text) => text.text.len(),
        Value::List(list) => list.items().len(),
        _ => return Err(call.wrong(0, "a list or a text")),
    };
    let start = if call.count() > 1 { call.size(1)? } else { 0 };
    let end = if call.count() > 2 { call.size(2)? } else { length };
    let range = || Problem::call(format!("`slice` reaches outside of the {length} there are"));
    if start > end || end > length {
        return Err(range());
    }
    match call.value(0) {
        Value::Text(_) => {
            let text = call.text(0)?;
            let part = text.get(start..end);
            let cut = || Problem::call("`slice` cuts through a character");
            call.new_text(part.ok_or_else(cut)?)
        }
        _ => {
            let items = items(call, 0)?;
            call.context.new_list(items.get(start..end).ok_or_else(range)?.to_vec())
        }
    }
}

fn concat(call: &mut Call<'_, '_>) -> Outcome {
    let mut all = Vec::new();
    for index in 0..call.count() {
        all.extend(items(call, index)?);
        call.context.check_items(all.len())?;
    }
    call.context.new_list(all)
}

fn contained(call: &mut Call<'_, '_>, items: &[Value], value: &Value) -> Result<bool, Problem> {
    for item in items {
        if call.same(item, value)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(call: &mut Call<'_, '_>) -> Outcome {
    let mut kept: Vec<Value> = Vec::new();
    for item in items(call, 0)? {
        if !contained(call, &kept, &item)? {
            kept.push(item);
        }
    }
    call.context.new_list(kept)
}

fn has(call: &mut Call<'_, '_>) -> Outcome {
    if matches!(call.value(1), Value::Nil) {
        return Ok(Value::Bool(false));
    }
    let (value, items) = (call.value(0), items(call, 1)?);
    Ok(Value::Bool(contained(call, &items, &value)?))
}

fn without(call: &mut Call<'_, '_>) -> Outcome {
    let unwanted = call.rest(1);
    let mut kept = Vec::new();
    for item in items(call, 0)? {
        if !contained(call, &unwanted, &item)? {
            kept.push(item);
        }
    }
    call.context.new_list(kept)
}

fn compact(call: &mut Call<'_, '_>) -> Outcome {
    let mut items = items(call, 0)?;
    items.retain(|item| item.is_true(&call.context.dicts));
    call.context.new_list(items)
}

fn chunk(call: &mut Call<'_, '_>) -> Outcome {
    let size = call.size(0)?;
    if size == 0 {
        return Err(Problem::argument(0, "`chunk` needs a size above 0"));
    }
    let mut chunks = Vec::new();
    for part in items(call, 1)?.chunks(size) {
        chunks.push(call.context.new_list(part.to_vec())?);
    }
    call.context.new_list(chunks)
}

fn sort_alpha(call: &mut Call<'_, '_>) -> Outcome {
    let mut texts = call.texts(0)?;
    // Each text is compared about this many times.
    let rounds = usize::try_from(texts.len().max(1).ilog2()).unwrap_or(0) + 1;
    call.context.charge(texts.iter().map(String::len).sum::<usize>().saturating_mul(rounds))?;
    texts.sort_unstable();
    call.new_texts(texts.iter().map(String::as_str))
}

/// The whole numbers from `start` until `end`, which is left out; none if the step leads away.
fn count(call: &mut Call<'_, '_>, start: i64, end: i64, step: i64) -> Outcome {
    let mut items = Vec::new();
    let mut number = start;
    while step > 0 && number < end || step < 0 && number > end {
        if items.len() == ITEMS_MAX {
            return Err(Problem::call(format!("more than {ITEMS_MAX} elements")));
        }
        call.context.charge(1)?;
        items.push(Value::Int(number));
        match number.checked_add(step) {
            Some(next) => number = next,
            None => break,
        }
    }
    call.context.new_list(items)
}
