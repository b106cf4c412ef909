//! `var.x`, `local.a.b`, `list[0]`, `list[*].name`: what stands behind a value.

use std::ops::Range;

use hcl_edit::Decorated;
use hcl_edit::expr::{Expression, Traversal, TraversalOperator};

use super::evaluate::{Evaluator, Failed, Outcome, Scope, span_of};
use super::names::Root;
use super::value::{Data, Value};
use dstream_reference::did_you_mean;

impl Evaluator<'_> {
    pub(crate) fn traversal(&self, traversal: &Traversal, scope: Option<&Scope<'_>>) -> Outcome {
        let operators = traversal.operators.as_slice();
        if let Expression::Variable(name) = &traversal.expr
            && let Some(root) = Root::of(name.as_str())
            && let Some(names) = self.names
            && !self.scoped(name.as_str(), scope)
        {
            let Some((first, rest)) = operators.split_first() else { return Err(Failed) };
            let name = match first.value() {
                TraversalOperator::GetAttr(name) => name.as_str(),
                TraversalOperator::Index(Expression::String(name)) => name.as_str(),
                _ => return Err(names.root_alone(root, &span_of(first), self)),
            };
            let span = span_of(&traversal.expr).start..span_of(first).end;
            let value = names.resolve(root, name, &span, self)?;
            return self.follow(value, rest, scope);
        }
        let value = self.evaluate(&traversal.expr, scope)?;
        self.follow(value, operators, scope)
    }

    fn follow(
        &self,
        mut value: Value,
        operators: &[Decorated<TraversalOperator>],
        scope: Option<&Scope<'_>>,
    ) -> Outcome {
        let mut rest = operators;
        while let Some((operator, behind)) = rest.split_first() {
            let span = span_of(operator);
            rest = behind;
            value = match operator.value() {
                TraversalOperator::GetAttr(name) => self.attribute(value, name.as_str(), &span)?,
                TraversalOperator::LegacyIndex(index) => self.item(value, *index.value(), &span)?,
                TraversalOperator::Index(index) => {
                    let index = self.evaluate(index, scope)?;
                    self.index(value, &index, &span)?
                }
                TraversalOperator::AttrSplat(_) => {
                    let attributes = rest
                        .iter()
                        .position(|next| !matches!(next.value(), TraversalOperator::GetAttr(_)))
                        .unwrap_or(rest.len());
                    let (each, behind) = rest.split_at(attributes);
                    rest = behind;
                    self.splat(value, each, scope)?
                }
                TraversalOperator::FullSplat(_) => {
                    let each = std::mem::take(&mut rest);
                    self.splat(value, each, scope)?
                }
            };
        }
        Ok(value)
    }

    /// Each item followed; a value that is no list counts as a list of one, null as an empty one.
    fn splat(
        &self,
        value: Value,
        operators: &[Decorated<TraversalOperator>],
        scope: Option<&Scope<'_>>,
    ) -> Outcome {
        let items = match value.data {
            Data::List(items) => items,
            Data::Null => Vec::new(),
            _ => vec![value],
        };
        let items = items.into_iter().map(|item| self.follow(item, operators, scope));
        Ok(Value::new(Data::List(items.collect::<Result<_, _>>()?)))
    }

    fn index(&self, value: Value, index: &Value, span: &Range<usize>) -> Outcome {
        // An index that came as text is still an index.
        let number = match (&value.data, &index.data) {
            (Data::List(_), Data::String(_)) => index.to_number().map(Data::Number),
            _ => None,
        };
        match number.as_ref().unwrap_or(&index.data) {
            Data::String(name) if index.is_secret() => {
                let Data::Object(mut items) = value.data else {
                    return self.attribute(value, "", span);
                };
                let found = items.shift_remove(name);
                found.ok_or_else(|| self.fail(span, "the object has no such attribute"))
            }
            Data::String(name) => self.attribute(value, name, span),
            Data::Number(number) => match number.as_u64() {
                Some(index) => self.item(value, index, span),
                None => Err(self.fail(span, "an index must be a whole number from 0")),
            },
            _ => Err(self.fail(
                span,
                format!("an index must be a number or a string, not {}", index.kind()),
            )),
        }
    }

    fn item(&self, value: Value, index: u64, span: &Range<usize>) -> Outcome {
        let kind = value.kind();
        let Data::List(mut items) = value.data else {
            return Err(self.fail(span, format!("{kind} has no items to index")));
        };
        let count = items.len();
        match usize::try_from(index).ok().filter(|index| *index < count) {
            Some(index) => Ok(items.swap_remove(index)),
            None => {
                let count = match count {
                    0 => "is empty".to_owned(),
                    1 => "has one item, number 0".to_owned(),
                    _ => format!("has {count} items, 0 to {}", count - 1),
                };
                Err(self.fail(span, format!("there is no item {index}; the list {count}")))
            }
        }
    }

    fn attribute(&self, value: Value, name: &str, span: &Range<usize>) -> Outcome {
        let kind = value.kind();
        let Data::Object(mut items) = value.data else {
            return Err(self.fail(span, format!("{kind} has no attributes")));
        };
        match items.shift_remove(name) {
            Some(value) => Ok(value),
            None => {
                let help = did_you_mean(name, items.keys().map(String::as_str));
                Err(self.fail_with(span, format!("the object has no attribute `{name}`"), help))
            }
        }
    }
}
