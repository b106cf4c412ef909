//! One `{{ … }}` of a configuration file: where it ends, and its text as a template has it.
//!
//! Inside quotes there are two spellings. HCL demands that inner quotes are escaped
//! (`"{{ env \"X\" }}"`); files written for text templates do not (`"{{ env "X" }}"`). An action
//! that closes before the string does is of the first kind, any other of the second.

use std::ops::Range;

use crate::limits::ACTION_BYTES_MAX;

/// What an action stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A quoted string.
    Quoted,
    /// A heredoc.
    Heredoc,
    /// Neither: where HCL has values, names and blocks.
    Code,
}

/// What an action does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Writes a value and depends on no other action.
    Value,
    /// Writes nothing.
    Comment,
    /// Opens a part that `end` closes: `if`, `range`, `with`, `define`, `block`.
    Opens,
    /// `end`.
    Closes,
    /// Means something only together with others: `else`, `$x := …`, a use of `.` or `$x`.
    Bound,
}

/// One action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Action {
    /// Its bytes in the file, braces included.
    pub(crate) span: Range<usize>,
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    /// Its text as the template engine reads it, HCL's escapes undone.
    pub(crate) source: Decoded,
    /// In [`Place::Code`]: it stands where a whole value stands.
    pub(crate) whole_value: bool,
    /// Elsewhere: which of the outline's strings it stands in.
    pub(crate) string: Option<usize>,
}

impl Action {
    /// Whether `{{-` asks for the white space before it to go.
    pub(crate) fn trims_before(&self) -> bool {
        let rest = &self.source.text[2..];
        rest.starts_with('-') && rest[1..].starts_with(char::is_whitespace)
    }

    /// Whether `-}}` asks for the white space behind it to go.
    pub(crate) fn trims_behind(&self) -> bool {
        let text = &self.source.text[..self.source.text.len() - 2];
        text.strip_suffix('-').is_some_and(|text| text.ends_with(char::is_whitespace))
    }
}

/// A text whose HCL escapes are undone, and where each part of it came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) text: String,
    /// Pairs of offsets, in `text` and in the file: from the one on, both run in step until the
    /// next pair.
    steps: Vec<(usize, usize)>,
}

impl Decoded {
    /// Takes over `raw`, which stands at `at` in the file, as it is.
    pub(crate) fn push_raw(&mut self, raw: &str, at: usize) {
        self.steps.push((self.text.len(), at));
        self.text.push_str(raw);
    }

    /// Takes over `raw` with its escapes undone. An escape that HCL does not have stays as it is.
    pub(crate) fn push_escaped(&mut self, raw: &str, at: usize) {
        let mut rest = raw;
        while let Some(backslash) = rest.find('\\') {
            let start = at + (raw.len() - rest.len());
            self.push_raw(&rest[..backslash], start);
            let escape = &rest[backslash..];
            let (decoded, length) = unescape(escape);
            self.steps.push((self.text.len(), start + backslash));
            match decoded {
                Some(decoded) => self.text.push(decoded),
                None => self.text.push_str(&escape[..length]),
            }
            rest = &escape[length..];
        }
        self.push_raw(rest, at + (raw.len() - rest.len()));
    }

    /// Takes over another one.
    pub(crate) fn append(&mut self, other: &Self) {
        let length = self.text.len();
        self.steps.extend(other.steps.iter().map(|&(at, file)| (at + length, file)));
        self.text.push_str(&other.text);
    }

    /// Where in the file a byte of the text came from.
    pub(crate) fn file_offset(&self, offset: usize) -> usize {
        let next = self.steps.partition_point(|&(at, _)| at <= offset);
        match next.checked_sub(1).and_then(|index| self.steps.get(index)) {
            Some(&(at, file)) => file + (offset - at),
            None => offset,
        }
    }

    /// The same for a span.
    pub(crate) fn file_span(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.file_offset(span.start);
        // The end is behind the last byte, not at the byte that follows it elsewhere.
        let end = match span.end.checked_sub(1) {
            Some(last) if last >= span.start => self.file_offset(last) + 1,
            _ => start,
        };
        start..end.max(start)
    }
}

/// The character of the escape that `text` begins with, and the escape's bytes.
fn unescape(text: &str) -> (Option<char>, usize) {
    let mut chars = text.char_indices().skip(1);
    let Some((at, kind)) = chars.next() else { return (None, text.len()) };
    let simple = |c| (Some(c), at + kind.len_utf8());
    match kind {
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        '"' | '\\' => simple(kind),
        'u' | 'U' => {
            let digits = if kind == 'u' { 4 } else { 8 };
            let decoded = text
                .get(2..2 + digits)
                .and_then(|hex| u32::from_str_radix(hex, 16).ok())
                .and_then(char::from_u32);
            (decoded, if decoded.is_some() { 2 + digits } else { 2 })
        }
        _ => (None, at + kind.len_utf8()),
    }
}

/// Reads the action that begins at `start`; `None` if it never ends.
pub(crate) fn read(text: &str, start: usize, place: Place) -> Option<Action> {
    let decoded = match place {
        Place::Quoted => escaped(text, start),
        Place::Heredoc | Place::Code => None,
    };
    let (source, end) = match decoded {
        Some(found) => found,
        None => {
            let length = action_end(within_limit(&text[start..]))?;
            let mut source = Decoded::default();
            source.push_raw(&text[start..start + length], start);
            (source, start + length)
        }
    };
    let kind = kind(&source.text);
    Some(Action { span: start..end, place, kind, source, whole_value: false, string: None })
}

/// The action with HCL's escapes undone, if it ends within the string it stands in.
fn escaped(text: &str, start: usize) -> Option<(Decoded, usize)> {
    let rest = within_limit(&text[start..]);
    let mut string_end = rest.len();
    let mut bytes = rest.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' | b'\n' => {
                string_end = at;
                break;
            }
            _ => {}
        }
    }
    let string = rest.get(..string_end)?;
    // Nearly always the first `}}` is the end; else it stands in a string of the action.
    let first = string.find("}}").map(|at| at + 2)?;
    decoded(&string[..first], start).or_else(|| decoded(string, start))
}

/// `raw` decoded up to the end of the action that it begins with.
fn decoded(raw: &str, start: usize) -> Option<(Decoded, usize)> {
    let mut source = Decoded::default();
    source.push_escaped(raw, start);
    let length = action_end(&source.text)?;
    // The byte behind the action may be the first of an escape: ask for the last of the action.
    let end = source.file_offset(length - 1) + 1;
    source.text.truncate(length);
    source.steps.retain(|&(at, _)| at < length);
    Some((source, end))
}

/// As much of a text as one action may have.
fn within_limit(text: &str) -> &str {
    let mut end = ACTION_BYTES_MAX.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The length of the action that `text` begins with: `}}` outside strings, or behind a comment.
fn action_end(text: &str) -> Option<usize> {
    let body = text.strip_prefix("{{")?;
    let trimmed = match body.strip_prefix('-') {
        Some(rest) if rest.starts_with(char::is_whitespace) => rest.trim_start(),
        _ => body,
    };
    if let Some(comment) = trimmed.strip_prefix("/*") {
        let behind = &comment[comment.find("*/")? + 2..];
        let close = behind.find("}}")?;
        return Some(text.len() - behind.len() + close + 2);
    }
    let bytes = body.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'}' if bytes[at..].starts_with(b"}}") => return Some(2 + at + 2),
            quote @ (b'"' | b'\'') => at = quote_end(bytes, at, quote)?,
            b'`' => at += 1 + body[at + 1..].find('`')? + 1,
            // A second `{{` cannot stand in an action: the first one was never closed.
            b'{' if bytes[at..].starts_with(b"{{") => return None,
            _ => at += 1,
        }
    }
    None
}

/// Behind the closing quote of the string or character that begins at `at`, on the same line.
fn quote_end(bytes: &[u8], at: usize, quote: u8) -> Option<usize> {
    let mut at = at + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' => at += 2,
            b'\n' => return None,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

fn kind(source: &str) -> Kind {
    let inner = source.trim_start_matches("{{").trim_end_matches("}}");
    let inner = inner.strip_prefix('-').unwrap_or(inner).trim_start();
    if inner.starts_with("/*") {
        return Kind::Comment;
    }
    let length = inner.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(inner.len());
    match &inner[..length] {
        "if" | "range" | "with" | "define" | "block" => Kind::Opens,
        "end" => Kind::Closes,
        "else" | "template" | "break" | "continue" => Kind::Bound,
        _ if is_bound(inner) => Kind::Bound,
        _ => Kind::Value,
    }
}

/// Whether a pipeline speaks of `.` or of a variable.
fn is_bound(pipeline: &str) -> bool {
    let bytes = pipeline.as_bytes();
    let mut at = 0;
    let mut previous = b' ';
    while at < bytes.len() {
        let byte = bytes[at];
        match byte {
            b'"' | b'\'' => match quote_end(bytes, at, byte) {
                Some(end) => at = end,
                None => return false,
            },
            b'`' => match pipeline[at + 1..].find('`') {
                Some(length) => at += length + 2,
                None => return false,
            },
            b'$' => return true,
            b'.' if !previous.is_ascii_alphanumeric()
                && previous != b')'
                && !bytes.get(at + 1).is_some_and(u8::is_ascii_digit) =>
            {
                return true;
            }
            _ => at += 1,
        }
        previous = byte;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(text: &str) -> Option<(String, usize)> {
        let action = read(text, 1, Place::Quoted)?;
        Some((action.source.text, action.span.end))
    }

    #[test]
    fn reads_both_spellings_of_quotes() {
        for (text, source) in [
            (r#""{{ env "X" }}""#, r#"{{ env "X" }}"#),
            (r#""{{ env \"X\" }}""#, r#"{{ env "X" }}"#),
            (r#""{{ env `X` }}""#, "{{ env `X` }}"),
            (r#""{{ "}}" }}""#, r#"{{ "}}" }}"#),
            (r#""{{ \"}}\" }}""#, r#"{{ "}}" }}"#),
            (r#""{{ "a\"b" }}""#, r#"{{ "a\"b" }}"#),
            (r#""{{ \"a\\\"b\\n\" }}""#, r#"{{ "a\"b\n" }}"#),
            ("\"{{/* }} */}}\"", "{{/* }} */}}"),
            ("\"{{ env\n\"X\" }}\"", "{{ env\n\"X\" }}"),
        ] {
            assert_eq!(quoted(text), Some((source.to_owned(), text.len() - 1)), "{text}");
        }
        for text in ["\"{{ env \"", "\"{{ `a }}\"", "\"{{ \"a }}\n\"", "\"{{ a {{ b }}\"", "\"{{\""]
        {
            assert_eq!(quoted(text), None, "{text}");
        }
    }

    #[test]
    fn knows_where_decoded_bytes_came_from() {
        let text = r#""{{ \"\u00e9\" | upper }}""#;
        let action = read(text, 1, Place::Quoted).unwrap();
        assert_eq!(action.source.text, "{{ \"é\" | upper }}");
        let upper = action.source.text.find("upper").unwrap();
        let span = action.source.file_span(&(upper..upper + 5));
        assert_eq!(&text[span], "upper");
    }

    #[test]
    fn tells_what_depends_on_others() {
        for (source, expected) in [
            ("{{ env \"X\" }}", Kind::Value),
            ("{{- env `$x .y` -}}", Kind::Value),
            ("{{ .5 }}", Kind::Value),
            ("{{ iffy 1 }}", Kind::Value),
            ("{{/* c */}}", Kind::Comment),
            ("{{- /* c */ -}}", Kind::Comment),
            ("{{ if true }}", Kind::Opens),
            ("{{- range .x }}", Kind::Opens),
            ("{{end}}", Kind::Closes),
            ("{{ else if x }}", Kind::Bound),
            ("{{ $x := 1 }}", Kind::Bound),
            ("{{ printf \"%s\" $x }}", Kind::Bound),
            ("{{ . }}", Kind::Bound),
            ("{{ upper .name }}", Kind::Bound),
        ] {
            assert_eq!(kind(source), expected, "{source}");
        }
    }
}
