//! Lists, and what takes lists and objects alike.

use std::collections::HashSet;

use hcl::Number;
use unicode_segmentation::UnicodeSegmentation;

use super::arguments::Arguments;
use super::call::{Function, Outcome, function};
use super::conversions::boolean;
use super::limits::RANGE_ITEMS_MAX;
use super::numbers::compare;
use super::{decimal, json};
use crate::values::value::{Data, Value};

pub(super) const TABLE: &[Function] = &[
    function("alltrue", "list", alltrue),
    function("anytrue", "list", anytrue),
    function("chunklist", "list, size", chunklist),
    function("coalesce", "values...", coalesce),
    function("coalescelist", "lists...", coalescelist),
    function("compact", "list", compact),
    function("concat", "lists...", concat),
    function("contains", "list, value", contains),
    function("distinct", "list", distinct),
    function("element", "list, index", element),
    function("flatten", "list", flatten),
    function("index", "list, value", index),
    function("length", "value", length),
    function("matchkeys", "values, keys, searchset", matchkeys),
    function("one", "list", one),
    function("range", "limits...", range),
    function("reverse", "list", reverse),
    function("slice", "list, start, end", slice),
    function("sort", "list", sort),
    function("sum", "list", sum),
];

/// Null counts as false.
fn alltrue(arguments: &mut Arguments<'_>) -> Outcome {
    Ok(truths(arguments)?.into_iter().all(|truth| truth == Some(true)).into())
}

fn anytrue(arguments: &mut Arguments<'_>) -> Outcome {
    Ok(truths(arguments)?.into_iter().any(|truth| truth == Some(true)).into())
}

fn truths(arguments: &mut Arguments<'_>) -> Result<Vec<Option<bool>>, String> {
    let items = arguments.list()?;
    let truth = |item: &Value| match item {
        item if item.is_null() => Ok(None),
        item => boolean(item)
            .map(Some)
            .ok_or_else(|| arguments.refuse(&format!("must hold bools, but has {}", item.kind()))),
    };
    items.iter().map(truth).collect()
}

/// A size of 0 means one chunk.
fn chunklist(arguments: &mut Arguments<'_>) -> Outcome {
    let items = arguments.unified_list()?;
    let size = match arguments.count()? {
        0 => items.len().max(1),
        size => size,
    };
    Ok(items.chunks(size).map(<[Value]>::to_vec).collect())
}

/// The first that is neither null nor an empty string.
fn coalesce(arguments: &mut Arguments<'_>) -> Outcome {
    let mut values: Vec<Value> = (0..arguments.left()).map(|_| arguments.any()).collect();
    arguments.unified(&mut values)?;
    let found = values.into_iter().find(|value| !value.is_null() && *value != Value::from(""));
    found.ok_or_else(|| "every argument is null or an empty string".to_owned())
}

fn coalescelist(arguments: &mut Arguments<'_>) -> Outcome {
    while arguments.left() > 0 {
        let list = arguments.list()?;
        if !list.is_empty() {
            return Ok(Value::from(list));
        }
    }
    Err("every argument is an empty list".to_owned())
}

/// Without nulls and empty strings.
fn compact(arguments: &mut Arguments<'_>) -> Outcome {
    let texts = arguments.optional_texts()?.into_iter().flatten();
    Ok(texts.filter(|text| !text.is_empty()).map(Value::from).collect::<Vec<_>>().into())
}

fn concat(arguments: &mut Arguments<'_>) -> Outcome {
    if arguments.left() == 0 {
        return Err("needs at least one list".to_owned());
    }
    let mut items = Vec::new();
    while arguments.left() > 0 {
        items.append(&mut arguments.list()?);
    }
    Ok(Value::from(items))
}

fn contains(arguments: &mut Arguments<'_>) -> Outcome {
    let items = arguments.list()?;
    Ok(items.contains(&arguments.present()?).into())
}

fn distinct(arguments: &mut Arguments<'_>) -> Outcome {
    Ok(Value::from(without_repeats(arguments.unified_list()?)))
}

/// The first of each.
pub(super) fn without_repeats(mut items: Vec<Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    items.retain(|item| seen.insert(json::encode(item)));
    items
}

/// Whether a list holds a value, for asking more than once. JSON tells values apart just as `==`
/// does, and can be hashed.
pub(super) struct Members(HashSet<String>);

impl Members {
    pub(super) fn new(items: &[Value]) -> Self {
        Self(items.iter().map(json::encode).collect())
    }

    pub(super) fn contains(&self, item: &Value) -> bool {
        self.0.contains(&json::encode(item))
    }
}

/// An index beyond the end starts again at the start, a negative one counts from the end.
fn element(arguments: &mut Arguments<'_>) -> Outcome {
    let mut items = arguments.list()?;
    if items.is_empty() {
        return Err(arguments.refuse("must not be empty"));
    }
    let index = i128::from(arguments.whole()?).rem_euclid(items.len() as i128);
    Ok(items.swap_remove(usize::try_from(index).unwrap_or_default()))
}

fn flatten(arguments: &mut Arguments<'_>) -> Outcome {
    fn pour(items: Vec<Value>, flat: &mut Vec<Value>) {
        for item in items {
            match item {
                Value { data: Data::List(items), .. } => pour(items, flat),
                item => flat.push(item),
            }
        }
    }

    let mut flat = Vec::new();
    pour(arguments.list()?, &mut flat);
    Ok(Value::from(flat))
}

fn index(arguments: &mut Arguments<'_>) -> Outcome {
    let items = arguments.list()?;
    let wanted = arguments.present()?;
    let found = items.iter().position(|item| *item == wanted);
    found.map(Value::from).ok_or_else(|| "the list does not hold that value".to_owned())
}

/// Of a string in characters, of a list or an object in elements.
fn length(arguments: &mut Arguments<'_>) -> Outcome {
    match arguments.present()?.data {
        Data::String(text) => Ok(text.graphemes(true).count().into()),
        Data::List(items) => Ok(items.len().into()),
        Data::Object(entries) => Ok(entries.len().into()),
        other => {
            let found = other.kind();
            Err(arguments.refuse(&format!("must be a string, a list or an object, not {found}")))
        }
    }
}

/// Those values whose keys, at the same index, are in the searchset.
fn matchkeys(arguments: &mut Arguments<'_>) -> Outcome {
    let values = arguments.unified_list()?;
    let mut keys = arguments.list()?;
    if keys.len() != values.len() {
        return Err(arguments.refuse("must be as long as `values`"));
    }
    let mut wanted = arguments.list()?;
    let count = keys.len();
    keys.append(&mut wanted);
    arguments.unified(&mut keys)?;
    let wanted = Members::new(&keys.split_off(count));
    let matching = values.into_iter().zip(keys).filter(|(_, key)| wanted.contains(key));
    Ok(matching.map(|(value, _)| value).collect())
}

/// The only element, or null if there is none.
fn one(arguments: &mut Arguments<'_>) -> Outcome {
    let mut items = arguments.list()?;
    if items.len() > 1 {
        let count = items.len();
        return Err(arguments.refuse(&format!("must have at most one element, but has {count}")));
    }
    Ok(items.pop().unwrap_or_default())
}

/// `range(end)`, `range(start, end)` or `range(start, end, step)`; the end is not part of it.
fn range(arguments: &mut Arguments<'_>) -> Outcome {
    let zero = Number::from(0_u8);
    let one = Number::from(1_u8);
    let (start, end, step) = match arguments.left() {
        1 => (zero, arguments.number()?, None),
        2 => (arguments.number()?, arguments.number()?, None),
        3 => (arguments.number()?, arguments.number()?, Some(arguments.number()?)),
        count => return Err(format!("takes 1 to 3 arguments (start, end, step), got {count}")),
    };
    let downwards = compare(&end, &start).is_lt();
    let step = step.unwrap_or(if downwards { -one } else { one });
    let direction = compare(&step, &zero);
    if direction.is_lt() && compare(&end, &start).is_gt() {
        return Err("counts down, but its end is above its start".to_owned());
    }
    if direction.is_gt() && downwards {
        return Err("counts up, but its end is below its start".to_owned());
    }
    let mut items = Vec::new();
    let mut number = start;
    while if direction.is_lt() {
        compare(&number, &end).is_gt()
    } else {
        compare(&number, &end).is_lt()
    } {
        if items.len() == RANGE_ITEMS_MAX {
            return Err(format!("makes more than {RANGE_ITEMS_MAX} numbers"));
        }
        items.push(Data::Number(number));
        number =
            decimal::add(&number, &step).ok_or_else(|| "leaves the range of numbers".to_owned())?;
    }
    Ok(Value::from(items))
}

fn reverse(arguments: &mut Arguments<'_>) -> Outcome {
    let mut items = arguments.list()?;
    items.reverse();
    Ok(Value::from(items))
}

fn slice(arguments: &mut Arguments<'_>) -> Outcome {
    let mut items = arguments.list()?;
    let start = arguments.count()?;
    let end = arguments.count()?;
    if end > items.len() {
        return Err(
            arguments.refuse(&format!("must be at most the list's length, {}", items.len()))
        );
    }
    if start > end {
        return Err(arguments.refuse("must not be less than `start`"));
    }
    items.truncate(end);
    Ok(Value::from(items.split_off(start)))
}

/// Strings by their bytes; other values become strings.
fn sort(arguments: &mut Arguments<'_>) -> Outcome {
    let mut texts = arguments.texts()?;
    texts.sort_unstable();
    Ok(texts.into())
}

fn sum(arguments: &mut Arguments<'_>) -> Outcome {
    let items = arguments.list()?;
    if items.is_empty() {
        return Err(arguments.refuse("must not be empty"));
    }
    let mut sum = Number::from(0_u8);
    for item in &items {
        let number = item.to_number().ok_or_else(|| {
            arguments.refuse(&format!("must hold numbers, but has {}", item.kind()))
        })?;
        sum = decimal::add(&sum, &number)
            .ok_or_else(|| "the sum is not a finite number".to_owned())?;
    }
    Ok(sum.into())
}
