//! Go's text templates with the common functions of Sprig, rendered without Go.
//!
//! Files written for the original hold `{{ … }}` actions; this is the engine behind them: text,
//! pipelines, variables, `if`, `range`, `with`, white space trimming, and the functions in
//! `functions`. What a template can reach is what [`TemplateScope`] holds: the dot is nil.
//!
//! It differs from Go and Sprig on purpose:
//!
//! - `{{ date "2006-01-02" }}`, without a time, means now.
//! - An environment variable that is not set is an error that names it, not an empty text, unless
//!   something takes it further: `default`, `coalesce`, `empty`, `ternary`, `and`, `or`, `not`,
//!   `all`, `any`, `if` and `with`, for which it is as empty as an empty one.
//! - Where Sprig turns a mistake into a value, there is an error: a text that is no number, Base64,
//!   JSON, time or duration, and a time zone that does not exist. An empty text is still 0.
//! - Texts are UTF-8: what cuts by bytes leaves out a character that it would cut through.
//! - All whole numbers are one type, so `typeOf` knows no `int64`; `keys` are sorted.
//! - `define`, `template` and `block` are refused, and so are functions that give random values,
//!   make keys or ask the network: a configuration gives the same task every time.
//!
//! A rendering ends, in bounded time and memory, whatever it is given: see `limits`. Error
//! messages name types and names, never values, which may be secrets.

mod ast;
mod context;
mod eval;
mod functions;
mod go_duration;
mod go_float;
mod go_layout;
mod json;
mod lex;
mod limits;
mod number;
mod parse;
mod printf;
mod quote;
mod scan;
mod show;
mod time_fields;
mod tokens;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

pub use go_duration::duration_nanoseconds;
pub use json::json_text;
#[cfg(test)]
use scan::{Action, ActionKind, scan};

use ast::Node;
use eval::{Evaluator, failure};

/// What a template may ask for.
pub struct TemplateScope<'a> {
    /// What `env` and `expandenv` read.
    pub env: &'a BTreeMap<String, String>,
    /// What `now` is, and which zone is the local one.
    pub now: jiff::Zoned,
}

/// The text that a template gave.
#[derive(Debug)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// Environment values that were read, and texts that functions made from them, none of them
    /// empty. Defaults are none; nor is a number or a time that was read from one.
    pub secrets: Vec<String>,
    /// Where pieces of `text` came from, by their place in it, without gaps.
    pub map: Vec<Segment>,
}

/// A piece of a rendered text, up to where the next one starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its first byte in the text.
    pub output_start: usize,
    /// The bytes of the source it came from.
    pub source: Range<usize>,
    /// It stands in the source byte for byte; otherwise `source` is the action that wrote it.
    pub literal: bool,
}

impl Rendered {
    /// Where a byte of the text came from: for what an action wrote, the action's start.
    pub fn source_offset(&self, output_offset: usize) -> usize {
        let Some(segment) = self.segment(output_offset) else { return 0 };
        match segment.literal {
            true => segment
                .source
                .end
                .min(segment.source.start + output_offset.saturating_sub(segment.output_start)),
            false if output_offset >= self.text.len() => segment.source.end,
            false => segment.source.start,
        }
    }

    /// The same for a span: all actions that wrote a part of it are in it whole.
    pub fn source_span(&self, output: Range<usize>) -> Range<usize> {
        let start = self.source_offset(output.start);
        let last = output.end.checked_sub(1).filter(|&last| last >= output.start);
        let end = match last.and_then(|last| Some((last, self.segment(last)?))) {
            Some((last, segment)) if segment.literal => self.source_offset(last) + 1,
            Some((_, segment)) => segment.source.end,
            None => start,
        };
        // In a loop, later text can come from an earlier place.
        start..end.max(start)
    }

    fn segment(&self, output_offset: usize) -> Option<&Segment> {
        let behind = self.map.partition_point(|segment| segment.output_start <= output_offset);
        self.map.get(behind.saturating_sub(1))
    }
}

/// A mistake in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// Bytes of the source.
    pub span: Range<usize>,
    /// What is wrong, as a lower-case fragment without a full stop.
    pub message: String,
    /// What to do about it, if that is known.
    pub help: Option<String>,
}

impl TemplateError {
    fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

/// Renders a whole text. Either all of it, or what is wrong, by place; a mistake of the grammar
/// hides those behind it.
pub fn render(source: &str, scope: &TemplateScope<'_>) -> Result<Rendered, Vec<TemplateError>> {
    let parsed = parse::parse(source).map_err(|error| vec![error])?;
    let mut evaluator = Evaluator::new(source, scope);
    evaluator.run(&parsed.nodes);
    let Evaluator { context, text, map, errors, .. } = evaluator;
    succeed_without(parsed.unknown, errors)?;
    Ok(Rendered { text, secrets: context.secrets.into_iter().collect(), map })
}

/// The value of one action.
#[derive(Debug)]
pub struct Evaluated {
    /// The value with its type. What `env` gives is a text even if it looks like a number.
    pub value: serde_json::Value,
    /// As in [`Rendered`].
    pub secrets: Vec<String>,
}

/// The value of a source that is one action, no control structure and no assignment. White space
/// around it is no part of it.
pub fn evaluate(source: &str, scope: &TemplateScope<'_>) -> Result<Evaluated, Vec<TemplateError>> {
    let parsed = parse::parse(source).map_err(|error| vec![error])?;
    let blank = |node: &&Node| match node {
        Node::Text(range) => !source[range.clone()].trim().is_empty(),
        _ => true,
    };
    let nodes: Vec<&Node> = parsed.nodes.iter().filter(blank).collect();
    let [Node::Action { pipeline, .. }] = nodes.as_slice() else {
        let message = "exactly one action with a value is wanted here";
        return Err(vec![TemplateError::new(0..source.len(), message)]);
    };
    if pipeline.target.is_some() {
        let message = "an assignment has no value";
        return Err(vec![TemplateError::new(pipeline.span.clone(), message)]);
    }
    let mut evaluator = Evaluator::new(source, scope);
    let value = evaluator.bound(pipeline).and_then(|value| {
        json::to_json(&mut evaluator.context, &value, 0)
            .map_err(|problem| failure(problem, &pipeline.span, &[]))
    });
    let (value, errors) = match value {
        Ok(value) => (value, Vec::new()),
        Err(failure) => {
            evaluator.note(failure);
            (serde_json::Value::Null, evaluator.errors)
        }
    };
    succeed_without(parsed.unknown, errors)?;
    let secrets = evaluator.context.secrets.into_iter().collect();
    Ok(Evaluated { value, secrets })
}

/// All errors by their place, if there are any.
fn succeed_without(
    mut errors: Vec<TemplateError>,
    more: Vec<TemplateError>,
) -> Result<(), Vec<TemplateError>> {
    errors.extend(more);
    errors.sort_by_key(|error| error.span.start);
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// What is wrong with a source whatever it is rendered with: its grammar, and unknown functions.
pub fn check(source: &str) -> Vec<TemplateError> {
    match parse::parse(source) {
        Ok(parsed) => parsed.unknown,
        Err(error) => vec![error],
    }
}

/// The names of all functions, in no order.
#[cfg(test)]
fn function_names() -> impl Iterator<Item = &'static str> {
    functions::all().map(|function| function.name)
}
