//! Strings and heredocs: literal text, `${ … }`, `%{ … }`, and the template actions that were lifted
//! out of them.

use std::ops::Range;

use hcl_edit::Span;
use hcl_edit::template::{Directive, Element, ForDirective, IfDirective, Strip};

use super::evaluate::{Evaluator, Failed, Outcome, Scope, span_of};
use super::value::{Data, Value};
use crate::config::template;
use crate::config::text::script::Piece;

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
            _ => self.text(elements, span, scope).map(Text::into_value),
        }
    }

    /// Elements joined to a text.
    pub(crate) fn text(
        &self,
        elements: &[&Element],
        span: &Range<usize>,
        scope: Option<&Scope<'_>>,
    ) -> Result<Text, Failed> {
        let mut whole = Text::default();
        self.append(&mut whole, elements, (false, false), scope)?;
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
                    let Some(world) = self.world else {
                        self.check_action(insert);
                        failed = true;
                        continue;
                    };
                    match template::render(&insert.source.text, &world.templates) {
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

    /// Appends elements. `strips` says whether what stands around them takes the white space away
    /// at their start and end.
    fn append(
        &self,
        whole: &mut Text,
        elements: &[&Element],
        strips: (bool, bool),
        scope: Option<&Scope<'_>>,
    ) -> Result<(), Failed> {
        let mut failed = false;
        for (index, element) in elements.iter().enumerate() {
            let before = match index.checked_sub(1).and_then(|before| elements.get(before)) {
                Some(before) => strip_of(before).1,
                None => strips.0,
            };
            let behind = elements.get(index + 1).map_or(strips.1, |behind| strip_of(behind).0);
            let outcome = match element {
                Element::Literal(text) => self.literal(text, &span_of(text)).map(|mut text| {
                    if before {
                        text.text = text.text.trim_start().to_owned();
                    }
                    if behind {
                        text.text.truncate(text.text.trim_end().len());
                    }
                    whole.text.push_str(&text.text);
                    whole.secret |= text.secret;
                }),
                Element::Interpolation(interpolation) => {
                    self.interpolate(whole, &interpolation.expr, scope)
                }
                Element::Directive(directive) => match directive.as_ref() {
                    Directive::If(directive) => self.append_if(whole, directive, scope),
                    Directive::For(directive) => self.append_for(whole, directive, scope),
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
        scope: Option<&Scope<'_>>,
    ) -> Result<(), Failed> {
        let (start, end) = (&directive.if_expr, &directive.endif_expr);
        let other = directive.else_expr.as_ref();
        if self.condition(&start.cond_expr, scope)? {
            let elements: Vec<_> = start.template.iter().collect();
            let close = other.map_or(end.strip, |other| other.strip);
            return self.append(whole, &elements, inner_strips(start.strip, close), scope);
        }
        let Some(other) = other else { return Ok(()) };
        let elements: Vec<_> = other.template.iter().collect();
        self.append(whole, &elements, inner_strips(other.strip, end.strip), scope)
    }

    fn append_for(
        &self,
        whole: &mut Text,
        directive: &ForDirective,
        scope: Option<&Scope<'_>>,
    ) -> Result<(), Failed> {
        let each = &directive.for_expr;
        let span = each.collection_expr.span().unwrap_or_default();
        let collection = self.evaluate(&each.collection_expr, scope)?;
        let elements: Vec<_> = each.template.iter().collect();
        let strips = inner_strips(each.strip, directive.endfor_expr.strip);
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
            self.append(whole, &elements, strips, Some(&inner))?;
            self.charge(whole.text.len() - length, &span)?;
        }
        Ok(())
    }
}

/// Whether the content between two markers loses white space at its start and end.
fn inner_strips(open: Strip, close: Strip) -> (bool, bool) {
    (open.strip_end(), close.strip_start())
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
