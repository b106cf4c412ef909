//! What a filter is made of.

use regex::Regex;

use super::Function;
use crate::json::{Tree, Wanted};

/// An expression over a line.
#[derive(Debug)]
pub enum Expression {
    /// Evaluated when the configuration was read.
    Constant(Tree),
    /// The line's `metadata`.
    Metadata,
    /// The line's `data`.
    Data,
    /// What stands behind a value: `.name`, `[0]`.
    Path(Box<Expression>, Vec<Step>),
    /// `!a`
    Not(Box<Expression>),
    /// `a && b && …`: a chain is one expression, however long.
    All(Vec<Expression>),
    /// `a || b || …`
    Any(Vec<Expression>),
    /// `a == b`, `a < b` …
    Compare(Comparison, Box<Expression>, Box<Expression>),
    /// `-a`
    Negate(Box<Expression>),
    /// `a + b` …
    Calculate(Calculation, Box<Expression>, Box<Expression>),
    /// `a ? b : c`
    Choose(Box<[Expression; 3]>),
    /// `contains([a, b], c)`, where the list has fields of the line in it.
    AnyOf(Vec<Expression>, Box<Expression>),
    /// `can(regex("…", a))`
    Matches(Regex, Box<Expression>),
    /// A function; the number of its arguments fits.
    Call(Function, Vec<Expression>),
}

impl Expression {
    /// Adds the fields of a line that the expression looks at.
    pub(crate) fn add_wanted_to(&self, wanted: &mut Wanted) {
        let mut add_all = |parts: &[Self]| parts.iter().for_each(|part| part.add_wanted_to(wanted));
        match self {
            Self::Constant(_) => {}
            Self::Metadata => wanted.add(["metadata"].into_iter()),
            Self::Data => wanted.add(["data"].into_iter()),
            Self::Path(base, steps) => {
                let keys = steps.iter().map_while(|step| match step {
                    Step::Key(key) => Some(key.as_str()),
                    _ => None,
                });
                match **base {
                    Self::Metadata => wanted.add(["metadata"].into_iter().chain(keys)),
                    Self::Data => wanted.add(["data"].into_iter().chain(keys)),
                    ref other => other.add_wanted_to(wanted),
                }
                for step in steps {
                    if let Step::Computed(part) = step {
                        part.add_wanted_to(wanted);
                    }
                }
            }
            Self::Not(part) | Self::Negate(part) | Self::Matches(_, part) => {
                part.add_wanted_to(wanted);
            }
            Self::All(parts) | Self::Any(parts) | Self::Call(_, parts) => add_all(parts),
            Self::Choose(parts) => add_all(parts.as_slice()),
            Self::Compare(_, one, two) | Self::Calculate(_, one, two) => {
                one.add_wanted_to(wanted);
                two.add_wanted_to(wanted);
            }
            Self::AnyOf(items, part) => {
                add_all(items);
                part.add_wanted_to(wanted);
            }
        }
    }
}

/// One step from a value to what is in it.
#[derive(Debug)]
pub enum Step {
    /// `.name`, `["name"]`
    Key(String),
    /// `[0]`
    Index(usize),
    /// `[a]`, where `a` depends on the line.
    Computed(Expression),
}

/// Asks how two values relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Makes a number of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant says itself what it is")]
pub enum Calculation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}
