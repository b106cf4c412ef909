//! Which template actions can be lifted out of a text, and as what.

use std::collections::BTreeSet;
use std::ops::Range;

use super::action::{Action, Decoded, Kind, Place};
use super::outline::{self, Outline};

/// What was lifted out: one action, or in a string everything from the first to the last action of
/// a control structure.
#[derive(Debug)]
pub(crate) struct Insert {
    /// Its bytes in the file.
    pub(crate) span: Range<usize>,
    /// What it stands in.
    pub(crate) place: Place,
    /// What the template engine is to read.
    pub(crate) source: Decoded,
    /// The white space before it goes.
    pub(crate) trims_before: bool,
    /// The white space behind it goes.
    pub(crate) trims_behind: bool,
}

/// What can be lifted, and the places of what cannot.
pub(super) fn sort_out(outline: &Outline, text: &str) -> (Vec<Insert>, Vec<Range<usize>>) {
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

/// Whether an action outside strings writes nothing.
pub(super) fn is_code_comment(action: &Action) -> bool {
    action.place == Place::Code && action.kind == Kind::Comment
}
