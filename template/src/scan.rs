//! Where the actions of a text begin and end.

use std::ops::Range;

use super::TemplateError;

/// One `{{ … }}` of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    /// Its bytes, braces included.
    pub(crate) span: Range<usize>,
    /// What it is, judged by its first word alone.
    pub(crate) kind: ActionKind,
    /// What is between the braces, without the marks that trim white space.
    pub(super) body: Range<usize>,
    /// `{{-`: the white space before it goes.
    pub(super) trims_before: bool,
    /// `-}}`: the white space behind it goes.
    pub(super) trims_behind: bool,
}

/// What an [`Action`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ActionKind {
    /// Begins with a word such as `if` or `end`: means something only together with others.
    Control,
    /// `{{/* … */}}`.
    Comment,
    /// A pipeline or an assignment.
    Pipeline,
}

/// The words that make an action [`ActionKind::Control`].
const CONTROL: [&str; 10] =
    ["if", "else", "end", "range", "with", "define", "block", "template", "break", "continue"];

/// Finds the actions of `source` without judging what is in them. The errors there can be are an
/// action without its end, a text in it without its quote, and a backslash outside of a text.
pub(crate) fn scan(source: &str) -> Result<Vec<Action>, TemplateError> {
    let mut actions = Vec::new();
    let mut at = 0;
    while let Some(found) = source[at..].find("{{") {
        let action = action(source, at + found)?;
        at = action.span.end;
        actions.push(action);
    }
    Ok(actions)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// The action whose braces open at `start`.
fn action(source: &str, start: usize) -> Result<Action, TemplateError> {
    let bytes = source.as_bytes();
    let mut at = start + 2;
    let trims_before =
        bytes.get(at) == Some(&b'-') && bytes.get(at + 1).copied().is_some_and(is_space);
    if trims_before {
        at += 1;
    }
    let body_start = at;
    while bytes.get(at).copied().is_some_and(is_space) {
        at += 1;
    }
    if source[at..].starts_with("/*") {
        return comment(source, start, at, trims_before);
    }
    let close = body_end(source, start, at)?;
    let trims_behind =
        close >= body_start + 2 && bytes[close - 1] == b'-' && is_space(bytes[close - 2]);
    let body_end = if trims_behind { close - 1 } else { close };
    let word = source[at..body_end]
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .map_or(&source[at..body_end], |length| &source[at..at + length]);
    let kind = if CONTROL.contains(&word) { ActionKind::Control } else { ActionKind::Pipeline };
    Ok(Action {
        span: start..close + 2,
        kind,
        body: body_start..body_end,
        trims_before,
        trims_behind,
    })
}

/// The comment that begins with `/*` at `at`.
fn comment(
    source: &str,
    start: usize,
    at: usize,
    trims_before: bool,
) -> Result<Action, TemplateError> {
    let Some(length) = source[at + 2..].find("*/") else {
        return Err(TemplateError::new(start..at + 2, "this comment is never closed")
            .with_help("close it with `*/}}`"));
    };
    let behind = at + 2 + length + 2;
    let rest = &source[behind..];
    let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
    let trims_behind = trimmed.len() < rest.len() && trimmed.starts_with("-}}");
    let close = if trims_behind { &trimmed[1..] } else { trimmed };
    if !close.starts_with("}}") {
        return Err(TemplateError::new(start..behind, "a comment must be alone in its action")
            .with_help("close the action right behind the comment: `*/}}`"));
    }
    let end = source.len() - close.len() + 2;
    Ok(Action {
        span: start..end,
        kind: ActionKind::Comment,
        body: at..behind,
        trims_before,
        trims_behind,
    })
}

/// Where the `}}` of the action that opened at `start` stands; `at` is in its body.
fn body_end(source: &str, start: usize, mut at: usize) -> Result<usize, TemplateError> {
    let bytes = source.as_bytes();
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'}' if bytes.get(at + 1) == Some(&b'}') => return Ok(at),
            b'"' | b'\'' | b'`' => match quote_end(bytes, at) {
                Some(end) => at = end,
                None => {
                    let line = source[at..].find(['\n', '\r']).map_or(source.len(), |n| at + n);
                    return Err(TemplateError::new(
                        at..line,
                        "this quote opens a text that is never closed",
                    ));
                }
            },
            // No word of a template, and it leaves open which quotes are meant.
            b'\\' => {
                let help = "inside `{{ }}` a text needs plain quotes or backticks";
                return Err(TemplateError::new(at..at + 1, "unexpected `\\`").with_help(help));
            }
            // A second `{{` cannot stand in an action: the first one was never closed.
            b'{' if bytes.get(at + 1) == Some(&b'{') => break,
            _ => at += 1,
        }
    }
    Err(TemplateError::new(start..start + 2, "this `{{` is never closed")
        .with_help("close it with `}}`"))
}

/// Behind the quote that closes the one at `at`. Only a raw text, in backticks, goes over lines.
pub(super) fn quote_end(bytes: &[u8], at: usize) -> Option<usize> {
    let quote = *bytes.get(at)?;
    let mut at = at + 1;
    loop {
        match *bytes.get(at)? {
            byte if byte == quote => return Some(at + 1),
            b'\\' if quote != b'`' => at += 2,
            b'\n' if quote != b'`' => return None,
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_actions_and_their_kinds() {
        let found = |source: &str| -> Vec<(String, ActionKind)> {
            let actions = scan(source).unwrap();
            actions.into_iter().map(|a| (source[a.span].to_owned(), a.kind)).collect()
        };
        let pipeline = |text: &str| (text.to_owned(), ActionKind::Pipeline);
        assert_eq!(found("no action { } }}"), []);
        assert_eq!(found(r#"a {{ env "}}" }} b"#), [pipeline(r#"{{ env "}}" }}"#)]);
        assert_eq!(found("{{ `}}\n\"` }}{{- $x := 1 -}}").len(), 2);
        assert_eq!(found(r#"{{ "\"}}" }}"#), [pipeline(r#"{{ "\"}}" }}"#)]);
        assert_eq!(found("{{ '}' }}"), [pipeline("{{ '}' }}")]);
        assert_eq!(found("{{/* }} ' */}}")[0].1, ActionKind::Comment);
        assert_eq!(found("{{- /* a */ -}}")[0].1, ActionKind::Comment);
        for word in CONTROL {
            assert_eq!(found(&format!("{{{{- {word} -}}}}"))[0].1, ActionKind::Control, "{word}");
        }
        assert_eq!(found("{{ ending }}{{if}}")[0].1, ActionKind::Pipeline);
    }

    #[test]
    fn says_what_is_unclosed() {
        for (source, span, message) in [
            ("ab {{ env", 3..5, "this `{{` is never closed"),
            ("{{ a {{ b }}", 0..2, "this `{{` is never closed"),
            ("{{ \"a }}\n\" }}", 3..8, "this quote opens a text that is never closed"),
            ("{{ `a }}", 3..8, "this quote opens a text that is never closed"),
            ("{{/* a }}", 0..4, "this comment is never closed"),
            ("{{/* a */ b }}", 0..9, "a comment must be alone in its action"),
        ] {
            let error = scan(source).unwrap_err();
            assert_eq!((error.span, error.message.as_str()), (span, message), "{source}");
        }
    }
}
