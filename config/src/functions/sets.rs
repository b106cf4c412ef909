//! Sets: lists without duplicates, in order. Strings are in the order of their bytes, numbers in
//! that of their values, `false` is before `true`; what has no order stays as it came.

use std::cmp::Ordering;

use super::arguments::Arguments;
use super::call::{Function, Outcome, function};
use super::collections::{Members, without_repeats};
use super::limits;
use super::numbers::compare;
use crate::values::value::{Data, Value};

pub(super) const TABLE: &[Function] = &[
    function("setintersection", "first, others...", setintersection),
    function("setproduct", "lists...", setproduct),
    function("setsubtract", "from, without", setsubtract),
    function("setunion", "first, others...", setunion),
];

/// `items`, which are of one type, as a set.
pub(super) fn set(items: Vec<Value>) -> Vec<Value> {
    let mut items = without_repeats(items);
    items.sort_by(|one, other| match (&one.data, &other.data) {
        (Data::String(one), Data::String(other)) => one.cmp(other),
        (Data::Number(one), Data::Number(other)) => compare(one, other),
        (Data::Bool(one), Data::Bool(other)) => one.cmp(other),
        _ => Ordering::Equal,
    });
    items
}

/// All that is left, each list by itself but all elements of one type.
fn sets(arguments: &mut Arguments<'_>) -> Result<Vec<Vec<Value>>, String> {
    let mut all = Vec::new();
    let mut lengths = Vec::new();
    while arguments.left() > 0 {
        let mut items = arguments.list()?;
        lengths.push(items.len());
        all.append(&mut items);
    }
    arguments.unified(&mut all)?;
    let mut all = all.into_iter();
    Ok(lengths.into_iter().map(|length| all.by_ref().take(length).collect()).collect())
}

fn setintersection(arguments: &mut Arguments<'_>) -> Outcome {
    let mut sets = sets(arguments)?.into_iter();
    let first = sets.next().unwrap_or_default();
    let rest: Vec<_> = sets.map(|set| Members::new(&set)).collect();
    let in_all = |item: &Value| rest.iter().all(|set| set.contains(item));
    Ok(Value::from(set(first.into_iter().filter(in_all).collect())))
}

fn setsubtract(arguments: &mut Arguments<'_>) -> Outcome {
    let mut sets = sets(arguments)?.into_iter();
    let from = sets.next().unwrap_or_default();
    let without = Members::new(&sets.next().unwrap_or_default());
    Ok(Value::from(set(from.into_iter().filter(|item| !without.contains(item)).collect())))
}

fn setunion(arguments: &mut Arguments<'_>) -> Outcome {
    Ok(Value::from(set(sets(arguments)?.into_iter().flatten().collect())))
}

/// Every combination of one element of each list, in the order of the lists.
fn setproduct(arguments: &mut Arguments<'_>) -> Outcome {
    if arguments.left() < 2 {
        return Err("needs at least two lists".to_owned());
    }
    let mut lists = Vec::new();
    while arguments.left() > 0 {
        lists.push(arguments.unified_list()?);
    }
    let count = lists.iter().fold(1_usize, |count, list| count.saturating_mul(list.len()));
    limits::items_fit(count.saturating_mul(lists.len() + 1))?;
    for list in lists.iter().filter(|list| !list.is_empty()) {
        limits::repeated_fit(list, count / list.len())?;
    }
    let mut combinations = vec![Vec::new()];
    for list in &lists {
        let longer = |start: &Vec<Value>| {
            let start = start.clone();
            list.iter().map(move |item| [start.as_slice(), std::slice::from_ref(item)].concat())
        };
        combinations = combinations.iter().flat_map(longer).collect();
    }
    Ok(combinations.into())
}
