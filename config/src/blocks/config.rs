//! `config { … }` → the provider's JSON.
//!
//! An attribute is a member. A block is an object, several of one name a list of objects; labels
//! become keys, so that `lock "a" { … }` is `{"lock":{"a":{…}}}`.

use std::collections::BTreeMap;
use std::ops::Range;

use hcl_edit::structure::{Block, BlockLabel, Body, Structure};
use serde_json::{Map, Value as Json};

use super::declared::ConfigDeclaration;
use crate::values::evaluate::{Evaluator, Failed, span_of};
use crate::values::value::Data;

type Object = Map<String, Json>;

/// How many labels the blocks of each name have.
type Depths<'b> = BTreeMap<&'b str, usize>;

impl Evaluator<'_> {
    /// The object of a `config`, or nothing if a part of it failed.
    pub(crate) fn config(&self, config: &ConfigDeclaration) -> Result<Object, Failed> {
        let attribute = match config {
            ConfigDeclaration::Block(block) => return self.config_body(&block.body),
            ConfigDeclaration::Attribute(attribute) => attribute,
        };
        let value = self.value(&attribute.value)?;
        self.note_secrets(&value);
        let kind = value.kind();
        match value.data {
            Data::Object(_) => match value.into_json() {
                Json::Object(object) => Ok(object),
                _ => Err(Failed),
            },
            _ => {
                let message = format!("`config` must be an object, not {kind}");
                Err(self.fail(&span_of(&attribute.value), message))
            }
        }
    }

    fn config_body(&self, body: &Body) -> Result<Object, Failed> {
        let mut object = Object::new();
        let mut failed = false;
        let mut depths = Depths::new();
        for structure in body {
            let outcome = match structure {
                Structure::Attribute(attribute) => self.value(&attribute.value).map(|value| {
                    self.note_secrets(&value);
                    object.insert(attribute.key.as_str().to_owned(), value.into_json());
                }),
                Structure::Block(block) => self.config_block(block, body, &mut object, &mut depths),
            };
            failed |= outcome.is_err();
        }
        if failed { Err(Failed) } else { Ok(object) }
    }

    /// One nested block, added to the object of the block around it.
    fn config_block<'b>(
        &self,
        block: &'b Block,
        body: &Body,
        object: &mut Object,
        depths: &mut Depths<'b>,
    ) -> Result<(), Failed> {
        let name = block.ident.as_str();
        let span = span_of(&block.ident);
        let inner = self.config_body(&block.body);
        let labels = block.labels.iter().map(|label| self.config_label(label));
        let labels = labels.collect::<Result<Vec<_>, _>>()?;
        if body.has_attribute(name) {
            return Err(self.fail(&span, format!("`{name}` is already an attribute here")));
        }
        let depth = *depths.entry(name).or_insert(labels.len());
        if depth != labels.len() {
            let message = format!("the `{name}` blocks here have different numbers of labels");
            return Err(self.fail(&span, message));
        }
        let mut keys = vec![name.to_owned()];
        keys.extend(labels);
        add(object, &keys, Json::Object(inner?)).map_err(|()| {
            self.fail(&span, format!("the labels of this `{name}` block clash with another's"))
        })
    }

    pub(super) fn config_label(&self, label: &BlockLabel) -> Result<String, Failed> {
        let span: Range<usize> = span_of(label);
        match label {
            BlockLabel::Ident(name) => Ok(name.as_str().to_owned()),
            BlockLabel::String(text) => {
                let text = self.literal(text, &span)?.into_value();
                self.note_secrets(&text);
                text.to_text().ok_or(Failed)
            }
        }
    }
}

/// Puts a block's object at a path of keys; a second one there makes a list of both.
fn add(object: &mut Object, keys: &[String], block: Json) -> Result<(), ()> {
    let Some((key, inner)) = keys.split_first() else { return Err(()) };
    if inner.is_empty() {
        match object.get_mut(key) {
            Some(Json::Array(list)) => list.push(block),
            Some(first) => {
                let list = vec![first.take(), block];
                *first = Json::Array(list);
            }
            None => drop(object.insert(key.clone(), block)),
        }
        return Ok(());
    }
    match object.entry(key.clone()).or_insert_with(|| Json::Object(Object::new())) {
        Json::Object(nested) => add(nested, inner, block),
        _ => Err(()),
    }
}
