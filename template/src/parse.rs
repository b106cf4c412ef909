//! Text → [`Node`]s.
//!
//! The grammar's mistakes end the parse. Names that do not exist are collected: they hide nothing
//! else.

use std::ops::Range;

use super::TemplateError;
use super::ast::{Arm, Command, Field, Node, Operand, OperandKind, Pipeline, Target};
use super::functions;
use super::lex::{Token, TokenKind, lex};
use super::limits::{ERRORS_MAX, NESTING_MAX, VARIABLES_MAX};
use super::scan::{Action, ActionKind, scan};
use super::tokens::Tokens;

/// A template that follows the grammar.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) nodes: Vec<Node>,
    /// Functions and variables that do not exist.
    pub(super) unknown: Vec<TemplateError>,
}

/// Parses a whole text.
pub(super) fn parse(source: &str) -> Result<Parsed, TemplateError> {
    let actions = scan(source)?;
    let mut parser = Parser {
        source,
        parts: parts(source, actions),
        next: 0,
        depth: 0,
        loops: 0,
        variables: vec!["$".to_owned()],
        unknown: Vec::new(),
    };
    let (nodes, end) = parser.nodes(&[])?;
    if let Some(end) = end {
        return Err(end.error("nothing is open here that it could belong to"));
    }
    Ok(Parsed { nodes, unknown: parser.unknown })
}

/// A text or an action, in order.
#[derive(Debug, Clone)]
enum Part {
    Text(Range<usize>),
    Action(Action),
}

/// Cuts the text at its actions and trims what they ask for.
fn parts(source: &str, actions: Vec<Action>) -> Vec<Part> {
    let mut parts = Vec::with_capacity(actions.len() * 2 + 1);
    let mut start = 0;
    let mut trims_start = false;
    let spaces = [' ', '\t', '\r', '\n'];
    let text = |range: Range<usize>, trims_start: bool, trims_end: bool| {
        let mut piece = &source[range.clone()];
        let mut from = range.start;
        if trims_start {
            from += piece.len() - piece.trim_start_matches(spaces).len();
            piece = piece.trim_start_matches(spaces);
        }
        if trims_end {
            piece = piece.trim_end_matches(spaces);
        }
        (!piece.is_empty()).then(|| Part::Text(from..from + piece.len()))
    };
    for action in actions {
        parts.extend(text(start..action.span.start, trims_start, action.trims_before));
        (start, trims_start) = (action.span.end, action.trims_behind);
        if action.kind != ActionKind::Comment {
            parts.push(Part::Action(action));
        }
    }
    parts.extend(text(start..source.len(), trims_start, false));
    parts
}

/// The control word that ended a list of nodes.
struct Terminator {
    word: Word,
    span: Range<usize>,
    /// What follows the word in its action.
    tokens: Tokens,
}

impl Terminator {
    fn error(&self, why: &str) -> TemplateError {
        let word = if self.word == Word::End { "end" } else { "else" };
        TemplateError::new(self.span.clone(), format!("unexpected `{word}`: {why}"))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Else,
    End,
}

struct Parser<'a> {
    source: &'a str,
    parts: Vec<Part>,
    next: usize,
    /// Control structures and parentheses that are open.
    depth: usize,
    /// `range`s that are open.
    loops: usize,
    /// Variables that can be seen here; a block forgets those it declared.
    variables: Vec<String>,
    unknown: Vec<TemplateError>,
}

impl Parser<'_> {
    /// Nodes up to one of `ends`, or to the end of the text.
    fn nodes(&mut self, ends: &[Word]) -> Result<(Vec<Node>, Option<Terminator>), TemplateError> {
        let mut nodes = Vec::new();
        while let Some(part) = self.parts.get(self.next).cloned() {
            self.next += 1;
            let action = match part {
                Part::Text(range) => {
                    nodes.push(Node::Text(range));
                    continue;
                }
                Part::Action(action) => action,
            };
            let mut tokens = Tokens::new(lex(self.source, &action.body)?, &action);
            let span = action.span;
            if action.kind == ActionKind::Pipeline {
                let pipeline = self.pipeline(&mut tokens, Allowed::Assignment)?;
                tokens.expect_end()?;
                nodes.push(Node::Action { span, pipeline });
                continue;
            }
            let word = tokens.keyword();
            match word.as_str() {
                "if" | "with" => {
                    nodes.push(self.nested(&span, |parser| {
                        parser.choice(&span, &mut tokens, word == "with")
                    })?);
                }
                "range" => {
                    nodes.push(self.nested(&span, |parser| parser.range(&span, &mut tokens))?);
                }
                "else" | "end" => {
                    let word = if word == "end" { Word::End } else { Word::Else };
                    let terminator = Terminator { word, span, tokens };
                    if !ends.contains(&word) {
                        return Err(terminator.error(match ends {
                            [] => "nothing is open here that it could belong to",
                            _ => "the last `else` came before it",
                        }));
                    }
                    return Ok((nodes, Some(terminator)));
                }
                "break" | "continue" => {
                    tokens.expect_end()?;
                    if self.loops == 0 {
                        let message = format!("`{word}` stands outside of a `range`");
                        return Err(TemplateError::new(span, message));
                    }
                    nodes.push(if word == "break" { Node::Break } else { Node::Continue });
                }
                _ => {
                    return Err(TemplateError::new(span, format!("`{word}` is not supported"))
                        .with_help("DStream reads one file; a local holds what is used twice"));
                }
            }
        }
        Ok((nodes, None))
    }

    /// Runs `parse` one level deeper, and forgets the variables it declared.
    fn nested<T>(
        &mut self,
        span: &Range<usize>,
        parse: impl FnOnce(&mut Self) -> Result<T, TemplateError>,
    ) -> Result<T, TemplateError> {
        if self.depth == NESTING_MAX {
            let message = format!("nested more than {NESTING_MAX} levels deep");
            return Err(TemplateError::new(span.clone(), message));
        }
        self.depth += 1;
        let variables = self.variables.len();
        let result = parse(self);
        self.variables.truncate(variables);
        self.depth -= 1;
        result
    }

    /// The nodes of a body, forgetting the variables declared in it.
    fn body(
        &mut self,
        opened: &Range<usize>,
        ends: &[Word],
    ) -> Result<(Vec<Node>, Terminator), TemplateError> {
        let variables = self.variables.len();
        let (nodes, end) = self.nodes(ends)?;
        self.variables.truncate(variables);
        match end {
            Some(end) => Ok((nodes, end)),
            None => Err(TemplateError::new(opened.clone(), "this has no `{{ end }}`")
                .with_help("close it with `{{ end }}`")),
        }
    }

    fn choice(
        &mut self,
        opened: &Range<usize>,
        tokens: &mut Tokens,
        sets_dot: bool,
    ) -> Result<Node, TemplateError> {
        let mut arms = Vec::new();
        let mut sets_dot = sets_dot;
        let mut tokens = std::mem::take(tokens);
        loop {
            let pipeline = self.pipeline(&mut tokens, Allowed::Assignment)?;
            tokens.expect_end()?;
            let (body, end) = self.body(opened, &[Word::Else, Word::End])?;
            arms.push(Arm { pipeline, sets_dot, body });
            tokens = end.tokens;
            if end.word == Word::End {
                tokens.expect_end()?;
                return Ok(Node::Choice { arms, otherwise: Vec::new() });
            }
            match tokens.keyword().as_str() {
                "if" => sets_dot = false,
                "with" => sets_dot = true,
                _ => {
                    tokens.expect_end()?;
                    let (otherwise, end) = self.body(opened, &[Word::End])?;
                    end.tokens.expect_end()?;
                    return Ok(Node::Choice { arms, otherwise });
                }
            }
        }
    }

    fn range(&mut self, opened: &Range<usize>, tokens: &mut Tokens) -> Result<Node, TemplateError> {
        let pipeline = self.pipeline(tokens, Allowed::TwoVariables)?;
        tokens.expect_end()?;
        self.loops += 1;
        let (body, end) = self.body(opened, &[Word::Else, Word::End])?;
        self.loops -= 1;
        end.tokens.expect_end()?;
        let otherwise = match end.word {
            Word::End => Vec::new(),
            Word::Else => {
                let (otherwise, end) = self.body(opened, &[Word::End])?;
                end.tokens.expect_end()?;
                otherwise
            }
        };
        Ok(Node::Range { span: opened.clone(), pipeline, body, otherwise })
    }

    /// A pipeline up to the end of the action, or up to a closing parenthesis, which is left.
    fn pipeline(
        &mut self,
        tokens: &mut Tokens,
        allowed: Allowed,
    ) -> Result<Pipeline, TemplateError> {
        tokens.skip_space();
        let start = tokens.position();
        let target = if allowed == Allowed::Nothing { None } else { self.target(tokens, allowed)? };
        let mut commands = Vec::new();
        loop {
            let command = self.command(tokens, !commands.is_empty())?;
            commands.push(command);
            tokens.skip_space();
            if !tokens.accept(&TokenKind::Pipe) {
                break;
            }
        }
        let end = commands.last().map_or(start, |command: &Command| command.span.end);
        if let Some(target) = &target {
            if target.declares {
                self.variables.extend(target.names.iter().cloned());
            }
            if self.variables.len() > VARIABLES_MAX {
                let message = format!("more than {VARIABLES_MAX} variables");
                return Err(TemplateError::new(start..end, message));
            }
        }
        Ok(Pipeline { span: start..end, target, commands })
    }

    /// `$x :=`, `$x =`, and in a `range` `$i, $x :=`; nothing is taken if it is none of these.
    fn target(
        &mut self,
        tokens: &mut Tokens,
        allowed: Allowed,
    ) -> Result<Option<Target>, TemplateError> {
        let start = tokens.next;
        let mut names = Vec::new();
        let mut spans = Vec::new();
        loop {
            tokens.skip_space();
            let Some(Token { kind: TokenKind::Variable(name), span }) = tokens.peek() else {
                break;
            };
            names.push(name.clone());
            spans.push(span.clone());
            tokens.next += 1;
            tokens.skip_space();
            if allowed != Allowed::TwoVariables || !tokens.accept(&TokenKind::Comma) {
                break;
            }
        }
        let declares = tokens.accept(&TokenKind::Declare);
        if names.is_empty() || !declares && !tokens.accept(&TokenKind::Assign) {
            tokens.next = start;
            return Ok(None);
        }
        if let (3.., Some(third)) = (names.len(), spans.get(2)) {
            return Err(TemplateError::new(third.clone(), "`range` has at most two variables"));
        }
        for (name, span) in names.iter().zip(spans) {
            if !declares {
                self.check_variable(name, &span);
            }
        }
        Ok(Some(Target { names, declares }))
    }

    fn command(&mut self, tokens: &mut Tokens, piped: bool) -> Result<Command, TemplateError> {
        tokens.skip_space();
        let mut operands = Vec::new();
        loop {
            match tokens.peek().map(|token| &token.kind) {
                None | Some(TokenKind::Pipe | TokenKind::Close) => break,
                _ => operands.push(self.operand(tokens)?),
            }
            match tokens.peek() {
                None => break,
                Some(token) => match token.kind {
                    TokenKind::Space => tokens.skip_space(),
                    TokenKind::Pipe | TokenKind::Close => break,
                    _ => return Err(tokens.unexpected()),
                },
            }
        }
        let mut operands = operands.into_iter();
        let Some(head) = operands.next() else {
            return Err(TemplateError::new(tokens.here(), "a value is missing here")
                .with_help("an action holds a value or a function, such as {{ env \"NAME\" }}"));
        };
        let arguments: Vec<Operand> = operands.collect();
        let callable = matches!(head.kind, OperandKind::Function(_) | OperandKind::Unknown)
            || !head.fields.is_empty();
        if !callable && (piped || !arguments.is_empty()) {
            let message = if piped {
                "a value can only be piped into a function"
            } else {
                "this is no function, so it takes no arguments"
            };
            return Err(TemplateError::new(head.span, message));
        }
        if matches!(head.kind, OperandKind::Nil) {
            return Err(TemplateError::new(head.span, "`nil` alone has no value"));
        }
        let end = arguments.last().unwrap_or(&head).span.end;
        Ok(Command { span: head.span.start..end, head, arguments })
    }

    fn operand(&mut self, tokens: &mut Tokens) -> Result<Operand, TemplateError> {
        let Some(Token { kind, span }) = tokens.take() else {
            return Err(TemplateError::new(tokens.here(), "a value is missing here"));
        };
        let mut operand =
            Operand { span: span.clone(), kind: OperandKind::Dot, fields: Vec::new() };
        operand.kind = match kind {
            TokenKind::Dot => OperandKind::Dot,
            TokenKind::Field(name) => {
                operand.fields.push(Field { span: span.clone(), name });
                OperandKind::Dot
            }
            TokenKind::Name(name) => match name.as_str() {
                "nil" => OperandKind::Nil,
                "true" => OperandKind::Bool(true),
                "false" => OperandKind::Bool(false),
                _ => self.function(&name, &span),
            },
            TokenKind::Variable(name) => {
                self.check_variable(&name, &span);
                OperandKind::Variable(name)
            }
            TokenKind::Text(text) => OperandKind::Text(text),
            TokenKind::Int(number) => OperandKind::Int(number),
            TokenKind::Float(number) => OperandKind::Float(number),
            TokenKind::Open => {
                let inner = self.nested(&span, |parser| {
                    let inner = parser.pipeline(tokens, Allowed::Nothing)?;
                    tokens.skip_space();
                    if tokens.accept(&TokenKind::Close) {
                        Ok(inner)
                    } else if tokens.peek().is_some() {
                        Err(tokens.unexpected())
                    } else {
                        Err(TemplateError::new(span.clone(), "this `(` is never closed"))
                    }
                })?;
                operand.span.end = tokens.previous_end();
                OperandKind::Parenthesised(Box::new(inner))
            }
            TokenKind::Space
            | TokenKind::Declare
            | TokenKind::Assign
            | TokenKind::Pipe
            | TokenKind::Comma
            | TokenKind::Close => {
                tokens.next -= 1;
                return Err(tokens.unexpected());
            }
        };
        while let Some(Token { kind: TokenKind::Field(name), span }) = tokens.peek() {
            operand.span.end = span.end;
            operand.fields.push(Field { span: span.clone(), name: name.clone() });
            tokens.next += 1;
        }
        let plain = matches!(
            operand.kind,
            OperandKind::Nil
                | OperandKind::Bool(_)
                | OperandKind::Int(_)
                | OperandKind::Float(_)
                | OperandKind::Text(_)
        );
        match operand.fields.first() {
            Some(field) if plain => {
                let message = format!("a constant has no field `{}`", field.name);
                Err(TemplateError::new(field.span.clone(), message))
            }
            _ => Ok(operand),
        }
    }

    fn function(&mut self, name: &str, span: &Range<usize>) -> OperandKind {
        if let Some(function) = functions::find(name) {
            return OperandKind::Function(function);
        }
        let error = TemplateError::new(span.clone(), format!("unknown template function `{name}`"));
        let help = functions::nearest(name)
            .map(|nearest| format!("did you mean `{nearest}`?"))
            .or_else(|| functions::left_out(name).map(str::to_owned));
        self.report(match help {
            Some(help) => error.with_help(help),
            None => error,
        });
        OperandKind::Unknown
    }

    fn check_variable(&mut self, name: &str, span: &Range<usize>) {
        if self.variables.iter().any(|known| known == name) {
            return;
        }
        let message = format!("unknown variable `{name}`");
        if self.unknown.iter().any(|error| error.message == message) {
            return;
        }
        let help = format!("declare it before it is used: {{{{ {name} := … }}}}");
        self.report(TemplateError::new(span.clone(), message).with_help(help));
    }

    fn report(&mut self, error: TemplateError) {
        if self.unknown.len() < ERRORS_MAX {
            self.unknown.push(error);
        }
    }
}

/// Which variables may stand at the head of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    Nothing,
    Assignment,
    TwoVariables,
}
