//! Texts: cutting, trimming, changing case. Lengths and positions count bytes, as in Go; where a
//! cut would fall into a character, the whole character goes.

use super::super::context::{Outcome, Problem, TextBuilder};
use super::super::printf::sprintf;
use super::super::quote::quoted;
use super::super::value::{Entries, Value};
use super::{Call, Function, MANY, derives, function};

pub(super) const FUNCTIONS: &[Function] = &[
    derives("upper", (1, 1), |call| map(call, |text| text.chars().map(upper).collect())),
    derives("lower", (1, 1), |call| map(call, |text| text.chars().map(lower).collect())),
    derives("title", (1, 1), |call| map(call, |text| words(text, true))),
    derives("untitle", (1, 1), |call| map(call, |text| words(text, false))),
    derives("swapcase", (1, 1), |call| map(call, swapcase)),
    derives("trim", (1, 1), |call| map(call, |text| text.trim().to_owned())),
    derives("trimAll", (2, 2), trim_all),
    derives("trimall", (2, 2), trim_all),
    derives("trimSuffix", (2, 2), |call| {
        cut(call, |suffix, text| text.strip_suffix(suffix).unwrap_or(text).to_owned())
    }),
    derives("trimPrefix", (2, 2), |call| {
        cut(call, |prefix, text| text.strip_prefix(prefix).unwrap_or(text).to_owned())
    }),
    derives("nospace", (1, 1), |call| map(call, |text| text.split_whitespace().collect())),
    derives("trunc", (2, 2), trunc),
    derives("substr", (3, 3), substr),
    derives("abbrev", (2, 2), abbrev),
    derives("initials", (1, 1), |call| map(call, initials)),
    derives("replace", (3, 3), replace),
    derives("repeat", (2, 2), repeat),
    derives("quote", (0, MANY), |call| wrapped(call, |text| quoted(text, '"', false))),
    derives("squote", (0, MANY), |call| wrapped(call, |text| format!("'{text}'"))),
    derives("cat", (0, MANY), |call| wrapped(call, str::to_owned)),
    derives("indent", (2, 2), |call| indent(call, "")),
    derives("nindent", (2, 2), |call| indent(call, "\n")),
    derives("plural", (3, 3), |call| Ok(call.value(usize::from(call.int(2)? != 1)))),
    function("contains", (2, 2), |call| judge(call, |part, text| text.contains(part))),
    function("hasPrefix", (2, 2), |call| judge(call, |part, text| text.starts_with(part))),
    function("hasSuffix", (2, 2), |call| judge(call, |part, text| text.ends_with(part))),
    derives("split", (2, 2), |call| split_named(call, 0, 1)),
    derives("splitn", (3, 3), |call| {
        let parts = call.size(1)?;
        split_named(call, parts, 2)
    }),
    derives("splitList", (2, 2), split_list),
    derives("join", (2, 2), join),
    derives("print", (0, MANY), |call| {
        let text = printed(call)?;
        call.new_text(&text)
    }),
    derives("println", (0, MANY), println),
    derives("printf", (1, MANY), |call| {
        let format = call.text(0)?;
        let rest = call.rest(1);
        let text = sprintf(call.context, &format, &rest)?;
        call.new_text(&text)
    }),
];

fn map(call: &mut Call<'_, '_>, change: impl FnOnce(&str) -> String) -> Outcome {
    let text = call.text(0)?;
    call.new_text(&change(&text))
}

/// Go's upper case of a character is one character: ß has none.
fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) => upper,
        _ => c,
    }
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

fn cut(call: &mut Call<'_, '_>, change: impl FnOnce(&str, &str) -> String) -> Outcome {
    let (part, text) = (call.text(0)?, call.text(1)?);
    call.new_text(&change(&part, &text))
}

fn judge(call: &mut Call<'_, '_>, judge: impl FnOnce(&str, &str) -> bool) -> Outcome {
    let (part, text) = (call.text(0)?, call.text(1)?);
    Ok(Value::Bool(judge(&part, &text)))
}

/// The first letter of each word in upper or lower case. A word begins behind what is no letter,
/// digit or underscore.
fn words(text: &str, raises: bool) -> String {
    let mut previous = ' ';
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let begins = match previous.is_ascii() {
            true => !previous.is_ascii_alphanumeric() && previous != '_',
            false => previous.is_whitespace(),
        };
        match (begins, raises) {
            (true, true) => out.push(upper(c)),
            (true, false) => out.push(lower(c)),
            _ => out.push(c),
        }
        previous = c;
    }
    out
}

fn swapcase(text: &str) -> String {
    text.chars().map(|c| if c.is_uppercase() { lower(c) } else { upper(c) }).collect()
}

fn initials(text: &str) -> String {
    text.split_whitespace().filter_map(|word| word.chars().next()).collect()
}

fn trim_all(call: &mut Call<'_, '_>) -> Outcome {
    let (set, text) = (call.text(0)?, call.text(1)?);
    let set: std::collections::BTreeSet<char> = set.chars().collect();
    call.new_text(text.trim_matches(|c| set.contains(&c)))
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn trunc(call: &mut Call<'_, '_>) -> Outcome {
    let (count, text) = (call.int(0)?, call.text(1)?);
    let bytes = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if count >= 0 {
        return call.new_text(&text[..floor(&text, bytes)]);
    }
    let mut start = text.len().saturating_sub(bytes);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    call.new_text(&text[start..])
}

fn substr(call: &mut Call<'_, '_>) -> Outcome {
    let (start, end, text) = (call.int(0)?, call.int(1)?, call.text(2)?);
    let position = |at: i64| usize::try_from(at).map(|at| floor(&text, at));
    // Behind its end there is nothing, in Go a panic.
    let start = position(start).unwrap_or(0);
    let end = position(end).unwrap_or(text.len());
    match text.get(start..end) {
        Some(part) => call.new_text(part),
        None => Err(Problem::call("`substr` ends before it starts")),
    }
}

/// Cut to a width with three dots at the end. Widths below four leave no room for them.
fn abbrev(call: &mut Call<'_, '_>) -> Outcome {
    let (width, text) = (call.int(0)?, call.text(1)?);
    let width = usize::try_from(width).unwrap_or(0);
    if width < 4 || text.len() <= width {
        return call.new_text(&text);
    }
    let kept = &text[..floor(&text, width - 3)];
    call.new_text(&format!("{kept}..."))
}

fn replace(call: &mut Call<'_, '_>) -> Outcome {
    let (old, new, text) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let mut out = TextBuilder::default();
    let mut end = 0;
    for (at, found) in text.match_indices(&*old) {
        out.push(&text[end..at])?;
        out.push(&new)?;
        end = at + found.len();
    }
    out.push(&text[end..])?;
    call.new_text(out.as_str())
}

fn repeat(call: &mut Call<'_, '_>) -> Outcome {
    let (count, text) = (call.size(0)?, call.text(1)?);
    let mut out = TextBuilder::default();
    out.push_repeated(&text, count)?;
    call.new_text(out.as_str())
}

/// All arguments that are not nil, each changed, with spaces between.
fn wrapped(call: &mut Call<'_, '_>, change: impl Fn(&str) -> String) -> Outcome {
    let mut out = TextBuilder::default();
    let mut first = true;
    for index in 0..call.count() {
        if matches!(call.value(index), Value::Nil) {
            continue;
        }
        if !std::mem::take(&mut first) {
            out.push(" ")?;
        }
        let shown = call.shown(index)?;
        out.push(&change(&shown))?;
    }
    call.new_text(out.as_str())
}

fn indent(call: &mut Call<'_, '_>, before: &str) -> Outcome {
    let (spaces, text) = (call.size(0)?, call.text(1)?);
    let mut out = TextBuilder::default();
    out.push(before)?;
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push("\n")?;
        }
        out.push_repeated(" ", spaces)?;
        out.push(line)?;
    }
    call.new_text(out.as_str())
}

/// The parts of a text: all of them, or at most `limit`. Go cuts at every character where the
/// separator is empty.
fn parts<'t>(text: &'t str, separator: &str, limit: Option<usize>) -> Vec<&'t str> {
    let limit = limit.unwrap_or(usize::MAX);
    if !separator.is_empty() {
        return text.splitn(limit, separator).collect();
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if parts.len() + 1 == limit {
            break;
        }
        parts.push(&rest[..c.len_utf8()]);
        rest = &rest[c.len_utf8()..];
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    parts
}

fn split_named(call: &mut Call<'_, '_>, limit: usize, index: usize) -> Outcome {
    let (separator, text) = (call.text(0)?, call.text(index)?);
    let parts = parts(&text, &separator, (limit > 0).then_some(limit));
    call.context.check_items(parts.len())?;
    let mut entries = Entries::new();
    for (index, part) in parts.into_iter().enumerate() {
        entries.insert(format!("_{index}"), call.new_text(part)?);
    }
    call.context.new_dict(entries)
}

fn split_list(call: &mut Call<'_, '_>) -> Outcome {
    let (separator, text) = (call.text(0)?, call.text(1)?);
    call.new_texts(parts(&text, &separator, None))
}

fn join(call: &mut Call<'_, '_>) -> Outcome {
    let (separator, texts) = (call.text(0)?, call.texts(1)?);
    let mut out = TextBuilder::default();
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.push(&separator)?;
        }
        out.push(text)?;
    }
    call.new_text(out.as_str())
}

/// All arguments, with spaces between those of which neither is a text.
pub(super) fn printed(call: &mut Call<'_, '_>) -> Result<String, Problem> {
    let mut out = TextBuilder::default();
    let mut previous_is_text = true;
    for index in 0..call.count() {
        let is_text = matches!(call.value(index), Value::Text(_));
        if !is_text && !previous_is_text {
            out.push(" ")?;
        }
        previous_is_text = is_text;
        out.push(&call.shown(index)?)?;
    }
    Ok(out.into_string())
}

fn println(call: &mut Call<'_, '_>) -> Outcome {
    let mut out = TextBuilder::default();
    for index in 0..call.count() {
        if index > 0 {
            out.push(" ")?;
        }
        out.push(&call.shown(index)?)?;
    }
    out.push("\n")?;
    call.new_text(out.as_str())
}
