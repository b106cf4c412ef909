//! What a file declares: its blocks, sorted out, with nothing evaluated.

use std::ops::Range;

use hcl_edit::expr::Expression;
use hcl_edit::structure::{Attribute, Block};

use crate::values::types::Type;
use dstream_task::Side;

/// A whole file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Declared {
    /// `dstream { … }`
    pub(crate) settings: Option<SettingsDeclaration>,
    pub(crate) variables: Vec<Variable>,
    pub(crate) locals: Vec<Local>,
    pub(crate) tasks: Vec<TaskDeclaration>,
}

/// `dstream { … }`
#[derive(Debug, Clone)]
pub(crate) struct SettingsDeclaration {
    pub(crate) fields: Fields,
    pub(crate) trust: Vec<TrustDeclaration>,
}

/// `trust "pattern" { … }`
#[derive(Debug, Clone)]
pub(crate) struct TrustDeclaration {
    pub(crate) pattern: Label,
    pub(crate) fields: Fields,
}

/// The attributes of a block that has a fixed set of them.
#[derive(Debug, Clone)]
pub(crate) struct Fields {
    pub(crate) attributes: Vec<Attribute>,
}

impl Fields {
    pub(crate) fn get(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.has_key(name))
    }
}

/// `variable "name" { … }`
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) header: Range<usize>,
    pub(crate) default: Option<Expression>,
    pub(crate) kind: Option<Type>,
    pub(crate) sensitive: bool,
}

/// One attribute of a `locals` block.
#[derive(Debug, Clone)]
pub(crate) struct Local {
    pub(crate) name: String,
    pub(crate) value: Expression,
}

/// `task "name" { … }`
#[derive(Debug, Clone)]
pub(crate) struct TaskDeclaration {
    pub(crate) name: String,
    pub(crate) header: Range<usize>,
    pub(crate) kind: Option<Attribute>,
    pub(crate) input: Option<ProviderDeclaration>,
    pub(crate) outputs: Vec<ProviderDeclaration>,
    pub(crate) stream: Option<Fields>,
}

/// `input { … }` or `output { … }`
#[derive(Debug, Clone)]
pub(crate) struct ProviderDeclaration {
    pub(crate) side: Side,
    pub(crate) header: Range<usize>,
    pub(crate) label: Option<Label>,
    pub(crate) fields: Fields,
    /// Which attribute names the provider; there unless that was an error.
    pub(crate) provider: Option<Attribute>,
    pub(crate) config: Option<ConfigDeclaration>,
    pub(crate) limits: Option<Fields>,
    pub(crate) restart: Option<Fields>,
    pub(crate) sandbox: Option<Fields>,
}

/// A block's label.
#[derive(Debug, Clone)]
pub(crate) struct Label {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

/// `config { … }` or `config = { … }`
#[derive(Debug, Clone)]
pub(crate) enum ConfigDeclaration {
    Block(Block),
    Attribute(Attribute),
}
