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

use super::action::{Action, Decoded, Kind, Place};
use super::limits::{ACTIONS_MAX, FILE_BYTES_MAX};
use super::outline::{self, Outline};
use super::template::{self, Rendered, TemplateScope};
use super::{Diagnostic, SourceText};

/// A text, ready for the HCL parser.
#[derive(Debug)]
pub(super) struct Script {
    /// The file, for diagnostics.
    pub(super) source: Arc<SourceText>,
    /// What the parser reads.
    pub(super) parsed: String,
    /// The outline of `parsed`.
    pub(super) outline: Outline,
    /// What rendering the text brought to light.
    pub(super) secrets: Vec<String>,
    /// In the order of their places in the file.
    inserts: Vec<Insert>,
    /// There if `parsed` is the outcome of rendering.
    rendered: Option<Rendered>,
    /// What the placeholders in strings begin with; it stands nowhere else.
    sentinel: char,
}

/// What was lifted out: one action, or in a string everything from the first to the last action of
/// a control structure.
#[derive(Debug)]
pub(super) struct Insert {
    /// Its bytes in the file.
    pub(super) span: Range<usize>,
    /// What it stands in.
    pub(super) place: Place,
    /// What the template engine is to read.
    pub(super) source: Decoded,
    /// The white space before it goes.
    pub(super) trims_before: bool,
    /// The white space behind it goes.
    pub(super) trims_behind: bool,
}

/// The first of the characters that may become the sentinel: Unicode's private use area, three
/// bytes each. An action has at least four.
const SENTINELS: Range<u32> = 0xE000..0xF8FF;

/// What fills a placeholder. Outside strings the whole of it is this, and thus an identifier.
const FILLER: u8 = b'_';

impl Script {
    /// A text without template actions: a variable file, a value of the command line.
    pub(super) fn plain(source: Arc<SourceText>) -> Self {
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
    pub(super) fn prepare(
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
        let rendered = template::render(&lifted, scope).map_err(|errors| {
            let diagnostic = |error: template::TemplateError| {
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
            "this action makes the whole file be rendered as text before it is read as HCL",
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
    pub(super) fn file_span(&self, span: &Range<usize>) -> Range<usize> {
        match &self.rendered {
            Some(rendered) => rendered.source_span(span.clone()),
            None => span.clone(),
        }
    }

    /// An error at a span of the parsed text.
    pub(super) fn error(&self, span: &Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(&self.source, self.file_span(span), message)
    }

    /// A warning at a span of the parsed text.
    pub(super) fn warning(&self, span: &Range<usize>, message: impl Into<String>) -> Diagnostic {
        Diagnostic::warning(&self.source, self.file_span(span), message)
    }

    /// Whether values of template actions may stand in the document itself.
    pub(super) fn is_rendered(&self) -> bool {
        self.rendered.is_some()
    }

    /// The file's text of a span of the parsed text, if it stands in the file as it was parsed.
    pub(super) fn written(&self, span: &Range<usize>) -> Option<&str> {
        if self.is_rendered() {
            return None;
        }
        self.source.text.get(span.clone())
    }

    /// The action whose placeholder is the whole of `span`, outside strings.
    pub(super) fn value_at(&self, span: &Range<usize>) -> Option<&Insert> {
        let insert = self.insert_at(span.start)?;
        (insert.place == Place::Code && insert.span.len() == span.len()).then_some(insert)
    }

    /// Whether anything was lifted out of a span of the parsed text.
    pub(super) fn has_inserts(&self, span: &Range<usize>) -> bool {
        !self.inserts.is_empty()
            && (self.parsed.get(span.clone()).is_some_and(|text| text.contains(self.sentinel))
                || self.inserts.iter().any(|insert| {
                    insert.place == Place::Code && self.file_span(span).contains(&insert.span.start)
                }))
    }

    /// `text`, which the parser made of the string at `span`, cut at its placeholders.
    pub(super) fn pieces<'a>(&'a self, text: &'a str, span: &Range<usize>) -> Vec<Piece<'a>> {
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
pub(super) enum Piece<'a> {
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

fn is_code_comment(action: &Action) -> bool {
    action.place == Place::Code && action.kind == Kind::Comment
}

/// What can be lifted, and the places of what cannot.
fn sort_out(outline: &Outline, text: &str) -> (Vec<Insert>, Vec<Range<usize>>) {
    let mut inserts = Vec::new();
    let mut left = Vec::new();
    let mut by_string: Vec<Vec<&Action>> = Vec::new();
    by_string.resize_with(outline.strings.len(), Vec::new);
    for action in &outline.actions {
        match action.string {
            Some(string) => by_string[string].push(action),
            None if is_code_comment(action) => {}
            None if action.kind == Kind::Value && action.whole_value => {
                inserts.push(single(action));
            }
            None => left.push(action.span.clone()),
        }
    }
    for (actions, string) in by_string.iter().zip(&outline.strings) {
        let control = |action: &&&Action| !matches!(action.kind, Kind::Value | Kind::Comment);
        if !actions.iter().any(|action| control(&action)) {
            inserts.extend(actions.iter().map(|action| single(action)));
        } else if !string.interpolated && stands_alone(actions) {
            inserts.extend(region(actions, string, text));
        } else {
            for action in actions {
                if control(&action) {
                    left.push(action.span.clone());
                } else {
                    inserts.push(single(action));
                }
            }
        }
    }
    inserts.sort_by_key(|insert| insert.span.start);
    left.sort_by_key(|span| span.start);
    (inserts, left)
}

fn single(action: &Action) -> Insert {
    Insert {
        span: action.span.clone(),
        place: action.place,
        source: action.source.clone(),
        trims_before: action.trims_before(),
        trims_behind: action.trims_behind(),
    }
}

/// All actions of a string, with the text between them, as one template.
fn region(actions: &[&Action], string: &outline::StringSpan, text: &str) -> Option<Insert> {
    let (first, last) = (actions.first()?, actions.last()?);
    // `<<-` takes the common white space away; the parser cannot see these lines to do it.
    let indent = if string.heredoc && text[string.span.start..].starts_with("<<-") {
        common_indent(&text[string.span.clone()])
    } else {
        0
    };
    let mut source = Decoded::default();
    let mut at = first.span.start;
    for action in actions {
        let between = &text[at..action.span.start];
        if string.heredoc {
            push_dedented(&mut source, between, at, indent);
        } else {
            source.push_escaped(between, at);
        }
        source.append(&action.source);
        at = action.span.end;
    }
    Some(Insert {
        span: first.span.start..last.span.end,
        place: first.place,
        source,
        trims_before: first.trims_before(),
        trims_behind: last.trims_behind(),
    })
}

fn push_dedented(source: &mut Decoded, text: &str, at: usize, indent: usize) {
    let mut offset = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let spaces = line.len() - line.trim_start_matches(' ').len();
        let cut = if index == 0 { 0 } else { spaces.min(indent) };
        source.push_raw(&line[cut..], at + offset + cut);
        offset += line.len();
    }
}

/// The least indentation of a heredoc's lines that are not empty, from its first to its last
/// delimiter, which do not count.
fn common_indent(heredoc: &str) -> usize {
    let content = heredoc.rfind('\n').map_or("", |last| &heredoc[..last]);
    content
        .lines()
        .skip(1)
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or(0)
}

/// Whether the actions of a string need nothing from outside it: what they open they close, and
/// every variable they use is declared among them.
fn stands_alone(actions: &[&Action]) -> bool {
    let mut depth = 0_usize;
    let mut declared = BTreeSet::new();
    for action in actions {
        let source = action.source.text.as_str();
        match action.kind {
            Kind::Opens => depth += 1,
            Kind::Closes => match depth.checked_sub(1) {
                Some(outer) => depth = outer,
                None => return false,
            },
            Kind::Bound if depth == 0 && !source.contains('$') => return false,
            _ => {}
        }
        for (name, declares) in variables(source) {
            if declares {
                declared.insert(name);
            } else if !declared.contains(name) {
                return false;
            }
        }
    }
    depth == 0
}

/// The `$name`s of an action, and whether it declares them.
fn variables(source: &str) -> impl Iterator<Item = (&str, bool)> {
    let declares = source.find(":=").unwrap_or(0);
    source.match_indices('$').filter_map(move |(at, _)| {
        let rest = &source[at + 1..];
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        (length > 0).then_some((&rest[..length], at < declares))
    })
}
