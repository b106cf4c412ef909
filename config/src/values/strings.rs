//! Strings and heredocs: literal text, `${ … }`, `%{ … }`, and the template actions that were lifted
//! out of them.

use std::ops::Range;

use hcl_edit::Span;
use hcl_edit::template::{Directive, Element, ForDirective, IfDirective, Strip};

use super::evaluate::{Evaluator, Failed, Outcome, Scope, span_of};
use super::value::{Data, Value};
use crate::text::script::Piece;

/// A text, and whether a secret went into it.
#[derive(Debug, Default)]
pub(crate) struct Text {
    text: String,
    secret: bool,
}

impl Text {
    pub(crate) fn into_value(self) -> Value {
        Value::new(Data::String(self.text)).tainted(self.secret)
    }
}

impl Evaluator<'_> {
    /// A quoted string. One that is nothing but an interpolation is the interpolated value.
    pub(crate) fn string(
        &self,
        elements: &[&Element],
        span: &Range<usize>,
        scope: Option<&Scope<'_>>,
    ) -> Outcome {
        match elements {
            [Element::Interpolation(only)] => self.evaluate(&only.expr, scope),
            _ => self.text(elements, span, None, scope).map(Text::into_value),
        }
    }

    /// Elements joined to a text; `heredoc` if they are one's, with its indentation.
    pub(crate) fn text(
        &self,
        elements: &[&Element],
        span: &Range<usize>,
        heredoc: Option<usize>,
        scope: Option<&Scope<'_>>,
    ) -> Result<Text, Failed> {
        let mut whole = Text::default();
        let around = Around { strips_start: false, strips_end: false, heredoc, nested: false };
        self.append(&mut whole, elements, around, scope)?;
        self.charge(whole.text.len(), span)?;
        Ok(whole)
    }

    /// Literal text with the actions in it rendered.
    pub(crate) fn literal(&self, text: &str, span: &Range<usize>) -> Result<Text, Failed> {
        let mut whole = Text::default();
        let mut failed = false;
        for piece in self.script.pieces(text, span) {
            match piece {
                Piece::Text(text) => whole.text.push_str(&text),
                Piece::Insert(insert) => {
                    let Some(context) = self.context else {
                        self.check_action(insert);
                        failed = true;
                        continue;
                    };
                    match dstream_template::render(&insert.source.text, &context.templates) {
                        Ok(rendered) => {
                            whole.text.push_str(&rendered.text);
                            whole.secret |= !rendered.secrets.is_empty();
                            self.log.add_secrets(rendered.secrets);
                        }
                        Err(errors) => {
                            self.template_errors(insert, errors);
                            failed = true;
                        }
                    }
                }
            }
        }
        if failed { Err(Failed) } else { Ok(whole) }
    }

    /// Appends elements.
    fn append(
        &self,
        whole: &mut Text,
        elements: &[&Element],
        around: Around,
        scope: Option<&Scope<'_>>,
    ) -> Result<(), Failed> {
        let mut failed = false;
        for (index, element) in elements.iter().enumerate() {
            let before = match index.checked_sub(1).and_then(|before| elements.get(before)) {
                Some(before) => strip_of(before).1,
                None => around.strips_start,
            };
            let behind =
                elements.get(index + 1).map_or(around.strips_end, |behind| strip_of(behind).0);
            let outcome = match element {
                Element::Literal(text) => self.literal(text, &span_of(text)).map(|mut text| {
                    let lines = around.heredoc.is_some();
                    // The parser takes the indentation only from what is not within `%{ … }`.
                    if let (Some(indent @ 1..), true) = (around.heredoc, around.nested) {
                        text.text = without_indent(&text.text, indent);
                    }
                    if before {
                        text.text = without_start(&text.text, lines);
                    }
                    if behind {
                        text.text = without_end(&text.text, lines);
                    }
                    whole.text.push_str(&text.text);
                    whole.secret |= text.secret;
                }),
                Element::Interpolation(interpolation) => {
                    self.interpolate(whole, &interpolation.expr, scope)
                }
                Element::Directive(directive) => match directive.as_ref() {
                    Directive::If(directive) => {
                        self.append_if(whole, directive, around.heredoc, scope)
                    }
                    Directive::For(directive) => {
                        self.append_for(whole, directive, around.heredoc, scope)
                    }
                },
            };
            failed |= outcome.is_err();
        }
        if failed { Err(Failed) } else { Ok(()) }
    }

    fn interpolate(
        &self,
        whole: &mut Text,
        expression: &hcl_edit::expr::Expression,
        scope: Option<&Scope<'_>>,
    ) -> Result<(), Failed> {
        let value = self.evaluate(expression, scope)?;
        let span = span_of(expression);
        let Some(text) = value.to_text() else {
            let message = format!("{} cannot be put into a string", value.kind());
            let help = match value.data {
                Data::Null => None,
                _ => Some("write it as JSON with `jsonencode(…)`, or a list with `join(\",\", …)`"),
            };
            return Err(self.fail_with(&span, message, help.map(str::to_owned)));
        };
        self.charge(text.len(), &span)?;
        whole.text.push_str(&text);
        whole.secret |= value.is_secret();
        Ok(())
    }

    fn append_if(
        &self,
        whole: &mut Text,
        directive: &IfDirective,
        heredoc: Option<usize>,
        scope: Option<&Scope<'_>>,
    ) -> Result<(), Failed> {
        let (start, end) = (&directive.if_expr, &directive.endif_expr);
        let other = directive.else_expr.as_ref();
        if self.condition(&start.cond_expr, scope)? {
            let elements: Vec<_> = start.template.iter().collect();
            let close = other.map_or(end.strip, |other| other.strip);
            return self.append(
                whole,
                &elements,
                Around::between(start.strip, close, heredoc),
                scope,
            );
        }
        let Some(other) = other else { return Ok(()) };
        let elements: Vec<_> = other.template.iter().collect();
        self.append(whole, &elements, Around::between(other.strip, end.strip, heredoc), scope)
    }

    fn append_for(
        &self,
        whole: &mut Text,
        directive: &ForDirective,
        heredoc: Option<usize>,
        scope: Option<&Scope<'_>>,
    ) -> Result<(), Failed> {
        let each = &directive.for_expr;
        let span = each.collection_expr.span().unwrap_or_default();
        let collection = self.evaluate(&each.collection_expr, scope)?;
        let elements: Vec<_> = each.template.iter().collect();
        let around = Around::between(each.strip, directive.endfor_expr.strip, heredoc);
        for (key, item) in &self.entries(collection, &span)? {
            self.charge(size_of::<Value>(), &span)?;
            let keyed = each.key_var.as_ref().map(|name| Scope {
                name: name.as_str(),
                value: key,
                outer: scope,
            });
            let outer = keyed.as_ref().or(scope);
            let inner = Scope { name: each.value_var.as_str(), value: item, outer };
            let length = whole.text.len();
            self.append(whole, &elements, around, Some(&inner))?;
            self.charge(whole.text.len() - length, &span)?;
        }
        Ok(())
    }
}

/// What stands around elements.
#[derive(Clone, Copy)]
struct Around {
    /// A `~` before them takes their first white space away.
    strips_start: bool,
    /// A `~` behind them takes their last white space away.
    strips_end: bool,
    /// They are in a heredoc, where `~` reaches no further than its line. So much white space is
    /// to go from the start of each line.
    heredoc: Option<usize>,
    /// They are within a `%{ … }` of it.
    nested: bool,
}

impl Around {
    fn between(open: Strip, close: Strip, heredoc: Option<usize>) -> Self {
        let (strips_start, strips_end) = (open.strip_end(), close.strip_start());
        Self { strips_start, strips_end, heredoc, nested: true }
    }
}

/// `text` with up to `indent` bytes of white space less behind each newline.
fn without_indent(text: &str, indent: usize) -> String {
    let lines = text.split_inclusive('\n').enumerate().map(|(index, line)| {
        let white = line.len() - line.trim_start_matches([' ', '\t']).len();
        &line[if index == 0 { 0 } else { white.min(indent) }..]
    });
    lines.collect()
}

/// `text` without the white space it starts with; of `lines`, without that of the first one.
fn without_start(text: &str, lines: bool) -> String {
    let end = match text.find('\n') {
        Some(newline) if lines => newline + 1,
        _ => text.len(),
    };
    format!("{}{}", text[..end].trim_start(), &text[end..])
}

/// `text` without the white space it ends with; of `lines`, without that of the last one, its
/// newline included.
fn without_end(text: &str, lines: bool) -> String {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let start = line.rfind('\n').filter(|_| lines).map_or(0, |newline| newline + 1);
    format!("{}{}", &text[..start], text[start..].trim_end())
}

/// Whether an element takes away the white space before it and behind it.
fn strip_of(element: &Element) -> (bool, bool) {
    match element {
        Element::Literal(_) => (false, false),
        Element::Interpolation(interpolation) => {
            (interpolation.strip.strip_start(), interpolation.strip.strip_end())
        }
        Element::Directive(directive) => match directive.as_ref() {
            Directive::If(directive) => {
                (directive.if_expr.strip.strip_start(), directive.endif_expr.strip.strip_end())
            }
            Directive::For(directive) => {
                (directive.for_expr.strip.strip_start(), directive.endfor_expr.strip.strip_end())
            }
        },
    }
}
