//! How much there is to a schema, and to a check with it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::limits::{
    PATTERNS_MAX, REFERENCES_MAX, SCHEMA_BYTES_MAX, SCHEMA_DEPTH_MAX, VALUE_BYTES, WORK_DEPTH_MAX,
    WORK_MAX,
};
use super::{SchemaError, words};

/// Whether a schema is within the limits. Takes no stack, however deep it is.
pub(super) fn measure(schema: &Value) -> Result<(), SchemaError> {
    let mut bytes = 0;
    let mut waiting = vec![(schema, 1)];
    while let Some((value, depth)) = waiting.pop() {
        if depth > SCHEMA_DEPTH_MAX {
            return Err(SchemaError::TooDeep);
        }
        bytes += VALUE_BYTES;
        match value {
            Value::String(text) => bytes += text.len(),
            Value::Array(items) => waiting.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(items) => {
                bytes += items.keys().map(String::len).sum::<usize>();
                waiting.extend(items.values().map(|item| (item, depth + 1)));
            }
            _ => {}
        }
        if bytes > SCHEMA_BYTES_MAX {
            return Err(SchemaError::TooLarge);
        }
    }
    Ok(())
}

const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// Whether a JSON Schema is within the limits on what takes time and memory to compile. Counts
/// everywhere, since a reference can make a schema of any part.
pub(super) fn measure_json_schema(schema: &Value) -> Result<(), SchemaError> {
    let (mut references, mut patterns) = (0, 0);
    let mut waiting = vec![schema];
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(items) => waiting.extend(items),
            Value::Object(items) => {
                let is_text = |name: &str| items.get(name).is_some_and(Value::is_string);
                references += REFERENCES.iter().filter(|name| is_text(name)).count();
                patterns += usize::from(is_text("pattern"));
                patterns +=
                    items.get("patternProperties").and_then(Value::as_object).map_or(0, Map::len);
                waiting.extend(items.values());
            }
            _ => {}
        }
    }
    if references > REFERENCES_MAX {
        return Err(SchemaError::TooManyReferences);
    }
    if patterns > PATTERNS_MAX {
        return Err(SchemaError::TooManyPatterns);
    }
    Ok(())
}

/// What a subschema is applied to, seen from where the schema around it is.
#[derive(Debug, Clone, Copy)]
enum Target<'s> {
    /// The same value.
    Same,
    Member(&'s str),
    EveryMember,
    Item(usize),
    EveryItem,
    /// Nothing, unless something refers to it.
    Nothing,
}

/// Calls `each` with the subschemas that stand in a schema.
fn subschemas<'s>(schema: &'s Map<String, Value>, each: &mut impl FnMut(Target<'s>, &'s Value)) {
    for (keyword, value) in schema {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(subs)) => {
                subs.iter().for_each(|(name, sub)| each(Target::Member(name), sub));
            }
            ("patternProperties", Value::Object(subs)) => {
                subs.values().for_each(|sub| each(Target::EveryMember, sub));
            }
            ("additionalProperties" | "unevaluatedProperties" | "propertyNames", sub) => {
                each(Target::EveryMember, sub);
            }
            ("items" | "prefixItems", Value::Array(subs)) => {
                subs.iter().enumerate().for_each(|(index, sub)| each(Target::Item(index), sub));
            }
            ("items" | "additionalItems" | "unevaluatedItems" | "contains", sub) => {
                each(Target::EveryItem, sub);
            }
            ("allOf" | "anyOf" | "oneOf", Value::Array(subs)) => {
                subs.iter().for_each(|sub| each(Target::Same, sub));
            }
            ("not" | "if" | "then" | "else" | "contentSchema", sub) => each(Target::Same, sub),
            ("dependentSchemas" | "dependencies", Value::Object(subs)) => {
                subs.values().for_each(|sub| each(Target::Same, sub));
            }
            ("$defs" | "definitions", Value::Object(subs)) => {
                subs.values().for_each(|sub| each(Target::Nothing, sub));
            }
            _ => {}
        }
    }
}

/// The names of a schema's parts → where they are.
#[derive(Debug, Clone, Default)]
pub(super) struct References {
    anchors: BTreeMap<String, Value>,
}

impl References {
    /// Collects the names. Every reference has to lead to a place in `schema`, whose depth has
    /// been checked.
    pub(super) fn read(schema: &Value) -> Result<Self, SchemaError> {
        let mut references = Self::default();
        let mut found = Vec::new();
        let mut waiting = vec![schema];
        while let Some(sub) = waiting.pop() {
            let Value::Object(object) = sub else { continue };
            for name in ["$anchor", "$dynamicAnchor"] {
                if let Some(Value::String(name)) = object.get(name) {
                    references.anchors.insert(name.clone(), sub.clone());
                }
            }
            if let Some(Value::String(id)) = object.get("$id").or_else(|| object.get("id"))
                && !std::ptr::eq(sub, schema)
            {
                // In older drafts that is how an anchor is written.
                let name = id.strip_prefix('#').ok_or(SchemaError::NestedId)?;
                references.anchors.insert(name.to_owned(), sub.clone());
            }
            found.extend(REFERENCES.iter().filter_map(|name| object.get(*name)?.as_str()));
            subschemas(object, &mut |_, sub| waiting.push(sub));
        }
        match found.into_iter().find(|reference| references.find(schema, reference).is_none()) {
            Some(reference) => Err(SchemaError::Reference { reference: words::shown(reference) }),
            None => Ok(references),
        }
    }

    fn find<'s>(&'s self, schema: &'s Value, reference: &str) -> Option<&'s Value> {
        let fragment = decoded(reference.strip_prefix('#')?)?;
        if fragment.is_empty() || fragment.starts_with('/') {
            return schema.pointer(&fragment);
        }
        self.anchors.get(&fragment)
    }
}

/// `%24defs` → `$defs`.
fn decoded(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}

/// What a keyword costs by itself: looking through the names or values that it lists.
fn cost((keyword, value): (&String, &Value)) -> usize {
    match value {
        _ if matches!(keyword.as_str(), "$defs" | "definitions") => 1,
        Value::Array(items) => 1 + items.len(),
        Value::Object(items) => 1 + items.len(),
        _ => 1,
    }
}

/// Whether checking `config` with `schema` is within the limits: does what the check would do, and
/// counts.
pub(super) fn is_affordable(schema: &Value, references: &References, config: &Value) -> bool {
    let mut count = Count { schema, references, left: WORK_MAX, open: BTreeSet::new() };
    count.apply(schema, config).is_some()
}

struct Count<'s> {
    schema: &'s Value,
    references: &'s References,
    left: usize,
    /// Which schemas are being applied to which values, by their addresses; the validator too
    /// leaves out what it is doing already.
    open: BTreeSet<(*const Value, *const Value)>,
}

impl Count<'_> {
    /// `None`: too much.
    fn apply(&mut self, schema: &Value, value: &Value) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        let Value::Object(keywords) = schema else { return Some(()) };
        self.left = self.left.checked_sub(keywords.iter().map(cost).sum())?;
        let pair = (std::ptr::from_ref(schema), std::ptr::from_ref(value));
        if !self.open.insert(pair) {
            return Some(());
        }
        if self.open.len() > WORK_DEPTH_MAX {
            return None;
        }
        for name in REFERENCES {
            if let Some(Value::String(reference)) = keywords.get(name) {
                let found = self.references.find(self.schema, reference)?;
                self.apply(found, value)?;
            }
        }
        let mut within = Some(());
        subschemas(keywords, &mut |target, sub| {
            if within.is_some() {
                within = self.apply_to(target, sub, value);
            }
        });
        self.open.remove(&pair);
        within
    }

    fn apply_to(&mut self, target: Target<'_>, sub: &Value, value: &Value) -> Option<()> {
        match (target, value) {
            (Target::Same, value) => self.apply(sub, value),
            (Target::Member(name), Value::Object(items)) => {
                items.get(name).map_or(Some(()), |item| self.apply(sub, item))
            }
            (Target::EveryMember, Value::Object(items)) => {
                items.values().try_for_each(|item| self.apply(sub, item))
            }
            (Target::Item(index), Value::Array(items)) => {
                items.get(index).map_or(Some(()), |item| self.apply(sub, item))
            }
            (Target::EveryItem, Value::Array(items)) => {
                items.iter().try_for_each(|item| self.apply(sub, item))
            }
            _ => Some(()),
        }
    }
}
