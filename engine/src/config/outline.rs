//! The outline of an HCL text, found before it is parsed: where template actions, comments and
//! statements are, and which brackets and strings are left open.
//!
//! The HCL parser knows no `{{ … }}`, stops at the first mistake and sees an unclosed bracket only
//! at the end of the file. This scan knows little more than brackets, strings and comments, never
//! fails, and so can say where to lift, where to blank, and which bracket was meant.

use std::ops::Range;

use super::action::{self, Action, Kind, Place};
use super::limits::{ACTIONS_MAX, NESTING_MAX, PROBLEMS_MAX};

/// What a scan found.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Template actions outside comments, in order.
    pub(super) actions: Vec<Action>,
    /// Comments that hold a `{{`.
    pub(super) comments: Vec<Range<usize>>,
    /// Attributes and blocks, those inside a block behind it.
    pub(super) statements: Vec<Range<usize>>,
    /// Strings and heredocs: where they are, and whether `${` or `%{` stands in them.
    pub(super) strings: Vec<StringSpan>,
    /// What is left open or closes nothing.
    pub(super) problems: Vec<Problem>,
    /// A block without its end makes everything behind it belong to the wrong one.
    pub(super) block_unclosed: bool,
}

/// A quoted string or a heredoc.
#[derive(Debug)]
pub(super) struct StringSpan {
    pub(super) span: Range<usize>,
    pub(super) heredoc: bool,
    pub(super) interpolated: bool,
}

/// A mistake that brackets alone show.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: Option<&'static str>,
    /// It is one character too many: without it, the rest can be read.
    pub(super) stray: bool,
}

/// What the scanner is inside of.
#[derive(Debug)]
enum Frame {
    /// A block's body, or the file (`open` is `None`): statements, one a line.
    Body {
        open: Option<usize>,
        statement: Option<usize>,
        equals: bool,
    },
    Object {
        open: usize,
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
pub(super) fn scan(text: &str, actions: bool) -> Outline {
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

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    actions: bool,
    frames: Vec<Frame>,
    /// The last byte of code that is neither space nor comment; a newline counts where it ends
    /// something.
    previous: u8,
    /// The opening brace of a block whose closing brace stands further left than its header.
    suspect: Option<usize>,
    found: Outline,
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
                self.found.block_unclosed = true;
                return;
            }
            if self.frames.len() > NESTING_MAX {
                let span = self.at.saturating_sub(1)..self.at;
                self.problem(span, format!("nested more than {NESTING_MAX} levels deep"), None);
                self.found.block_unclosed = true;
                return;
            }
        }
        self.finish();
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn problem(&mut self, span: Range<usize>, message: String, help: Option<&'static str>) {
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
        if let Some(Frame::Body { equals, .. }) = self.frames.last_mut() {
            *equals |= byte == b'=';
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
                _ => Frame::Object { open: at },
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

    /// A closing bracket: of the innermost open one, or of one further out, which leaves those
    /// between unclosed, or of none.
    fn close(&mut self, byte: u8) {
        let at = self.at;
        self.at += 1;
        let closes = |frame: &Frame| match frame {
            Frame::Body { open, .. } => byte == b'}' && open.is_some(),
            Frame::Object { .. } | Frame::Interpolation { .. } => byte == b'}',
            Frame::List { .. } => byte == b']',
            Frame::Parens { .. } => byte == b')',
            Frame::Quote { .. } | Frame::Heredoc { .. } => false,
        };
        // Not beyond the string that an interpolation stands in.
        let reach = self
            .frames
            .iter()
            .rev()
            .position(|frame| closes(frame) || matches!(frame, Frame::Interpolation { .. }));
        let found = reach.filter(|&depth| closes(&self.frames[self.frames.len() - 1 - depth]));
        let Some(depth) = found else {
            let message = format!("`{}` closes nothing", char::from(byte));
            let (span, help) = (at..at + 1, None);
            return self.found.problems.push(Problem { span, message, help, stray: true });
        };
        for _ in 0..depth {
            self.drop_unclosed(at);
        }
        match self.frames.pop() {
            Some(Frame::Body { open: Some(open), statement, .. }) => {
                self.end_statement(statement, at);
                if self.suspect.is_none() && self.indent(at) < self.indent(open) {
                    self.suspect = Some(open);
                }
                // The block itself is the statement of the body around it, which goes on.
                self.previous = b'}';
            }
            Some(Frame::Interpolation { .. }) => {}
            _ => self.previous = byte,
        }
    }

    /// Takes the innermost frame away although its end is missing.
    fn drop_unclosed(&mut self, at: usize) {
        match self.frames.pop() {
            Some(Frame::Object { open }) => self.unclosed(open, '{'),
            Some(Frame::List { open }) => self.unclosed(open, '['),
            Some(Frame::Parens { open }) => self.unclosed(open, '('),
            Some(Frame::Interpolation { open }) => {
                self.problem(open..open + 2, "this interpolation has no `}`".to_owned(), None);
            }
            Some(Frame::Quote { open, text }) => {
                self.found.strings[text].span.end = at;
                self.problem(
                    open..open + 1,
                    "this string has no closing quote on its line".to_owned(),
                    Some("close it with `\"`; a text of several lines is a heredoc: `<<EOT`"),
                );
            }
            Some(Frame::Heredoc { open, text, delimiter }) => {
                self.found.strings[text].span.end = at;
                let name = &self.text[delimiter.clone()];
                let message = format!("this heredoc has no closing `{name}` on a line of its own");
                self.problem(open..delimiter.end, message, None);
            }
            Some(Frame::Body { statement, .. }) => self.end_statement(statement, at),
            None => {}
        }
    }

    fn unclosed(&mut self, open: usize, bracket: char) {
        self.problem(open..open + 1, format!("this `{bracket}` is not closed"), None);
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

    fn end_statement(&mut self, statement: Option<usize>, at: usize) {
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

    /// Whether the next line, a `name = …`, `name {` or a `}` alone, has no business in the brackets that are
    /// open here and must be the next statement of the body around them.
    fn next_line_leaves_value(&self) -> bool {
        let open = self.value_frames();
        if open.is_empty() || open.iter().any(|frame| matches!(frame, Frame::Heredoc { .. })) {
            return false;
        }
        let line = self.text[self.at..].trim_start_matches([' ', '\t']);
        let object = open.iter().any(|frame| matches!(frame, Frame::Object { .. }));
        if !object && line.lines().next().is_some_and(|line| line.trim_end() == "}") {
            return true;
        }
        let length = line.find(|c| !is_name(c)).unwrap_or(line.len());
        if length == 0 || line.starts_with(|c: char| c.is_ascii_digit()) {
            return false;
        }
        let behind = line[length..].trim_start_matches([' ', '\t']);
        if behind.starts_with('{') {
            return true;
        }
        let attribute = behind.strip_prefix('=').is_some_and(|next| !next.starts_with(['=', '>']));
        attribute && !object
    }

    /// The frames inside the innermost body.
    fn value_frames(&self) -> &[Frame] {
        let body = self.frames.iter().rposition(|frame| matches!(frame, Frame::Body { .. }));
        &self.frames[body.map_or(0, |body| body + 1)..]
    }

    /// Takes away what is open inside the innermost body. Of a string that is among it only its
    /// interpolation is worth a word: what looks like the rest of it is a consequence.
    fn leave_value(&mut self, at: usize) {
        let body = self.frames.len() - self.value_frames().len();
        let frames = self.value_frames();
        let keep = frames
            .iter()
            .position(|frame| matches!(frame, Frame::Interpolation { .. }))
            .map_or(self.frames.len(), |interpolation| body + interpolation + 1);
        while self.frames.len() > keep {
            self.drop_silently(at);
        }
        let interpolated = matches!(self.frames.last(), Some(Frame::Interpolation { .. }));
        if interpolated {
            self.drop_unclosed(at);
            self.drop_silently(at);
        }
        while self.frames.len() > body {
            self.drop_unclosed(at);
        }
    }

    fn drop_silently(&mut self, at: usize) {
        if let Some(Frame::Quote { text, .. } | Frame::Heredoc { text, .. }) = self.frames.pop() {
            self.found.strings[text].span.end = at;
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
                self.found.block_unclosed = true;
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

    /// A line ends within quotes. If the string stands in the interpolation of another, it is the
    /// interpolation that was not closed, and this quote meant to be the end of the outer string.
    fn unclosed_quote(&mut self) {
        let inner =
            self.value_frames().iter().any(|frame| matches!(frame, Frame::Interpolation { .. }));
        if inner { self.leave_value(self.at) } else { self.drop_unclosed(self.at) }
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

    /// The width of the white space that the line of `at` begins with.
    fn indent(&self, at: usize) -> usize {
        let line_start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line = &self.text[line_start..];
        line.len() - line.trim_start_matches([' ', '\t']).len()
    }

    fn finish(&mut self) {
        let end = self.bytes.len();
        let mut innermost_body = None;
        let before = self.found.problems.len();
        while self.frames.len() > 1 {
            if let Some(Frame::Body { open, .. }) = self.frames.last() {
                innermost_body = innermost_body.or(*open);
            }
            self.drop_unclosed(end);
        }
        self.drop_unclosed(end);
        if let Some(open) = innermost_body {
            let open = self.suspect.unwrap_or(open);
            self.found.block_unclosed = true;
            // A string or comment that runs to the end of the file took the braces with it.
            if self.found.problems.len() > before {
                return self.sort();
            }
            self.problem(
                open..open + 1,
                "this block is not closed".to_owned(),
                Some("add a `}` behind its last attribute"),
            );
        }
        self.sort();
    }

    fn sort(&mut self) {
        self.found.problems.sort_by_key(|problem| problem.span.start);
    }
}

/// Whether a character may stand in a name.
fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}
