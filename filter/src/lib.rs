//! `stream { filter = … }`: an expression over a line's `metadata` and `data` that says whether the
//! line is delivered.
//!
//! `config` makes it out of HCL, with everything constant evaluated once; here it is evaluated,
//! line by line. The rules, which docs/hcl.md tells users:
//!
//! - What is not there is null. Nothing that a line may hold is an error.
//! - Where true or false is wanted, anything but `true` counts as false: of `!`, `&&`, `||`, a
//!   condition, and the whole.
//! - `==` compares kind and content, numbers exactly. `<` and its like compare two numbers or two
//!   texts; of anything else they are false. A function or a calculation that has no outcome for
//!   what it is given gives false if it asks something, else null.
//!
//! Evaluation takes no memory, unless letters have to be changed by `lower` or `upper`, or objects
//! of many keys are counted, or compared with others that have theirs in another order. Its depth is
//! bounded when the filter is made.

pub mod json;
mod limits;

mod evaluate;
mod expression;
mod functions;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

pub use expression::{Calculation, Comparison, Expression, Step};
pub use functions::{Function, Parameter};

use crate::json::{Scratch, Value, Wanted};

/// A filter, ready to be asked. Cheap to clone.
#[derive(Clone)]
pub struct Filter(Arc<Parts>);

struct Parts {
    expression: Expression,
    /// What the expression looks at.
    wanted: Wanted,
}

impl Filter {
    /// A filter that evaluates this expression on each line.
    pub fn new(expression: Expression) -> Self {
        let mut wanted = Wanted::Keys(Vec::new());
        expression.add_wanted_to(&mut wanted);
        Self(Arc::new(Parts { expression, wanted }))
    }

    /// Whether `line`, which is without its newline, is delivered.
    ///
    /// # Errors
    ///
    /// Why the line is no envelope: no JSON, or no object.
    pub fn matches(&self, line: &[u8], scratch: &mut Scratch) -> Result<bool, Cow<'static, str>> {
        let parsed = scratch.take(line, &self.0.wanted)?;
        let root @ Value::Object(_) = parsed.root() else {
            return Err(Cow::Borrowed("not a JSON object"));
        };
        let (metadata, data) = (&root.field("metadata"), &root.field("data"));
        Ok(self.0.expression.holds(&evaluate::Line { metadata, data }))
    }
}

/// Shows nothing: constants of a filter may be secrets.
impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter(…)")
    }
}

/// The same filter, not an equal one.
impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Filter {}
