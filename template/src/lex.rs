//! The words of one action.

use std::ops::Range;

use super::TemplateError;
use super::number::{parse_float, parse_integer};
use super::scan::quote_end;

/// One word, and where it stands in the source.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

/// What a word is. White space is one: it is what separates arguments, `$x.y` from `$x .y`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    Space,
    /// A function's name, a keyword, `true`, `false` or `nil`.
    Name(String),
    /// `.name`, without the dot.
    Field(String),
    Dot,
    /// `$name`, with the dollar; `$` alone is the value the template was given.
    Variable(String),
    Text(String),
    Int(i64),
    Float(f64),
    /// `:=`
    Declare,
    /// `=`
    Assign,
    Pipe,
    Comma,
    Open,
    Close,
}

/// The words of `source[body]`, the inside of one action.
pub(super) fn lex(source: &str, body: &Range<usize>) -> Result<Vec<Token>, TemplateError> {
    let mut lexer = Lexer { source, at: body.start, end: body.end };
    let mut tokens = Vec::new();
    while lexer.at < lexer.end {
        let start = lexer.at;
        let kind = lexer.next()?;
        tokens.push(Token { kind, span: start..lexer.at });
    }
    Ok(tokens)
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    end: usize,
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..self.end]
    }

    /// Steps over the characters that satisfy `wanted` and returns them.
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        let taken = rest[..length].to_owned();
        self.at += length;
        taken
    }

    fn next(&mut self) -> Result<TokenKind, TemplateError> {
        let start = self.at;
        let mut chars = self.rest().chars();
        let Some(first) = chars.next() else { return Ok(TokenKind::Space) };
        let second = chars.next();
        let single = |kind, lexer: &mut Self| {
            lexer.at += first.len_utf8();
            Ok(kind)
        };
        match first {
            ' ' | '\t' | '\r' | '\n' => {
                self.take_while(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
                Ok(TokenKind::Space)
            }
            '|' => single(TokenKind::Pipe, self),
            ',' => single(TokenKind::Comma, self),
            '(' => single(TokenKind::Open, self),
            ')' => single(TokenKind::Close, self),
            '=' => single(TokenKind::Assign, self),
            ':' if second == Some('=') => {
                self.at += 2;
                Ok(TokenKind::Declare)
            }
            '"' | '`' | '\'' => self.quoted(),
            '$' => {
                self.at += 1;
                let name = self.take_while(is_word);
                Ok(TokenKind::Variable(format!("${name}")))
            }
            '.' if !second.is_some_and(|c| c.is_ascii_digit()) => {
                self.at += 1;
                let name = self.take_while(is_word);
                Ok(if name.is_empty() { TokenKind::Dot } else { TokenKind::Field(name) })
            }
            '.' | '+' | '-' | '0'..='9' => self.number(),
            _ if is_word(first) => {
                let name = self.take_while(is_word);
                if self.rest().starts_with(['"', '\'', '`', '$']) {
                    return Err(self.unexpected(self.at));
                }
                Ok(TokenKind::Name(name))
            }
            _ => Err(self.unexpected(start)),
        }
    }

    fn unexpected(&self, at: usize) -> TemplateError {
        let found = self.source[at..].chars().next().unwrap_or(' ');
        let span = at..at + found.len_utf8();
        let shown = match found.is_control() {
            true => found.escape_debug().to_string(),
            false => found.to_string(),
        };
        let error = TemplateError::new(span, format!("unexpected `{shown}`"));
        match found {
            '&' | '!' | '<' | '>' => {
                error.with_help("templates compare with `and`, `or`, `not`, `eq`, `ne`, `lt`, `gt`")
            }
            '*' | '/' | '%' => error.with_help("templates reckon with `mul`, `div`, `mod`"),
            _ => error,
        }
    }

    fn number(&mut self) -> Result<TokenKind, TemplateError> {
        let start = self.at;
        let mut previous = ' ';
        let hexadecimal = {
            let digits = self.rest().trim_start_matches(['+', '-']);
            digits.starts_with("0x") || digits.starts_with("0X")
        };
        let mut length = 0;
        for (at, c) in self.rest().char_indices() {
            let exponent = if hexadecimal { 'p' } else { 'e' };
            let sign =
                matches!(c, '+' | '-') && (at == 0 || previous.eq_ignore_ascii_case(&exponent));
            if !sign && c != '.' && !is_word(c) {
                break;
            }
            previous = c;
            length = at + c.len_utf8();
        }
        self.at += length;
        let text = &self.source[start..self.at];
        if let Some(whole) = parse_integer(text) {
            return Ok(TokenKind::Int(whole));
        }
        match parse_float(text) {
            Some(float) if float.is_finite() => Ok(TokenKind::Float(float)),
            _ => Err(TemplateError::new(start..self.at, format!("`{text}` is no number"))
                .with_help("a number has digits, and a point or an exponent; a text needs quotes")),
        }
    }

    /// A text in double quotes or backticks, or one character in single quotes, which is a number.
    fn quoted(&mut self) -> Result<TokenKind, TemplateError> {
        let start = self.at;
        let unclosed =
            || TemplateError::new(start..self.end, "this quote opens a text that is never closed");
        let end = quote_end(self.source.as_bytes(), start)
            .filter(|&end| end <= self.end)
            .ok_or_else(unclosed)?;
        self.at = end;
        let quote = self.source.as_bytes()[start];
        let inner = &self.source[start + 1..end - 1];
        match quote {
            // Go drops carriage returns from raw strings.
            b'`' => Ok(TokenKind::Text(inner.replace('\r', ""))),
            b'"' => Ok(TokenKind::Text(unquote(inner, start + 1, '"')?)),
            _ => {
                let text = unquote(inner, start + 1, '\'')?;
                let mut chars = text.chars();
                match (chars.next(), chars.next()) {
                    (Some(c), None) => Ok(TokenKind::Int(i64::from(u32::from(c)))),
                    _ => Err(TemplateError::new(start..end, "single quotes hold one character")
                        .with_help("a text needs double quotes or backticks")),
                }
            }
        }
    }
}

/// Undoes Go's escapes; `at` is where `inner` stands in the source.
fn unquote(inner: &str, at: usize, quote: char) -> Result<String, TemplateError> {
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(backslash) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..backslash]);
        let start = at + inner.len() - rest.len() + backslash;
        let escape = &rest[backslash..];
        let Some((length, value)) = escaped(escape, quote) else {
            let shown: String = escape.chars().take(2).collect();
            return Err(TemplateError::new(
                start..start + shown.len(),
                format!("`{shown}` is no escape"),
            )
            .with_help("write `\\\\` for a backslash, or put the text in backticks"));
        };
        match value {
            Escape::Byte(byte) => bytes.push(byte),
            Escape::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = &escape[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).map_err(|_| {
        TemplateError::new(at..at + inner.len(), "the escapes of this text give invalid UTF-8")
    })
}

enum Escape {
    Byte(u8),
    Char(char),
}

/// The escape that `text` begins with, and its length.
fn escaped(text: &str, quote: char) -> Option<(usize, Escape)> {
    let kind = text[1..].chars().next()?;
    let simple = |byte| Some((2, Escape::Byte(byte)));
    let digits = |from: usize, count: usize, radix| {
        let digits = text.get(from..from + count)?;
        let valid = digits.chars().all(|c| c.is_digit(radix));
        valid.then(|| u32::from_str_radix(digits, radix).ok()).flatten()
    };
    match kind {
        'a' => simple(7),
        'b' => simple(8),
        'f' => simple(12),
        'n' => simple(b'\n'),
        'r' => simple(b'\r'),
        't' => simple(b'\t'),
        'v' => simple(11),
        '\\' => simple(b'\\'),
        '"' | '\'' if kind == quote => simple(kind as u8),
        'x' => {
            let value = digits(2, 2, 16)?;
            // In single quotes the number is a character, in double quotes a byte.
            match quote {
                '"' => Some((4, Escape::Byte(u8::try_from(value).ok()?))),
                _ => Some((4, Escape::Char(char::from_u32(value)?))),
            }
        }
        '0'..='7' => {
            let value = u8::try_from(digits(1, 3, 8)?).ok()?;
            match quote {
                '"' => Some((4, Escape::Byte(value))),
                _ => Some((4, Escape::Char(char::from(value)))),
            }
        }
        'u' => Some((6, Escape::Char(char::from_u32(digits(2, 4, 16)?)?))),
        'U' => Some((10, Escape::Char(char::from_u32(digits(2, 8, 16)?)?))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(body: &str) -> Vec<TokenKind> {
        let tokens = lex(body, &(0..body.len())).unwrap();
        tokens.into_iter().map(|token| token.kind).filter(|k| *k != TokenKind::Space).collect()
    }

    #[test]
    fn knows_every_kind_of_word() {
        use TokenKind::*;
        let name = |text: &str| Name(text.to_owned());
        assert_eq!(kinds("env | upper"), [name("env"), Pipe, name("upper")]);
        assert_eq!(
            kinds("$x, $ := .a.b (. = 1)"),
            [
                Variable("$x".into()),
                Comma,
                Variable("$".into()),
                Declare,
                Field("a".into()),
                Field("b".into()),
                Open,
                Dot,
                Assign,
                Int(1),
                Close
            ]
        );
        assert_eq!(
            kinds(r#""a\n\"\x41\101\u00e9" `\n`"#),
            [Text("a\n\"AAé".into()), Text("\\n".into())]
        );
        assert_eq!(kinds("'a' '\\n' '\\''"), [Int(97), Int(10), Int(39)]);
        assert_eq!(
            kinds("0x1F -7 +3 1_000 0b11 0o17 017"),
            [Int(31), Int(-7), Int(3), Int(1000), Int(3), Int(15), Int(15)]
        );
        assert_eq!(
            kinds("1.5 .5 1e3 -2.5e-1"),
            [Float(1.5), Float(0.5), Float(1000.0), Float(-0.25)]
        );
    }

    #[test]
    fn points_at_what_it_does_not_understand() {
        for (body, span, message) in [
            (r#" "a\q" "#, 3..5, r"`\q` is no escape"),
            ("1x", 0..2, "`1x` is no number"),
            ("'ab'", 0..4, "single quotes hold one character"),
            ("a & b", 2..3, "unexpected `&`"),
            ("\"\\xff\"", 1..5, "the escapes of this text give invalid UTF-8"),
        ] {
            let error = lex(body, &(0..body.len())).unwrap_err();
            assert_eq!((error.span, error.message.as_str()), (span, message), "{body}");
        }
    }
}
