//! Expressions → values, with every mistake at its own place.
//!
//! The expressions are those of `hcl-edit`, because they know where they stand. A failed part does not stop its neighbours: all problems of a list
//! or an object are reported together.

use std::ops::Range;

use hcl::Map;
use hcl_edit::Span;
use hcl_edit::expr::{
    BinaryOp, BinaryOperator, Conditional, Expression, ForExpr, Object, ObjectKey, UnaryOp,
};

use super::log::{Exhausted, Log};
use super::names::Names;
use super::operators;
use super::value::{Data, Value};
use crate::functions;
use crate::text::script::{Insert, Script};
use dstream_task::{Diagnostic, SourceText};
use dstream_template::{TemplateError, TemplateScope};

/// There is no value; why not is in the log, or only known when more than constants may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed;

/// A value, or none.
pub(crate) type Outcome = Result<Value, Failed>;

/// What lies outside the file.
pub(crate) struct EvalContext<'a> {
    pub(crate) functions: functions::Context<'a>,
    pub(crate) templates: TemplateScope<'a>,
}

/// Evaluates expressions of one text.
///
/// | `names` | `context` | for |
/// |---|---|---|
/// | yes | yes | everything in a task |
/// | yes | no | what is constant |
/// | no | yes | defaults of variables, labels |
/// | no | no | plain values: variable files, what an action writes |
#[derive(Clone, Copy)]
pub(crate) struct Evaluator<'a> {
    pub(crate) script: &'a Script,
    pub(crate) names: Option<&'a Names<'a>>,
    pub(crate) context: Option<&'a EvalContext<'a>>,
    /// Only what is constant is asked for; what else would need the context fails without a word.
    pub(crate) constants_only: bool,
    /// Names that mean something where these expressions stand, though nothing here: a filter's.
    pub(crate) line_names: &'static [&'static str],
    pub(crate) log: &'a Log,
}

/// The names that a `for` declares.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'s> {
    pub(crate) name: &'s str,
    pub(crate) value: &'s Value,
    pub(crate) outer: Option<&'s Scope<'s>>,
}

impl<'s> Scope<'s> {
    fn find(mut scope: Option<&Self>, name: &str) -> Option<&'s Value> {
        while let Some(here) = scope {
            if here.name == name {
                return Some(here.value);
            }
            scope = here.outer;
        }
        None
    }
}

/// The bytes of an expression in the parsed text.
pub(crate) fn span_of(item: &impl Span) -> Range<usize> {
    item.span().unwrap_or_default()
}

impl<'a> Evaluator<'a> {
    /// For values that refer to nothing.
    pub(crate) fn plain(script: &'a Script, log: &'a Log) -> Self {
        Self { script, names: None, context: None, constants_only: false, line_names: &[], log }
    }

    /// The value of an attribute.
    pub(crate) fn value(&self, expression: &Expression) -> Outcome {
        self.evaluate(expression, None)
    }

    /// Notes an error.
    pub(crate) fn fail(&self, span: &Range<usize>, message: impl Into<String>) -> Failed {
        self.fail_with(span, message, None)
    }

    /// Notes an error with advice.
    pub(crate) fn fail_with(
        &self,
        span: &Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> Failed {
        let problem = self.script.error(span, message);
        self.log.push(match help {
            Some(help) => problem.with_help(help),
            None => problem,
        });
        Failed
    }

    pub(crate) fn charge(&self, bytes: usize, span: &Range<usize>) -> Result<(), Failed> {
        self.log.charge(bytes).map_err(|exhausted| self.exhausted(exhausted, span))
    }

    fn exhausted(&self, exhausted: Exhausted, span: &Range<usize>) -> Failed {
        match exhausted {
            Exhausted::Now => self.fail(span, "the values here need too much memory or nesting"),
            Exhausted::Before => Failed,
        }
    }

    pub(crate) fn evaluate(&self, expression: &Expression, scope: Option<&Scope<'_>>) -> Outcome {
        match self.log.deeper(|| self.dispatch(expression, scope)) {
            Ok(outcome) => outcome,
            Err(exhausted) => Err(self.exhausted(exhausted, &span_of(expression))),
        }
    }

    fn dispatch(&self, expression: &Expression, scope: Option<&Scope<'_>>) -> Outcome {
        let span = span_of(expression);
        match expression {
            Expression::Null(_) => Ok(Value::default()),
            Expression::Bool(bool) => Ok(Value::new(Data::Bool(*bool.value()))),
            Expression::Number(number) => Ok(Value::new(Data::Number(*number.value()))),
            Expression::String(text) => self.literal(text, &span).map(|text| text.into_value()),
            Expression::StringTemplate(template) => {
                let elements: Vec<_> = template.iter().collect();
                self.string(&elements, &span, scope)
            }
            Expression::HeredocTemplate(heredoc) => {
                let elements: Vec<_> = heredoc.template.iter().collect();
                self.text(&elements, &span, Some(heredoc.indent().unwrap_or(0)), scope)
                    .map(|text| text.into_value())
            }
            Expression::Array(items) => {
                // All of them, so that every mistake is found.
                let items: Vec<Outcome> =
                    items.iter().map(|item| self.evaluate(item, scope)).collect();
                let items = items.into_iter().collect::<Result<_, _>>()?;
                Ok(Value::new(Data::List(items)))
            }
            Expression::Object(object) => self.object(object, scope),
            Expression::Parenthesis(inner) => self.evaluate(inner.inner(), scope),
            Expression::Variable(name) => self.variable(name.as_str(), &span, scope),
            Expression::Traversal(traversal) => self.traversal(traversal, scope),
            Expression::Conditional(conditional) => self.conditional(conditional, scope),
            Expression::FuncCall(call) => self.call(call, &span, scope),
            Expression::UnaryOp(operation) => self.unary(operation, &span, scope),
            Expression::BinaryOp(operation) => self.binary(operation, &span, scope),
            Expression::ForExpr(each) => self.for_each(each, &span, scope),
        }
    }

    fn object(&self, object: &Object, scope: Option<&Scope<'_>>) -> Outcome {
        let mut items = Map::new();
        let mut failed = false;
        for (key, value) in object.iter() {
            let value = self.evaluate(value.expr(), scope);
            let span = match key {
                ObjectKey::Ident(name) => span_of(name),
                ObjectKey::Expression(key) => span_of(key),
            };
            let name = match key {
                ObjectKey::Ident(name) => Ok(name.as_str().to_owned()),
                ObjectKey::Expression(key) => {
                    self.evaluate(key, scope).and_then(|key| self.key(&key, &span))
                }
            };
            match (name, value) {
                (Ok(name), Ok(value)) => {
                    if items.insert(name, value).is_some() {
                        self.fail(&span, "duplicate key in the object");
                        failed = true;
                    }
                }
                _ => failed = true,
            }
        }
        if failed { Err(Failed) } else { Ok(Value::new(Data::Object(items))) }
    }

    fn key(&self, key: &Value, span: &Range<usize>) -> Result<String, Failed> {
        key.to_text().ok_or_else(|| {
            self.fail(span, format!("a key must be a string or a number, not {}", key.kind()))
        })
    }

    /// A name without anything behind it.
    fn variable(&self, name: &str, span: &Range<usize>, scope: Option<&Scope<'_>>) -> Outcome {
        if let Some(insert) = self.script.value_at(span) {
            return self.action(insert);
        }
        if let Some(value) = Scope::find(scope, name) {
            self.charge(value.size_bytes(), span)?;
            return Ok(value.clone());
        }
        match self.names {
            Some(names) => names.bare(name, span, self),
            None => Err(self.no_names(span)),
        }
    }

    pub(super) fn no_names(&self, span: &Range<usize>) -> Failed {
        let message = if self.context.is_some() || self.constants_only {
            "a default cannot refer to other values"
        } else {
            "only plain values can stand here"
        };
        self.fail_with(span, message, Some("strings need quotes".to_owned()))
    }

    /// The value that `scope` or the file gives the first name of a traversal.
    pub(crate) fn scoped(&self, name: &str, scope: Option<&Scope<'_>>) -> bool {
        Scope::find(scope, name).is_some()
    }

    fn conditional(&self, conditional: &Conditional, scope: Option<&Scope<'_>>) -> Outcome {
        let condition = self.condition(&conditional.cond_expr, scope)?;
        let chosen = if condition { &conditional.true_expr } else { &conditional.false_expr };
        self.evaluate(chosen, scope)
    }

    /// A value that must be true or false.
    pub(crate) fn condition(
        &self,
        expression: &Expression,
        scope: Option<&Scope<'_>>,
    ) -> Result<bool, Failed> {
        let value = self.evaluate(expression, scope)?;
        value.to_bool().ok_or_else(|| {
            let message = format!("a condition must be true or false, not {}", value.kind());
            self.fail(&span_of(expression), message)
        })
    }

    fn unary(
        &self,
        operation: &UnaryOp,
        span: &Range<usize>,
        scope: Option<&Scope<'_>>,
    ) -> Outcome {
        let value = self.evaluate(&operation.expr, scope)?;
        operators::unary(*operation.operator, &value).map_err(|message| self.fail(span, message))
    }

    fn binary(
        &self,
        operation: &BinaryOp,
        span: &Range<usize>,
        scope: Option<&Scope<'_>>,
    ) -> Outcome {
        let operator = *operation.operator.value();
        let left = self.evaluate(&operation.lhs_expr, scope);
        // `a && b` asks for `b` only if it matters, so that `a` can guard it.
        if let Ok(left) = &left
            && let (BinaryOperator::And, Some(false)) | (BinaryOperator::Or, Some(true)) =
                (operator, left.to_bool())
        {
            let decided = Data::Bool(operator == BinaryOperator::Or);
            return Ok(Value::new(decided).tainted(left.is_secret()));
        }
        let right = self.evaluate(&operation.rhs_expr, scope);
        operators::binary(&left?, operator, &right?).map_err(|message| self.fail(span, message))
    }

    fn for_each(&self, each: &ForExpr, span: &Range<usize>, scope: Option<&Scope<'_>>) -> Outcome {
        let intro = &each.intro;
        let collection = self.evaluate(&intro.collection_expr, scope)?;
        let key_name = intro.key_var.as_ref().map(|name| name.as_str());
        let entries = self.entries(collection, &span_of(&intro.collection_expr))?;
        let mut list = Vec::new();
        let mut object: Map<String, Value> = Map::new();
        for (key, item) in &entries {
            self.charge(size_of::<Value>(), span)?;
            let keyed = key_name.map(|name| Scope { name, value: key, outer: scope });
            let outer = keyed.as_ref().or(scope);
            let inner = Scope { name: intro.value_var.as_str(), value: item, outer };
            if let Some(condition) = &each.cond
                && !self.condition(&condition.expr, Some(&inner))?
            {
                continue;
            }
            let value = self.evaluate(&each.value_expr, Some(&inner))?;
            let Some(key_expression) = &each.key_expr else {
                list.push(value);
                continue;
            };
            let key_span = span_of(key_expression);
            let key = self.evaluate(key_expression, Some(&inner))?;
            let key = self.key(&key, &key_span)?;
            if each.grouping {
                let group = object.entry(key).or_insert_with(|| Value::new(Data::List(Vec::new())));
                if let Data::List(items) = &mut group.data {
                    items.push(value);
                }
            } else if object.insert(key, value).is_some() {
                let help =
                    "to collect the values of equal keys in lists, write `...` after the value";
                return Err(self.fail_with(
                    &key_span,
                    "two elements have the same key",
                    Some(help.to_owned()),
                ));
            }
        }
        Ok(Value::new(match each.key_expr {
            Some(_) => Data::Object(object),
            None => Data::List(list),
        }))
    }

    /// Keys and values, or indexes and items.
    pub(crate) fn entries(
        &self,
        collection: Value,
        span: &Range<usize>,
    ) -> Result<Vec<(Value, Value)>, Failed> {
        let kind = collection.kind();
        match collection.data {
            Data::List(items) => Ok(items
                .into_iter()
                .enumerate()
                .map(|(index, item)| (Value::new(Data::Number(index.into())), item))
                .collect()),
            Data::Object(items) => Ok(items
                .into_iter()
                .map(|(key, value)| (Value::new(Data::String(key)), value))
                .collect()),
            _ => Err(self.fail(span, format!("`for` needs a list or an object, not {kind}"))),
        }
    }

    /// What an action that stands for a whole value gives: the number, list, … that its text is.
    fn action(&self, insert: &Insert) -> Outcome {
        let Some(context) = self.context else { return Err(self.check_action(insert)) };
        let found = dstream_template::evaluate(&insert.source.text, &context.templates)
            .map_err(|errors| self.template_errors(insert, errors))?;
        let secret = !found.secrets.is_empty();
        self.log.add_secrets(found.secrets);
        let text = match Value::from(found.value) {
            Value { data: Data::String(text), .. } => text,
            value => return Ok(value.tainted(secret)),
        };
        match plain_value(text.trim()) {
            Some(value) => Ok(value.tainted(secret)),
            None => {
                let message = "what this action writes is no number, list or other plain HCL value";
                let help = "to take it as text, put the action in quotes";
                self.log.push(
                    Diagnostic::error(&self.script.source, insert.span.clone(), message)
                        .with_help(help),
                );
                Err(Failed)
            }
        }
    }

    /// Notes what is wrong with an action whatever it would write.
    pub(crate) fn check_action(&self, insert: &Insert) -> Failed {
        self.template_errors(insert, dstream_template::check(&insert.source.text))
    }

    /// Notes what is wrong with an action.
    pub(crate) fn template_errors(&self, insert: &Insert, errors: Vec<TemplateError>) -> Failed {
        for error in errors {
            let span = insert.source.file_span(&error.span);
            let problem = Diagnostic::error(&self.script.source, span, error.message);
            self.log.push(match error.help {
                Some(help) => problem.with_help(help),
                None => problem,
            });
        }
        Failed
    }
}

/// A text read as HCL that refers to nothing: `5`, `true`, `["a", "b"]`.
pub(crate) fn plain_value(text: &str) -> Option<Value> {
    let expression = hcl_edit::parser::parse_expr(text).ok()?;
    let source = SourceText { path: Default::default(), text: text.to_owned() };
    let script = Script::plain(std::sync::Arc::new(source));
    let log = Log::default();
    let plain = Evaluator::plain(&script, &log);
    plain.value(&expression).ok()
}
