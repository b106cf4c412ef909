//! The tree of a `config` → where its members stand. Follows what `config` makes of the tree.

use std::ops::Range;
use std::sync::Arc;

use hcl_edit::expr::{Expression, ObjectKey};
use hcl_edit::structure::{Body, Structure};

use super::declared::{ConfigDeclaration, ProviderDeclaration};
use crate::values::evaluate::{Evaluator, span_of};
use dstream_task::{ConfigPlaces, Place};

impl Evaluator<'_> {
    /// The places of a block's config, which has been evaluated without an error.
    pub(crate) fn config_places(&self, declared: &ProviderDeclaration) -> ConfigPlaces {
        let root = match &declared.config {
            Some(ConfigDeclaration::Block(block)) => {
                let mut place = self.place(&span_of(&block.ident));
                self.add_body(&block.body, &mut place);
                place
            }
            Some(ConfigDeclaration::Attribute(attribute)) => {
                let mut place = self.place(&span_of(&attribute.key));
                self.add_value(&attribute.value, &mut place);
                place
            }
            None => self.place(&declared.header),
        };
        ConfigPlaces {
            source: Arc::clone(&self.script.source),
            root: Arc::new(root),
            secrets: Default::default(),
        }
    }

    fn place(&self, span: &Range<usize>) -> Place {
        Place { span: self.script.file_span(span), ..Place::default() }
    }

    fn add_body(&self, body: &Body, place: &mut Place) {
        for structure in body {
            let (keys, inner) = match structure {
                Structure::Attribute(attribute) => {
                    let mut inner = self.place(&span_of(&attribute.key));
                    self.add_value(&attribute.value, &mut inner);
                    (vec![attribute.key.as_str().to_owned()], inner)
                }
                Structure::Block(block) => {
                    let mut inner = self.place(&span_of(&block.ident));
                    self.add_body(&block.body, &mut inner);
                    let mut keys = vec![block.ident.as_str().to_owned()];
                    for label in &block.labels {
                        let Ok(label) = self.config_label(label) else { return };
                        keys.push(label);
                    }
                    (keys, inner)
                }
            };
            add(place, &keys, inner);
        }
    }

    /// What is in an object or a list that is written out.
    fn add_value(&self, expression: &Expression, place: &mut Place) {
        match expression {
            Expression::Parenthesis(inner) => self.add_value(inner.inner(), place),
            Expression::Object(object) => {
                for (key, value) in object.iter() {
                    let (span, name) = match key {
                        ObjectKey::Ident(name) => (span_of(name), name.as_str()),
                        // A name that has to be evaluated stays without a place of its own.
                        ObjectKey::Expression(key) => match key.as_str() {
                            Some(name) => (span_of(key), name),
                            None => continue,
                        },
                    };
                    let mut inner = self.place(&span);
                    self.add_value(value.expr(), &mut inner);
                    place.members.insert(name.to_owned(), inner);
                }
            }
            Expression::Array(items) => {
                for item in items {
                    let span = span_of(item);
                    // An object can be long; its brace is enough to point at.
                    let end = if item.is_object() { span.start + 1 } else { span.end };
                    let mut inner = self.place(&(span.start..end));
                    self.add_value(item, &mut inner);
                    place.items.push(inner);
                }
            }
            _ => {}
        }
    }
}

/// Puts a place at a path of keys; a second block there makes items of both.
fn add(place: &mut Place, keys: &[String], inner: Place) {
    let Some((key, behind)) = keys.split_first() else { return };
    let span = inner.span.clone();
    if !behind.is_empty() {
        let labelled = || Place { span, ..Place::default() };
        return add(place.members.entry(key.clone()).or_insert_with(labelled), behind, inner);
    }
    match place.members.get_mut(key) {
        Some(list) if !list.items.is_empty() => list.items.push(inner),
        Some(first) => {
            let span = first.span.clone();
            let only = std::mem::take(first);
            *first = Place { span, items: vec![only, inner], ..Place::default() };
        }
        None => drop(place.members.insert(key.clone(), inner)),
    }
}
