//! A JSON value that borrows the line, or a constant.

use std::borrow::Cow;
use std::collections::BTreeMap;

use simd_json::{Node, StaticNode};

use super::{Number, Tree};

/// Keys of an object up to which finding each one by looking at all is quicker than sorting them,
/// and takes no memory.
const FEW_KEYS: usize = 32;

/// A value.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// `null`, and what is not there.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string, escapes resolved.
    Text(Cow<'a, str>),
    /// An array.
    List(List<'a>),
    /// An object.
    Object(Object<'a>),
}

/// An array.
#[derive(Debug, Clone, Copy)]
pub struct List<'a>(Items<'a>);

/// An object.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a>(Entries<'a>);

#[derive(Debug, Clone, Copy)]
enum Items<'a> {
    Tape(&'a [Node<'a>]),
    Tree(&'a [Tree]),
}

#[derive(Debug, Clone, Copy)]
enum Entries<'a> {
    Tape(&'a [Node<'a>]),
    Tree(&'a [(String, Tree)]),
}

impl<'a> Value<'a> {
    /// The value at the beginning of a tape.
    pub fn of_tape(nodes: &'a [Node<'a>]) -> Self {
        let mut rest = nodes;
        take(&mut rest).unwrap_or(Self::Null)
    }

    /// What an object has under a name; null where there is none or this is no object.
    pub fn field(&self, name: &str) -> Self {
        match self {
            Self::Object(object) => object.get(name).unwrap_or(Self::Null),
            _ => Self::Null,
        }
    }

    /// An item of a list, from 0; null where there is none or this is no list.
    pub fn item(&self, index: usize) -> Self {
        match self {
            Self::List(list) => list.iter().nth(index).unwrap_or(Self::Null),
            _ => Self::Null,
        }
    }

    /// Whether it is made of more nodes than this: a key is one, and so is a value. Of a constant only
    /// the outermost count: no line makes it larger.
    pub fn has_more_nodes_than(&self, few: usize) -> bool {
        match self {
            Self::List(List(Items::Tape(nodes))) | Self::Object(Object(Entries::Tape(nodes))) => {
                nodes.len() > few
            }
            Self::List(List(Items::Tree(items))) => items.len() > few,
            Self::Object(Object(Entries::Tree(entries))) => entries.len() > few,
            _ => false,
        }
    }

    /// Its text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'a> List<'a> {
    /// How many items it has.
    pub fn len(&self) -> usize {
        match self.0 {
            Items::Tape(_) => self.iter().count(),
            Items::Tree(items) => items.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        match self.0 {
            Items::Tape(nodes) => nodes.is_empty(),
            Items::Tree(items) => items.is_empty(),
        }
    }

    /// Its items in order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || match &mut rest {
            Items::Tape(nodes) => take(nodes),
            Items::Tree(items) => items.split_off_first().map(Tree::value),
        })
    }
}

impl<'a> Object<'a> {
    /// Its entries in order, equal keys among them.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || match &mut rest {
            Entries::Tape(nodes) => {
                let Some(Node::String(key)) = nodes.split_off_first() else { return None };
                Some((*key, take(nodes)?))
            }
            Entries::Tree(entries) => {
                entries.split_off_first().map(|(key, value)| (key.as_str(), value.value()))
            }
        })
    }

    /// The value of a key, the last one if it is there more than once.
    pub fn get(&self, name: &str) -> Option<Value<'a>> {
        match self.0 {
            Entries::Tape(nodes) => {
                let mut rest = nodes;
                let mut found = None;
                while let Some(Node::String(key)) = rest.split_off_first() {
                    if *key == name {
                        found = Some(rest);
                    }
                    skip(&mut rest)?;
                }
                found.map(Value::of_tape)
            }
            Entries::Tree(entries) => {
                let found = entries.iter().rev().find(|(key, _)| key == name);
                found.map(|(_, value)| value.value())
            }
        }
    }

    /// How many different keys it has.
    pub fn len(&self) -> usize {
        let mut count = 0;
        self.for_each_last(|_, _| count += 1);
        count
    }

    /// Calls `f` for each key once, with the value that counts.
    pub fn for_each_last(&self, mut f: impl FnMut(&'a str, Value<'a>)) {
        if self.iter().nth(FEW_KEYS).is_some() {
            return self.sorted().into_iter().for_each(|(key, value)| f(key, value));
        }
        for (index, (key, value)) in self.iter().enumerate() {
            if self.is_last(index, key) {
                f(key, value);
            }
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    fn sorted(&self) -> BTreeMap<&'a str, Value<'a>> {
        self.iter().collect()
    }
}

/// Takes the value that `rest` begins with; `rest` goes on behind it.
fn take<'a>(rest: &mut &'a [Node<'a>]) -> Option<Value<'a>> {
    Some(match rest.split_off_first()? {
        Node::String(text) => Value::Text(Cow::Borrowed(text)),
        Node::Static(StaticNode::Null) => Value::Null,
        Node::Static(StaticNode::Bool(bool)) => Value::Bool(*bool),
        Node::Static(StaticNode::I64(whole)) => Value::Number(Number::Whole((*whole).into())),
        Node::Static(StaticNode::U64(whole)) => Value::Number(Number::Whole((*whole).into())),
        Node::Static(StaticNode::F64(float)) => Value::Number(Number::Float(*float)),
        Node::Array { count, .. } => Value::List(List(Items::Tape(rest.split_off(..*count)?))),
        Node::Object { count, .. } => {
            Value::Object(Object(Entries::Tape(rest.split_off(..*count)?)))
        }
    })
}

/// Passes over one value.
fn skip(rest: &mut &[Node<'_>]) -> Option<()> {
    if let Node::Array { count, .. } | Node::Object { count, .. } = rest.split_off_first()? {
        rest.split_off(..*count)?;
    }
    Some(())
}

impl<'a> From<&'a [Tree]> for List<'a> {
    fn from(items: &'a [Tree]) -> Self {
        Self(Items::Tree(items))
    }
}

impl<'a> From<&'a [(String, Tree)]> for Object<'a> {
    fn from(entries: &'a [(String, Tree)]) -> Self {
        Self(Entries::Tree(entries))
    }
}

/// Same kind, same content. Numbers are equal by value (`1` and `1.0`), the order of keys is
/// none of an object's content.
impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::Number(one), Self::Number(two)) => one == two,
            (Self::Text(one), Self::Text(two)) => one == two,
            (Self::List(one), Self::List(two)) => one.iter().eq(two.iter()),
            (Self::Object(one), Self::Object(two)) => one == two,
            _ => false,
        }
    }
}

impl PartialEq for Object<'_> {
    fn eq(&self, other: &Self) -> bool {
        // Each value is compared at most once, whatever the depth: one that were compared twice a
        // level would take for ever on a deep line.
        if self.keys().eq(other.keys()) {
            return self.eq_in_order(other);
        }
        let (one, two) = (self.keys().count(), other.keys().count());
        let keys_are_in =
            |one: &Self, two: &Self| one.keys().all(|key| two.keys().any(|other| other == key));
        if one.min(two) <= FEW_KEYS && !(keys_are_in(self, other) && keys_are_in(other, self)) {
            return false;
        }
        if one.max(two) > FEW_KEYS {
            return self.sorted() == other.sorted();
        }
        self.iter().enumerate().all(|(index, (key, value))| {
            !self.is_last(index, key) || other.get(key).is_some_and(|other| other == value)
        })
    }
}

impl<'a> Object<'a> {
    fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.iter().map(|(key, _)| key)
    }

    /// Whether the key at an index does not come again.
    fn is_last(&self, index: usize, key: &str) -> bool {
        !self.keys().skip(index + 1).any(|other| other == key)
    }

    /// For objects with the same keys in the same order, such as the two states of a row. What
    /// differs at the same place differs, unless its key comes again.
    fn eq_in_order(&self, other: &Self) -> bool {
        let mut looked_for = 0;
        let mut last: Option<BTreeMap<&str, usize>> = None;
        for (index, ((key, one), (_, two))) in self.iter().zip(other.iter()).enumerate() {
            if one == two {
                continue;
            }
            looked_for += 1;
            if looked_for > FEW_KEYS && last.is_none() {
                last = Some(self.keys().enumerate().map(|(index, key)| (key, index)).collect());
            }
            let is_last = match &last {
                Some(last) => last.get(key) == Some(&index),
                None => self.is_last(index, key),
            };
            if is_last {
                return false;
            }
        }
        true
    }
}
