//! One type for many values.
//!
//! Terraform gives a list elements of one type: `tolist([1, "a"])` is `["1", "a"]`. A string is
//! what a number and a bool can both become; a number and a bool by themselves have no common
//! type. Lists of lists and of objects are brought to one type element by element where their
//! shapes agree, else all elements together. Null goes with everything.

use std::fmt;

use hcl::Map;

use super::limits::ITEMS_MAX;
use crate::values::value::{Data, Value};

/// Values that are looked at to find a common type. Lists within lists may be tried in two ways at
/// every level, so the effort could double with each; this bounds it.
const LOOKS_MAX: usize = 4 * ITEMS_MAX;

/// Why values have no common type.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mismatch {
    /// No type fits both.
    Types(&'static str, &'static str),
    /// It took more than [`LOOKS_MAX`].
    Effort,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Types(one, other) => {
                write!(f, "must hold elements of one type, but has {one} and {other}")
            }
            Self::Effort => f.write_str("is nested too deep to find one type for it"),
        }
    }
}

/// What values become.
enum Shape {
    /// They stay as they are.
    Same,
    Text,
    /// Every element of every list.
    List(Box<Shape>),
    /// The elements of lists that are equally long, each by its index.
    Tuple(Vec<Shape>),
    /// Every value of every object.
    Map(Box<Shape>),
    /// The values of objects that have the same keys, each by its key.
    Object(Map<String, Shape>),
}

/// Brings `values` to one type.
pub(super) fn unify(values: &mut [Value]) -> Result<(), Mismatch> {
    let mut looks_left = LOOKS_MAX;
    let shape = common_shape(&values.iter().collect::<Vec<_>>(), &mut looks_left)?;
    values.iter_mut().for_each(|value| convert(value, &shape));
    Ok(())
}

fn common_shape(values: &[&Value], looks_left: &mut usize) -> Result<Shape, Mismatch> {
    let values: Vec<&Value> =
        values.iter().copied().filter(|value| !matches!(value.data, Data::Null)).collect();
    let Some(first) = values.first() else { return Ok(Shape::Same) };
    *looks_left = looks_left.checked_sub(values.len()).ok_or(Mismatch::Effort)?;
    match first.data {
        Data::List(_) => {
            let lists = all(&values, Value::as_list)?;
            list_shape(&lists, looks_left)
        }
        Data::Object(_) => {
            let objects = all(&values, Value::as_object)?;
            object_shape(&objects, looks_left)
        }
        _ => scalar_shape(&values),
    }
}

fn scalar_shape(values: &[&Value]) -> Result<Shape, Mismatch> {
    let first = values[0].kind();
    let Some(other) = values.iter().find(|value| value.kind() != first) else {
        return Ok(Shape::Same);
    };
    let is_scalar = |value: &&Value| !matches!(value.data, Data::List(_) | Data::Object(_));
    let has_text = values.iter().any(|value| matches!(value.data, Data::String(_)));
    if has_text && values.iter().all(is_scalar) {
        return Ok(Shape::Text);
    }
    Err(Mismatch::Types(first, other.kind()))
}

fn list_shape(lists: &[&Vec<Value>], looks_left: &mut usize) -> Result<Shape, Mismatch> {
    let length = lists[0].len();
    if lists.iter().all(|list| list.len() == length) {
        let column = |at: usize| lists.iter().map(|list| &list[at]).collect::<Vec<_>>();
        let shapes: Result<Vec<_>, _> =
            (0..length).map(|at| common_shape(&column(at), looks_left)).collect();
        match shapes {
            Ok(shapes) => return Ok(Shape::Tuple(shapes)),
            Err(Mismatch::Effort) => return Err(Mismatch::Effort),
            Err(Mismatch::Types(..)) => {}
        }
    }
    let elements: Vec<&Value> = lists.iter().copied().flatten().collect();
    common_shape(&elements, looks_left).map(|shape| Shape::List(Box::new(shape)))
}

fn object_shape(
    objects: &[&Map<String, Value>],
    looks_left: &mut usize,
) -> Result<Shape, Mismatch> {
    let keys = || objects[0].keys();
    let same_keys = objects.iter().all(|object| {
        object.len() == objects[0].len() && keys().all(|key| object.contains_key(key))
    });
    if same_keys {
        let column = |key: &String| objects.iter().filter_map(|o| o.get(key)).collect::<Vec<_>>();
        let shape = |key: &String| Ok((key.clone(), common_shape(&column(key), looks_left)?));
        let shapes: Result<Map<_, _>, Mismatch> = keys().map(shape).collect();
        match shapes {
            Ok(shapes) => return Ok(Shape::Object(shapes)),
            Err(Mismatch::Effort) => return Err(Mismatch::Effort),
            Err(Mismatch::Types(..)) => {}
        }
    }
    let elements: Vec<&Value> = objects.iter().flat_map(|object| object.values()).collect();
    common_shape(&elements, looks_left).map(|shape| Shape::Map(Box::new(shape)))
}

/// All values as what the first one is.
fn all<'a, T: ?Sized>(
    values: &[&'a Value],
    take: impl Fn(&'a Value) -> Option<&'a T>,
) -> Result<Vec<&'a T>, Mismatch> {
    let mismatch = |value: &Value| Mismatch::Types(values[0].kind(), value.kind());
    values.iter().map(|value| take(value).ok_or_else(|| mismatch(value))).collect()
}

fn convert(value: &mut Value, shape: &Shape) {
    match (&mut value.data, shape) {
        (Data::Null, _) | (_, Shape::Same) => {}
        (_, Shape::Text) => {
            if let Some(text) = value.to_text() {
                value.data = Data::String(text);
            }
        }
        (Data::List(items), Shape::List(shape)) => {
            items.iter_mut().for_each(|item| convert(item, shape));
        }
        (Data::List(items), Shape::Tuple(shapes)) => {
            items.iter_mut().zip(shapes).for_each(|(item, shape)| convert(item, shape));
        }
        (Data::Object(entries), Shape::Map(shape)) => {
            entries.values_mut().for_each(|item| convert(item, shape));
        }
        (Data::Object(entries), Shape::Object(shapes)) => {
            for (key, item) in entries {
                if let Some(shape) = shapes.get(key) {
                    convert(item, shape);
                }
            }
        }
        _ => {}
    }
}
