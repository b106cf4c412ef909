//! Reads lines that simd-json refuses although they are JSON: whole numbers beyond 64 bits, numbers
//! beyond a float, halves of surrogate pairs, deep nesting. They are rare, so this may allocate.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer as _;
use serde::de::{IgnoredAny, Visitor};

use super::{Number, Tree, utf8};
use crate::limits::JSON_DEPTH_MAX;

/// The value of a line, or why it is no JSON.
///
/// A whole number beyond 128 bits is read as a float, half a surrogate pair as U+FFFD, and what
/// lies deeper than [`JSON_DEPTH_MAX`] as null: no filter looks that far.
pub(super) fn read(line: &[u8]) -> Result<Tree, Cow<'static, str>> {
    let text = utf8(line)?;
    // It bounds neither depth nor numbers and decides about everything else, so what follows may
    // take the grammar for granted; should it err, it reads null.
    if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
        let message = error.to_string();
        let what = message.split(" at line ").next().unwrap_or(&message);
        return Err(Cow::Owned(format!("not JSON: {what}, at byte {}", error.column())));
    }
    Ok(Reader { text, at: 0 }.value(0))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next byte that is no white space, not taken.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while bytes.get(self.at).is_some_and(|byte| b" \t\r\n".contains(byte)) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    /// Whether another item follows in a list or an object; takes the comma, or the bracket that
    /// closes it.
    fn goes_on(&mut self, close: u8) -> bool {
        if self.peek() == Some(b',') {
            self.at += 1;
        }
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                false
            }
            other => other.is_some(),
        }
    }

    fn value(&mut self, depth: usize) -> Tree {
        match self.peek() {
            Some(b'{' | b'[') if depth >= JSON_DEPTH_MAX => {
                self.pass_over();
                Tree::Null
            }
            Some(b'{') => {
                self.at += 1;
                let mut entries = Vec::new();
                while self.goes_on(b'}') {
                    let key = self.string();
                    if self.peek() == Some(b':') {
                        self.at += 1;
                    }
                    entries.push((key, self.value(depth + 1)));
                }
                Tree::Object(entries)
            }
            Some(b'[') => {
                self.at += 1;
                let mut items = Vec::new();
                while self.goes_on(b']') {
                    items.push(self.value(depth + 1));
                }
                Tree::List(items)
            }
            Some(b'"') => Tree::Text(self.string()),
            _ => match self.word() {
                "true" => Tree::Bool(true),
                "false" => Tree::Bool(false),
                word => Number::parse(word).map_or(Tree::Null, Tree::Number),
            },
        }
    }

    /// A list or an object, and all in it.
    fn pass_over(&mut self) {
        let mut open = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    self.quoted();
                    continue;
                }
                b'{' | b'[' => open += 1,
                b'}' | b']' => open = open.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if open == 0 {
                return;
            }
        }
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest.bytes().position(|byte| b",]} \t\r\n".contains(&byte));
        // At least one byte, so that no text can keep the reader at its place.
        let end = end.unwrap_or(rest.len()).max(1);
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// A string with its quotes.
    fn quoted(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let bytes = rest.as_bytes();
        let mut end = 1;
        loop {
            match bytes.get(end) {
                Some(b'\\') => end += 2,
                Some(b'"') => break end += 1,
                Some(_) => end += 1,
                None => break,
            }
        }
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    fn string(&mut self) -> String {
        let mut json = serde_json::Deserializer::from_str(self.quoted());
        // As bytes, half a surrogate pair is no error.
        json.deserialize_bytes(Unescaped).unwrap_or_default()
    }
}

/// Takes a string's bytes; what is no UTF-8 becomes U+FFFD.
struct Unescaped;

impl Visitor<'_> for Unescaped {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<String, E> {
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Value;

    #[test]
    fn reads_what_simd_json_refuses() {
        let line =
            br#" {"a":123456789012345678901234567890,"b":-1e400, "\ud800":["\udc00x",[ ] ,{}],
            "t":true,"f":false,"n":null,"s":"q\"\\","e":1.5E+2,"a":"last"}"#;
        let tree = read(line).unwrap();
        let value = tree.value();
        assert_eq!(value.field("a").as_str(), Some("last"));
        assert_eq!(value.field("b"), Value::Number(Number::Float(f64::NEG_INFINITY)));
        let odd = value.field("\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(odd.item(0).as_str(), Some("\u{fffd}\u{fffd}\u{fffd}x"));
        assert!(matches!(odd.item(1), Value::List(list) if list.is_empty()));
        assert!(matches!(odd.item(2), Value::Object(object) if object.is_empty()));
        assert_eq!(value.field("t"), Value::Bool(true));
        assert_eq!(value.field("f"), Value::Bool(false));
        assert_eq!(value.field("n"), Value::Null);
        assert_eq!(value.field("s").as_str(), Some("q\"\\"));
        assert_eq!(value.field("e"), Value::Number(Number::Float(150.0)));
        let whole =
            read(b"[340282366920938463463374607431768211456,123456789012345678901234567890]");
        let whole = whole.unwrap();
        assert_eq!(whole.value().item(0), Value::Number(Number::Float(2_f64.powi(128))));
        let exact = Number::Whole(123_456_789_012_345_678_901_234_567_890);
        assert_eq!(whole.value().item(1), Value::Number(exact));
    }

    #[test]
    fn what_lies_too_deep_is_null() {
        let count = 100_000;
        let line = format!("{{\"d\":{}\"]\"{},\"x\":1}}", "[".repeat(count), "]".repeat(count));
        let tree = read(line.as_bytes()).unwrap();
        assert_eq!(tree.value().field("x"), Value::Number(Number::Whole(1)));
        let mut value = tree.value().field("d");
        for _ in 0..JSON_DEPTH_MAX - 1 {
            assert!(matches!(value, Value::List(_)));
            value = value.item(0);
        }
        assert_eq!(value, Value::Null);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for (line, reason) in [
            (&b"{\"a\":}"[..], "not JSON: expected value, at byte 6"),
            (b"{\"a\":\"\xff\"}", "not valid UTF-8 at byte 7"),
            (b"{} {}", "not JSON: trailing characters, at byte 4"),
            (b"", "not JSON: EOF while parsing a value, at byte 0"),
        ] {
            assert_eq!(read(line).unwrap_err(), reason);
        }
    }
}
