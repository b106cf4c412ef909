//! The outline of an HCL text, found before it is parsed: where template actions, comments and
//! statements are, and which brackets and strings are left open.
//!
//! The HCL parser knows no `{{ … }}`, stops at the first mistake and sees an unclosed bracket only
//! at the end of the file. This scan knows little more than brackets, strings and comments, never
//! fails, and so can say where to lift, where to blank, and which bracket was meant.

use std::ops::Range;

use super::action::{self, Action, Kind, Place};
use crate::limits::{ACTIONS_MAX, NESTING_MAX, OBJECT_ITEMS_MAX, PROBLEMS_MAX};

/// What a scan found.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// Template actions outside comments, in order.
    pub(crate) actions: Vec<Action>,
    /// Comments that hold a `{{`.
    pub(crate) comments: Vec<Range<usize>>,
    /// Attributes and blocks, those inside a block behind it.
    pub(crate) statements: Vec<Range<usize>>,
    /// Strings and heredocs: where they are, and whether `${` or `%{` stands in them.
    pub(crate) strings: Vec<StringSpan>,
    /// What is left open or closes nothing.
    pub(crate) problems: Vec<Problem>,
    /// The scan ended early, or a block has no end, which makes everything behind it belong to the
    /// wrong one: there is no use in parsing.
    pub(crate) in_doubt: bool,
}

/// A quoted string or a heredoc.
#[derive(Debug)]
pub(crate) struct StringSpan {
    pub(crate) span: Range<usize>,
    pub(crate) heredoc: bool,
    pub(crate) interpolated: bool,
}

/// A mistake that brackets alone show.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) span: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: Option<&'static str>,
    /// It is one character too many: without it, the rest can be read.
    pub(crate) stray: bool,
}

/// What the scanner is inside of.
#[derive(Debug)]
pub(super) enum Frame {
    /// A block's body, or the file (`open` is `None`): statements, one a line.
    Body {
        open: Option<usize>,
        statement: Option<usize>,
        equals: bool,
    },
    Object {
        open: usize,
        items: usize,
    },
    List {
        open: usize,
    },
    Parens {
        open: usize,
    },
    Quote {
        open: usize,
        text: usize,
    },
    Heredoc {
        open: usize,
        text: usize,
        delimiter: Range<usize>,
    },
    /// `${ … }` or `%{ … }`.
    Interpolation {
        open: usize,
    },
}

/// Scans `text`. Without `actions`, `{{` is nothing special: for text that was rendered already.
pub(crate) fn scan(text: &str, actions: bool) -> Outline {
    let mut scanner = Scanner {
        text,
        bytes: text.as_bytes(),
        at: 0,
        actions,
        frames: vec![Frame::Body { open: None, statement: None, equals: false }],
        previous: b'\n',
        suspect: None,
        found: Outline::default(),
    };
    scanner.run();
    scanner.found
}

pub(super) struct Scanner<'a> {
    pub(super) text: &'a str,
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) actions: bool,
    pub(super) frames: Vec<Frame>,
    /// The last byte of code that is neither space nor comment; a newline counts where it ends
    /// something.
    pub(super) previous: u8,
    /// The opening brace of a block whose closing brace stands further left than its header.
    pub(super) suspect: Option<usize>,
    pub(super) found: Outline,
}

impl Scanner<'_> {
    fn run(&mut self) {
        while self.at < self.bytes.len() {
            match self.frames.last() {
                Some(&Frame::Quote { open, text }) => self.quoted(open, text),
                Some(Frame::Heredoc { text, delimiter, .. }) => {
                    let (text, delimiter) = (*text, delimiter.clone());
                    self.heredoc(text, &delimiter);
                }
                _ => self.code(),
            }
            if self.found.problems.len() >= PROBLEMS_MAX || self.found.actions.len() > ACTIONS_MAX {
                return self.stop();
            }
            if self.frames.len() > NESTING_MAX {
                let span = self.at.saturating_sub(1)..self.at;
                self.problem(span, format!("nested more than {NESTING_MAX} levels deep"), None);
                return self.stop();
            }
        }
        self.finish();
    }

    /// Ends the scan here: what is wrong is enough, and the rest in doubt.
    fn stop(&mut self) {
        self.found.in_doubt = true;
        self.frames.clear();
        self.at = self.bytes.len();
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    pub(super) fn problem(
        &mut self,
        span: Range<usize>,
        message: String,
        help: Option<&'static str>,
    ) {
        self.found.problems.push(Problem { span, message, help, stray: false });
    }

    /// One token of code.
    fn code(&mut self) {
        let rest = self.rest();
        match rest[0] {
            b'#' => self.line_comment(),
            b'/' if rest.starts_with(b"//") => self.line_comment(),
            b'/' if rest.starts_with(b"/*") => self.block_comment(),
            b'\n' => self.newline(),
            b' ' | b'\t' | b'\r' => self.at += 1,
            b'{' if self.actions && rest.starts_with(b"{{") => self.action(Place::Code, None),
            _ => self.token(),
        }
    }

    fn token(&mut self) {
        let at = self.at;
        let byte = self.bytes[at];
        if byte != b'}' {
            self.begin_statement(at);
        }
        match self.frames.last_mut() {
            Some(Frame::Body { equals, .. }) => *equals |= byte == b'=',
            Some(Frame::Object { open, items }) if matches!(byte, b'=' | b':') => {
                *items += 1;
                if *items > OBJECT_ITEMS_MAX {
                    let span = *open..*open + 1;
                    let message = format!("an object of more than {OBJECT_ITEMS_MAX} items");
                    self.problem(span, message, None);
                    return self.stop();
                }
            }
            _ => {}
        }
        match byte {
            b'"' => {
                self.found.strings.push(StringSpan {
                    span: at..at,
                    heredoc: false,
                    interpolated: false,
                });
                self.frames.push(Frame::Quote { open: at, text: self.found.strings.len() - 1 });
            }
            b'<' if self.open_heredoc() => return,
            b'{' => self.frames.push(match self.frames.last() {
                Some(Frame::Body { equals: false, .. }) => {
                    Frame::Body { open: Some(at), statement: None, equals: false }
                }
                _ => Frame::Object { open: at, items: 0 },
            }),
            b'[' => self.frames.push(Frame::List { open: at }),
            b'(' => self.frames.push(Frame::Parens { open: at }),
            b'}' | b']' | b')' => return self.close(byte),
            _ => {}
        }
        self.previous = byte;
        self.at += 1;
    }

    /// `<<NAME` or `<<-NAME` at the end of a line.
    fn open_heredoc(&mut self) -> bool {
        let rest = &self.text[self.at..];
        let Some(name) = rest.strip_prefix("<<") else { return false };
        let name = name.strip_prefix('-').unwrap_or(name);
        let length = name.find(|c| !is_name(c)).unwrap_or(name.len());
        let behind = &name[length..];
        if length == 0 || !(behind.starts_with('\n') || behind.starts_with("\r\n")) {
            return false;
        }
        let start = self.at + (rest.len() - name.len());
        let open = self.at;
        self.found.strings.push(StringSpan {
            span: open..open,
            heredoc: true,
            interpolated: false,
        });
        self.frames.push(Frame::Heredoc {
            open,
            text: self.found.strings.len() - 1,
            delimiter: start..start + length,
        });
        // Up to the newline, so that the first line is seen from its beginning.
        self.at = start + length + usize::from(behind.starts_with('\r'));
        self.previous = b'"';
        true
    }

    /// Code in a body is a statement; here one begins, if none has.
    fn begin_statement(&mut self, at: usize) {
        if let Some(Frame::Body { statement, .. }) = self.frames.last_mut() {
            statement.get_or_insert_with(|| {
                self.found.statements.push(at..at);
                self.found.statements.len() - 1
            });
        }
    }

    pub(super) fn end_statement(&mut self, statement: Option<usize>, at: usize) {
        if let Some(index) = statement {
            let span = &mut self.found.statements[index];
            span.end = at.max(span.start);
        }
    }

    /// A newline in code: the end of a statement, and the place to notice a bracket that was
    /// forgotten lines above.
    fn newline(&mut self) {
        let at = self.at;
        self.at += 1;
        if self.next_line_leaves_value() {
            self.leave_value(at);
        }
        match self.frames.last_mut() {
            Some(Frame::Body { statement, equals, .. }) => {
                let statement = statement.take();
                *equals = false;
                self.end_statement(statement, at);
                self.previous = b'\n';
            }
            Some(Frame::Object { .. }) => self.previous = b'\n',
            _ => {}
        }
    }

    fn line_comment(&mut self) {
        let start = self.at;
        self.at += self.rest().iter().position(|&byte| byte == b'\n').unwrap_or(self.rest().len());
        self.comment(start);
    }

    fn block_comment(&mut self) {
        let start = self.at;
        match self.text[start + 2..].find("*/") {
            Some(length) => self.at = start + 2 + length + 2,
            None => {
                self.at = self.bytes.len();
                self.problem(start..start + 2, "this comment has no `*/`".to_owned(), None);
                self.found.in_doubt = true;
            }
        }
        self.comment(start);
    }

    fn comment(&mut self, start: usize) {
        if self.text[start..self.at].contains("{{") {
            self.found.comments.push(start..self.at);
        }
    }

    /// One token inside quotes.
    fn quoted(&mut self, open: usize, text: usize) {
        let rest = self.rest();
        match rest[0] {
            b'\\' => self.at = (self.at + 2).min(self.bytes.len()),
            b'"' => {
                self.at += 1;
                self.found.strings[text].span = open..self.at;
                self.frames.pop();
                self.previous = b'"';
            }
            b'\n' => self.unclosed_quote(),
            _ => self.text_token(text, Place::Quoted),
        }
        // Behind a backslash may stand a character of several bytes.
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
    }

    /// One token of a heredoc; the newline before the delimiter belongs to it.
    fn heredoc(&mut self, text: usize, delimiter: &Range<usize>) {
        if self.rest()[0] != b'\n' {
            return self.text_token(text, Place::Heredoc);
        }
        self.at += 1;
        let name = &self.text[delimiter.clone()];
        let line = &self.text[self.at..];
        let trimmed = line.trim_start_matches([' ', '\t']);
        if trimmed.strip_prefix(name).is_some_and(|behind| !behind.starts_with(is_name)) {
            let end = self.at + (line.len() - trimmed.len()) + name.len();
            self.found.strings[text].span.end = end;
            self.at = end;
            self.frames.pop();
            self.previous = b'"';
        }
    }

    /// What strings and heredocs have in common.
    fn text_token(&mut self, text: usize, place: Place) {
        let rest = self.rest();
        if self.actions && rest.starts_with(b"{{") {
            return self.action(place, Some(text));
        }
        if rest.starts_with(b"$${") || rest.starts_with(b"%%{") {
            self.at += if self.actions && rest[2..].starts_with(b"{{") { 2 } else { 3 };
            return;
        }
        let opens = rest.starts_with(b"${") || rest.starts_with(b"%{");
        // `${{ … }}` is a dollar and an action, as it was for the text templates of old.
        if opens && !(self.actions && rest[1..].starts_with(b"{{")) {
            self.frames.push(Frame::Interpolation { open: self.at });
            self.found.strings[text].interpolated = true;
            self.previous = b'(';
            self.at += 2;
            return;
        }
        self.at += 1;
        while !self.text.is_char_boundary(self.at) {
            self.at += 1;
        }
    }

    fn action(&mut self, place: Place, string: Option<usize>) {
        let start = self.at;
        let Some(mut action) = action::read(self.text, start, place) else {
            self.at += 2;
            return self.problem(
                start..start + 2,
                "this template action has no `}}`".to_owned(),
                Some("for braces as text, write `{{ \"{{\" }}`"),
            );
        };
        self.at = action.span.end;
        action.string = string;
        if place == Place::Code && action.kind != Kind::Comment {
            action.whole_value = self.value_is_expected() && self.value_ends();
            self.begin_statement(start);
            self.previous = b'"';
        }
        self.found.actions.push(action);
    }

    /// Whether an expression may begin here: not a key, not a statement, not the middle of a word.
    fn value_is_expected(&self) -> bool {
        match self.previous {
            b'=' | b'(' | b'[' | b':' | b'?' | b'&' | b'|' | b'+' | b'-' | b'*' | b'/' | b'%'
            | b'<' | b'>' | b'!' => true,
            b',' => !matches!(self.frames.last(), Some(Frame::Object { .. } | Frame::Body { .. })),
            _ => false,
        }
    }

    /// Whether nothing follows on the line that would belong to the same value.
    fn value_ends(&self) -> bool {
        let rest = self.text[self.at..].trim_start_matches([' ', '\t', '\r']);
        rest.is_empty() || rest.starts_with(|c| "\n,)]}:?&|+-*/%<>=!#~".contains(c))
    }
}

/// Whether a character may stand in a name.
pub(super) fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str) -> Vec<(&str, Place, bool)> {
        let actions = scan(text, true).actions.into_iter();
        actions.map(|action| (&text[action.span], action.place, action.whole_value)).collect()
    }

    fn problems(text: &str) -> Vec<(usize, String)> {
        let problems = scan(text, true).problems.into_iter();
        problems.map(|problem| (problem.span.start, problem.message)).collect()
    }

    #[test]
    fn finds_actions_and_what_they_stand_in() {
        use Place::{Code, Heredoc, Quoted};
        let text = "a = {{ 1 }}\nb = \"{{ 2 }}${ {{ 3 }} }\"\n# {{ 4 }}\nc = <<E\n{{ 5 }}\n E\n\
                    d = [{{ 6 }}, {{ 7 }}]\ne = { {{ 8 }} = {{ 9 }} }\n{{ 10 }}\nf = x{{ 11 }}\n\
                    g = {{ 12 }}y\nh = {{ 13 }} # {{ 14 }}\ni = {{ 15 }}{{ 16 }}\n/* {{ 17 }} */";
        let whole = |source, value| (source, Code, value);
        assert_eq!(
            places(text),
            [
                whole("{{ 1 }}", true),
                ("{{ 2 }}", Quoted, false),
                whole("{{ 3 }}", true),
                ("{{ 5 }}", Heredoc, false),
                whole("{{ 6 }}", true),
                whole("{{ 7 }}", true),
                whole("{{ 8 }}", false),
                whole("{{ 9 }}", true),
                whole("{{ 10 }}", false),
                whole("{{ 11 }}", false),
                whole("{{ 12 }}", false),
                whole("{{ 13 }}", true),
                whole("{{ 15 }}", false),
                whole("{{ 16 }}", false),
            ]
        );
        assert_eq!(scan(text, true).comments.len(), 3);
    }

    #[test]
    fn finds_the_bracket_that_was_meant() {
        for (text, at, message) in [
            ("a = f(\nb = 1\n", 5, "this `(` is not closed"),
            ("a {\n  b = [1\n}\n", 10, "this `[` is not closed"),
            ("a {\n  b = {\n    c = 1\n  d {\n  }\n}\n", 10, "this `{` is not closed"),
            ("a {\n  b {\n    c = 1\n}\n", 8, "this block is not closed"),
            ("a {\n", 2, "this block is not closed"),
            ("a = \"b\nc = 1\n", 4, "this string has no closing quote on its line"),
            ("a = \"${b\"\nc = 1\n", 5, "this interpolation has no `}`"),
            ("a = <<E\nb\n", 4, "this heredoc has no closing `E` on a line of its own"),
            ("a = 1\n}\n", 6, "unmatched `}`"),
            ("a = \"{{ b\"\n", 5, "this template action has no `}}`"),
        ] {
            assert_eq!(problems(text), [(at, message.to_owned())], "{text}");
        }
        for text in [
            "a = [\n  for b in c : b\n  if b == 1\n]\n",
            "a = f(\n  b,\n  { c = 1\n    d = 2 },\n)\n",
            "a = \"${\n  b\n}\"\n",
            "a = true ? {\n  b = 1\n} : {}\n",
            "a = \"$${ %%{ \\\" \\${\"\n",
            "a = <<-E\n  { [ ( \" }\n  E\n",
        ] {
            assert_eq!(problems(text), [], "{text}");
        }
    }
}
