//! Expressions → values, with every mistake at its own place.
//!
//! The expressions are those of `hcl-edit`, because they know where they stand; the functions are
//! those declared for `hcl-rs`. A failed part does not stop its neighbours: all problems of a list
//! or an object are reported together.

use std::ops::Range;

use hcl::Map;
use hcl::eval::{Context, ErrorKind, Evaluate};
use hcl_edit::Span;
use hcl_edit::expr::{
    BinaryOp, BinaryOperator, Conditional, Expression, ForExpr, FuncCall, Object, ObjectKey,
    UnaryOp,
};

use super::functions::{self, FunctionScope};
use super::log::{Exhausted, Log};
use super::names::Names;
use super::nearest::did_you_mean;
use super::operators;
use super::script::{Insert, Script};
use super::secrets::MASKED_BYTES_MIN;
use super::template::{self, TemplateError, TemplateScope};
use super::values::{Data, Value};

/// There is no value; why not is in the log, or only known when more than constants may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failed;

/// A value, or none.
pub(super) type Outcome = Result<Value, Failed>;

/// What lies outside the file.
pub(super) struct World<'a> {
    /// All functions.
    pub(super) context: Context<'a>,
    pub(super) functions: FunctionScope,
    pub(super) templates: TemplateScope<'a>,
}

/// Evaluates expressions of one text.
///
/// | `names` | `world` | for |
/// |---|---|---|
/// | yes | yes | everything in a task |
/// | yes | no | what is constant |
/// | no | yes | defaults of variables, labels |
/// | no | no | plain values: variable files, what an action writes |
#[derive(Clone, Copy)]
pub(super) struct Evaluator<'a> {
    pub(super) script: &'a Script,
    pub(super) names: Option<&'a Names<'a>>,
    pub(super) world: Option<&'a World<'a>>,
    /// Only what is constant is asked for; what else would need the world fails without a word.
    pub(super) constants_only: bool,
    pub(super) log: &'a Log,
}

/// The names that a `for` declares.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    pub(super) name: &'s str,
    pub(super) value: &'s Value,
    pub(super) outer: Option<&'s Scope<'s>>,
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
pub(super) fn span_of(item: &impl Span) -> Range<usize> {
    item.span().unwrap_or_default()
}

impl<'a> Evaluator<'a> {
    /// For values that refer to nothing.
    pub(super) fn plain(script: &'a Script, log: &'a Log) -> Self {
        Self { script, names: None, world: None, constants_only: false, log }
    }

    /// The value of an attribute.
    pub(super) fn value(&self, expression: &Expression) -> Outcome {
        self.evaluate(expression, None)
    }

    /// Notes an error.
    pub(super) fn fail(&self, span: &Range<usize>, message: impl Into<String>) -> Failed {
        self.fail_with(span, message, None)
    }

    /// Notes an error with advice.
    pub(super) fn fail_with(
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

    pub(super) fn charge(&self, bytes: usize, span: &Range<usize>) -> Result<(), Failed> {
        self.log.charge(bytes).map_err(|exhausted| self.exhausted(exhausted, span))
    }

    fn exhausted(&self, exhausted: Exhausted, span: &Range<usize>) -> Failed {
        match exhausted {
            Exhausted::Now => self.fail(span, "the values here need too much memory or nesting"),
            Exhausted::Before => Failed,
        }
    }

    pub(super) fn evaluate(&self, expression: &Expression, scope: Option<&Scope<'_>>) -> Outcome {
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
                self.text(&elements, &span, scope).map(|text| text.into_value())
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
                        self.fail(&span, "this key stands twice in the object");
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
            self.fail(span, format!("a key is a string or a number, not {}", key.kind()))
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

    fn no_names(&self, span: &Range<usize>) -> Failed {
        let message = if self.world.is_some() || self.constants_only {
            "a default cannot refer to other values"
        } else {
            "only plain values can stand here"
        };
        self.fail_with(span, message, Some("a text needs quotes".to_owned()))
    }

    /// The value that `scope` or the file gives the first name of a traversal.
    pub(super) fn scoped(&self, name: &str, scope: Option<&Scope<'_>>) -> bool {
        Scope::find(scope, name).is_some()
    }

    fn conditional(&self, conditional: &Conditional, scope: Option<&Scope<'_>>) -> Outcome {
        let condition = self.condition(&conditional.cond_expr, scope)?;
        let chosen = if condition { &conditional.true_expr } else { &conditional.false_expr };
        self.evaluate(chosen, scope)
    }

    /// A value that must be true or false.
    pub(super) fn condition(
        &self,
        expression: &Expression,
        scope: Option<&Scope<'_>>,
    ) -> Result<bool, Failed> {
        let value = self.evaluate(expression, scope)?;
        match value.data {
            Data::Bool(bool) => Ok(bool),
            _ => {
                let message = format!("a condition is true or false, not {}", value.kind());
                Err(self.fail(&span_of(expression), message))
            }
        }
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
        if let Ok(Value { data: Data::Bool(bool), .. }) = &left
            && matches!((operator, bool), (BinaryOperator::And, false) | (BinaryOperator::Or, true))
        {
            return left;
        }
        let right = self.evaluate(&operation.rhs_expr, scope);
        operators::binary(&left?, operator, &right?).map_err(|message| self.fail(span, message))
    }

    fn call(&self, call: &FuncCall, span: &Range<usize>, scope: Option<&Scope<'_>>) -> Outcome {
        let name = call.name.name.as_str();
        let known = functions::names();
        let name_span = span_of(&call.name.name);
        if call.name.is_namespaced() || !known.contains(&name) {
            let help = did_you_mean(name, known.iter().copied());
            return Err(self.fail_with(&name_span, format!("unknown function `{name}`"), help));
        }
        let outcomes: Vec<Outcome> =
            call.args.iter().map(|argument| self.evaluate(argument, scope)).collect();
        let mut arguments = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
        if call.args.expand_final()
            && let Some(last) = arguments.pop()
        {
            let kind = last.kind();
            let Data::List(items) = last.data else {
                return Err(self.fail(span, format!("`...` needs a list, not {kind}")));
            };
            arguments.extend(items);
        }
        let Some(world) = self.world else {
            return Err(if self.constants_only { Failed } else { self.no_names(span) });
        };
        self.run(name, &arguments, world, span)
    }

    fn run(
        &self,
        name: &str,
        arguments: &[Value],
        world: &World<'_>,
        span: &Range<usize>,
    ) -> Outcome {
        let call = hcl::expr::FuncCall {
            name: hcl::Identifier::unchecked(name).into(),
            args: arguments.iter().map(|argument| argument.to_hcl().into()).collect(),
            expand_final: false,
        };
        let known = self.log.secrets();
        let (outcome, touched) = functions::with_scope(world.functions.clone(), || {
            functions::recall(&known);
            hcl::Expression::from(call).evaluate(&world.context)
        });
        let from_secret = touched.any || arguments.iter().any(Value::is_secret);
        self.log.add_secrets(touched.secrets);
        let value = outcome.map_err(|error| {
            let message = match error.kind() {
                ErrorKind::FuncCall(_, message) => message.clone(),
                other => other.to_string(),
            };
            let message = without_secrets(message, arguments);
            if name == "env" {
                let help = "set it, or give a default: `env(\"NAME\", \"default\")`";
                return self.fail_with(span, message, Some(help.to_owned()));
            }
            self.fail(span, format!("`{name}`: {message}"))
        })?;
        let mut value = Value::from(value);
        self.charge(value.size_bytes(), span)?;
        if name == "nonsensitive" {
            self.log.reveal(&value);
            return Ok(value);
        }
        if from_secret {
            // The functions know which strings they made of a secret, and which only stood beside
            // one. What is too short to be known, or no string, is a secret here in any case.
            let known = self.log.secrets();
            value.taint_where(&|data| match data {
                Data::String(text) => text.len() < MASKED_BYTES_MIN || known.mask(text) != *text,
                _ => true,
            });
        }
        Ok(value)
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
                    "to collect the values of equal keys in lists, write `...` behind the value";
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
    pub(super) fn entries(
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
        let Some(world) = self.world else { return Err(self.check_action(insert)) };
        let found = template::evaluate(&insert.source.text, &world.templates)
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
                    super::Diagnostic::error(&self.script.source, insert.span.clone(), message)
                        .with_help(help),
                );
                Err(Failed)
            }
        }
    }

    /// Notes what is wrong with an action whatever it would write.
    pub(super) fn check_action(&self, insert: &Insert) -> Failed {
        self.template_errors(insert, template::check(&insert.source.text))
    }

    /// Notes what is wrong with an action.
    pub(super) fn template_errors(&self, insert: &Insert, errors: Vec<TemplateError>) -> Failed {
        for error in errors {
            let span = insert.source.file_span(&error.span);
            let problem = super::Diagnostic::error(&self.script.source, span, error.message);
            self.log.push(match error.help {
                Some(help) => problem.with_help(help),
                None => problem,
            });
        }
        Failed
    }
}

/// A text read as HCL that refers to nothing: `5`, `true`, `["a", "b"]`.
pub(super) fn plain_value(text: &str) -> Option<Value> {
    let expression = hcl_edit::parser::parse_expr(text).ok()?;
    let source = super::SourceText { path: Default::default(), text: text.to_owned() };
    let script = Script::plain(std::sync::Arc::new(source));
    let log = Log::default();
    let plain = Evaluator::plain(&script, &log);
    plain.value(&expression).ok()
}

/// A function's message, unless it quotes a secret.
fn without_secrets(message: String, arguments: &[Value]) -> String {
    let mut secrets = std::collections::BTreeSet::new();
    for argument in arguments {
        argument.collect_texts(true, &mut secrets);
    }
    if secrets.iter().any(|secret| !secret.is_empty() && message.contains(secret.as_str())) {
        return "does not accept these arguments (not shown, as one is a secret)".to_owned();
    }
    message
}
