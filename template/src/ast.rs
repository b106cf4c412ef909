//! A parsed template. All spans are bytes of the source.

use std::ops::Range;

use super::functions::Function;

/// A part of a template.
#[derive(Debug)]
pub(super) enum Node {
    /// Text that stands for itself, trimmed as the actions beside it ask.
    Text(Range<usize>),
    /// A pipeline whose value is written, or an assignment.
    Action { span: Range<usize>, pipeline: Pipeline },
    /// `if` or `with`, with its `else`s.
    Choice { arms: Vec<Arm>, otherwise: Vec<Node> },
    /// `range`.
    Range { span: Range<usize>, pipeline: Pipeline, body: Vec<Node>, otherwise: Vec<Node> },
    /// `break`
    Break,
    /// `continue`
    Continue,
}

/// One condition of a choice.
#[derive(Debug)]
pub(super) struct Arm {
    pub(super) pipeline: Pipeline,
    /// `with`: the value becomes the dot.
    pub(super) sets_dot: bool,
    pub(super) body: Vec<Node>,
}

/// `$x := a | b c | d`
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) span: Range<usize>,
    pub(super) target: Option<Target>,
    /// Never empty.
    pub(super) commands: Vec<Command>,
}

/// Where a pipeline's value goes.
#[derive(Debug)]
pub(super) struct Target {
    /// One, or two in a `range`: with the dollar.
    pub(super) names: Vec<String>,
    /// `:=`; otherwise `=`.
    pub(super) declares: bool,
}

/// A value or a call: what stands between two `|`.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) span: Range<usize>,
    pub(super) head: Operand,
    pub(super) arguments: Vec<Operand>,
}

/// One word of a command.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) span: Range<usize>,
    pub(super) kind: OperandKind,
    /// `.a.b` behind it.
    pub(super) fields: Vec<Field>,
}

/// `.name`
#[derive(Debug)]
pub(super) struct Field {
    pub(super) span: Range<usize>,
    pub(super) name: String,
}

/// What a word is.
#[derive(Debug)]
pub(super) enum OperandKind {
    Dot,
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Variable(String),
    Function(&'static Function),
    /// A name that is no function: reported when it was parsed.
    Unknown,
    Parenthesised(Box<Pipeline>),
}
