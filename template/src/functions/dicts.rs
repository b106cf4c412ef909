//! Dictionaries. Keys are texts; what gives a list of them gives it sorted, where Go has any
//! order.

use super::super::context::{Outcome, Problem};
use super::super::limits::{ITEM_WORK, ITEMS_MAX};
use super::super::value::{DictId, Entries, Value};
use super::{Call, Function, MANY, function};

pub(super) const FUNCTIONS: &[Function] = &[
    function("dict", (0, MANY), dict),
    function("get", (2, 2), get),
    function("set", (3, 3), set),
    function("unset", (2, 2), |call| {
        let (id, key) = (call.dict(0)?, call.text(1)?);
        call.context.dicts.get_mut(id).remove(&*key);
        Ok(Value::Dict(id))
    }),
    function("hasKey", (2, 2), |call| {
        let (id, key) = (call.dict(0)?, call.text(1)?);
        Ok(Value::Bool(call.context.dicts.get(id).contains_key(&*key)))
    }),
    function("keys", (1, MANY), keys),
    function("values", (1, 1), |call| {
        let id = call.dict(0)?;
        let values = call.context.entries(id)?.into_values().collect();
        call.context.new_list(values)
    }),
    function("pick", (1, MANY), |call| filtered(call, true)),
    function("omit", (1, MANY), |call| filtered(call, false)),
    function("pluck", (1, MANY), pluck),
    function("dig", (3, MANY), dig),
    function("merge", (1, MANY), |call| merge(call, false)),
    function("mergeOverwrite", (1, MANY), |call| merge(call, true)),
];

/// Keys and values in turn; a last key without a value gets an empty text.
fn dict(call: &mut Call<'_, '_>) -> Outcome {
    let mut entries = Entries::new();
    call.context.check_items(call.count())?;
    for index in (0..call.count()).step_by(2) {
        let key = call.shown(index)?;
        let value = match call.count() > index + 1 {
            true => call.value(index + 1),
            false => Value::text(""),
        };
        entries.insert(key, value);
    }
    call.context.new_dict(entries)
}

fn get(call: &mut Call<'_, '_>) -> Outcome {
    let (id, key) = (call.dict(0)?, call.text(1)?);
    let found = call.context.dicts.get(id).get(&*key);
    Ok(found.cloned().unwrap_or_else(|| Value::text("")))
}

fn set(call: &mut Call<'_, '_>) -> Outcome {
    let (id, key, value) = (call.dict(0)?, call.text(1)?, call.value(2));
    insert(call, id, &key, value)?;
    Ok(Value::Dict(id))
}

fn insert(call: &mut Call<'_, '_>, id: DictId, key: &str, value: Value) -> Result<(), Problem> {
    call.context.charge(key.len() + ITEM_WORK)?;
    let entries = call.context.dicts.get_mut(id);
    if entries.len() >= ITEMS_MAX {
        return Err(Problem::call(format!("more than {ITEMS_MAX} entries")));
    }
    entries.insert(key.to_owned(), value);
    Ok(())
}

fn keys(call: &mut Call<'_, '_>) -> Outcome {
    let mut keys = Vec::new();
    for index in 0..call.count() {
        let id = call.dict(index)?;
        for key in call.context.entries(id)?.into_keys() {
            keys.push(call.new_text(&key)?);
        }
    }
    call.context.new_list(keys)
}

fn filtered(call: &mut Call<'_, '_>, keep: bool) -> Outcome {
    let id = call.dict(0)?;
    let mut names = std::collections::BTreeSet::new();
    for index in 1..call.count() {
        names.insert(call.text(index)?);
    }
    let mut entries = call.context.entries(id)?;
    entries.retain(|key, _| names.contains(key.as_str()) == keep);
    call.context.new_dict(entries)
}

/// The values that several dicts have under one key.
fn pluck(call: &mut Call<'_, '_>) -> Outcome {
    let key = call.text(0)?;
    let mut values = Vec::new();
    for index in 1..call.count() {
        let id = call.dict(index)?;
        values.extend(call.context.dicts.get(id).get(&*key).cloned());
    }
    call.context.new_list(values)
}

/// `dig "a" "b" default dict`: the value at a path, or the default.
fn dig(call: &mut Call<'_, '_>) -> Outcome {
    let last = call.count() - 1;
    let mut found = Value::Dict(call.dict(last)?);
    for index in 0..last - 1 {
        let key = call.text(index)?;
        let Value::Dict(id) = found else {
            return Err(Problem::argument(index, "`dig` meets what is no dict before this key"));
        };
        match call.context.dicts.get(id).get(&*key) {
            Some(value) => found = value.clone(),
            None => return Ok(call.value(last - 1)),
        }
    }
    Ok(found)
}

/// Puts the entries of all other dicts into the first, dicts within dicts entry by entry. Without
/// `overwrites`, what is there and not empty stays.
fn merge(call: &mut Call<'_, '_>, overwrites: bool) -> Outcome {
    let target = call.dict(0)?;
    for index in 1..call.count() {
        let source = call.dict(index)?;
        merge_into(call, target, source, overwrites, 0)?;
    }
    Ok(Value::Dict(target))
}

fn merge_into(
    call: &mut Call<'_, '_>,
    target: DictId,
    source: DictId,
    overwrites: bool,
    depth: usize,
) -> Result<(), Problem> {
    if depth > super::super::limits::VALUE_DEPTH_MAX {
        return Err(Problem::too_deep());
    }
    for (key, value) in call.context.entries(source)? {
        let there = call.context.dicts.get(target).get(&key).cloned();
        match (there, &value) {
            (Some(Value::Dict(inner)), Value::Dict(other)) => {
                merge_into(call, inner, *other, overwrites, depth + 1)?;
            }
            (Some(there), _) if !overwrites && there.is_true(&call.context.dicts) => {}
            _ => insert(call, target, &key, value)?,
        }
    }
    Ok(())
}
