//! A configuration's text as the HCL parser gets it, and the way back to the file.
//!
//! Every template action is lifted out before the parse. A placeholder of the same length stands in
//! its place, so that all offsets stay true, and what the action writes is put in where the
//! placeholder is met again: as text inside a string, as a typed value outside. So no value can
//! change the document, whatever characters it has.
//!
//! Only what cannot be lifted — control structures around blocks, names made by actions — makes the
//! text be rendered before it is parsed. Even then the liftable actions stay out of it.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use super::action::Place;
pub(crate) use super::lift::Insert;
use super::lift::{is_code_comment, sort_out};
use super::outline::{self, Outline};
use crate::limits::{ACTIONS_MAX, FILE_BYTES_MAX};
use dstream_task::{Diagnostic, SourceText};
use dstream_template::{Rendered, TemplateScope};

/// A text, ready for the HCL parser.
#[derive(Debug)]
pub(crate) struct Script {
    /// The file, for diagnostics.
    pub(crate) source: Arc<SourceText>,
    /// What the parser reads.
    pub(crate) parsed: String,
    /// The outline of `parsed`.
    pub(crate) outline: Outline,
    /// What rendering the text brought to light.
    pub(crate) secrets: Vec<String>,
    /// In the order of their places in the file.
    inserts: Vec<Insert>,
    /// There if `parsed` is the outcome of rendering.
    rendered: Option<Rendered>,
    /// What the placeholders in strings begin with; it stands nowhere else.
    sentinel: char,
}

/// The first of the characters that may become the sentinel: Unicode's private use area, three
/// bytes each. An action has at least four.
const SENTINELS: Range<u32> = 0xE000..0xF8FF;

/// What fills a placeholder. Outside strings the whole of it is this, and thus an identifier.
const FILLER: u8 = b'_';

impl Script {
    /// A text without template actions: a variable file, a value of the command line.
    pub(crate) fn plain(source: Arc<SourceText>) -> Self {
        let parsed = source.text.clone();
        let outline = outline::scan(&parsed, false);
        Self {
            source,
            parsed,
            outline,
            secrets: Vec::new(),
            inserts: Vec::new(),
            rendered: None,
            sentinel: char::REPLACEMENT_CHARACTER,
        }
    }

    /// Lifts the actions of `source`, and renders it if that is not enough. The warnings say so.
    pub(crate) fn prepare(
        source: Arc<SourceText>,
        scope: &TemplateScope<'_>,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        if !source.text.contains("{{") {
            return Ok((Self::plain(source), Vec::new()));
        }
        let mut outline = outline::scan(&source.text, true);
        if outline.actions.len() > ACTIONS_MAX {
            let span = outline.actions[ACTIONS_MAX].span.clone();
            let message = format!("more than {ACTIONS_MAX} template actions in one file");
            return Err(vec![Diagnostic::error(&source, span, message)]);
        }
        let Some(sentinel) = free_sentinel(&source.text) else {
            let message = "the file uses every character of Unicode's private use area";
            return Err(vec![Diagnostic::error(&source, 0..0, message)]);
        };
        let (inserts, left) = sort_out(&outline, &source.text);
        let mut text = source.text.clone().into_bytes();
        for insert in &inserts {
            let place = &mut text[insert.span.clone()];
            place.fill(FILLER);
            if insert.place != Place::Code {
                sentinel.encode_utf8(place);
            }
        }
        for comment in outline.actions.iter().filter(|action| is_code_comment(action)) {
            blank(&mut text[comment.span.clone()]);
        }
        // Every byte that was written is ASCII or the whole sentinel, every span whole characters.
        let lifted = String::from_utf8_lossy(&text).into_owned();
        if left.is_empty() || !outline.problems.is_empty() {
            outline.actions.clear();
            let (parsed, rendered) = (lifted, None);
            let secrets = Vec::new();
            let script = Self { source, parsed, outline, secrets, inserts, rendered, sentinel };
            return Ok((script, Vec::new()));
        }
        Self::render(source, lifted, &outline, inserts, &left, sentinel, scope)
    }

    fn render(
        source: Arc<SourceText>,
        lifted: String,
        outline: &Outline,
        inserts: Vec<Insert>,
        left: &[Range<usize>],
        sentinel: char,
        scope: &TemplateScope<'_>,
    ) -> Result<(Self, Vec<Diagnostic>), Vec<Diagnostic>> {
        // What is commented out must not run.
        let mut text = lifted.into_bytes();
        for comment in &outline.comments {
            blank(&mut text[comment.clone()]);
        }
        let lifted = String::from_utf8_lossy(&text).into_owned();
        let rendered = dstream_template::render(&lifted, scope).map_err(|errors| {
            let diagnostic = |error: dstream_template::TemplateError| {
                let found = Diagnostic::error(&source, error.span, error.message);
                match error.help {
                    Some(help) => found.with_help(help),
                    None => found,
                }
            };
            errors.into_iter().map(diagnostic).collect::<Vec<_>>()
        })?;
        if rendered.text.len() > FILE_BYTES_MAX {
            let message = format!("rendered, the file has more than {FILE_BYTES_MAX} bytes");
            return Err(vec![Diagnostic::error(&source, left[0].clone(), message)]);
        }
        let warning = Diagnostic::warning(
            &source,
            left[0].clone(),
            "because of this action, the whole file is rendered as text before it is read as HCL",
        )
        .with_label("stands around HCL, not inside a value")
        .with_help(
            "a value that holds quotes or braces can change the document then; safer are a \
             conditional (`x = var.a ? 1 : 2`), a `for` expression, or `env(\"X\")`",
        );
        let script = Self {
            parsed: rendered.text.clone(),
            outline: outline::scan(&rendered.text, false),
            secrets: rendered.secrets.clone(),
            source,
            inserts,
            rendered: Some(rendered),
            sentinel,
        };
        Ok((script, vec![warning]))
    }

    /// Where in the file a span of the parsed text came from.
    pub(crate) fn file_span(&self, span: &Range<usize>) -> Range<usize> {
        match &self.rendered {
            Some(rendered) => rendered.source_span(span.clone()),
            None => span.clone(),
        }
    }

    /// An error at a span of the parsed text.
    pub(crate) fn error(&self, span: &Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(&self.source, self.file_span(span), message)
    }

    /// A warning at a span of the parsed text.
    pub(crate) fn warning(&self, span: &Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::warning(&self.source, self.file_span(span), message)
    }

    /// Whether values of template actions may stand in the document itself.
    pub(crate) fn is_rendered(&self) -> bool {
        self.rendered.is_some()
    }

    /// The file's text of a span of the parsed text, if it stands in the file as it was parsed.
    pub(crate) fn written(&self, span: &Range<usize>) -> Option<&str> {
        if self.is_rendered() {
            return None;
        }
        self.source.text.get(span.clone())
    }

    /// The action whose placeholder is the whole of `span`, outside strings.
    pub(crate) fn value_at(&self, span: &Range<usize>) -> Option<&Insert> {
        let insert = self.insert_at(span.start)?;
        (insert.place == Place::Code && insert.span.len() == span.len()).then_some(insert)
    }

    /// Whether anything was lifted out of a span of the parsed text.
    pub(crate) fn has_inserts(&self, span: &Range<usize>) -> bool {
        !self.inserts.is_empty()
            && (self.parsed.get(span.clone()).is_some_and(|text| text.contains(self.sentinel))
                || self.inserts.iter().any(|insert| {
                    insert.place == Place::Code && self.file_span(span).contains(&insert.span.start)
                }))
    }

    /// `text`, which the parser made of the string at `span`, cut at its placeholders.
    pub(crate) fn pieces<'a>(&'a self, text: &'a str, span: &Range<usize>) -> Vec<Piece<'a>> {
        let raw = self.parsed.get(span.clone()).unwrap_or_default();
        let mut inserts =
            raw.match_indices(self.sentinel).map(|(at, _)| self.insert_at(span.start + at));
        let mut pieces = Vec::new();
        // Up to here the text is in pieces; up to `seen` it was searched.
        let (mut done, mut seen) = (0, 0);
        while let Some(found) = text.get(seen..).and_then(|rest| rest.find(self.sentinel)) {
            let at = seen + found;
            // A rendered text may have brought the sentinel with it; then it is text.
            let Some(insert) = inserts.next().flatten() else {
                seen = at + self.sentinel.len_utf8();
                continue;
            };
            pieces.push(Piece::Text(Cow::Borrowed(&text[done..at])));
            pieces.push(Piece::Insert(insert));
            done = (at + insert.span.len()).min(text.len());
            seen = done;
        }
        pieces.push(Piece::Text(Cow::Borrowed(text.get(done..).unwrap_or_default())));
        trim_pieces(&mut pieces);
        pieces
    }

    fn insert_at(&self, parsed: usize) -> Option<&Insert> {
        let file = self.file_span(&(parsed..parsed)).start;
        let index = self.inserts.binary_search_by_key(&file, |insert| insert.span.start).ok()?;
        self.inserts.get(index)
    }
}

/// A part of a string.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// As it was written.
    Text(Cow<'a, str>),
    /// What an action writes.
    Insert(&'a Insert),
}

/// Does what `{{-` and `-}}` ask for.
fn trim_pieces(pieces: &mut [Piece<'_>]) {
    let trims = |piece: Option<&Piece<'_>>| match piece {
        Some(Piece::Insert(insert)) => (insert.trims_before, insert.trims_behind),
        _ => (false, false),
    };
    for index in 0..pieces.len() {
        let (_, start) = trims(index.checked_sub(1).and_then(|before| pieces.get(before)));
        let (end, _) = trims(pieces.get(index + 1));
        if let Piece::Text(text) = &mut pieces[index]
            && (start || end)
        {
            let mut trimmed: &str = text;
            trimmed = if start { trimmed.trim_start() } else { trimmed };
            trimmed = if end { trimmed.trim_end() } else { trimmed };
            *text = Cow::Owned(trimmed.to_owned());
        }
    }
}

/// Spaces, newlines kept.
fn blank(bytes: &mut [u8]) {
    for byte in bytes.iter_mut().filter(|byte| **byte != b'\n') {
        *byte = b' ';
    }
}

/// A character of the private use area that stands neither in the text nor in an escape of it.
fn free_sentinel(text: &str) -> Option<char> {
    let mut taken: BTreeSet<u32> =
        text.chars().map(u32::from).filter(|c| SENTINELS.contains(c)).collect();
    for (at, _) in text.match_indices("\\u").chain(text.match_indices("\\U")) {
        for digits in [4, 8] {
            let hex = text.get(at + 2..at + 2 + digits);
            taken.extend(hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()));
        }
    }
    SENTINELS.filter(|c| !taken.contains(c)).find_map(char::from_u32)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn prepared(text: &str) -> (Script, Vec<Diagnostic>) {
        let env = BTreeMap::from([("X".to_owned(), "x".to_owned())]);
        let scope = TemplateScope { env: &env, now: jiff::Zoned::default() };
        let source = SourceText { path: "x.hcl".into(), text: text.to_owned() };
        Script::prepare(Arc::new(source), &scope).unwrap()
    }

    #[test]
    fn placeholders_are_as_long_as_the_actions() {
        let text = "é = {{ env \"X\" }}\nb = \"é{{ env \"X\"\n}}é\"\n{{/* é\n */}}c = 1\n";
        let (script, warnings) = prepared(text);
        assert!(warnings.is_empty());
        assert_eq!(script.parsed.len(), text.len());
        assert_eq!(script.parsed.find("c = 1"), text.find("c = 1"));
        assert!(!script.parsed.contains("env"));
        assert!(hcl_edit::parser::parse_body(&script.parsed).is_ok(), "{}", script.parsed);
    }

    #[test]
    fn only_what_spans_hcl_is_rendered() {
        for (text, rendered) in [
            ("a = \"{{ if true }}b{{ end }}\"\n", false),
            ("a = \"{{ $b := 1 }}{{ $b }}\"\n", false),
            ("a = <<E\n{{ range list 1 2 }}\n{{ . }}{{ end }}\nE\n", false),
            ("a = \"{{ if true }}${1}{{ end }}\"\n", true),
            ("{{ if true }}\na = 1\n{{ end }}\n", true),
            ("a{{ env \"X\" }} = 1\n", true),
            ("{{ $b := 1 }}\na = \"{{ $b }}\"\n", true),
        ] {
            let (script, warnings) = prepared(text);
            assert_eq!((script.is_rendered(), warnings.len()), (rendered, usize::from(rendered)));
        }
    }

    #[test]
    fn places_of_rendered_text_are_those_of_the_file() {
        let text = "{{ range list 1 2 }}\nb{{ . }} = \"{{ env \"X\" }}\"\n{{ end }}\nc = 1\n";
        let (script, _) = prepared(text);
        let at = script.parsed.find("c = 1").unwrap();
        assert_eq!(&text[script.file_span(&(at..at + 5))], "c = 1");
        let string = script.parsed.rfind('"').unwrap();
        let start = script.parsed[..string].rfind('"').unwrap();
        let raw = &script.parsed[start + 1..string];
        let pieces = script.pieces(raw, &(start..string + 1));
        let insert = pieces.iter().find_map(|piece| match piece {
            Piece::Insert(insert) => Some(insert.source.text.as_str()),
            Piece::Text(_) => None,
        });
        assert_eq!(insert, Some("{{ env \"X\" }}"));
    }
}
