//! One action's words as the parser reads them.

use std::ops::Range;

use super::TemplateError;
use super::lex::{Token, TokenKind};
use super::scan::Action;

/// The words of one action, and how far they were read.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    tokens: Vec<Token>,
    /// The index of the word that is read next.
    pub(super) next: usize,
    /// The end of the action's body: where something is missing.
    end: usize,
}

impl Tokens {
    pub(super) fn new(tokens: Vec<Token>, action: &Action) -> Self {
        Self { tokens, next: 0, end: action.body.end }
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    pub(super) fn take(&mut self) -> Option<Token> {
        let token = self.peek().cloned();
        self.next += usize::from(token.is_some());
        token
    }

    pub(super) fn accept(&mut self, kind: &TokenKind) -> bool {
        let found = self.peek().is_some_and(|token| token.kind == *kind);
        self.next += usize::from(found);
        found
    }

    pub(super) fn skip_space(&mut self) {
        while self.accept(&TokenKind::Space) {}
    }

    /// The name that comes next, or nothing.
    pub(super) fn keyword(&mut self) -> String {
        self.skip_space();
        match self.peek() {
            Some(Token { kind: TokenKind::Name(name), .. }) => {
                let name = name.clone();
                self.next += 1;
                name
            }
            _ => String::new(),
        }
    }

    pub(super) fn position(&self) -> usize {
        self.peek().map_or(self.end, |token| token.span.start)
    }

    /// The next word, or the place behind the last one.
    pub(super) fn here(&self) -> Range<usize> {
        self.peek().map_or(self.end..self.end, |token| token.span.clone())
    }

    pub(super) fn previous_end(&self) -> usize {
        self.next.checked_sub(1).and_then(|at| self.tokens.get(at)).map_or(self.end, |t| t.span.end)
    }

    pub(super) fn unexpected(&self) -> TemplateError {
        let what = match self.peek().map(|token| &token.kind) {
            None => "end of the action".to_owned(),
            Some(TokenKind::Declare) => "`:=`".to_owned(),
            Some(TokenKind::Assign) => "`=`".to_owned(),
            Some(TokenKind::Comma) => "`,`: arguments are separated by spaces".to_owned(),
            Some(TokenKind::Close) => "`)`: nothing is open here that it could close".to_owned(),
            Some(TokenKind::Pipe) => "`|`".to_owned(),
            Some(TokenKind::Open) => {
                "`(`: a space separates a function from its arguments".to_owned()
            }
            Some(_) => "value: a space or `|` separates it from what is before it".to_owned(),
        };
        TemplateError::new(self.here(), format!("unexpected {what}"))
    }

    pub(super) fn expect_end(&self) -> Result<(), TemplateError> {
        let rest = self.tokens.iter().enumerate().skip(self.next);
        match rest.into_iter().find(|(_, token)| token.kind != TokenKind::Space) {
            None => Ok(()),
            Some((next, _)) => {
                Err(Self { tokens: self.tokens.clone(), next, end: self.end }.unexpected())
            }
        }
    }
}
