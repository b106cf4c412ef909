//! Where the members of a `config` stand in the file.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::{Diagnostic, Secrets, SourceText};

/// Where the members of a block's `config` stand in the file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ConfigPlaces {
    /// The file.
    pub source: Arc<SourceText>,
    /// The `config` itself.
    pub root: Arc<Place>,
    /// What must not be shown; names can be made of secrets.
    pub secrets: Secrets,
}

/// A step from an object or list to what is in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// A field.
    Key(String),
    /// An item of a list.
    Index(usize),
}

/// The place of a value, and the places in it as far as it is written out.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// Bytes of the file: the name of what has the value.
    pub span: Range<usize>,
    /// Of an object: the places of its fields.
    pub members: BTreeMap<String, Place>,
    /// Of a list: the places of its items.
    pub items: Vec<Place>,
}

impl ConfigPlaces {
    /// An error at a place of the config. Where that is not written out in the file, because a
    /// variable or a function gives it, the error is at what has the value.
    pub fn error(&self, path: &[Step], message: &str, help: Option<&str>) -> Diagnostic {
        let mut place = &*self.root;
        for step in path {
            let inner = match step {
                Step::Key(key) => place.members.get(key),
                Step::Index(index) => place.items.get(*index),
            };
            let Some(inner) = inner else { break };
            place = inner;
        }
        let mask = |text| self.secrets.mask(text);
        let problem = Diagnostic::error(&self.source, place.span.clone(), mask(message));
        match help {
            Some(help) => problem.with_help(mask(help)),
            None => problem,
        }
    }
}
