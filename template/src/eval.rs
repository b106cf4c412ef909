//! [`Node`]s → text.
//!
//! An action that fails is noted and left out, and the rest goes on, so that all mistakes show at
//! once. A variable whose value failed is [`Value::Broken`]: its uses fail without a word.

use std::ops::Range;

use super::ast::{Command, Field, Node, Operand, OperandKind, Pipeline};
use super::context::{Context, Problem, TextBuilder};
use super::functions::{Body, Call, Function, Manner};
use super::limits::{ERRORS_MAX, NODE_WORK, OUTPUT_BYTES_MAX, WORK_MAX};
use super::show::{NO_VALUE, show};
use super::value::Value;
use super::{Segment, TemplateError, TemplateScope, time_fields};

/// Why something has no value.
pub(super) enum Failure {
    /// A mistake to report.
    Error(TemplateError),
    /// A mistake that was reported already.
    Reported,
    /// The allowance is used up: nothing more is evaluated.
    Exhausted,
}

type Evaluated<T> = Result<T, Failure>;

/// How a list of nodes ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    On,
    Break,
    Continue,
    /// The allowance is used up.
    Stop,
}

/// One evaluation.
pub(super) struct Evaluator<'t, 's> {
    pub(super) context: Context<'s>,
    source: &'t str,
    variables: Vec<(&'t str, Value)>,
    dot: Value,
    /// The action that is evaluated: where it is reported that the allowance ended.
    action: Range<usize>,
    pub(super) text: String,
    pub(super) map: Vec<Segment>,
    pub(super) errors: Vec<TemplateError>,
}

impl<'t, 's> Evaluator<'t, 's> {
    pub(super) fn new(source: &'t str, scope: &'s TemplateScope<'s>) -> Self {
        Self {
            context: Context::new(scope),
            source,
            variables: vec![("$", Value::Nil)],
            dot: Value::Nil,
            action: 0..0,
            text: String::new(),
            map: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Writes all nodes; what goes wrong is in `errors`.
    pub(super) fn run(&mut self, nodes: &'t [Node]) {
        self.nodes(nodes);
    }

    fn nodes(&mut self, nodes: &'t [Node]) -> Flow {
        for node in nodes {
            let done = match node {
                Node::Text(range) => self.write(&self.source[range.clone()], range, true),
                Node::Action { span, pipeline } => self.action(span, pipeline),
                Node::Choice { arms, otherwise } => {
                    let variables = self.variables.len();
                    let flow = self.choice(arms, otherwise);
                    self.variables.truncate(variables);
                    match flow {
                        Ok(Flow::On) => Ok(()),
                        Ok(flow) => return flow,
                        Err(failure) => Err(failure),
                    }
                }
                Node::Range { pipeline, body, otherwise, span } => {
                    self.action = span.clone();
                    let variables = self.variables.len();
                    let flow = self.range(pipeline, body, otherwise);
                    self.variables.truncate(variables);
                    match flow {
                        Ok(Flow::On) => Ok(()),
                        Ok(flow) => return flow,
                        Err(failure) => Err(failure),
                    }
                }
                Node::Break => return Flow::Break,
                Node::Continue => return Flow::Continue,
            };
            if let Err(failure) = done
                && self.note(failure) == Flow::Stop
            {
                return Flow::Stop;
            }
        }
        Flow::On
    }

    /// Keeps a failure for the report.
    pub(super) fn note(&mut self, failure: Failure) -> Flow {
        let error = match failure {
            Failure::Reported => return Flow::On,
            Failure::Error(error) => error,
            Failure::Exhausted => {
                let message = format!("the template does more than {WORK_MAX} steps of work");
                let error = TemplateError::new(self.action.clone(), message);
                self.errors.push(error);
                return Flow::Stop;
            }
        };
        // The same place again, in a loop or through a variable, is no news.
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
        if self.errors.len() < ERRORS_MAX { Flow::On } else { Flow::Stop }
    }

    fn charge(&mut self, work: usize) -> Evaluated<()> {
        self.context.charge(work).map_err(|_| Failure::Exhausted)
    }

    fn write(&mut self, text: &str, source: &Range<usize>, literal: bool) -> Evaluated<()> {
        self.charge(NODE_WORK + text.len())?;
        if text.is_empty() {
            return Ok(());
        }
        if self.text.len() + text.len() > OUTPUT_BYTES_MAX {
            let message = format!("the result gets longer than {OUTPUT_BYTES_MAX} bytes");
            return Err(Failure::Error(TemplateError::new(source.clone(), message)));
        }
        let output_start = self.text.len();
        self.map.push(Segment { output_start, source: source.clone(), literal });
        self.text.push_str(text);
        Ok(())
    }

    fn action(&mut self, span: &Range<usize>, pipeline: &'t Pipeline) -> Evaluated<()> {
        self.action = span.clone();
        let value = self.bound(pipeline)?;
        if pipeline.target.is_some() {
            return Ok(());
        }
        let text = match &value {
            Value::Nil => NO_VALUE.to_owned(),
            Value::Text(text) => text.text.as_ref().to_owned(),
            value => {
                let mut shown = TextBuilder::default();
                show(&mut self.context, value, &mut shown, 0)
                    .map_err(|problem| failure(problem, &pipeline.span, &[]))?;
                shown.into_string()
            }
        };
        self.write(&text, span, false)
    }

    fn choice(&mut self, arms: &'t [super::ast::Arm], otherwise: &'t [Node]) -> Evaluated<Flow> {
        for arm in arms {
            self.action = arm.pipeline.span.clone();
            let value = self.bound(&arm.pipeline)?;
            if !value.is_true(&self.context.dicts) {
                continue;
            }
            return Ok(match arm.sets_dot {
                true => self.with_dot(value, &arm.body),
                false => self.nodes(&arm.body),
            });
        }
        Ok(self.nodes(otherwise))
    }

    fn with_dot(&mut self, dot: Value, nodes: &'t [Node]) -> Flow {
        let outer = std::mem::replace(&mut self.dot, dot);
        let flow = self.nodes(nodes);
        self.dot = outer;
        flow
    }

    fn range(
        &mut self,
        pipeline: &'t Pipeline,
        body: &'t [Node],
        otherwise: &'t [Node],
    ) -> Evaluated<Flow> {
        let value = self.value(pipeline)?;
        let items: Vec<(Value, Value)> = match &value {
            Value::Nil => Vec::new(),
            Value::List(list) => {
                self.context
                    .check_items(list.items().len())
                    .map_err(|problem| failure(problem, &pipeline.span, &[]))?;
                let numbers = (0..).map(Value::Int);
                numbers.zip(list.items().iter().cloned()).collect()
            }
            Value::Dict(id) => {
                let entries = self.context.entries(*id);
                let entries = entries.map_err(|problem| failure(problem, &pipeline.span, &[]))?;
                entries.into_iter().map(|(key, value)| (Value::text(&key), value)).collect()
            }
            Value::Unset(unset) => {
                return Err(failure(Problem::Unset(unset.clone()), &pipeline.span, &[]));
            }
            other => {
                let message = format!("`range` needs a list or a dict, not {}", other.described());
                return Err(Failure::Error(TemplateError::new(pipeline.span.clone(), message)));
            }
        };
        if items.is_empty() {
            return Ok(self.nodes(otherwise));
        }
        let variables = self.variables.len();
        for (key, item) in items {
            self.charge(NODE_WORK)?;
            self.variables.truncate(variables);
            if let Some(target) = &pipeline.target {
                // One variable is the element, of two the first is its place or key.
                let values = [key, item.clone()];
                let values = values.into_iter().skip(2 - target.names.len());
                for (name, value) in target.names.iter().zip(values) {
                    self.bind(name, value, target.declares);
                }
            }
            let errors = self.errors.len();
            match self.with_dot(item, body) {
                Flow::Stop => return Ok(Flow::Stop),
                Flow::Break => break,
                Flow::On | Flow::Continue => {}
            }
            if self.errors.len() > errors {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn bind(&mut self, name: &'t str, value: Value, declares: bool) {
        if declares {
            self.variables.push((name, value));
        } else if let Some((_, slot)) = self.variables.iter_mut().rev().find(|(n, _)| *n == name) {
            *slot = value;
        }
    }

    /// A pipeline's value, and its variable set.
    pub(super) fn bound(&mut self, pipeline: &'t Pipeline) -> Evaluated<Value> {
        let result = self.value(pipeline);
        if let Some(target) = &pipeline.target {
            for name in &target.names {
                let value = result.as_ref().map_or(Value::Broken, Value::clone);
                self.bind(name, value, target.declares);
            }
        }
        result
    }

    fn value(&mut self, pipeline: &'t Pipeline) -> Evaluated<Value> {
        let mut piped: Option<(Value, Range<usize>)> = None;
        for command in &pipeline.commands {
            let value = self.command(command, piped.take())?;
            piped = Some((value, command.span.clone()));
        }
        Ok(piped.map_or(Value::Nil, |(value, _)| value))
    }

    fn command(
        &mut self,
        command: &'t Command,
        piped: Option<(Value, Range<usize>)>,
    ) -> Evaluated<Value> {
        let head = &command.head;
        match (&head.kind, head.fields.as_slice()) {
            (OperandKind::Function(function), []) => {
                self.call(function, &command.span, &command.arguments, piped)
            }
            (_, fields) => {
                let value = self.bare(head)?;
                let mut arguments = Vec::new();
                let mut spans = Vec::new();
                for operand in &command.arguments {
                    arguments.push(self.operand(operand)?);
                    spans.push(operand.span.clone());
                }
                if let Some((value, span)) = piped {
                    arguments.push(value);
                    spans.push(span);
                }
                self.fields(value, fields, arguments, &spans)
            }
        }
    }

    /// An argument.
    fn operand(&mut self, operand: &'t Operand) -> Evaluated<Value> {
        let value = self.bare(operand)?;
        self.fields(value, &operand.fields, Vec::new(), &[])
    }

    /// An operand without its fields.
    fn bare(&mut self, operand: &'t Operand) -> Evaluated<Value> {
        self.charge(NODE_WORK)?;
        match &operand.kind {
            OperandKind::Dot => Ok(self.dot.clone()),
            OperandKind::Nil => Ok(Value::Nil),
            OperandKind::Bool(value) => Ok(Value::Bool(*value)),
            OperandKind::Int(number) => Ok(Value::Int(*number)),
            OperandKind::Float(number) => Ok(Value::Float(*number)),
            OperandKind::Text(text) => {
                let text = self.context.new_text(text);
                text.map_err(|problem| failure(problem, &operand.span, &[]))
            }
            OperandKind::Variable(name) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                match found {
                    None | Some((_, Value::Broken)) => Err(Failure::Reported),
                    Some((_, value)) => Ok(value.clone()),
                }
            }
            OperandKind::Function(function) => self.call(function, &operand.span, &[], None),
            OperandKind::Unknown => Err(Failure::Reported),
            OperandKind::Parenthesised(pipeline) => self.value(pipeline),
        }
    }

    /// `value.a.b`, the arguments for the last of them.
    fn fields(
        &mut self,
        value: Value,
        fields: &'t [Field],
        arguments: Vec<Value>,
        spans: &[Range<usize>],
    ) -> Evaluated<Value> {
        let mut value = value;
        let mut arguments = arguments;
        for (index, field) in fields.iter().enumerate() {
            self.charge(NODE_WORK)?;
            let last = index + 1 == fields.len();
            let given = if last { std::mem::take(&mut arguments) } else { Vec::new() };
            if !given.is_empty() && !matches!(value, Value::Time(_)) {
                let message = format!("field `{}` is no function", field.name);
                return Err(Failure::Error(TemplateError::new(field.span.clone(), message)));
            }
            let found = match &value {
                Value::Nil => Ok(Value::Nil),
                Value::Dict(id) => {
                    let entries = self.context.dicts.get(*id);
                    Ok(entries.get(&field.name).cloned().unwrap_or(Value::Nil))
                }
                Value::Time(time) => {
                    time_fields::field(&mut self.context, time, &field.name, &given)
                }
                Value::Unset(unset) => Err(Problem::Unset(unset.clone())),
                other => {
                    let what = other.described();
                    Err(Problem::call(format!("{what} has no field `{}`", field.name)))
                }
            };
            value = found.map_err(|problem| failure(problem, &field.span, spans))?;
        }
        Ok(value)
    }

    fn call(
        &mut self,
        function: &'static Function,
        span: &Range<usize>,
        operands: &'t [Operand],
        piped: Option<(Value, Range<usize>)>,
    ) -> Evaluated<Value> {
        let count = operands.len() + usize::from(piped.is_some());
        if count < function.min || function.max.is_some_and(|max| count > max) {
            return Err(Failure::Error(wrong_count(function, span, count)));
        }
        let mut spans: Vec<Range<usize>> = operands.iter().map(|o| o.span.clone()).collect();
        let stops_at = match function.body {
            Body::Eager(_) => None,
            Body::And => Some(false),
            Body::Or => Some(true),
        };
        let mut arguments = Vec::with_capacity(count);
        let mut piped = piped;
        for index in 0..count {
            let value = match operands.get(index) {
                Some(operand) => self.operand(operand)?,
                None => match piped.take() {
                    Some((value, span)) => {
                        spans.push(span);
                        value
                    }
                    None => Value::Nil,
                },
            };
            if let Some(stop) = stops_at
                && (index + 1 == count || value.is_true(&self.context.dicts) == stop)
            {
                return Ok(value);
            }
            arguments.push(value);
        }
        let Body::Eager(body) = function.body else { return Ok(Value::Nil) };
        self.invoke(function, body, span, arguments)
            .map_err(|problem| failure(problem, span, &spans))
    }

    fn invoke(
        &mut self,
        function: &'static Function,
        body: fn(&mut Call<'_, '_>) -> Result<Value, Problem>,
        span: &Range<usize>,
        arguments: Vec<Value>,
    ) -> Result<Value, Problem> {
        if function.manner != Manner::TakesUnset {
            for value in &arguments {
                if let Value::Unset(unset) = value {
                    return Err(Problem::Unset(unset.clone()));
                }
            }
        }
        self.context.charge(NODE_WORK)?;
        self.context.touched_secret = false;
        let context = &mut self.context;
        let value = body(&mut Call { context, name: function.name, span, arguments })?;
        match function.manner == Manner::Derives && self.context.touched_secret {
            true => self.context.mark_secret(value, 0),
            false => Ok(value),
        }
    }
}

fn wrong_count(function: &Function, span: &Range<usize>, count: usize) -> TemplateError {
    let (min, max) = (function.min, function.max);
    let wanted = match max {
        None => format!("at least {min}"),
        Some(max) if max == min => format!("{min}"),
        Some(max) => format!("{min} to {max}"),
    };
    let noun = if max.unwrap_or(min) == 1 { "argument" } else { "arguments" };
    let message = format!("`{}` takes {wanted} {noun}, not {count}", function.name);
    TemplateError::new(span.clone(), message)
}

/// A problem at its place: that of its argument, of the `env` that found nothing, or `span`.
pub(super) fn failure(
    problem: Problem,
    span: &Range<usize>,
    arguments: &[Range<usize>],
) -> Failure {
    match problem {
        Problem::Exhausted => Failure::Exhausted,
        Problem::Broken => Failure::Reported,
        Problem::Unset(unset) => {
            let name = &unset.name;
            let message = format!("environment variable `{name}` is not set");
            let help =
                format!("set {name}, or give a default: {{{{ env \"{name}\" | default \"…\" }}}}");
            Failure::Error(TemplateError::new(unset.span.clone(), message).with_help(help))
        }
        Problem::Wrong { argument, message, help } => {
            let span = argument.and_then(|index| arguments.get(index)).unwrap_or(span);
            let error = TemplateError::new(span.clone(), message);
            Failure::Error(match help {
                Some(help) => error.with_help(help),
                None => error,
            })
        }
    }
}
