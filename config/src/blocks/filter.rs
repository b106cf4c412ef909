//! `filter = …`: an HCL expression over a line → a [`Filter`].
//!
//! What does not depend on the line is evaluated here, once, like any other expression. Of the rest,
//! whatever could never have an outcome is an error: at run time nothing is.

use std::ops::Range;

use hcl_edit::expr::{
    BinaryOp, BinaryOperator, Expression as Hcl, FuncCall, Traversal, TraversalOperator,
    UnaryOperator,
};
use hcl_edit::structure::Attribute;
use hcl_edit::visit::{Visit, visit_expr, visit_func_call};

use crate::functions;
use crate::limits::FILTER_DEPTH_MAX;
use crate::values::evaluate::{Evaluator, Failed, span_of};
use crate::values::value::{Data, Value};
use dstream_filter::json::{Number, Tree};
use dstream_filter::{Calculation, Comparison, Expression, Filter, Function, Parameter, Step};
use dstream_reference::{did_you_mean, listed};

/// The names that stand for fields of the line.
const FIELDS: &[&str] = &["metadata", "data"];

/// How a pattern is asked for: Terraform's idiom.
const PATTERN_EXAMPLE: &str = "a pattern is written `can(regex(\"^orders_\", metadata.table))`";

type Compiled = Result<Expression, Failed>;

impl Evaluator<'_> {
    /// The filter that an attribute stands for. What is wrong with it is in the log.
    pub(super) fn filter(&self, attribute: &Attribute) -> Result<Filter, Failed> {
        let compiler = Compiler { values: Evaluator { line_names: FIELDS, ..*self } };
        let expression = &attribute.value;
        let compiled = compiler.condition(expression, "`filter`", 0)?;
        if let Expression::Constant(Tree::Bool(passes)) = compiled {
            let what = if passes { "every" } else { "no" };
            let message = format!("this filter passes {what} line: it does not depend on the line");
            self.log.push(self.script.warning(&span_of(expression), message));
        }
        Ok(Filter::new(compiled))
    }
}

struct Compiler<'a> {
    values: Evaluator<'a>,
}

impl Compiler<'_> {
    fn fail(&self, span: &Range<usize>, message: impl Into<String>) -> Failed {
        self.values.fail(span, message)
    }

    fn fail_with(&self, span: &Range<usize>, message: impl Into<String>, help: &str) -> Failed {
        self.values.fail_with(span, message, Some(help.to_owned()))
    }

    fn constant(&self, expression: &Hcl) -> Result<Value, Failed> {
        let value = self.values.value(expression)?;
        self.values.note_secrets(&value);
        Ok(value)
    }

    /// An expression of which it matters whether it is true.
    fn condition(&self, expression: &Hcl, asked_by: &str, depth: usize) -> Compiled {
        let span = span_of(expression);
        if !asks_for_fields(expression) {
            let value = self.constant(expression)?;
            return match value.to_bool() {
                Some(bool) => Ok(Expression::Constant(Tree::Bool(bool))),
                None => {
                    let message = format!("{asked_by} needs true or false, not {}", value.kind());
                    let help = "write a comparison, without quotes around it: \
                                metadata.table == \"orders\"";
                    Err(self.fail_with(&span, message, help))
                }
            };
        }
        let compiled = self.compile(expression, depth)?;
        match never_true(&compiled) {
            Some(kind) => {
                let message = format!("{asked_by} needs true or false, not {kind}");
                Err(self.fail(&span, message))
            }
            None => Ok(compiled),
        }
    }

    fn compile(&self, expression: &Hcl, depth: usize) -> Compiled {
        let span = span_of(expression);
        if !asks_for_fields(expression) {
            let constant = match literal(expression) {
                Some(number) => number.map(Tree::Number),
                None => tree(self.constant(expression)?),
            };
            return constant.map(Expression::Constant).map_err(|TooLong| {
                let message = "this whole number is too long to be compared exactly";
                self.fail_with(&span, message, TOO_LONG_HELP)
            });
        }
        if depth >= FILTER_DEPTH_MAX {
            let message = format!("the filter is nested deeper than {FILTER_DEPTH_MAX} levels");
            return Err(self.fail(&span, message));
        }
        let deeper = depth + 1;
        match expression {
            Hcl::Parenthesis(inner) => self.compile(inner.inner(), deeper),
            Hcl::Variable(name) if name.as_str() == "metadata" => Ok(Expression::Metadata),
            Hcl::Variable(_) => Ok(Expression::Data),
            Hcl::Traversal(traversal) => self.path(traversal, deeper),
            Hcl::Conditional(choice) => {
                let condition = self.condition(&choice.cond_expr, "a condition", deeper);
                let yes = self.compile(&choice.true_expr, deeper);
                let no = self.compile(&choice.false_expr, deeper);
                Ok(Expression::Choose(Box::new([condition?, yes?, no?])))
            }
            Hcl::UnaryOp(operation) => match operation.operator.value() {
                UnaryOperator::Not => {
                    let inner = self.condition(&operation.expr, "`!`", deeper)?;
                    Ok(Expression::Not(Box::new(inner)))
                }
                UnaryOperator::Neg => {
                    let inner = self.compile(&operation.expr, deeper)?;
                    Ok(Expression::Negate(Box::new(inner)))
                }
            },
            Hcl::BinaryOp(operation) => self.binary(expression, operation, deeper),
            Hcl::FuncCall(call) => self.call(call, &span, deeper),
            Hcl::Array(_) => {
                let help = "it can be the first argument of `contains`";
                Err(self.fail_with(&span, "a list of a line's fields cannot be used here", help))
            }
            Hcl::StringTemplate(_) | Hcl::HeredocTemplate(_) => {
                let help = "compare each field for itself, and join with `&&`";
                Err(self.fail_with(&span, "a filter cannot put a line's fields into a text", help))
            }
            _ => Err(self.fail(&span, "a filter cannot do this with a line's fields")),
        }
    }

    fn path(&self, traversal: &Traversal, depth: usize) -> Compiled {
        if !asks_for_fields(&traversal.expr) {
            let span = span_of(&traversal.expr);
            let message = "a filter cannot index a constant with a line's field";
            return Err(self.fail_with(&span, message, "write `lookup(object, key, default)`"));
        }
        let base = self.compile(&traversal.expr, depth);
        let steps = traversal.operators.iter().map(|operator| {
            let span = span_of(operator);
            match operator.value() {
                TraversalOperator::GetAttr(name) => Ok(Step::Key(name.as_str().to_owned())),
                TraversalOperator::LegacyIndex(index) => self.index(Some(*index.value()), &span),
                TraversalOperator::Index(index) if asks_for_fields(index) => {
                    self.compile(index, depth).map(Step::Computed)
                }
                TraversalOperator::Index(index) => {
                    let value = self.constant(index)?;
                    match value.data {
                        Data::String(name) => Ok(Step::Key(name)),
                        Data::Number(number) => self.index(number.as_u64(), &span),
                        _ => self.index(None, &span),
                    }
                }
                TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => {
                    Err(self.fail(&span, "a filter cannot go over all items of a line's list"))
                }
            }
        });
        // All of them, so that every mistake is found.
        let steps: Vec<Result<Step, Failed>> = steps.collect();
        let steps = steps.into_iter().collect::<Result<_, _>>()?;
        Ok(Expression::Path(Box::new(base?), steps))
    }

    fn index(&self, index: Option<u64>, span: &Range<usize>) -> Result<Step, Failed> {
        let index = index.and_then(|index| usize::try_from(index).ok());
        index
            .map(Step::Index)
            .ok_or_else(|| self.fail(span, "an index must be a whole number from 0, or a string"))
    }

    fn binary(&self, whole: &Hcl, operation: &BinaryOp, depth: usize) -> Compiled {
        use BinaryOperator as Op;
        let operator = *operation.operator.value();
        if matches!(operator, Op::And | Op::Or) {
            let asked_by = format!("`{}`", operator.as_str());
            let parts = chain(whole, operator).into_iter();
            let parts: Vec<Compiled> =
                parts.map(|part| self.condition(part, &asked_by, depth)).collect();
            let parts = parts.into_iter().collect::<Result<_, _>>()?;
            return Ok(match operator {
                Op::And => Expression::All(parts),
                _ => Expression::Any(parts),
            });
        }
        let left = self.compile(&operation.lhs_expr, depth);
        let right = self.compile(&operation.rhs_expr, depth);
        let (left, right) = (left?, right?);
        let comparison = match operator {
            Op::Eq => Some(Comparison::Equal),
            Op::NotEq => Some(Comparison::NotEqual),
            Op::Less => Some(Comparison::Less),
            Op::LessEq => Some(Comparison::LessOrEqual),
            Op::Greater => Some(Comparison::Greater),
            Op::GreaterEq => Some(Comparison::GreaterOrEqual),
            _ => None,
        };
        let wants_texts_too = comparison.is_some();
        let is_equality = matches!(operator, Op::Eq | Op::NotEq);
        for (side, expression) in [(&left, &operation.lhs_expr), (&right, &operation.rhs_expr)] {
            let fits = match side {
                Expression::Constant(Tree::Number(_)) => true,
                Expression::Constant(Tree::Text(_)) => wants_texts_too,
                Expression::Constant(_) => is_equality,
                _ => true,
            };
            if !fits {
                let wanted = if wants_texts_too { "numbers or texts" } else { "numbers" };
                let message = format!("`{}` needs {wanted} on both sides", operator.as_str());
                return Err(self.fail(&span_of(expression), message));
            }
        }
        let (left, right) = (Box::new(left), Box::new(right));
        if let Some(comparison) = comparison {
            return Ok(Expression::Compare(comparison, left, right));
        }
        let calculation = match operator {
            Op::Plus => Calculation::Add,
            Op::Minus => Calculation::Subtract,
            Op::Mul => Calculation::Multiply,
            Op::Div => Calculation::Divide,
            _ => Calculation::Remainder,
        };
        Ok(Expression::Calculate(calculation, left, right))
    }

    fn call(&self, call: &FuncCall, span: &Range<usize>, depth: usize) -> Compiled {
        let name = call.name.name.as_str();
        let name_span = span_of(&call.name.name);
        if call.args.expand_final() {
            return Err(self.fail(span, "a filter cannot expand a list with `...`"));
        }
        match name {
            "can" => return self.pattern(call, span, depth),
            "regex" | "regexall" => {
                let message = format!("`{name}` needs `can(…)` around it in a filter");
                return Err(self.fail_with(&name_span, message, PATTERN_EXAMPLE));
            }
            _ => {}
        }
        let found = Function::ALL.iter().find(|(known, ..)| *known == name);
        let Some(&(_, function, parameters)) = found.filter(|_| !call.name.is_namespaced()) else {
            let supported = || Function::ALL.iter().map(|(known, ..)| *known).chain(["can"]);
            let message = if functions::find(name).is_some() {
                format!("`{name}` cannot be used on a line's fields")
            } else {
                format!("unknown function `{name}`")
            };
            let help = did_you_mean(name, supported())
                .unwrap_or_else(|| format!("on a line's fields there are {}", listed(supported())));
            return Err(self.fail_with(&name_span, message, &help));
        };
        let count = call.args.iter().count();
        if let Err(message) = functions::check_count(parameters, count) {
            return Err(self.fail(span, format!("`{name}`: {message}")));
        }
        if function == Function::Contains
            && let (Some(Hcl::Array(items)), Some(wanted)) =
                (call.args.iter().next(), call.args.iter().nth(1))
        {
            let items: Vec<Compiled> = items.iter().map(|item| self.compile(item, depth)).collect();
            let wanted = self.compile(wanted, depth);
            let items = items.into_iter().collect::<Result<_, _>>()?;
            return Ok(Expression::AnyOf(items, Box::new(wanted?)));
        }
        let arguments = call.args.iter().enumerate().map(|(index, argument)| {
            let compiled = self.compile(argument, depth)?;
            match wrong_kind(function.parameter(index), &compiled) {
                Some(wanted) => {
                    let message = format!("`{name}` needs {wanted} here");
                    let help = (function == Function::Contains).then(|| {
                        "a part of a text is found by `strcontains(text, part)`".to_owned()
                    });
                    Err(self.values.fail_with(&span_of(argument), message, help))
                }
                None => Ok(compiled),
            }
        });
        let arguments: Vec<Compiled> = arguments.collect();
        Ok(Expression::Call(function, arguments.into_iter().collect::<Result<_, _>>()?))
    }

    /// `can(regex("…", text))`
    fn pattern(&self, call: &FuncCall, span: &Range<usize>, depth: usize) -> Compiled {
        let mut arguments = call.args.iter();
        let (Some(Hcl::FuncCall(regex)), None) = (arguments.next(), arguments.next()) else {
            let message = "in a filter, `can` takes `regex(…)`";
            return Err(self.fail_with(span, message, PATTERN_EXAMPLE));
        };
        let mut arguments = regex.args.iter();
        let (true, Some(pattern), Some(text), None) = (
            regex.name.name.as_str() == "regex" && !regex.args.expand_final(),
            arguments.next(),
            arguments.next(),
            arguments.next(),
        ) else {
            let message = "in a filter, `can` takes `regex(pattern, text)`";
            return Err(self.fail_with(span, message, PATTERN_EXAMPLE));
        };
        let text = self.compile(text, depth);
        let pattern_span = span_of(pattern);
        if asks_for_fields(pattern) {
            let message = "a pattern cannot depend on the line";
            return Err(self.fail_with(&pattern_span, message, PATTERN_EXAMPLE));
        }
        let pattern = self.constant(pattern)?;
        let Some(written) = pattern.as_str() else {
            let message = format!("a pattern must be a string, not {}", pattern.kind());
            return Err(self.fail(&pattern_span, message));
        };
        let regex = functions::compile_pattern(written).map_err(|why| {
            let why = if pattern.is_secret() { "is not a regular expression" } else { &why };
            self.fail(&pattern_span, format!("the pattern {why}"))
        });
        Ok(Expression::Matches(regex?, Box::new(text?)))
    }
}

/// The parts of `a && b && c`, in order, parentheses among equals taken away.
fn chain(whole: &Hcl, operator: BinaryOperator) -> Vec<&Hcl> {
    let mut parts = Vec::new();
    let mut waiting = vec![whole];
    while let Some(next) = waiting.pop() {
        match next {
            Hcl::BinaryOp(operation) if *operation.operator.value() == operator => {
                waiting.extend([&operation.rhs_expr, &operation.lhs_expr]);
            }
            Hcl::Parenthesis(inner) => waiting.push(inner.inner()),
            part => parts.push(part),
        }
    }
    parts
}

/// What an expression is instead of true or false, if that is sure.
fn never_true(expression: &Expression) -> Option<&'static str> {
    match expression {
        Expression::Negate(_)
        | Expression::Calculate(..)
        | Expression::Call(Function::Length | Function::ToNumber, _) => Some("a number"),
        Expression::Call(Function::Lower | Function::Upper, _) => Some("a string"),
        Expression::Metadata => Some("an object"),
        _ => None,
    }
}

/// What a parameter needs, if the argument is known to be something else.
fn wrong_kind(parameter: Parameter, argument: &Expression) -> Option<&'static str> {
    let Expression::Constant(constant) = argument else { return None };
    match (parameter, constant) {
        (Parameter::Any, _)
        | (Parameter::Text, Tree::Text(_))
        | (Parameter::List, Tree::List(_))
        | (Parameter::Object, Tree::Object(_)) => None,
        (Parameter::Text, _) => Some("a string"),
        (Parameter::List, _) => Some("a list"),
        (Parameter::Object, _) => Some("an object"),
    }
}

/// A number that is written as such, sign and parentheses included: exactly, where the value that an
/// expression has is a float beyond 64 bits.
fn literal(expression: &Hcl) -> Option<Result<Number, TooLong>> {
    match expression {
        Hcl::Parenthesis(inner) => literal(inner.inner()),
        Hcl::UnaryOp(operation) if *operation.operator.value() == UnaryOperator::Neg => {
            let inner = literal(&operation.expr)?;
            Some(inner.map(Number::negated))
        }
        Hcl::Number(number) => {
            let written: String = number.as_repr()?.chars().filter(|c| *c != ' ').collect();
            let is_whole = !written.contains(['.', 'e', 'E']);
            match Number::parse(&written)? {
                Number::Float(_) if is_whole => Some(Err(TooLong)),
                number => Some(Ok(number)),
            }
        }
        _ => None,
    }
}

/// What a number that may have been rounded is refused with.
struct TooLong;

const TOO_LONG_HELP: &str = "one that comes from elsewhere has up to 64 bits, and one that is \
                             written where it is compared up to 127 (38 digits)";

/// 2^63: a float from here on may be a whole number that was rounded.
const ROUNDED_FROM: f64 = 9_223_372_036_854_775_808.0;

fn tree(value: Value) -> Result<Tree, TooLong> {
    Ok(match value.data {
        Data::Null => Tree::Null,
        Data::Bool(bool) => Tree::Bool(bool),
        Data::Number(number) => {
            let whole = number.as_u64().map(i128::from);
            let whole = whole.or_else(|| number.as_i64().map(i128::from));
            Tree::Number(match (whole, number.as_f64().unwrap_or_default()) {
                (Some(whole), _) => Number::Whole(whole),
                (None, float) if float.abs() >= ROUNDED_FROM => return Err(TooLong),
                (None, float) => Number::Float(float),
            })
        }
        Data::String(text) => Tree::Text(text),
        Data::List(items) => Tree::List(items.into_iter().map(tree).collect::<Result<_, _>>()?),
        Data::Object(items) => {
            let entry = |(key, item)| Ok((key, tree(item)?));
            Tree::Object(items.into_iter().map(entry).collect::<Result<_, _>>()?)
        }
    })
}

/// Whether the value depends on the line, or is made by what only filters know.
fn asks_for_fields(expression: &Hcl) -> bool {
    struct Finder(bool);
    impl Visit for Finder {
        fn visit_expr(&mut self, expression: &Hcl) {
            match expression {
                _ if self.0 => {}
                Hcl::Variable(name) => self.0 = FIELDS.contains(&name.as_str()),
                other => visit_expr(self, other),
            }
        }

        fn visit_func_call(&mut self, call: &FuncCall) {
            self.0 |= call.name.name.as_str() == "can";
            visit_func_call(self, call);
        }
    }
    let mut finder = Finder(false);
    finder.visit_expr(expression);
    finder.0
}
