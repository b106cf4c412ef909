//! What a template computes with.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;

use jiff::Zoned;

use super::limits::LIST_DEPTH_MAX;

/// A value. Cheap to clone: what is large is shared.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Go's nil, and what a field that does not exist gives.
    Nil,
    Bool(bool),
    /// All of Go's whole numbers.
    Int(i64),
    Float(f64),
    Text(Text),
    List(List),
    Dict(DictId),
    Time(Rc<Zoned>),
    /// What `env` gives for a name that is not set: most who meet it report it.
    Unset(Rc<Unset>),
    /// What a variable holds when computing its value failed. That was reported; its uses are not.
    Broken,
}

/// A text, and whether it came from the environment, whole or in part.
#[derive(Debug, Clone)]
pub(super) struct Text {
    pub(super) text: Rc<str>,
    pub(super) secret: bool,
}

/// An environment variable that is not set, and where it was asked for.
#[derive(Debug)]
pub(super) struct Unset {
    pub(super) name: String,
    pub(super) span: Range<usize>,
}

/// A list, which never changes.
#[derive(Debug, Clone)]
pub(super) struct List(Rc<ListNode>);

#[derive(Debug)]
struct ListNode {
    items: Vec<Value>,
    /// Lists within lists, this one counted, at most [`LIST_DEPTH_MAX`]. Dictionaries do not
    /// count: they are not freed through the list.
    depth: usize,
}

impl List {
    /// `None` if it would be nested too deeply.
    pub(super) fn new(items: Vec<Value>) -> Option<Self> {
        let inner = items.iter().map(|item| match item {
            Value::List(list) => list.0.depth,
            _ => 0,
        });
        let depth = inner.max().unwrap_or(0) + 1;
        (depth <= LIST_DEPTH_MAX).then(|| Self(Rc::new(ListNode { items, depth })))
    }

    pub(super) fn items(&self) -> &[Value] {
        &self.0.items
    }
}

/// Names a dictionary of [`Dicts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DictId(usize);

/// A dictionary's entries, sorted by key, as Go shows them.
pub(super) type Entries = BTreeMap<String, Value>;

/// All dictionaries of one rendering. `set` changes one for all who hold it, so they live here
/// until the end: one that was put into itself is then no leak, and freeing it no recursion.
#[derive(Debug, Default)]
pub(super) struct Dicts(Vec<Entries>);

impl Dicts {
    pub(super) fn add(&mut self, entries: Entries) -> DictId {
        self.0.push(entries);
        DictId(self.0.len() - 1)
    }

    pub(super) fn get(&self, id: DictId) -> &Entries {
        &self.0[id.0]
    }

    pub(super) fn get_mut(&mut self, id: DictId) -> &mut Entries {
        &mut self.0[id.0]
    }
}

impl Value {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(Text { text: text.into(), secret: false })
    }

    /// Go's truth, which is also the opposite of Sprig's emptiness: nil, false, zero and what has
    /// no length are false. So is an environment variable that is not set.
    pub(super) fn is_true(&self, dicts: &Dicts) -> bool {
        match self {
            Self::Nil | Self::Unset(_) | Self::Broken => false,
            Self::Bool(value) => *value,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.text.is_empty(),
            Self::List(list) => !list.items().is_empty(),
            Self::Dict(id) => !dicts.get(*id).is_empty(),
            Self::Time(_) => true,
        }
    }

    /// What it is, for an error message: never the value itself, which may be a secret.
    pub(super) fn described(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "a whole number",
            Self::Float(_) => "a number with a fraction",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Dict(_) => "a dict",
            Self::Time(_) => "a time",
            Self::Unset(_) | Self::Broken => "nothing",
        }
    }

    /// Go's name of its kind.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nil | Self::Unset(_) | Self::Broken => "invalid",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "slice",
            Self::Dict(_) => "map",
            Self::Time(_) => "struct",
        }
    }

    /// Go's name of its type.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Nil | Self::Unset(_) | Self::Broken => "<nil>",
            Self::List(_) => "[]interface {}",
            Self::Dict(_) => "map[string]interface {}",
            Self::Time(_) => "time.Time",
            _ => self.kind(),
        }
    }
}
