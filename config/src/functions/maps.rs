//! Objects. Where an order shows, it is that of the keys, as in Terraform, not that of the source.

use hcl::Map;

use super::arguments::Arguments;
use super::call::{Function, Outcome, function};
use crate::values::value::{Data, Value};

pub(super) const TABLE: &[Function] = &[
    function("keys", "object", keys),
    function("lookup", "object, key, default?", lookup),
    function("merge", "objects...", merge),
    function("transpose", "object", transpose),
    function("values", "object", values),
    function("zipmap", "keys, values", zipmap),
];

fn keys(arguments: &mut Arguments<'_>) -> Outcome {
    let mut entries = arguments.object()?;
    entries.sort_unstable_keys();
    Ok(entries.into_keys().collect::<Vec<_>>().into())
}

fn values(arguments: &mut Arguments<'_>) -> Outcome {
    let mut entries = arguments.object()?;
    entries.sort_unstable_keys();
    Ok(entries.into_values().collect())
}

fn lookup(arguments: &mut Arguments<'_>) -> Outcome {
    let mut entries = arguments.object()?;
    let key = arguments.text()?;
    match entries.swap_remove(&key) {
        Some(value) => Ok(value),
        None if arguments.left() > 0 => Ok(arguments.any()),
        None => Err(format!("there is no key `{key}`, and no default is given")),
    }
}

/// Later ones win; null counts as empty.
fn merge(arguments: &mut Arguments<'_>) -> Outcome {
    let mut merged = Map::new();
    while arguments.left() > 0 {
        match arguments.any().data {
            Data::Null => {}
            Data::Object(entries) => merged.extend(entries),
            other => {
                let found = other.kind();
                return Err(arguments.refuse(&format!("must be objects, not {found}")));
            }
        }
    }
    Ok(Value::from(merged))
}

/// From keys with lists of strings to those strings with lists of the keys.
fn transpose(arguments: &mut Arguments<'_>) -> Outcome {
    let mut entries = arguments.object()?;
    entries.sort_unstable_keys();
    let mut transposed: Map<String, Vec<Value>> = Map::new();
    for (key, list) in entries {
        let Data::List(items) = list.data else {
            return Err(arguments.refuse("must hold lists of strings"));
        };
        for item in items {
            let text =
                item.into_text().map_err(|_| arguments.refuse("must hold lists of strings"))?;
            transposed.entry(text).or_default().push(key.clone().into());
        }
    }
    transposed.sort_unstable_keys();
    let lists = transposed.into_iter().map(|(key, list)| (key, list.into()));
    Ok(lists.collect::<Map<_, _>>().into())
}

fn zipmap(arguments: &mut Arguments<'_>) -> Outcome {
    let keys = arguments.texts()?;
    let values = arguments.list()?;
    if keys.len() != values.len() {
        let (keys, values) = (keys.len(), values.len());
        return Err(format!("there are {keys} keys, but {values} values"));
    }
    Ok(keys.into_iter().zip(values).collect::<Map<_, _>>().into())
}
