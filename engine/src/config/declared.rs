//! What a file declares: its blocks, sorted out, with nothing evaluated.

use std::ops::Range;

use hcl_edit::expr::Expression;
use hcl_edit::structure::{Attribute, Body};

use super::Side;
use super::types::Type;

/// A whole file.
#[derive(Debug, Clone, Default)]
pub(super) struct Declared {
    /// `dstream { … }`
    pub(super) settings: Option<Fields>,
    pub(super) variables: Vec<Variable>,
    pub(super) locals: Vec<Local>,
    pub(super) tasks: Vec<TaskDeclaration>,
}

/// The attributes of a block that has a fixed set of them.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    pub(super) attributes: Vec<Attribute>,
}

impl Fields {
    pub(super) fn get(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.has_key(name))
    }
}

/// `variable "name" { … }`
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) header: Range<usize>,
    pub(super) default: Option<Expression>,
    pub(super) kind: Option<Type>,
    pub(super) sensitive: bool,
}

/// One attribute of a `locals` block.
#[derive(Debug, Clone)]
pub(super) struct Local {
    pub(super) name: String,
    pub(super) value: Expression,
}

/// `task "name" { … }`
#[derive(Debug, Clone)]
pub(super) struct TaskDeclaration {
    pub(super) name: String,
    pub(super) header: Range<usize>,
    pub(super) kind: Option<Attribute>,
    pub(super) input: Option<ProviderDeclaration>,
    pub(super) outputs: Vec<ProviderDeclaration>,
    pub(super) stream: Option<Fields>,
}

/// `input { … }` or `output { … }`
#[derive(Debug, Clone)]
pub(super) struct ProviderDeclaration {
    pub(super) side: Side,
    pub(super) label: Option<Label>,
    pub(super) fields: Fields,
    /// Which attribute names the provider; there unless that was an error.
    pub(super) provider: Option<Attribute>,
    pub(super) config: Option<ConfigDeclaration>,
    pub(super) restart: Option<Fields>,
}

/// A block's label.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) text: String,
    pub(super) span: Range<usize>,
}

/// `config { … }` or `config = { … }`
#[derive(Debug, Clone)]
pub(super) enum ConfigDeclaration {
    Block(Body),
    Attribute(Attribute),
}
