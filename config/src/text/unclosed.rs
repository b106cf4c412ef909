//! What to make of brackets and strings that are not closed: which one was meant, and how to go on.

use super::outline::{Frame, Problem, Scanner, is_name};

impl Scanner<'_> {
    /// A closing bracket: of the innermost open one, or of one further out, which leaves those
    /// between unclosed, or of none.
    pub(super) fn close(&mut self, byte: u8) {
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
            let message = format!("unmatched `{}`", char::from(byte));
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
    pub(super) fn drop_unclosed(&mut self, at: usize) {
        match self.frames.pop() {
            Some(Frame::Object { open, .. }) => self.unclosed(open, '{'),
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

    /// A line ends within quotes. If the string stands in the interpolation of another, it is the
    /// interpolation that was not closed, and this quote meant to be the end of the outer string.
    pub(super) fn unclosed_quote(&mut self) {
        let inner =
            self.value_frames().iter().any(|frame| matches!(frame, Frame::Interpolation { .. }));
        if inner { self.leave_value(self.at) } else { self.drop_unclosed(self.at) }
    }

    /// Whether the next line, a `name = …`, `name {` or a `}` alone, has no business in the brackets that are
    /// open here and must be the next statement of the body around them.
    pub(super) fn next_line_leaves_value(&self) -> bool {
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
    pub(super) fn leave_value(&mut self, at: usize) {
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

    /// The width of the white space that the line of `at` begins with.
    fn indent(&self, at: usize) -> usize {
        let line_start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line = &self.text[line_start..];
        line.len() - line.trim_start_matches([' ', '\t']).len()
    }

    pub(super) fn finish(&mut self) {
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
            self.found.in_doubt = true;
            // A string or comment that runs to the end of the file took the braces with it.
            if self.found.problems.len() > before {
                return self.sort();
            }
            self.problem(
                open..open + 1,
                "this block is not closed".to_owned(),
                Some("add a `}` after its last attribute"),
            );
        }
        self.sort();
    }

    fn sort(&mut self) {
        self.found.problems.sort_by_key(|problem| problem.span.start);
    }
}
