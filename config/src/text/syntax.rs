//! Text → HCL tree, with more than the first syntax error.
//!
//! The parser stops at its first error. Here the statement that holds it is blanked and the rest is
//! parsed again, so that every statement gets its say. Brackets and strings that are left open are
//! reported from the [`outline`](super::outline), at the place where they open.

use std::ops::Range;

use hcl_edit::parser::{Error, parse_body};
use hcl_edit::structure::Body;

use super::script::Script;
use crate::limits::SYNTAX_ERRORS_MAX;
use dstream_task::Diagnostic;

/// What could be read of a text.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// What is right, and what is wrong in other ways than the grammar's.
    pub(crate) body: Body,
    /// What was left out of it.
    pub(crate) damaged: Vec<Range<usize>>,
    /// Why.
    pub(crate) problems: Vec<Diagnostic>,
}

/// Parses a text.
pub(crate) fn parse(script: &Script) -> Parsed {
    let outline = &script.outline;
    let mut text = script.parsed.clone();
    let mut parsed = Parsed::default();
    for problem in &outline.problems {
        let found = script.error(&problem.span, problem.message.clone());
        parsed.problems.push(match problem.help {
            Some(help) => found.with_help(help),
            None => found,
        });
        let statement = statement_at(script, problem.span.start, &parsed.damaged);
        match statement.filter(|_| !problem.stray) {
            Some(statement) => {
                blank(&mut text, &statement);
                parsed.damaged.push(statement);
            }
            None => blank(&mut text, &problem.span),
        }
    }
    // Where an unclosed block would have ended nobody knows, so all the rest is in doubt.
    for _ in 0..if outline.in_doubt { 0 } else { SYNTAX_ERRORS_MAX } {
        let error = match parse_body(&text) {
            Ok(body) => {
                parsed.body = body;
                break;
            }
            Err(error) => error,
        };
        let at = error.location().offset();
        let statement = statement_at(script, at, &parsed.damaged);
        parsed.problems.push(explain(script, &error, statement.as_ref()));
        let Some(statement) = statement else { break };
        blank(&mut text, &statement);
        parsed.damaged.push(statement);
    }
    parsed
}

/// The innermost statement around an offset that is still there, or the last one before it.
fn statement_at(script: &Script, at: usize, damaged: &[Range<usize>]) -> Option<Range<usize>> {
    let open = |span: &&Range<usize>| {
        !span.is_empty()
            && !damaged.iter().any(|gone| gone.start <= span.start && span.end <= gone.end)
    };
    let statements = || script.outline.statements.iter().filter(open);
    statements()
        .filter(|span| span.start <= at && at < span.end.max(span.start + 1))
        .min_by_key(|span| span.len())
        .or_else(|| statements().filter(|span| span.start <= at).max_by_key(|span| span.start))
        .cloned()
}

/// Overwrites with spaces; newlines stay, so that lines stay lines.
fn blank(text: &mut String, span: &Range<usize>) {
    let Some(gone) = text.get(span.clone()) else { return };
    let spaces: String = gone.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    text.replace_range(span.clone(), &spaces);
}

/// The parser's error in words that say what to do.
fn explain(script: &Script, error: &Error, statement: Option<&Range<usize>>) -> Diagnostic {
    let text = &script.parsed;
    let message = error.message();
    let mut at = error.location().offset().min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let rest = &text[at..];
    let word = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')));
    let word = &rest[..word.unwrap_or(rest.len())];
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let span = at..at + if word.is_empty() { first } else { word.len() };
    let error = |message: &str| script.error(&span, message);
    if message.contains("unique attribute key") {
        return error(&format!("`{word}` is set twice here")).with_help("remove one of them");
    }
    if message.contains("unique object key") {
        return error("duplicate key in the object").with_help("remove one of them");
    }
    if message.contains("nesting depth") || message.contains("chained binary operators") {
        return error("this is nested too deeply");
    }
    if message.contains("escape sequence") || message.contains("hex code") {
        let start = text[..at].rfind('\\').unwrap_or(at);
        return script.error(&(start..at), "invalid escape sequence").with_help(
            "HCL has \\n, \\r, \\t, \\\", \\\\, \\uXXXX and \\UXXXXXXXX; a backslash is `\\\\`",
        );
    }
    let one_line = statement.is_some_and(|span| !text[span.clone()].contains('\n'));
    if one_line && (message.contains("block body") || is_second_attribute(text, statement, at)) {
        return error("a one-line block can hold only one attribute")
            .with_help("put each attribute and each block on its own line");
    }
    if message.contains("invalid structure") || (message == "unexpected token" && !word.is_empty())
    {
        return error("expected an attribute or a block")
            .with_help("an attribute is `name = value`, a block `name { … }`");
    }
    if message.contains("invalid expression") || rest.starts_with('\n') && is_after_equals(text, at)
    {
        return error("expected a value").with_help("strings need quotes");
    }
    if message.contains("expected newline") {
        let unexpected = if word.is_empty() { &rest[..first] } else { word };
        let negated = text[..at].trim_end().ends_with(" not");
        let help = match word {
            "and" => "write `&&`",
            "or" => "write `||`",
            _ if negated => "write `!` instead of `not`",
            _ => "put each attribute on its own line; strings need quotes",
        };
        return error(&format!("unexpected `{unexpected}` after the value")).with_help(help);
    }
    error(message)
}

fn is_after_equals(text: &str, at: usize) -> bool {
    text[..at].trim_end_matches([' ', '\t', '\r']).ends_with('=')
}

/// Whether `name =` stands at an offset, within braces of the same line.
fn is_second_attribute(text: &str, statement: Option<&Range<usize>>, at: usize) -> bool {
    let Some(statement) = statement else { return false };
    let behind = text[at..].trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
    text[statement.start..at.max(statement.start)].contains('{')
        && behind.len() < text[at..].len()
        && behind.trim_start_matches([' ', '\t']).starts_with('=')
}
